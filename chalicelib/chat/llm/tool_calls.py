"""Tool calls: assembled from their streamed parts, and returned to the model in the next request."""

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
    """The calls of one generation while they stream, in the order of their starts."""

    def __init__(self) -> None:
        self._calls: dict[int, _Parts] = {}

    def add(
        self, index: int, call_id: str | None = None, name: str | None = None, arguments: str | None = None
    ) -> None:
        """Add a part of call `index`. Raises LlmError (bad_answer) for too many or too long calls."""
        parts = self._calls.setdefault(index, _Parts())
        parts.id = parts.id or _text(call_id)
        parts.name = parts.name or _text(name)
        if more := _text(arguments):
            parts.arguments.append(more)
            parts.chars += len(more)
        if len(self._calls) > MAX_CALLS or parts.chars > MAX_ARGUMENT_CHARS or len(parts.name) > MAX_NAME_CHARS:
            raise LlmError("bad_answer", "It has too many tool calls, or one that is too long.")

    def take(self) -> Iterator[Call]:
        """Remove and return the assembled calls. A call without an id gets one, which the tool's turn requires."""
        calls, self._calls = self._calls, {}
        for index, parts in calls.items():
            yield Call(ToolCall(parts.id or f"call_{index}", parts.name, "".join(parts.arguments) or "{}"))


def arguments_object(call: ToolCall) -> dict[str, Any]:
    """The arguments as the JSON object that the APIs require, also when the model's text is not one."""
    try:
        value = json.loads(call.arguments)
    except (ValueError, RecursionError):
        value = None
    return value if isinstance(value, dict) else {"invalid": call.arguments}


def _text(value: object) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise LlmError("bad_answer", "A part of a tool call is not text.")
    return value
