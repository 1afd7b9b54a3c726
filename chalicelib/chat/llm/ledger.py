"""The ledger of a generation: what a model has sent, within bounds, and the tokens that it used."""

from __future__ import annotations

from collections.abc import Sequence

from chalicelib.chat.llm.estimation import estimate_tokens, estimate_turns
from chalicelib.chat.llm.failures import LlmError
from chalicelib.chat.llm.interface import Call, Delta, Finish, Thinking, Token, Tool, Turn, Usage

# Bounds of one generation.
MAX_DELTAS = 500_000
MAX_CHARS = 2_000_000


class UsageLedger:
    """The deltas of a generation, counted and bounded, and their usage."""

    def __init__(self, turns: Sequence[Turn], tools: Sequence[Tool]) -> None:
        self._turns, self._tools = turns, tools
        self._texts: list[str] = []
        self._chars = self._delta_count = 0
        self._reported: Usage | None = None
        self.finish: Finish | None = None

    @property
    def has_deltas(self) -> bool:
        return self._delta_count > 0

    def record(self, delta: Delta) -> None:
        """Count one delta. Raises LlmError (bad_answer) beyond the bounds."""
        match delta:
            case Usage():
                self._reported = delta
                return
            case Finish():
                self.finish = delta
                return
            case Call(call):
                text = call.name + call.arguments
            case Token(text) | Thinking(text):
                pass
        self._texts.append(text)
        self._chars += len(text)
        self._delta_count += 1
        if self._chars > MAX_CHARS or self._delta_count > MAX_DELTAS:
            raise LlmError("bad_answer", "It is longer than the maximum.")

    def usage(self) -> Usage:
        """As the provider reports it when the answer is whole; else its last report, and an estimate of the rest."""
        if self._reported is not None and self.finish is not None:
            return self._reported
        completion = estimate_tokens("".join(tuple(self._texts)))
        if self._reported is not None:
            return Usage(
                self._reported.prompt_tokens, max(completion, self._reported.completion_tokens), estimated=True
            )
        return Usage(estimate_turns(self._turns, self._tools), completion, estimated=True)
