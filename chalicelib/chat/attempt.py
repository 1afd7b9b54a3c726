"""One worker's attempt at one job: what it knows, the stream it writes, and how it lets a model speak."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from chalicelib.chat import jobs
from chalicelib.chat.jobs import Claim, Said, Work
from chalicelib.chat.models import Source
from chalicelib.chat.prompting import Window, window
from chalicelib.chat.tracing import Trace
from chalicelib.config import llms, prompts
from chalicelib.core import db, errors

if TYPE_CHECKING:
    from chalicelib.chat.llm import Tool, ToolCall, Turn

_FLUSH_SECONDS = 0.2
_IDLE_SECONDS = 1.0
_MAX_THINKING_CHARS = 100_000
# An answer longer than this is cut: messages are bounded.
MAX_ANSWER_CHARS = 90_000


class CancelledError(Exception):
    """The asker wants this job to stop."""


class JobFailedError(Exception):
    """The job cannot be answered, and trying again would not help: a stable code and a sentence for the asker."""

    def __init__(self, code: str, sentence: str) -> None:
        """`code` is one of core.errors.FAILURES."""
        self.code, self.sentence = code, sentence
        super().__init__(sentence)


class Stream:
    """The events of one attempt: collected, and written about five times a second under the lease."""

    def __init__(self, held: Claim, said: str) -> None:
        self.content = ""
        self.thinking = ""
        self.spoke_at: float | None = None
        self._held = held
        self._said = said  # what an earlier attempt streamed and this one need not repeat
        self._waiting: list[tuple[str, Mapping[str, Any]]] = []
        self._flushed_at = 0.0

    def tell(self, event: str, data: Mapping[str, Any]) -> None:
        """Add an event."""
        self._waiting.append((event, data))
        if time.monotonic() - self._flushed_at >= _FLUSH_SECONDS:
            self.flush()

    def say(self, text: str) -> None:
        """Add a piece of the answer. Raises CancelledError when the asker wants to stop."""
        text = text[: MAX_ANSWER_CHARS - len(self.content)]
        if not text:
            return
        self.spoke_at = self.spoke_at or time.perf_counter()
        self.content += text
        if self._said:
            text = self._skip(text)
        if text:
            self.tell("token", {"text": text})

    def think(self, text: str) -> None:
        """Add a piece of what the model thinks."""
        text = text[: _MAX_THINKING_CHARS - len(self.thinking)]
        if text:
            self.thinking += text
            self.tell("thinking", {"text": text})

    def idle(self) -> None:
        """Nothing came from the model: keep the lease and look for a cancellation, about once a second."""
        if time.monotonic() - self._flushed_at >= (_FLUSH_SECONDS if self._waiting else _IDLE_SECONDS):
            self.flush()

    def _skip(self, text: str) -> str:
        """What of `text` the earlier attempt did not stream. When the two part ways, the stream starts over."""
        if self._said.startswith(text):
            self._said = self._said[len(text) :]
            return ""
        if text.startswith(self._said):
            text, self._said = text[len(self._said) :], ""
            return text
        self._said = ""
        self.tell("meta", {"restart": True})
        return self.content

    def settle(self) -> None:
        """The answer ended. When an earlier attempt streamed more than it, what it streamed is taken back."""
        if self._said:
            self._said = ""
            self.tell("meta", {"restart": True})
            if self.content:
                self.tell("token", {"text": self.content})

    def flush(self) -> None:
        """Write what waits. Raises LeaseLostError or CancelledError."""
        events, self._waiting = self._waiting, []
        with db.as_user(self._held.user_id) as conn:
            cancelled = jobs.append_events(conn, self._held, events)
        self._flushed_at = time.monotonic()
        if cancelled:
            raise CancelledError

    def rest(self) -> Sequence[tuple[str, Mapping[str, Any]]]:
        """What was not written yet, for the transaction that ends the job."""
        return self._waiting


@dataclass(slots=True)
class Attempt:
    """What a pipeline works on, and where it leaves what it found out."""

    held: Claim
    work: Work
    stream: Stream
    history: Sequence[Said]
    connection: llms.Connection
    templates: Mapping[str, prompts.Chosen]
    trace: Trace = field(default_factory=Trace)
    sources: list[Source] = field(default_factory=list)
    used_prompts: list[dict[str, Any]] = field(default_factory=list)
    rephrased_query: str | None = None
    invented_citations: int = 0
    analysis: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_extractive(self) -> bool:
        """Whether the built-in reader answers, instead of a language model."""
        return self.connection.provider == llms.EXTRACTIVE

    @property
    def room(self) -> Window:
        """The budgets of a prompt."""
        return window(self.work.settings, self.connection.context_tokens, self.connection.max_tokens)

    def uses_prompt(self, kind: str) -> prompts.Chosen:
        """The template of this kind; the answer records which version that was."""
        chosen = self.templates[kind]
        entry = {"kind": kind, "name": chosen.name, "version": chosen.version}
        if entry not in self.used_prompts:
            self.used_prompts.append(entry)
        return chosen

    def listen(
        self,
        turns: "Sequence[Turn]",
        *,
        say: "Any" = None,
        tools: "Sequence[Tool]" = (),
        max_tokens: int | None = None,
        temperature: float | None = None,
    ) -> "tuple[str, list[ToolCall]]":
        """Ask the model; returns its words and the tools it calls.

        Each piece goes to `say` as it comes; without one nothing is streamed. Closes the model's connection at once
        when the asker cancels. Raises LlmError, CancelledError, LeaseLostError.
        """
        from chalicelib.chat.llm import Call, Finish, Options, Thinking, Token
        from chalicelib.chat.llm.streaming import Stream as ModelStream

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
        with ModelStream(self._model(), turns, options, tools) as answer:
            try:
                while True:
                    match answer.next(timeout=_FLUSH_SECONDS):
                        case None:
                            self.stream.idle()
                        case Token(text):
                            words.append(text)
                            if say is not None:
                                say(text)
                            else:
                                self.stream.idle()
                        case Thinking(text):
                            self.stream.think(text)
                        case Call(call):
                            calls.append(call)
                        case Finish(reason):
                            self.trace.note("model", reason=reason, turns=len(turns), tools=len(calls))
                            break
            finally:
                self.trace.used(answer.usage(), self.connection)
        return "".join(words), calls

    def _model(self) -> Any:
        from chalicelib.chat.llm import Model

        connection = self.connection
        return Model(connection.provider, connection.model_id, connection.base_url, connection.api_key)  # type: ignore[arg-type]


def begin(held: Claim) -> Attempt:
    """Take up a claimed job. Raises LeaseLostError, and JobFailedError for a model or prompt that is gone."""
    with db.as_user(held.user_id) as conn:
        work = jobs.start(conn, held)
        history = jobs.history(conn, work)
        try:
            connection = llms.connect(conn, work.model)
            chosen = prompts.chosen(conn, work.settings) if connection.provider != llms.EXTRACTIVE else {}
        except errors.NotFound as error:
            raise JobFailedError("model_missing", error.detail or "The model is gone.") from error
    return Attempt(held, work, Stream(held, work.said), history, connection, chosen)


def outcome(attempt: Attempt) -> dict[str, Any]:
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
