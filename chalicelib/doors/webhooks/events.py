"""The events that webhooks can be told of, with what each tells (docs/webhooks.md).

    @webhook_event("document.completed")
    class DocumentEvent(Resource): ...

The triggers of migrations/functions/for_tables/webhooks.sql write them, in the transaction of what happened. They name
things and never contain them: who gets an event reads the rest through the API, with the rights of that moment.
"""

from collections.abc import Callable, Mapping
from typing import TypeVar
from uuid import UUID

from chalicelib.core.models import Failure, Resource

M = TypeVar("M", bound=type[Resource])

_registered: dict[str, type[Resource]] = {}


def webhook_event(*names: str) -> Callable[[M], M]:
    """Decorator: the model is what events of these names tell, their `data`."""

    def register(model: M) -> M:
        _registered.update(dict.fromkeys(names, model))
        return model

    return register


def registered() -> Mapping[str, type[Resource]]:
    """What each event tells, by its name."""
    return _registered


@webhook_event("document.completed", "document.failed", "document.deleted")
class DocumentEvent(Resource):
    """A document can be searched, could not be read, or was deleted. `warnings`: how many parts could not be read."""

    document_id: UUID
    scope: str
    status: str
    batch_id: UUID | None
    chunk_count: int
    warnings: int
    error: Failure | None


@webhook_event("answer.completed", "answer.failed", "answer.cancelled")
class AnswerEvent(Resource):
    """A question has its answer, has none, or was cancelled."""

    job_id: UUID
    conversation_id: UUID
    question_id: UUID
    message_id: UUID | None
    status: str
    error: Failure | None


class FailureCode(Resource):
    """Why a source could not be read: the code alone, because the sentence can name what is at the source."""

    code: str


@webhook_event("connector.failed")
class ConnectorEvent(Resource):
    """A source cannot be brought up to date; told once, when the trouble begins."""

    connector_id: UUID
    scope: str
    type: str
    error: FailureCode | None


@webhook_event("budget.nearing", "budget.spent")
class BudgetEvent(Resource):
    """A user has used 80 % of a month's budget, or all of it; each is told once a month."""

    user_id: UUID
    month: str
    cost_usd: float
    tokens: int
    monthly_cost_usd: float | None
    monthly_tokens: int | None


@webhook_event("alert.raised")
class AlertEvent(Resource):
    """The service repaired something, or could not: an event of self-healing that is more than information."""

    alert_id: UUID
    event_type: str
    severity: str
    description: str
    action_taken: str
    entity_id: UUID | None


# What only an administrator's webhook for the organisation is told.
OF_THE_ORGANISATION = frozenset({"alert.raised"})
# What only a user's own webhook is told.
OF_USERS = frozenset({"answer.completed", "answer.failed", "answer.cancelled"})
