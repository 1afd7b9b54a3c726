"""Conversations and the messages in them."""

from typing import TYPE_CHECKING
from uuid import UUID

from chalicelib.chat.conversations.models import (
    Conversation,
    ConversationChanges,
    ConversationQuery,
    ConversationRow,
    NewConversation,
)
from chalicelib.chat.messages.models import Message
from chalicelib.chat.queue.enqueueing import UNTITLED
from chalicelib.config.registry import assistants
from chalicelib.config.settings import conversation_settings
from chalicelib.core import errors, rows, sql
from chalicelib.core.models import Page, PageQuery, page_of

if TYPE_CHECKING:
    from chalicelib.core.connection import Conn

queries = sql.load(__file__)


def create(conn: "Conn", new: NewConversation) -> Conversation:
    """Create a conversation. Raises Unprocessable for an assistant or a setting that does not exist."""
    from psycopg.types.json import Jsonb

    assistants.check(conn, new.assistant_id)
    filters = Jsonb(new.filters.conditions())
    params = {
        "title": new.title or UNTITLED,
        "assistant_id": new.assistant_id,
        "filters": filters,
        "metadata": Jsonb(new.metadata),
    }
    created = rows.one(conn, Conversation, queries.create, params)
    if created is None:
        raise errors.NotFound
    if new.settings is None:
        return created
    conversation_settings.change(conn, created.id, new.settings)
    return get(conn, created.id)


def update(conn: "Conn", conversation_id: UUID, changes: ConversationChanges) -> Conversation:
    """Update a conversation. Raises NotFound, Unprocessable for an assistant or a setting that does not exist."""
    from psycopg.types.json import Jsonb

    assistants.check(conn, changes.assistant_id)
    params = {
        "id": conversation_id,
        "title": changes.title,
        "has_assistant": "assistant_id" in changes.model_fields_set,
        "assistant_id": changes.assistant_id,
        "filters": None if changes.filters is None else Jsonb(changes.filters.conditions()),
        "metadata": None if changes.metadata is None else Jsonb(changes.metadata),
        "is_archived": changes.is_archived,
    }
    # Settings come first: they lock the models and prompts before any row, in the same order as deleting one does.
    if changes.settings is not None:
        conversation_settings.change(conn, conversation_id, changes.settings)
    if conn.execute(queries.update, params).fetchone() is None:
        raise errors.NotFound
    return get(conn, conversation_id)


def get(conn: "Conn", conversation_id: UUID) -> Conversation:
    """One of the caller's conversations. Raises NotFound."""
    conversation = rows.one(conn, Conversation, queries.get, {"id": conversation_id})
    if conversation is None:
        raise errors.NotFound
    return conversation


def list_page(conn: "Conn", query: ConversationQuery) -> Page[Conversation]:
    """The caller's conversations, the last active first; with `q`, those with a similar title, best first."""
    params = query.model_dump(exclude={"limit", "cursor"}) | query.place()
    return query.page_of_active(rows.many(conn, ConversationRow, queries.list, params))


def delete(conn: "Conn", conversation_id: UUID) -> None:
    """Delete a conversation. Raises NotFound."""
    if conn.execute(queries.delete, {"id": conversation_id}).fetchone() is None:
        raise errors.NotFound


def restore(conn: "Conn", conversation_id: UUID) -> Conversation:
    """Restore a deleted conversation until its retention period ends. Raises NotFound."""
    conn.execute(queries.restore, {"id": conversation_id})
    return get(conn, conversation_id)


def messages(conn: "Conn", conversation_id: UUID, query: PageQuery) -> Page[Message]:
    """The messages of a conversation, oldest first. Raises NotFound."""
    get(conn, conversation_id)
    params = {"id": conversation_id, "after": query.after(), "limit": query.limit + 1}
    return page_of(rows.many(conn, Message, queries.messages, params), query.limit)
