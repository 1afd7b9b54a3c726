"""Search over HTTP."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from chalicelib.core import identity
from chalicelib.core.http import Routes
from chalicelib.knowledge.collections import selection
from chalicelib.knowledge.search import retrieval
from chalicelib.knowledge.search.models import SearchRequest, SearchResult

if TYPE_CHECKING:
    from chalicelib.core.connection import Conn

routes = Routes(__name__)


@routes.post("/search", scope="read", limit="search")
def search_documents(body: SearchRequest) -> SearchResult:
    """The chunks that match a query best, among the documents that the caller can read and selects."""

    @contextmanager
    def transaction() -> "Iterator[Conn]":
        with identity.as_caller() as conn:
            if body.conversation_id is not None:
                selection.check_conversation(conn, body.conversation_id)
            yield conn

    return retrieval.find(body, transaction)
