"""The models of the OpenAI-compatible API: what a request can name in `model`."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar
from uuid import UUID

from chalicelib.config.registry import assistants, llms
from chalicelib.core import errors, identity
from chalicelib.core.models import Page, PageQuery
from chalicelib.doors.openai.models import ModelCard, ModelList
from chalicelib.knowledge.embedding import embedding_models

if TYPE_CHECKING:
    from chalicelib.core.connection import Conn

# The caller's own settings decide, as in every other conversation.
DEFAULT = "alcove"
_ASSISTANT = "assistant/"
_PAGE = 100
Item = TypeVar("Item")


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
        for assistant in _all(conn, assistants.list_page):
            if assistant.name == model.removeprefix(_ASSISTANT):
                return Choice(assistant_id=assistant.id)
    elif any(llm.name == model for llm in _all(conn, llms.list_page)):
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
    for assistant in _all(conn, assistants.list_page):
        created = int(assistant.created_at.timestamp())
        yield ModelCard(id=f"{_ASSISTANT}{assistant.name}", created=created, owned_by="assistant")
    for llm in _all(conn, llms.list_page):
        yield ModelCard(id=llm.name, created=int(llm.created_at.timestamp()), owned_by=llm.provider)
    yield ModelCard(id=embedding_models.active().model, created=0, owned_by="embedding")


def _all(conn: "Conn", list_page: "Callable[[Conn, PageQuery], Page[Item]]") -> Iterator[Item]:
    """Every item of a list, page after page."""
    page = list_page(conn, PageQuery(limit=_PAGE))
    yield from page.items
    while page.next_cursor is not None:
        page = list_page(conn, PageQuery(limit=_PAGE, cursor=page.next_cursor))
        yield from page.items
