"""Conversations, their analytics and message search over HTTP."""

from uuid import UUID

from chalicelib.chat.conversations import analytics, conversations, message_search
from chalicelib.chat.conversations.models import (
    Conversation,
    ConversationChanges,
    ConversationComparison,
    ConversationPair,
    ConversationQuery,
    MessageHit,
    MessageSearch,
    NewConversation,
    Replay,
    TokenAnalytics,
    TokenQuery,
)
from chalicelib.chat.messages.models import Message
from chalicelib.chat.queue import jobs
from chalicelib.core import idempotency, identity
from chalicelib.core.http import Reply, Routes
from chalicelib.core.models import Page, PageQuery

routes = Routes(__name__)


@routes.post("/conversations", scope="chat", status=201)
def create_conversation(body: NewConversation) -> Reply[Conversation]:
    """Begin a conversation."""
    with identity.as_caller() as conn:
        created = idempotency.once(
            conn, lambda: conversations.create(conn, body), lambda earlier: conversations.get(conn, earlier)
        )
    return Reply(created, headers={"Location": f"/conversations/{created.id}"})


@routes.get("/conversations")
def list_conversations(query: ConversationQuery) -> Page[Conversation]:
    """The caller's conversations, newest first; archived or deleted ones when asked for."""
    with identity.as_caller() as conn:
        return conversations.list_page(conn, query)


@routes.get("/conversations/{conversation_id}")
def get_conversation(conversation_id: UUID) -> Conversation:
    """One conversation."""
    with identity.as_caller() as conn:
        return conversations.get(conn, conversation_id)


@routes.patch("/conversations/{conversation_id}", scope="chat")
def update_conversation(conversation_id: UUID, body: ConversationChanges) -> Conversation:
    """Change a conversation's title, assistant or own settings, or archive it."""
    with identity.as_caller() as conn:
        return conversations.change(conn, conversation_id, body)


@routes.delete("/conversations/{conversation_id}", scope="chat")
def delete_conversation(conversation_id: UUID) -> None:
    """Delete a conversation and stop what is being answered in it. It can be restored for 30 days."""
    with identity.as_caller() as conn:
        conversations.delete(conn, conversation_id)
        jobs.cancel_all(conn, conversation_id)


@routes.post("/conversations/{conversation_id}/restore", scope="chat")
def restore_conversation(conversation_id: UUID) -> Conversation:
    """Bring back a conversation that was deleted in the last 30 days."""
    with identity.as_caller() as conn:
        return conversations.restore(conn, conversation_id)


@routes.get("/conversations/{conversation_id}/replay")
def replay_conversation(conversation_id: UUID) -> Replay:
    """A conversation as it went, with the pauses between its messages."""
    with identity.as_caller() as conn:
        return analytics.replay(conn, conversation_id)


@routes.get("/analytics/tokens")
def get_token_analytics(query: TokenQuery) -> TokenAnalytics:
    """The caller's tokens and cost, by day and model."""
    with identity.as_caller() as conn:
        return analytics.tokens(conn, query)


@routes.post("/analytics/compare", scope="read")
def compare_conversations(body: ConversationPair) -> ConversationComparison:
    """Two conversations of the caller's in numbers, side by side."""
    with identity.as_caller() as conn:
        return analytics.compare(conn, body.first, body.second)


@routes.post("/messages/search", scope="read", limit="search")
def search_messages(body: MessageSearch) -> Page[MessageHit]:
    """The caller's own messages, questions and answers, that fit a query best. Deleted conversations are left out.

    Messages that come meanwhile may move where the next page begins.
    """
    with identity.as_caller() as conn:
        return message_search.search(conn, body)


@routes.get("/conversations/{conversation_id}/messages")
def list_messages(conversation_id: UUID, query: PageQuery) -> Page[Message]:
    """The messages of a conversation, oldest first."""
    with identity.as_caller() as conn:
        return conversations.messages(conn, conversation_id, query)
