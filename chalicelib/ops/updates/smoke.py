"""The smoke test of a new version: a real search, by the code that is to serve, over what there is."""

from functools import partial
from typing import TYPE_CHECKING

from chalicelib.core import identity, rows
from chalicelib.knowledge.search import retrieval
from chalicelib.knowledge.search.models import SearchRequest
from chalicelib.ops.updates import history, recording

if TYPE_CHECKING:
    from chalicelib.core.connection import Conn


class SmokeError(Exception):
    """The new version does not find what the former one stored."""


def search(owner: "Conn") -> int:
    """Search for words of stored documents, as the users who were active last; returns how many searches found some.

    Raises SmokeError when a search finds nothing, and whatever a search raises.
    """
    searched = 0
    for (user_id,) in owner.execute(recording.queries.users).fetchall():
        as_this_user = partial(identity.as_user, user_id)
        try:
            with as_this_user() as conn:
                words = rows.value(conn, history.queries.sample)
        except identity.InactiveUserError:
            continue
        if words is None:
            continue  # nothing to find, or a selection that leaves out everything
        if not retrieval.find(SearchRequest(query=words), as_this_user).items:
            raise SmokeError("A search for the words of a stored document finds nothing.")
        searched += 1
    return searched
