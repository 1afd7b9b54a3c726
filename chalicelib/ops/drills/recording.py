"""The record of a drill, in the list of backups, as a run, and as an event when it failed."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from chalicelib.core import sql

if TYPE_CHECKING:
    from chalicelib.core.connection import Conn

queries = sql.load(__file__)


def record(owner: "Conn", drill: Mapping[str, Any]) -> None:
    """Store how a drill ended: see `record_drill` in migrations/functions/drills.sql."""
    from psycopg.types.json import Jsonb

    owner.execute(queries.record, {"drill": Jsonb(dict(drill))})
