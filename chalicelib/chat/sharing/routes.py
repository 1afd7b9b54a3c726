"""Shared conversations and exports over HTTP."""

from uuid import UUID

from chalicelib.auth.audit import audit
from chalicelib.chat.conversations import conversations
from chalicelib.chat.conversations.models import Conversation
from chalicelib.chat.sharing import export, sharing
from chalicelib.chat.sharing.models import (
    CreatedShare,
    ExportedConversation,
    ExportFormatQuery,
    NewShare,
    Share,
    SharedConversation,
    SharedMessage,
    ShareLink,
    ShareQuery,
)
from chalicelib.core import idempotency, identity
from chalicelib.core.http import Reply, Routes
from chalicelib.core.models import Page, PageQuery

routes = Routes(__name__)


@routes.get("/conversations/{conversation_id}/export")
def export_conversation(conversation_id: UUID, query: ExportFormatQuery) -> ExportedConversation:
    """A conversation as a file with its sources: the newest thread branch, its newest 1,000 messages at most.

    A file that leaves messages out says how many.
    """
    with identity.as_caller() as conn:
        return export.export(conn, conversation_id, query.format)


@routes.get("/shares")
def list_shares(query: ShareQuery) -> Page[Share]:
    """What the caller shows to others, newest first, the ended shares included."""
    with identity.as_caller() as conn:
        return sharing.list_page(conn, query)


@routes.post("/shares", scope="chat", status=201)
def create_share(body: NewShare) -> Reply[CreatedShare]:
    """Show a conversation to a group, or to whoever with an account opens the link in the response.

    Readers see the questions and answers of every thread branch, which may quote documents, and those sources that they
    can read themselves.
    """
    with identity.as_caller() as conn:
        created = sharing.create(conn, body)
        audit.record(conn, "conversation.shared", "share", created.id, group_id=body.group_id)
    return Reply(created, headers={"Location": f"/shares/{created.id}"})


@routes.get("/shares/{share_id}")
def get_share(share_id: UUID) -> Share:
    """A share of the caller's, without its link."""
    with identity.as_caller() as conn:
        return sharing.get(conn, share_id)


@routes.delete("/shares/{share_id}", scope="chat")
def withdraw_share(share_id: UUID) -> None:
    """End a share: nobody reads the conversation from the next request on. Copies of readers stay."""
    with identity.as_caller() as conn:
        sharing.withdraw(conn, share_id)
        audit.record(conn, "conversation.unshared", "share", share_id)


@routes.get("/shared-conversations")
def list_shared_conversations(query: PageQuery) -> Page[SharedConversation]:
    """The conversations that others show to the caller: to the caller's groups, and by links that the caller opened."""
    with identity.as_caller() as conn:
        return sharing.shared_page(conn, query)


@routes.post("/shared-conversations", scope="chat")
def open_shared_conversation(body: ShareLink) -> SharedConversation:
    """Open a share's link: from now on it is in the caller's list. 400 `share_invalid`."""
    with identity.as_caller() as conn:
        opened = sharing.open_link(conn, body.token)
        audit.record(conn, "conversation.share_opened", "share", opened.id)
    return opened


@routes.get("/shared-conversations/{share_id}")
def get_shared_conversation(share_id: UUID) -> SharedConversation:
    """A conversation that is shown to the caller."""
    with identity.as_caller() as conn:
        return sharing.shared(conn, share_id)


@routes.get("/shared-conversations/{share_id}/messages")
def list_shared_messages(share_id: UUID, query: PageQuery) -> Page[SharedMessage]:
    """The messages of a shared conversation, oldest first. A source that the caller cannot read has a number alone."""
    with identity.as_caller() as conn:
        return sharing.messages(conn, share_id, query)


@routes.post("/shared-conversations/{share_id}/fork", scope="chat", status=201)
def fork_shared_conversation(share_id: UUID) -> Reply[Conversation]:
    """Copy a shared conversation into one of the caller's own, to go on with it.

    409 `too_many` for one with more than 10,000 messages.
    """
    with identity.as_caller() as conn:
        created = idempotency.once(
            conn, lambda: sharing.fork(conn, share_id), lambda earlier: conversations.get(conn, earlier)
        )
    return Reply(created, headers={"Location": f"/conversations/{created.id}"})
