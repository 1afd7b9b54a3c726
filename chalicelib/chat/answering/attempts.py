"""One worker's attempt at one job: its state, and its calls of the model."""

import time
from collections.abc import Callable, Container, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID

from chalicelib.chat.answering.event_stream import FLUSH_SECONDS, EventStream
from chalicelib.chat.answering.leakage import LeakFilter
from chalicelib.chat.answering.prompting import Window, window
from chalicelib.chat.answering.tracing import TraceRecorder
from chalicelib.chat.conversations import conversations
from chalicelib.chat.messages.models import FinishReason, Source
from chalicelib.chat.queue import budgets, claims
from chalicelib.chat.queue.claims import ClaimedJob, HistoryMessage, JobClaim
from chalicelib.config.registry import llms, prompts
from chalicelib.config.settings.declarations import option
from chalicelib.core import errors, identity
from chalicelib.core.texts import storable

if TYPE_CHECKING:
    from chalicelib.chat.llm import ModelEndpoint, Tool, ToolCall, Turn
    from chalicelib.core.connection import Conn

# The function `answer` has 300 seconds, and the job must end within them.
_TOTAL_SECONDS = 270.0
_MODEL_SECONDS = 240.0
# What a model may think before a short text, such as a title, in tokens.
_THINKING_TOKENS = 2_000


class JobFailedError(Exception):
    """The job cannot be answered, not by another attempt either: a stable code and a sentence for the user."""

    def __init__(self, code: str, sentence: str) -> None:
        """`code` is one of core.errors.failures()."""
        self.code, self.sentence = code, sentence
        super().__init__(sentence)


@dataclass(slots=True)
class JobAttempt:
    """The state of an attempt: what a pipeline reads, and the results it leaves."""

    claim: JobClaim
    job: ClaimedJob
    stream: EventStream
    history: Sequence[HistoryMessage]
    connection: llms.LlmConnection
    templates: Mapping[str, prompts.PromptTemplate]
    trace: TraceRecorder = field(default_factory=TraceRecorder)
    sources: list[Source] = field(default_factory=list)
    used_prompts: list[dict[str, Any]] = field(default_factory=list)
    rephrased_query: str | None = None
    invented_citations: int = 0
    analysis: Mapping[str, Any] = field(default_factory=dict)
    # Prompts that the answer must not repeat.
    instructions: list[str] = field(default_factory=list)
    # Whether the user's preferences allow memories, and the recalled ones.
    uses_memories: bool = False
    recalled: list[UUID] = field(default_factory=list)
    # Why the last generation stopped, and how the answer ended.
    reason: str | None = None
    finish_reason: FinishReason = "stop"
    _ends_at: float = field(default_factory=lambda: time.monotonic() + _TOTAL_SECONDS)

    @property
    def is_extractive(self) -> bool:
        """Whether the built-in reader answers instead of a language model."""
        return self.connection.provider == llms.EXTRACTIVE

    @property
    def room(self) -> Window:
        """The token budgets of a prompt."""
        return window(self.job.settings, self.connection.context_tokens, self.connection.max_tokens)

    def uses_prompt(self, kind: str) -> prompts.PromptTemplate:
        """The prompt template of this kind. Its version is recorded with the answer."""
        template = self.templates[kind]
        entry = {"kind": kind, "name": template.name, "version": template.version}
        if entry not in self.used_prompts:
            self.used_prompts.append(entry)
        return template

    def limit_time(self, seconds: float) -> None:
        """Limit the rest of the attempt to `seconds`."""
        self._ends_at = min(self._ends_at, time.monotonic() + seconds)

    def leak_filter(self) -> LeakFilter:
        """A filter for the model's text against the prompts of this attempt."""
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
        seconds: float = _MODEL_SECONDS,
    ) -> "tuple[str, list[ToolCall]]":
        """Call the model; returns its text and its tool calls, and sets `reason`.

        `on_text` receives each delta of the text. Thinking is streamed unless `silently`. `max_tokens` are those of a
        short text that helps an answer; a model that thinks gets room for that. Cancellation closes the model's
        connection at once, and so do `seconds`. Raises LlmError, CancelledError, LeaseLostError.
        """
        from chalicelib.chat.llm import Call, Finish, LlmError, SamplingOptions, Thinking, Token
        from chalicelib.chat.llm.cleaning import answer_part
        from chalicelib.chat.llm.generation import LlmStream

        settings = self.job.settings
        chosen = option(settings, "temperature")
        options = SamplingOptions(
            # An option that is not set is not sent, by helping calls neither.
            temperature=chosen if temperature is None or chosen is None else temperature,
            max_tokens=self._max_tokens(max_tokens),
            top_p=option(settings, "top_p"),
            top_k=option(settings, "top_k"),
            repetition_penalty=option(settings, "repetition_penalty"),
        )
        texts: list[str] = []
        calls: list[ToolCall] = []
        thinking = self.leak_filter()
        has_output, failed, self.reason = False, False, None
        with LlmStream(self._model(seconds), turns, options, tools) as answer:
            try:
                while self.reason is None:
                    delta = answer.next(timeout=FLUSH_SECONDS)
                    if delta is not None and not has_output:
                        has_output = True
                        self.trace.record_event("first_piece")
                    match delta:
                        case None:
                            self.stream.idle()
                        case Token(text):
                            texts.append(storable(text))
                            self._emit_text(texts[-1], on_text)
                        case Thinking(text):
                            self._emit_thinking(thinking.feed(storable(text)), silently=silently)
                        case Call(call):
                            calls.append(call)
                        case Finish(reason):
                            self.reason = reason
            except LlmError:
                failed = True
                raise
            finally:
                # A server that refused the request or was unavailable has used no tokens.
                if has_output or not failed:
                    self.trace.record_usage(answer.usage(), self.connection)
        self._emit_thinking(thinking.rest(), silently=silently)
        left_out = {"left_out": answer.left_out} if answer.left_out else {}
        self.trace.record_event("model", reason=self.reason, turns=len(turns), tools=len(calls), **left_out)
        return ("".join(texts) if on_text else answer_part("".join(texts))), calls

    def _max_tokens(self, of_helper: int | None) -> int | None:
        if of_helper is not None:
            model = self.connection
            return min(
                of_helper + _THINKING_TOKENS, model.max_tokens or _THINKING_TOKENS * 10, model.context_tokens // 2
            )
        return None if option(self.job.settings, "max_tokens") is None else self.room.answer_tokens

    def _emit_thinking(self, text: str, *, silently: bool) -> None:
        if silently:
            self.stream.idle()
        else:
            self.stream.emit_thinking(text)

    def _emit_text(self, text: str, on_text: "Callable[[str], None] | None") -> None:
        if on_text is None:
            self.stream.idle()
            return
        on_text(text)
        if self.stream.is_full:
            self.reason = "length"

    def require_text(self) -> None:
        """Raises LlmError (refused, bad_answer) for an answer without text."""
        from chalicelib.chat.llm import LlmError

        if self.stream.content.strip():
            return
        if self.reason == "refused":
            raise LlmError("refused")
        reason = "It reached max_tokens before any text." if self.reason == "length" else "It has no text."
        raise LlmError("bad_answer", reason)

    def _model(self, seconds: float) -> "ModelEndpoint":
        from chalicelib.chat.llm import LlmError, ModelEndpoint, Timeouts

        left = self._ends_at - time.monotonic()
        if left <= 0:
            raise LlmError("timed_out", f"The time limit of an answer is {_TOTAL_SECONDS:g} seconds.")
        connection, timeouts = self.connection, Timeouts(total=min(left, seconds))
        return ModelEndpoint(
            connection.provider, connection.model_id, connection.base_url, connection.api_key, timeouts
        )


def start_attempt(claim: JobClaim) -> JobAttempt:
    """Start a claimed job. Raises LeaseLostError, and JobFailedError for a model or prompt that no longer exists."""
    with identity.as_user(claim.user_id) as conn:
        job = claims.start(conn, claim)
        history = claims.history(conn, job)
        try:
            connection = llms.connect(conn, job.model)
            templates = prompts.get_templates(conn, job.settings) if connection.provider != llms.EXTRACTIVE else {}
        except errors.NotFound as error:
            raise JobFailedError("model_missing", error.detail or "The model no longer exists.") from error
        if connection.provider != llms.EXTRACTIVE and budgets.is_spent(conn):
            raise JobFailedError("budget_exhausted", "The budget was used up while the question waited.")
        instructions = _instructions(conn, job, templates)
    stream = EventStream(claim, job.streamed_text)
    attempt = JobAttempt(claim, job, stream, history, connection, templates, instructions=instructions)
    for entry in job.settings.get("passed_over", ()):
        attempt.trace.record_event("passed_over", **entry)
    return attempt


def _instructions(conn: "Conn", job: ClaimedJob, templates: Mapping[str, prompts.PromptTemplate]) -> list[str]:
    """The prompts that an answer must not repeat: all except those that the user wrote for this conversation."""
    own: Container[object] = ()
    if any(prompt.name is None for prompt in templates.values()):
        with suppress(errors.NotFound):  # the conversation was deleted meanwhile
            settings = conversations.get(conn, job.conversation_id).settings
            own = (settings.get("system_prompt"), settings.get("task_prompt"))
    return [prompt.content for prompt in templates.values() if prompt.content not in own]


def outcome(attempt: JobAttempt) -> dict[str, Any]:
    """The columns of the stored answer and its question besides the text."""
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
        "finish_reason": attempt.finish_reason,
        "analysis": dict(attempt.analysis),
    }
