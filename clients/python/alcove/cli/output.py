"""What a command prints: JSON for programs, tables and sentences for people."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel
from rich.console import Console
from rich.table import Table
from rich.text import Text

# A terminal acts on these; a title or a file name may hold any of them.
_CONTROLS = dict.fromkeys((*range(9), *range(11, 32), 127, *range(128, 160)), "�")


class Output:
    """The one place that prints. Results go to standard output, progress and errors to standard error."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self.console = Console(highlight=False, soft_wrap=not sys.stdout.isatty())
        self.progress = Console(stderr=True, highlight=False, soft_wrap=not sys.stderr.isatty())

    def result(self, value: Any, sentence: str = "") -> None:
        """The result of a command: the value as JSON, or the sentence."""
        if self.as_json:
            print(json.dumps(_plain(value), ensure_ascii=False, indent=2))
        elif sentence:
            self.say(sentence)

    def rows(self, items: Iterable[Any], columns: Mapping[str, str]) -> None:
        """A list: one JSON object a line, or a table with the columns {title: dotted field}."""
        if self.as_json:
            for item in items:
                print(json.dumps(_plain(item), ensure_ascii=False))
            return
        table = Table(box=None, pad_edge=False, header_style="bold")
        for title in columns:
            table.add_column(title, overflow="fold")
        for item in items:
            plain = _plain(item)
            table.add_row(*(Text(visible(_field(plain, field))) for field in columns.values()))
        if table.row_count:
            self.console.print(table)
        else:
            self.note("Nothing found.")

    def fields(self, value: Any) -> None:
        """One thing: JSON, or its fields under each other."""
        if self.as_json:
            return self.result(value)
        table = Table(box=None, show_header=False, pad_edge=False)
        for name, field in _plain(value).items():
            text = field if isinstance(field, str) else json.dumps(field, ensure_ascii=False)
            table.add_row(Text(name, style="bold"), Text(visible(text)))
        self.console.print(table)
        return None

    def say(self, sentence: str) -> None:
        """A sentence for a person."""
        if not self.as_json:
            self.console.print(Text(visible(sentence)))

    def waiting(self, seconds: float, code: str) -> None:
        """Say why nothing happens for so many seconds, where a person would wonder."""
        if code == "waking":
            self.note(f"The service's database was paused and wakes up. Trying again in {seconds:.0f} s.")

    def note(self, sentence: str) -> None:
        """A sentence beside the result."""
        if not self.as_json:
            self.progress.print(Text(visible(sentence), style="dim"))

    def error(self, code: str, sentence: str, **more: Any) -> None:
        """What went wrong, on standard error."""
        if self.as_json:
            problem = {"error": {"code": code, "message": sentence} | {n: v for n, v in more.items() if v}}
            print(json.dumps(problem, ensure_ascii=False), file=sys.stderr)
        else:
            self.progress.print(Text(f"error: {visible(sentence)}", style="red"))


def visible(text: str) -> str:
    """Text that a terminal shows and does not obey."""
    return text.translate(_CONTROLS)


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(one) for one in value]
    return value


def _field(item: Any, dotted: str) -> str:
    for name in dotted.split("."):
        item = item.get(name) if isinstance(item, dict) else None
    if item is None:
        return ""
    if isinstance(item, float):
        return f"{item:.3f}"
    return ", ".join(map(str, item)) if isinstance(item, list) else str(item)
