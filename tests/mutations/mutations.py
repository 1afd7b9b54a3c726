"""The list of broken promises, and what each one must be."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LIST = Path(__file__).with_name("list.toml")


@dataclass(frozen=True)
class Mutation:
    """A change of one file that breaks a promise, and the tests that must fail then.

    `survives` is the argument of a change that no test can notice.
    """

    promise: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]
    survives: str = ""

    def applied(self, text: str) -> str:
        """The file's text with the change. ValueError unless `old` stands there exactly once."""
        times = text.count(self.old)
        if times != 1:
            raise ValueError(f"{self.file} holds {times} times, and not once, what breaks “{self.promise}”: {self.old}")
        return text.replace(self.old, self.new)


def read() -> list[Mutation]:
    """Every entry of list.toml."""
    entries = tomllib.loads(LIST.read_text("utf-8"))["mutation"]
    return [Mutation(**{**entry, "tests": tuple(entry["tests"])}) for entry in entries]
