"""The filters of a model's answer: repeated instructions are withheld, invented citations are removed."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from chalicelib.chat.answering.attempts import JobAttempt
from chalicelib.chat.messages import citations
from chalicelib.chat.messages.models import FinishReason
from chalicelib.chat.reader.chunks import RetrievedChunk

if TYPE_CHECKING:
    from chalicelib.chat.llm import Tool, ToolCall, Turn

# The API's words for the reasons of a model's last generation; every other generation ended by itself.
_FINISH_REASONS: Mapping[str, FinishReason] = {"length": "length", "refused": "content_filter"}


class AnswerFilter:
    """Streams a model's text into the answer of an attempt; `chunks` are citable and may grow between generations."""

    def __init__(self, attempt: JobAttempt, chunks: Sequence[RetrievedChunk]) -> None:
        self._attempt = attempt
        self._chunks = chunks
        self._leaks = attempt.leak_filter()
        self._citations = citations.Checker(len(chunks))

    def generate(self, turns: "Sequence[Turn]", tools: "Sequence[Tool]" = ()) -> "tuple[str, list[ToolCall]]":
        """Let the model continue the answer; returns its unfiltered text and its tool calls. Raises like
        JobAttempt.generate."""
        self._citations.available = len(self._chunks)
        stream = self._attempt.stream
        result = self._attempt.generate(
            turns, on_text=lambda text: stream.emit_token(self._citations.feed(self._leaks.feed(text))), tools=tools
        )
        stream.emit_token(self._citations.feed(self._leaks.rest()) + self._citations.rest())
        return result

    def finish(self) -> None:
        """Record sources, invented citations and withheld text with the attempt."""
        attempt = self._attempt
        attempt.invented_citations = self._citations.invented
        attempt.sources = citations.sources(attempt.stream.content, self._chunks)
        attempt.finish_reason = _FINISH_REASONS.get(attempt.reason or "", "stop")
        if self._leaks.withheld:
            attempt.trace.record_event("withheld", runs=self._leaks.withheld)


@contextmanager
def filtered_answer(attempt: JobAttempt, chunks: Sequence[RetrievedChunk]) -> Iterator[AnswerFilter]:
    """An answer with citations of `chunks`. Sources are recorded also when it fails; usage is emitted at its end.

    Raises LlmError (refused, bad_answer) for an answer without text.
    """
    answer = AnswerFilter(attempt, chunks)
    try:
        yield answer
        attempt.require_text()
    finally:
        answer.finish()
    attempt.stream.emit(attempt.trace.totals())
