"""The OpenAI-compatible API over HTTP."""

from typing import Any

from chalicelib.core import errors
from chalicelib.core.http import Reply, Routes
from chalicelib.doors.openai import completions, embeddings, model_cards
from chalicelib.doors.openai.models import (
    ChatCompletion,
    EmbeddingList,
    ModelCard,
    ModelList,
    NewChatCompletion,
    NewEmbeddings,
)

# Codes that OpenAI's clients know by another name.
_CODES = {"unauthorized": "invalid_api_key", "budget_exhausted": "insufficient_quota"}


def _error(problem: errors.Problem) -> dict[str, Any]:
    """A problem as OpenAI's clients expect it; the other members of the problem document are there as well."""
    fields = problem.members.get("errors") or [{}]
    return {
        "error": {
            "message": problem.detail or problem.title,
            "type": "server_error" if problem.status >= 500 else "invalid_request_error",
            "param": fields[0].get("field"),
            "code": _CODES.get(problem.code, problem.code),
        }
    }


routes = Routes(__name__, problem_members=_error)


@routes.get("/openai/v1/models")
def list_openai_models() -> ModelList:
    """List what can answer or embed: `alcove`, assistants, language models, and the active embedding model."""
    return model_cards.list_all()


@routes.get("/openai/v1/models/{model_id}")
def get_openai_model(model_id: str) -> ModelCard:
    """Get one of the models."""
    return model_cards.get(model_id)


@routes.post("/openai/v1/chat/completions", scope="chat", limit="ask")
def create_chat_completion(body: NewChatCompletion) -> Reply[ChatCompletion]:
    """Answer the last message, a question, from the documents that the caller can read.

    With `stream`, the response is `text/event-stream`. 504 `answer_unfinished` for an answer that takes longer than a
    response may.
    """
    completion = completions.complete(body)
    if not body.stream:
        return Reply(completion)
    usage = body.stream_options is not None and body.stream_options.include_usage
    return Reply(
        "".join(completions.chunks(completion, include_usage=usage)),  # type: ignore[arg-type]
        headers={"Content-Type": "text/event-stream"},
    )


@routes.post("/openai/v1/embeddings", scope="read", limit="search")
def create_embeddings(body: NewEmbeddings) -> EmbeddingList:
    """Embed texts with the active embedding model."""
    return embeddings.embed(body)
