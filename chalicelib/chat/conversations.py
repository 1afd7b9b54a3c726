"""Conversations and the messages in them."""

from typing import TYPE_CHECKING
from uuid import UUID

from chalicelib.chat.models import (
    Conversation,
    ConversationPage,
    Message,
    MessagePage,
    NewConversation,
)
from chalicelib.core import db, errors, sql
from chalicelib.core.models import PageQuery, page_of

if TYPE_CHECKING:
    from chalicelib.core.db import Conn

queries = sql.load(__file__)

UNTITLED = "New conversation"


def create(conn: "Conn", new: NewConversation) -> Conversation:
    """Begin a conversation."""
    made = db.one(conn, Conversation, queries.create, {"title": new.title or UNTITLED})
    if made is None:
        raise errors.NotFound
    return made


def get(conn: "Conn", conversation_id: UUID) -> Conversation:
    """One of the caller's conversations. Raises NotFound."""
    found = db.one(conn, Conversation, queries.get, {"id": conversation_id})
    if found is None:
        raise errors.NotFound
    return found


def list_page(conn: "Conn", query: PageQuery) -> ConversationPage:
    """The caller's conversations, newest first."""
    wanted = {"after": query.after(), "limit": query.limit + 1}
    return page_of(ConversationPage, db.many(conn, Conversation, queries.list, wanted), query.limit)


def delete(conn: "Conn", conversation_id: UUID) -> None:
    """Delete a conversation. Raises NotFound."""
    if conn.execute(queries.delete, {"id": conversation_id}).fetchone() is None:
        raise errors.NotFound


def messages(conn: "Conn", conversation_id: UUID, query: PageQuery) -> MessagePage:
    """The messages of a conversation, oldest first. Raises NotFound."""
    get(conn, conversation_id)
    wanted = {"id": conversation_id, "after": query.after(), "limit": query.limit + 1}
    return page_of(MessagePage, db.many(conn, Message, queries.messages, wanted), query.limit)
