"""The models of the OpenAI-compatible API: what a request can name in `model`."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from chalicelib.config.registry import assistants, llms
from chalicelib.core import errors, identity
from chalicelib.core.models import PageQuery
from chalicelib.doors.openai.models import ModelCard, ModelList
from chalicelib.knowledge.embedding import embedding_models

if TYPE_CHECKING:
    from chalicelib.core.connection import Conn

# The caller's own settings decide, as in every other conversation.
DEFAULT = "alcove"
_ASSISTANT = "assistant/"
_MOST = 100


@dataclass(frozen=True, slots=True)
class Choice:
    """What `model` names: an assistant, a language model, or neither."""

    assistant_id: UUID | None = None
    llm: str | None = None


def choose(conn: "Conn", model: str) -> Choice:
    """What a request's `model` names. Raises NotFound (model_not_found)."""
    if model == DEFAULT:
        return Choice()
    if model.startswith(_ASSISTANT):
        for assistant in assistants.list_page(conn, PageQuery(limit=_MOST)).items:
            if assistant.name == model.removeprefix(_ASSISTANT):
                return Choice(assistant_id=assistant.id)
    elif any(llm.name == model for llm in llms.list_page(conn, PageQuery(limit=_MOST)).items):
        return Choice(llm=model)
    raise errors.NotFound(code="model_not_found")


def list_all() -> ModelList:
    """Every model that the caller can name."""
    with identity.as_caller() as conn:
        return ModelList(data=list(_cards(conn)))


def get(model: str) -> ModelCard:
    """One of the models. Raises NotFound (model_not_found)."""
    for card in list_all().data:
        if card.id == model:
            return card
    raise errors.NotFound(code="model_not_found")


def _cards(conn: "Conn") -> Iterator[ModelCard]:
    yield ModelCard(id=DEFAULT, created=0, owned_by="alcove")
    for assistant in assistants.list_page(conn, PageQuery(limit=_MOST)).items:
        created = int(assistant.created_at.timestamp())
        yield ModelCard(id=f"{_ASSISTANT}{assistant.name}", created=created, owned_by="assistant")
    for llm in llms.list_page(conn, PageQuery(limit=_MOST)).items:
        yield ModelCard(id=llm.name, created=int(llm.created_at.timestamp()), owned_by=llm.provider)
    yield ModelCard(id=embedding_models.active().model, created=0, owned_by="embedding")
