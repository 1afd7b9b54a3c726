"""Conversations, their analytics and message search over HTTP."""

from uuid import UUID

from chalicelib.chat.conversations import analytics, conversations, message_search, replay
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
    """Create a conversation."""
    with identity.as_caller() as conn:
        created = idempotency.once(
            conn, lambda: conversations.create(conn, body), lambda earlier: conversations.get(conn, earlier)
        )
    return Reply(created, headers={"Location": f"/conversations/{created.id}"})


@routes.get("/conversations")
def list_conversations(query: ConversationQuery) -> Page[Conversation]:
    """List the caller's conversations, the last active first; with `q`, those with a similar title, best first."""
    with identity.as_caller() as conn:
        return conversations.list_page(conn, query)


@routes.get("/conversations/{conversation_id}")
def get_conversation(conversation_id: UUID) -> Conversation:
    """Get a conversation."""
    with identity.as_caller() as conn:
        return conversations.get(conn, conversation_id)


@routes.patch("/conversations/{conversation_id}", scope="chat")
def update_conversation(conversation_id: UUID, body: ConversationChanges) -> Conversation:
    """Change a conversation's title, assistant or settings, or archive it."""
    with identity.as_caller() as conn:
        return conversations.update(conn, conversation_id, body)


@routes.delete("/conversations/{conversation_id}", scope="chat")
def delete_conversation(conversation_id: UUID) -> None:
    """Delete a conversation and cancel its jobs. It can be restored for 30 days."""
    with identity.as_caller() as conn:
        conversations.delete(conn, conversation_id)
        jobs.cancel_all(conn, conversation_id)


@routes.post("/conversations/{conversation_id}/restore", scope="chat")
def restore_conversation(conversation_id: UUID) -> Conversation:
    """Restore a conversation that was deleted in the last 30 days."""
    with identity.as_caller() as conn:
        return conversations.restore(conn, conversation_id)


@routes.get("/conversations/{conversation_id}/replay")
def replay_conversation(conversation_id: UUID) -> Replay:
    """Get a conversation's messages with the pauses between them."""
    with identity.as_caller() as conn:
        return replay.get(conn, conversation_id)


@routes.get("/analytics/tokens")
def get_token_analytics(query: TokenQuery) -> TokenAnalytics:
    """Get the caller's tokens and cost, by day and model."""
    with identity.as_caller() as conn:
        return analytics.tokens(conn, query)


@routes.post("/analytics/compare", scope="read")
def compare_conversations(body: ConversationPair) -> ConversationComparison:
    """Compare two of the caller's conversations in numbers."""
    with identity.as_caller() as conn:
        return analytics.compare(conn, body.first, body.second)


@routes.post("/messages/search", scope="read", limit="search")
def search_messages(body: MessageSearch) -> Page[MessageHit]:
    """Search the caller's own messages, questions and answers, best first. Deleted conversations are excluded.

    New messages may shift the start of the next page.
    """
    with identity.as_caller() as conn:
        return message_search.search(conn, body)


@routes.get("/conversations/{conversation_id}/messages")
def list_messages(conversation_id: UUID, query: PageQuery) -> Page[Message]:
    """List the messages of a conversation, oldest first."""
    with identity.as_caller() as conn:
        return conversations.messages(conn, conversation_id, query)
