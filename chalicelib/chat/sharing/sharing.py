"""Conversations that their users show to others, read-only, with a group or by a link.

A reader's sources are joined with the documents that the reader sees: row-level security decides, and no code here.
"""

from typing import TYPE_CHECKING
from uuid import UUID

from chalicelib.auth.mail import configuration, tokens
from chalicelib.chat.conversations import conversations
from chalicelib.chat.conversations.models import Conversation
from chalicelib.chat.sharing.models import CreatedShare, NewShare, Share, SharedConversation, SharedMessage, ShareQuery
from chalicelib.core import errors, rows, sql
from chalicelib.core.models import Page, PageQuery, page_of

if TYPE_CHECKING:
    from chalicelib.core.connection import Conn

queries = sql.load(__file__)

_MOST_COPIED = 10_000


def create(conn: "Conn", new: NewShare) -> CreatedShare:
    """Share a conversation of the caller's. Raises NotFound for the conversation, and a group without the caller."""
    import psycopg

    token, token_hash = tokens.new() if new.group_id is None else (None, None)
    params = {
        "conversation_id": new.conversation_id,
        "group_id": new.group_id,
        "token_hash": token_hash,
        "later": new.later_messages,
        "days": new.expires_in_days,
    }
    try:
        created = rows.one(conn, Share, queries.create, params)
    except psycopg.errors.InsufficientPrivilege as error:
        raise errors.NotFound("You are in no such group.") from error
    if created is None:
        raise errors.NotFound
    url = configuration.link("share", token) if token else None
    return CreatedShare(**created.model_dump(), token=token, url=url)


def get(conn: "Conn", share_id: UUID) -> Share:
    """One of the caller's shares. Raises NotFound."""
    share = rows.one(conn, Share, queries.get, {"id": share_id})
    if share is None:
        raise errors.NotFound
    return share


def list_page(conn: "Conn", query: ShareQuery) -> Page[Share]:
    """The caller's shares, newest first, the ended ones included."""
    params = {"conversation_id": query.conversation_id, "after": query.after(), "limit": query.limit + 1}
    return page_of(rows.many(conn, Share, queries.list, params), query.limit)


def withdraw(conn: "Conn", share_id: UUID) -> None:
    """End a share of the caller's, from the next request on. Raises NotFound."""
    if conn.execute(queries.withdraw, {"id": share_id}).fetchone() is None:
        raise errors.NotFound


def open_link(conn: "Conn", token: str) -> SharedConversation:
    """Open a link: from now on the caller reads the conversation. Raises BadRequest (share_invalid)."""
    share_id = rows.value(conn, queries.open, {"token_hash": tokens.hashed(token)})
    if share_id is None:
        raise errors.BadRequest(code="share_invalid")
    return shared(conn, share_id)


def shared(conn: "Conn", share_id: UUID) -> SharedConversation:
    """A conversation that the caller reads. Raises NotFound."""
    row = rows.one(conn, SharedConversation, queries.shared, {"id": share_id, "after": None, "limit": 1})
    if row is None:
        raise errors.NotFound
    return row


def shared_page(conn: "Conn", query: PageQuery) -> Page[SharedConversation]:
    """The conversations that others show to the caller, those shared last first."""
    params = {"id": None, "after": query.after(), "limit": query.limit + 1}
    return page_of(rows.many(conn, SharedConversation, queries.shared, params), query.limit)


def messages(conn: "Conn", share_id: UUID, query: PageQuery) -> Page[SharedMessage]:
    """The messages of a conversation that the caller reads, oldest first. Raises NotFound."""
    shared(conn, share_id)
    params = {"id": share_id, "after": query.after(), "limit": query.limit + 1}
    return page_of(rows.many(conn, SharedMessage, queries.messages, params), query.limit)


def fork(conn: "Conn", share_id: UUID) -> Conversation:
    """A copy of a conversation that the caller reads, as the caller's own. Raises NotFound, Conflict (too_many)."""
    created = rows.value(conn, queries.fork, {"id": share_id, "most": _MOST_COPIED})
    if created is None:
        shared(conn, share_id)
        raise errors.Conflict(
            f"A conversation with more than {_MOST_COPIED:,} messages cannot be copied.", code="too_many"
        )
    return conversations.get(conn, created)
