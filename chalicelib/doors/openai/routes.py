"""The OpenAI-compatible API over HTTP."""

from chalicelib.core import streamed
from chalicelib.core.http import Reply, Routes
from chalicelib.doors.openai import completions, embeddings, error_objects, model_cards
from chalicelib.doors.openai.models import (
    ChatCompletion,
    EmbeddingList,
    ModelCard,
    ModelList,
    NewChatCompletion,
    NewEmbeddings,
)

routes = Routes(__name__, problem_members=error_objects.members)


@routes.get("/openai/v1/models")
def list_openai_models() -> ModelList:
    """List what can answer or embed: `alcove`, assistants, language models, and the active embedding model."""
    return model_cards.list_all()


@routes.get("/openai/v1/models/{model_id}")
def get_openai_model(model_id: str) -> ModelCard:
    """Get one of the models."""
    return model_cards.get(model_id)


@routes.post("/openai/v1/chat/completions", scope="chat", limit="ask", streams=True)
def create_chat_completion(body: NewChatCompletion) -> Reply[ChatCompletion]:
    """Answer the last message, a question, from the documents that the caller can read.

    With `stream`, the response is `text/event-stream`; where the service streams, its events come as the answer is
    generated. 504 `answer_unfinished` for an answer that takes longer than a
    response may.
    """
    if not body.stream:
        return Reply(completions.complete(body))
    if streamed.available():
        events = streamed.begin(completions.stream(body)) or ""
    else:
        usage = body.stream_options is not None and body.stream_options.include_usage
        events = "".join(completions.chunks(completions.complete(body), include_usage=usage))
    return Reply(events, headers={"Content-Type": "text/event-stream"})  # type: ignore[arg-type]


@routes.post("/openai/v1/embeddings", scope="read", limit="search")
def create_embeddings(body: NewEmbeddings) -> EmbeddingList:
    """Embed texts with the active embedding model."""
    return embeddings.embed(body)
