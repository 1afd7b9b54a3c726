"""Tool calls: put together from the pieces that they are streamed in, and given back to the model as it made them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from chalicelib.chat.llm.failures import LlmError
from chalicelib.chat.llm.interface import Call, ToolCall

MAX_CALLS = 64
MAX_ARGUMENT_CHARS = 200_000
MAX_NAME_CHARS = 200


@dataclass(slots=True)
class _Parts:
    id: str = ""
    name: str = ""
    arguments: list[str] = field(default_factory=list)
    chars: int = 0


class ToolCallAssembler:
    """The calls of one answer while they come, in the order of their beginnings."""

    def __init__(self) -> None:
        self._calls: dict[int, _Parts] = {}

    def add(
        self, index: int, call_id: str | None = None, name: str | None = None, arguments: str | None = None
    ) -> None:
        """Another part of call `index`. Raises LlmError (bad_answer) when there are too many or they are too long."""
        parts = self._calls.setdefault(index, _Parts())
        parts.id = parts.id or _text(call_id)
        parts.name = parts.name or _text(name)
        if more := _text(arguments):
            parts.arguments.append(more)
            parts.chars += len(more)
        if len(self._calls) > MAX_CALLS or parts.chars > MAX_ARGUMENT_CHARS or len(parts.name) > MAX_NAME_CHARS:
            raise LlmError("bad_answer", "It asks for too many tools, or for one with too much.")

    def take(self) -> Iterator[Call]:
        """Every call that is not taken yet. A server that gives no id gets one made, which the tool's turn needs."""
        calls, self._calls = self._calls, {}
        for index, parts in calls.items():
            yield Call(ToolCall(parts.id or f"call_{index}", parts.name, "".join(parts.arguments) or "{}"))


def arguments_object(call: ToolCall) -> dict[str, Any]:
    """The arguments as the JSON object that the APIs want back, also when the model wrote none."""
    try:
        value = json.loads(call.arguments)
    except (ValueError, RecursionError):
        value = None
    return value if isinstance(value, dict) else {"invalid": call.arguments}


def _text(value: object) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise LlmError("bad_answer", "A tool call in it is no text.")
    return value
