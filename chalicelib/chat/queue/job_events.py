"""The events of a job's stream: each is declared once, with its name and its payload.

`JobAttempt.stream.emit` takes these payloads, the column `job_events.data` stores them as JSON, and docs/streaming.md
lists them; tests compare the three. SQL adds `message_id` to the last event, whose answer it stores in the same
statement.
"""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, TypeVar
from uuid import UUID

from chalicelib.chat.messages.models import FinishReason
from chalicelib.core.models import Resource

_payloads: list[type["EventPayload"]] = []


class EventPayload(Resource):
    """The `data` of one kind of event. `event` is its name in the stream; several payloads may share one."""

    event: ClassVar[str]
    ends_job: ClassVar[bool]

    def data(self) -> dict[str, Any]:
        """The payload as a JSON object."""
        return self.model_dump(mode="json")


P = TypeVar("P", bound=EventPayload)


def job_event(name: str, *, ends_job: bool = False) -> Callable[[type[P]], type[P]]:
    """Decorator: declare a payload of the event `name`. `ends_job` marks the last event of a job."""

    def register(payload: type[P]) -> type[P]:
        payload.event, payload.ends_job = name, ends_job
        _payloads.append(payload)
        return payload

    return register


def registered() -> Mapping[str, tuple[type[EventPayload], ...]]:
    """Every event's name with its payloads, in the order of an answer."""
    return {payload.event: tuple(p for p in _payloads if p.event == payload.event) for payload in _payloads}


@job_event("meta")
class QueuedEvent(EventPayload):
    """The question is stored. `pipeline` and `model` are absent for a side of a comparison."""

    status: str
    pipeline: str | None = None
    model: str | None = None


@job_event("meta")
class StartedEvent(EventPayload):
    """A worker starts an attempt, counted from 1. Thinking and tool calls of earlier attempts no longer count."""

    status: str = "processing"
    attempt: int


@job_event("meta")
class RestartEvent(EventPayload):
    """This attempt's answer differs from the earlier one's. The tokens before this event no longer count."""

    restart: bool = True


@job_event("meta")
class WaitingEvent(EventPayload):
    """The attempt failed with `code`, a temporary failure that `message` explains. The next attempt starts after
    `retry_seconds`.
    """

    status: str = "waiting"
    attempt: int
    retry_seconds: float
    code: str
    message: str


@job_event("retrieval")
class RetrievalEvent(EventPayload):
    """The search is done. `sources` are the hits, best first, without their text."""

    sources: list[dict[str, Any]]


@job_event("thinking")
class ThinkingEvent(EventPayload):
    """A part of the model's thinking."""

    text: str


@job_event("token")
class TokenEvent(EventPayload):
    """A part of the answer. The answer is the concatenation of all tokens since the last restart."""

    text: str


@job_event("tool_call")
class ToolCallEvent(EventPayload):
    """The agent calls a tool. `arguments` is a string when the model wrote invalid JSON."""

    id: str
    name: str
    arguments: Any


@job_event("tool_result")
class ToolResultEvent(EventPayload):
    """A tool has returned a result of `chars` characters. The trace holds the result."""

    id: str
    name: str
    failed: bool
    chars: int


@job_event("usage")
class UsageEvent(EventPayload):
    """Tokens and cost of this attempt so far. `cost_usd` is null for a side of an open comparison."""

    prompt_tokens: int
    completion_tokens: int
    estimated: bool
    cost_usd: float | None


class LearnedMemory(Resource):
    """A memory that was learned from the question. `merged` means that an existing memory was extended."""

    id: UUID
    content: str
    kind: str
    merged: bool


@job_event("meta")
class LearnedEvent(EventPayload):
    """Memories were learned from the question."""

    learned: list[LearnedMemory]


@job_event("meta")
class TitleEvent(EventPayload):
    """The conversation has a new title."""

    title: str


@job_event("done", ends_job=True)
class DoneEvent(EventPayload):
    """The answer is stored, with its sources. `notice` is a sentence for its reader, null for a whole answer."""

    message_id: UUID
    finish_reason: FinishReason
    notice: str | None


@job_event("cancelled", ends_job=True)
class CancelledEvent(EventPayload):
    """The job was cancelled. `message_id` is the stored part of the answer, null when there is none."""

    message_id: UUID | None = None


@job_event("error", ends_job=True)
class ErrorEvent(EventPayload):
    """The job failed. docs/errors.md lists the codes. `message_id` is null."""

    code: str
    message: str
    message_id: None = None
