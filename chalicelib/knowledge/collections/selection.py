"""Selection: which documents a user's searches use, in three tiers.

Searches use every document that a user can see, unless the user excluded it. A conversation can override this choice
in both directions. Selection affects the user's own searches and answers, not what other users see. The search
statement applies it (`excluded` in retrieval.sql).
"""

from typing import TYPE_CHECKING, LiteralString
from uuid import UUID

from chalicelib.core import errors, rows, sql
from chalicelib.core.models import Page
from chalicelib.knowledge.collections.models import BulkSelection, SelectedDocument, SelectionCounts, SelectionQuery
from chalicelib.knowledge.documents import documents
from chalicelib.knowledge.documents.names import Rank

if TYPE_CHECKING:
    from chalicelib.core.connection import Conn

queries = sql.load(__file__)


class _SelectionRow(SelectedDocument):
    rank: Rank


def list_page(conn: "Conn", query: SelectionQuery) -> Page[SelectedDocument]:
    """The documents that the caller may search, newest first, and whether they are used (in a conversation).

    Raises NotFound for a conversation that is not the caller's.
    """
    if query.conversation_id is not None:
        check_conversation(conn, query.conversation_id)
    params = query.place() | {
        "conversation_id": query.conversation_id,
        "document_id": None,
        "enabled": query.enabled,
    }
    return query.page(rows.many(conn, _SelectionRow, queries.list, params))


def choose(conn: "Conn", document_id: UUID, enabled: bool) -> SelectedDocument:
    """Set whether the caller's searches use a document, unless a conversation overrides it. Raises NotFound."""
    selected_id = documents.get(conn, document_id).id
    conn.execute(queries.choose, {"document_id": selected_id, "enabled": enabled})
    return _selected(conn, None, selected_id)


def override(conn: "Conn", conversation_id: UUID, document_id: UUID, enabled: bool) -> SelectedDocument:
    """Set whether one conversation uses a document; this overrides the user's choice. Raises NotFound."""
    check_conversation(conn, conversation_id)
    selected_id = documents.get(conn, document_id).id
    params = {"conversation_id": conversation_id, "document_id": selected_id, "enabled": enabled}
    conn.execute(queries.override, params)
    return _selected(conn, conversation_id, selected_id)


def choose_many(conn: "Conn", bulk: BulkSelection) -> SelectionCounts:
    """Set which documents the caller's searches use, unless a conversation overrides it. Raises NotFound."""
    conn.execute(queries.forget_choices)
    return _counted(conn, queries.choose_many, _bulk(conn, bulk))


def override_many(conn: "Conn", conversation_id: UUID, bulk: BulkSelection) -> SelectionCounts:
    """Set which documents one conversation uses; this overrides the user's choices. Raises NotFound."""
    check_conversation(conn, conversation_id)
    return _counted(conn, queries.override_many, _bulk(conn, bulk) | {"conversation_id": conversation_id})


def _bulk(conn: "Conn", bulk: BulkSelection) -> dict[str, object]:
    documents_of_bulk = list(dict.fromkeys(bulk.documents))
    if rows.value(conn, queries.visible, {"documents": documents_of_bulk}) != len(documents_of_bulk):
        raise errors.NotFound("One of `documents` does not exist. Leave it out.")
    return {"documents": documents_of_bulk, "only": bulk.mode == "only"}


def _counted(conn: "Conn", statement: LiteralString, params: dict[str, object]) -> SelectionCounts:
    counts = rows.one(conn, SelectionCounts, statement, params)
    if counts is None:
        raise errors.NotFound
    return counts


def follow(conn: "Conn", conversation_id: UUID, document_id: UUID) -> None:
    """Remove a conversation's choice, so that the user's choice about a document applies again. Raises NotFound."""
    check_conversation(conn, conversation_id)
    selected_id = documents.get(conn, document_id).id
    conn.execute(queries.follow, {"conversation_id": conversation_id, "document_id": selected_id})


def check_conversation(conn: "Conn", conversation_id: UUID) -> None:
    """Raises NotFound for a conversation that is not the caller's."""
    if conn.execute(queries.conversation, {"conversation_id": conversation_id}).fetchone() is None:
        raise errors.NotFound


def _selected(conn: "Conn", conversation_id: UUID | None, document_id: UUID) -> SelectedDocument:
    params = SelectionQuery(limit=1).place() | {
        "conversation_id": conversation_id,
        "document_id": document_id,
        "enabled": None,
    }
    selected = rows.one(conn, SelectedDocument, queries.list, params)
    if selected is None:  # archived: there is nothing to choose about what no search finds
        raise errors.NotFound
    return selected
