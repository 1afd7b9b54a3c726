"""The trace of one attempt at a job: the time of each stage, tool calls, tokens and cost."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from chalicelib.chat.messages.models import AnswerStage
from chalicelib.chat.queue.job_events import UsageEvent
from chalicelib.core import sql

if TYPE_CHECKING:
    from chalicelib.chat.llm import Usage
    from chalicelib.chat.queue.claims import JobClaim
    from chalicelib.config.registry.llms import LlmConnection
    from chalicelib.core.connection import Conn
    from chalicelib.knowledge.search.models import Reranking

queries = sql.load(__file__)

_MAX_EVENTS = 200
_MAX_TEXT_CHARS = 2_000
_MAX_RESULT_CHARS = 20_000
# More than any model reads or writes in a call; the sums of an attempt still fit the columns of an answer.
_MAX_CALL_TOKENS = 100_000_000
_MAX_COST_USD = 999_999.0

Status = Literal["completed", "failed", "cancelled"]


@dataclass(frozen=True, slots=True)
class StageRecord:
    """One stage: its start, and its duration in milliseconds."""

    name: AnswerStage
    started_at: datetime
    milliseconds: float


@dataclass(frozen=True, slots=True)
class ToolStep:
    """One call of a tool."""

    name: str
    arguments: Any
    result: str
    failed: bool
    started_at: datetime
    milliseconds: float


@dataclass(slots=True)
class TraceRecorder:
    """The trace while an attempt runs. `store` writes it in the transaction that ends the attempt."""

    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    stages: list[StageRecord] = field(default_factory=list)
    steps: list[ToolStep] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    prompt_tokens: int = 0
    completion_tokens: int = 0
    is_estimated: bool = False
    cost_usd: float = 0.0
    connection: "LlmConnection | None" = None
    _clock: float = field(default_factory=time.perf_counter)

    @contextmanager
    def stage(self, name: AnswerStage) -> Iterator[None]:
        """Time a stage. Stages never overlap; a repeated stage adds to its first record."""
        start_time, clock = datetime.now(UTC), time.perf_counter()
        try:
            yield
        finally:
            self._add_stage(name, start_time, (time.perf_counter() - clock) * 1000)

    def _add_stage(self, name: AnswerStage, start_time: datetime, milliseconds: float) -> None:
        for position, stage in enumerate(self.stages):
            if stage.name == name:
                self.stages[position] = StageRecord(name, stage.started_at, stage.milliseconds + milliseconds)
                return
        self.stages.append(StageRecord(name, start_time, milliseconds))

    def record_event(self, event: str, **data: Any) -> None:
        """Record a step of the attempt. Long texts are cut."""
        if len(self.events) < _MAX_EVENTS:
            after = round((time.perf_counter() - self._clock) * 1000, 1)
            self.events.append(
                {"event": event, "after_ms": after, **{name: _cut(value) for name, value in data.items()}}
            )

    def record_reranking(self, done: "Reranking | None") -> None:
        """Record how a search was reranked, if it was, or why it was not."""
        if done is not None:
            self.record_event("reranking", **done.model_dump())

    def record_usage(self, usage: "Usage", connection: "LlmConnection") -> None:
        """Add the tokens and the cost of one call of a model. Impossible counts of a faulty server are cut."""
        prompt, completion = (
            min(max(tokens, 0), _MAX_CALL_TOKENS) for tokens in (usage.prompt_tokens, usage.completion_tokens)
        )
        self.prompt_tokens += prompt
        self.completion_tokens += completion
        self.is_estimated = self.is_estimated or usage.estimated
        price = prompt * connection.prompt_price + completion * connection.completion_price
        self.cost_usd = min(self.cost_usd + price / 1_000_000, _MAX_COST_USD)
        self.connection = connection

    def totals(self) -> UsageEvent:
        """The usage of the attempt so far."""
        return UsageEvent(
            prompt_tokens=self.prompt_tokens,
            completion_tokens=self.completion_tokens,
            estimated=self.is_estimated,
            cost_usd=round(self.cost_usd, 8),
        )

    def store(self, conn: "Conn", claim: "JobClaim", status: Status | None) -> None:
        """Write timing and usage of an attempt, and the trace if the attempt has ended its job with a `status`."""
        from psycopg.types.json import Jsonb

        connection = self.connection
        params = {
            "job_id": claim.job_id,
            "attempt": claim.attempt,
            "status": status,
            "events": Jsonb(self.events),
            "started_at": self.started_at,
            "total_ms": (time.perf_counter() - self._clock) * 1000,
            "tokens": self.prompt_tokens + self.completion_tokens,
            "stages": [stage.name for stage in self.stages],
            "stage_starts": [stage.started_at for stage in self.stages],
            "stage_ms": [stage.milliseconds for stage in self.stages],
            "tools": [step.name for step in self.steps],
            "arguments": [Jsonb(step.arguments) for step in self.steps],
            "results": [step.result[:_MAX_RESULT_CHARS] for step in self.steps],
            "failures": [step.failed for step in self.steps],
            "tool_starts": [step.started_at for step in self.steps],
            "tool_ms": [step.milliseconds for step in self.steps],
            "provider": connection.provider if connection else "extractive",
            "key_owner": connection.key_owner if connection else None,
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
            "is_estimated": self.is_estimated,
            "cost_usd": self.cost_usd,
        }
        conn.execute(queries.store, params)


def _cut(value: Any) -> Any:
    return value[:_MAX_TEXT_CHARS] if isinstance(value, str) else value
