"""One worker's attempt at one job: what it knows, the stream it writes, and how it lets a model speak."""

import re
import time
from collections.abc import Callable, Container, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID

from chalicelib.chat.answering.leakage import LeakFilter
from chalicelib.chat.answering.prompting import Window, window
from chalicelib.chat.answering.tracing import TraceRecorder
from chalicelib.chat.conversations import conversations
from chalicelib.chat.messages import citations
from chalicelib.chat.messages.models import Source
from chalicelib.chat.queue import jobs
from chalicelib.chat.queue.jobs import ClaimedJob, HistoryMessage, JobClaim
from chalicelib.config.registry import llms, prompts
from chalicelib.core import errors, identity

if TYPE_CHECKING:
    from chalicelib.chat.llm import LlmEndpoint, Tool, ToolCall, Turn
    from chalicelib.core.connection import Conn

_FLUSH_SECONDS = 0.2
_IDLE_SECONDS = 1.0
_MAX_THINKING_CHARS = 100_000
# An answer longer than this is cut: messages are bounded.
MAX_ANSWER_CHARS = 90_000
# The function that answers has 300 seconds, and wants to end the job itself.
_TOTAL_SECONDS = 270.0
_MODEL_SECONDS = 240.0
# Postgres stores neither NUL nor halves of surrogate pairs, and a model may write either.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


class CancelledError(Exception):
    """The asker wants this job to stop."""


class JobFailedError(Exception):
    """The job cannot be answered, and trying again would not help: a stable code and a sentence for the asker."""

    def __init__(self, code: str, sentence: str) -> None:
        """`code` is one of core.errors.FAILURES."""
        self.code, self.sentence = code, sentence
        super().__init__(sentence)


def storable(text: str) -> str:
    """The text without the characters that Postgres does not take."""
    return _UNSTORABLE.sub("\ufffd", text)


class EventStream:
    """The events of one attempt: collected, and written about five times a second under the lease."""

    def __init__(self, claim: JobClaim, streamed: str) -> None:
        self.content = ""
        self.thinking = ""
        self._claim = claim
        self._already_streamed = streamed  # what an earlier attempt streamed and this one need not repeat
        self._waiting: list[tuple[str, Mapping[str, Any]]] = []
        self._flushed_at = 0.0

    def emit(self, event: str, data: Mapping[str, Any]) -> None:
        """Add an event."""
        self._waiting.append((event, data))
        if time.monotonic() - self._flushed_at >= _FLUSH_SECONDS:
            self.flush()

    @property
    def is_full(self) -> bool:
        """Whether the answer is as long as an answer may be."""
        return len(self.content) >= MAX_ANSWER_CHARS

    def emit_token(self, text: str) -> None:
        """Add a piece of the answer. Raises CancelledError when the asker wants to stop."""
        text = text[: MAX_ANSWER_CHARS - len(self.content)]
        self.content += text
        if self._already_streamed and text:
            text = self._skip(text)
        if text:
            self.emit("token", {"text": text})
        else:
            self.idle()

    def emit_thinking(self, text: str) -> None:
        """Add a piece of what the model thinks."""
        text = text[: _MAX_THINKING_CHARS - len(self.thinking)]
        if text:
            self.thinking += text
            self.emit("thinking", {"text": text})

    def idle(self) -> None:
        """Nothing came from the model: keep the lease and look for a cancellation, about once a second."""
        if time.monotonic() - self._flushed_at >= (_FLUSH_SECONDS if self._waiting else _IDLE_SECONDS):
            self.flush()

    def _skip(self, text: str) -> str:
        """What of `text` the earlier attempt did not stream. When the two part ways, the stream starts over."""
        if self._already_streamed.startswith(text):
            self._already_streamed = self._already_streamed[len(text) :]
            return ""
        if text.startswith(self._already_streamed):
            text, self._already_streamed = text[len(self._already_streamed) :], ""
            return text
        self._already_streamed = ""
        self.emit("meta", {"restart": True})
        return self.content

    def reconcile(self) -> None:
        """The answer ended. When an earlier attempt streamed more than it, what it streamed is taken back."""
        if self._already_streamed:
            self._start_over(self.content)

    def keep_partial(self, numbers: Container[int]) -> None:
        """The asker stopped the job: what an earlier attempt streamed stays, with citations of these numbers only."""
        if self._already_streamed:
            whole = self.content + self._already_streamed
            self.content = citations.only(whole, numbers)
            self._already_streamed = ""
            if self.content != whole:
                self._start_over(self.content)

    def _start_over(self, text: str) -> None:
        self._already_streamed = ""
        self._waiting.append(("meta", {"restart": True}))
        if text:
            self._waiting.append(("token", {"text": text}))

    def flush(self) -> None:
        """Write what waits. Raises LeaseLostError or CancelledError."""
        events, self._waiting = self._waiting, []
        with identity.as_user(self._claim.user_id) as conn:
            cancelled = jobs.append_events(conn, self._claim, events)
        self._flushed_at = time.monotonic()
        if cancelled:
            raise CancelledError

    def append_final(self, event: str, data: Mapping[str, Any]) -> None:
        """Add an event that the transaction which ends the job will write."""
        self._waiting.append((event, data))

    def unwritten(self) -> Sequence[tuple[str, Mapping[str, Any]]]:
        """What was not written yet, for the transaction that ends the job."""
        return self._waiting


@dataclass(slots=True)
class JobAttempt:
    """What a pipeline works on, and where it leaves what it found out."""

    claim: JobClaim
    work: ClaimedJob
    stream: EventStream
    history: Sequence[HistoryMessage]
    connection: llms.Connection
    templates: Mapping[str, prompts.PromptTemplate]
    trace: TraceRecorder = field(default_factory=TraceRecorder)
    sources: list[Source] = field(default_factory=list)
    used_prompts: list[dict[str, Any]] = field(default_factory=list)
    rephrased_query: str | None = None
    invented_citations: int = 0
    analysis: Mapping[str, Any] = field(default_factory=dict)
    # What must not be repeated to the asker.
    instructions: list[str] = field(default_factory=list)
    # Whether the asker wants memories to be used, and those that were.
    uses_memories: bool = False
    recalled: list[UUID] = field(default_factory=list)
    # Why the model stopped last.
    reason: str | None = None
    _ends_at: float = field(default_factory=lambda: time.monotonic() + _TOTAL_SECONDS)

    @property
    def is_extractive(self) -> bool:
        """Whether the built-in reader answers, instead of a language model."""
        return self.connection.provider == llms.EXTRACTIVE

    @property
    def room(self) -> Window:
        """The budgets of a prompt."""
        return window(self.work.settings, self.connection.context_tokens, self.connection.max_tokens)

    def uses_prompt(self, kind: str) -> prompts.PromptTemplate:
        """The template of this kind; the answer records which version that was."""
        template = self.templates[kind]
        entry = {"kind": kind, "name": template.name, "version": template.version}
        if entry not in self.used_prompts:
            self.used_prompts.append(entry)
        return template

    def limit_time(self, seconds: float) -> None:
        """What is still to do may take at most so long."""
        self._ends_at = min(self._ends_at, time.monotonic() + seconds)

    def leak_filter(self) -> LeakFilter:
        """A filter for what the model says, against the prompts of this attempt."""
        return LeakFilter(self.instructions)

    def generate(
        self,
        turns: "Sequence[Turn]",
        *,
        on_text: "Callable[[str], None] | None" = None,
        tools: "Sequence[Tool]" = (),
        max_tokens: int | None = None,
        temperature: float | None = None,
        silently: bool = False,
    ) -> "tuple[str, list[ToolCall]]":
        """Ask the model; returns its words and the tools it calls. `reason` says why it stopped.

        Each piece goes to `on_text` as it comes; without one only thoughts are streamed, and `silently` not even those.
        Closes the model's connection at once when the asker cancels. Raises LlmError, CancelledError, LeaseLostError.
        """
        from chalicelib.chat.llm import Call, Finish, LlmError, Options, Thinking, Token
        from chalicelib.chat.llm.streaming import LlmStream

        settings = self.work.settings
        options = Options(
            temperature=settings["temperature"] if temperature is None else temperature,
            max_tokens=max_tokens or self.room.answer_tokens,
            top_p=settings["top_p"],
            top_k=settings["top_k"],
            repetition_penalty=settings["repetition_penalty"],
        )
        words: list[str] = []
        calls: list[ToolCall] = []
        thoughts = self.leak_filter()
        has_output, failed, self.reason = False, False, None
        with LlmStream(self._model(), turns, options, tools) as answer:
            try:
                while self.reason is None:
                    delta = answer.next(timeout=_FLUSH_SECONDS)
                    if delta is not None and not has_output:
                        has_output = True
                        self.trace.record_event("first_piece")
                    match delta:
                        case None:
                            self.stream.idle()
                        case Token(text):
                            words.append(storable(text))
                            self._emit_token(words[-1], on_text)
                        case Thinking(text):
                            self._think(thoughts.feed(storable(text)), silently=silently)
                        case Call(call):
                            calls.append(call)
                        case Finish(reason):
                            self.reason = reason
            except LlmError:
                failed = True
                raise
            finally:
                # A server that refused or was not there has used nothing.
                if has_output or not failed:
                    self.trace.used(answer.usage(), self.connection)
        self._think(thoughts.rest(), silently=silently)
        self.trace.record_event("model", reason=self.reason, turns=len(turns), tools=len(calls))
        return "".join(words), calls

    def _think(self, text: str, *, silently: bool) -> None:
        if silently:
            self.stream.idle()
        else:
            self.stream.emit_thinking(text)

    def _emit_token(self, text: str, on_text: "Callable[[str], None] | None") -> None:
        if on_text is None:
            self.stream.idle()
            return
        on_text(text)
        if self.stream.is_full:
            self.reason = "length"

    def require_words(self) -> None:
        """Raises LlmError (refused, bad_answer) when the model ended without having said anything."""
        from chalicelib.chat.llm import LlmError

        if self.stream.content.strip():
            return
        if self.reason == "refused":
            raise LlmError("refused")
        cut = "It reached max_tokens before it said a word." if self.reason == "length" else "It has no words."
        raise LlmError("bad_answer", cut)

    def _model(self) -> "LlmEndpoint":
        from chalicelib.chat.llm import LlmEndpoint, LlmError, Timeouts

        left = self._ends_at - time.monotonic()
        if left <= 0:
            raise LlmError("timed_out", f"The whole answer may take {_TOTAL_SECONDS:g} seconds.")
        connection, timeouts = self.connection, Timeouts(total=min(left, _MODEL_SECONDS))
        return LlmEndpoint(connection.provider, connection.model_id, connection.base_url, connection.api_key, timeouts)


def start_attempt(claim: JobClaim) -> JobAttempt:
    """Take up a claimed job. Raises LeaseLostError, and JobFailedError for a model or prompt that is gone."""
    with identity.as_user(claim.user_id) as conn:
        work = jobs.start(conn, claim)
        history = jobs.history(conn, work)
        try:
            connection = llms.connect(conn, work.model)
            template = prompts.get_templates(conn, work.settings) if connection.provider != llms.EXTRACTIVE else {}
        except errors.NotFound as error:
            raise JobFailedError("model_missing", error.detail or "The model is gone.") from error
        if connection.provider != llms.EXTRACTIVE and jobs.is_budget_spent(conn):
            raise JobFailedError("budget_exhausted", "The budget was used up while the question waited.")
        instructions = _guarded(conn, work, template)
    return JobAttempt(
        claim, work, EventStream(claim, work.streamed_text), history, connection, template, instructions=instructions
    )


def _guarded(conn: "Conn", work: ClaimedJob, template: Mapping[str, prompts.PromptTemplate]) -> list[str]:
    """The prompts that an answer must not repeat: all but those that the asker wrote for this conversation."""
    own: Container[object] = ()
    if any(prompt.name is None for prompt in template.values()):
        with suppress(errors.NotFound):  # deleted meanwhile
            settings = conversations.get(conn, work.conversation_id).settings
            own = (settings.get("system_prompt"), settings.get("task_prompt"))
    return [prompt.content for prompt in template.values() if prompt.content not in own]


def outcome(attempt: JobAttempt) -> dict[str, Any]:
    """What the stored answer and its question carry besides the words."""
    trace = attempt.trace
    return {
        "sources": [source.model_dump(mode="json") for source in attempt.sources],
        "prompts": attempt.used_prompts,
        "rephrased_query": attempt.rephrased_query,
        "thinking": attempt.stream.thinking or None,
        "invented_citations": attempt.invented_citations,
        "prompt_tokens": trace.prompt_tokens,
        "completion_tokens": trace.completion_tokens,
        "cost_usd": trace.cost_usd,
        "analysis": dict(attempt.analysis),
    }
