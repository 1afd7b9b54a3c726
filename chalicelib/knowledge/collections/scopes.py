"""Scopes: the filters of an assistant, a conversation and a question hold together, so each can only narrow the others.

A job keeps the filters of its question's moment in its settings, as a list under `filters`: those of the assistant, of
the conversation, of the question. Every search, list and tool of an answer uses `parameters` of them.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

from chalicelib.config.registry.filters import SearchFilters
from chalicelib.core import errors, sql

if TYPE_CHECKING:
    from chalicelib.core.connection import Conn

queries = sql.load(__file__)

T = TypeVar("T")


def of_settings(settings: Mapping[str, Any]) -> list[SearchFilters]:
    """The filters of a job, by its settings. A job of the former release has none."""
    return [SearchFilters.model_validate(each) for each in settings.get("filters", ())]


def of_conversation(conn: "Conn", conversation_id: UUID | None) -> list[SearchFilters]:
    """The filters of one of the caller's conversations and of its assistant; none without one. Raises NotFound."""
    if conversation_id is None:
        return []
    row = conn.execute(queries.of_conversation, {"conversation_id": conversation_id}).fetchone()
    if row is None:
        raise errors.NotFound
    return [SearchFilters.model_validate(each) for each in row[0]]


def are_set(filters: Iterable[SearchFilters]) -> bool:
    """Whether at least one condition is set."""
    return any(each.any() for each in filters)


def parameters(filters: Sequence[SearchFilters]) -> dict[str, object]:
    """The parameters of usable_documents() for documents that fulfil all of `filters`; None where nothing is asked.

    `tags` and `repositories` are lists of lists: a document needs one entry of each. `metadata` is a list of pairs, a
    name and a list of values: a document needs one value of each.
    """
    from psycopg.types.json import Jsonb

    def sets(lists: Iterable[Sequence[UUID] | None]) -> Jsonb | None:
        values = [[str(entry) for entry in each] for each in lists if each is not None]
        return Jsonb(values) if values else None

    conditions = [
        (name, value if isinstance(value, list) else [value])
        for each in filters
        for name, value in (each.metadata or {}).items()
    ]
    return {
        "documents": _common(each.documents for each in filters),
        "source_types": _common(each.source_types for each in filters),
        "tags": sets(each.tags for each in filters),
        "repositories": sets(each.repositories for each in filters),
        "created_after": max(_times(each.created_after for each in filters), default=None),
        "created_before": min(_times(each.created_before for each in filters), default=None),
        "modified_after": max(_times(each.modified_after for each in filters), default=None),
        "modified_before": min(_times(each.modified_before for each in filters), default=None),
        "metadata": Jsonb(conditions) if conditions else None,
    }


def _common(lists: Iterable[Sequence[T] | None]) -> list[T] | None:
    """The entries of all lists, without those that are None; None if all are."""
    values = [each for each in lists if each is not None]
    if not values:
        return None
    return [entry for entry in dict.fromkeys(values[0]) if all(entry in other for other in values[1:])]


def _times(times: Iterable[datetime | None]) -> list[datetime]:
    return [time for time in times if time is not None]
