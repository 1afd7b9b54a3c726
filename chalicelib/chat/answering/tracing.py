"""What one attempt at a job did: how long each stage took, what was called, what it used."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from chalicelib.core import sql

if TYPE_CHECKING:
    from chalicelib.chat.llm import Usage
    from chalicelib.chat.queue.jobs import JobClaim
    from chalicelib.config.registry.llms import Connection
    from chalicelib.core.connection import Conn

queries = sql.load(__file__)

_MAX_EVENTS = 200
_MAX_TEXT_CHARS = 2_000
_MAX_RESULT_CHARS = 20_000
# More than any model reads or writes at once, and what the columns of an answer hold after every call of an attempt.
_MAX_CALL_TOKENS = 100_000_000
_MAX_COST_USD = 999_999.0

Status = Literal["completed", "failed", "cancelled"]


@dataclass(frozen=True, slots=True)
class StageRecord:
    """One stage: when it began, and how long it took in milliseconds."""

    name: str
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
    """Collects during an attempt; `store` writes it in the transaction that ends the attempt."""

    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    stages: list[StageRecord] = field(default_factory=list)
    steps: list[ToolStep] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    prompt_tokens: int = 0
    completion_tokens: int = 0
    is_estimated: bool = False
    cost_usd: float = 0.0
    connection: "Connection | None" = None
    _clock: float = field(default_factory=time.perf_counter)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time a stage. Stages follow each other and never overlap; the same one again adds to the first."""
        start_time, clock = datetime.now(UTC), time.perf_counter()
        try:
            yield
        finally:
            self.add_stage(name, start_time, (time.perf_counter() - clock) * 1000)

    def add_stage(self, name: str, start_time: datetime, milliseconds: float) -> None:
        """Note a stage that was timed elsewhere."""
        for position, stage in enumerate(self.stages):
            if stage.name == name:
                self.stages[position] = StageRecord(name, stage.started_at, stage.milliseconds + milliseconds)
                return
        self.stages.append(StageRecord(name, start_time, milliseconds))

    def record_event(self, event: str, **data: Any) -> None:
        """Note what happened. Long texts are cut."""
        if len(self.events) < _MAX_EVENTS:
            after = round((time.perf_counter() - self._clock) * 1000, 1)
            self.events.append(
                {"event": event, "after_ms": after, **{name: _cut(value) for name, value in data.items()}}
            )

    def used(self, usage: "Usage", connection: "Connection") -> None:
        """Add what one call of a model used, and what it costs. What no call can use is a server's mistake, and cut."""
        prompt, completion = (
            min(max(tokens, 0), _MAX_CALL_TOKENS) for tokens in (usage.prompt_tokens, usage.completion_tokens)
        )
        self.prompt_tokens += prompt
        self.completion_tokens += completion
        self.is_estimated = self.is_estimated or usage.estimated
        price = prompt * connection.prompt_price + completion * connection.completion_price
        self.cost_usd = min(self.cost_usd + price / 1_000_000, _MAX_COST_USD)
        self.connection = connection

    def totals(self) -> dict[str, Any]:
        """The usage so far, as the event `usage` tells it."""
        return {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
            "estimated": self.is_estimated,
            "cost_usd": round(self.cost_usd, 8),
        }

    def store(self, conn: "Conn", claim: "JobClaim", status: Status | None) -> None:
        """Write timing and usage of an attempt; with the `status` of its job, when it ended that, the trace too."""
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
