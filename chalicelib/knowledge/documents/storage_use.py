"""How much the caller's spaces hold, and how much they may.

Triggers of `documents` keep the numbers and refuse what exceeds a limit (charge_storage() of
migrations/functions/for_tables/documents.sql), so that no way of adding a document can forget it.
"""

from typing import TYPE_CHECKING
from uuid import UUID

from chalicelib.core import rows, sql
from chalicelib.core.models import Resource
from chalicelib.knowledge.documents.models import Scope

if TYPE_CHECKING:
    from chalicelib.core.connection import Conn

queries = sql.load(__file__)


class SpaceStorage(Resource):
    """What a space holds in bytes, deleted documents included until they are purged. A null limit is none."""

    scope: Scope
    group_id: UUID | None
    group_name: str | None
    used_bytes: int
    limit_bytes: int | None


class StorageUse(Resource):
    """The storage of each space that the caller can see."""

    items: list[SpaceStorage]


def of_caller(conn: "Conn") -> list[SpaceStorage]:
    """The storage of each space that the caller can see, the caller's own first."""
    return rows.many(conn, SpaceStorage, queries.list)
