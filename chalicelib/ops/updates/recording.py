"""Writing the history of updates (O3): what was updated, from which file, and what was rolled back.

Whoever deploys or updates tells `migrate`, which writes as the owner: the database of an account cannot be reached
from outside. A document has an `event`, and may have `components`, a `file` and a `rollback`, each with the names of
its table.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from chalicelib.core import sql

if TYPE_CHECKING:
    from chalicelib.core.connection import Conn

queries = sql.load(__file__)


def record(owner: "Conn", document: Mapping[str, Any]) -> None:
    """Store what a document tells, in one transaction; the same document twice stores nothing new."""
    from psycopg.types.json import Jsonb

    event = document.get("event")
    params = {"event": Jsonb(event), "event_id": event["id"] if event else None}
    with owner.transaction():
        if document.get("file"):
            owner.execute(queries.file, {"file": Jsonb(document["file"])})
        if event is None:
            return
        owner.execute(queries.abandon, params)
        owner.execute(queries.event, params)
        if "components" in document:
            owner.execute(queries.forget_components, params)
            owner.execute(queries.components, params | {"components": Jsonb(document["components"])})
        if document.get("rollback"):
            owner.execute(queries.rollback, params | {"rollback": Jsonb(document["rollback"])})
