"""Boundaries between the definitions of a program, and the definitions that are open at a position."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

# The most characters before a block that are searched for its head, and the most levels of nested definitions.
LONGEST_HEAD = 600
MOST_NESTED = 8


@dataclass(frozen=True, slots=True)
class Boundary:
    """A boundary: its position, its definition, and whether it starts that definition or follows one."""

    start: int
    name: str | None
    defines: bool


@dataclass(slots=True)
class Definition:
    """An open definition: its start, the path of its name, and its depth."""

    start: int
    path: str | None
    depth: int
    is_container: bool


def path_around(within: list[Definition]) -> str | None:
    return next((outer.path for outer in reversed(within) if outer.path), None)


def path_of(within: list[Definition], name: str) -> str:
    outer = path_around(within)
    return f"{outer}.{name}" if outer else name


def after_definition(masked: str, position: int, within: list[Definition]) -> Iterator[Boundary]:
    """A boundary at the next line: there, the surrounding definition continues."""
    line = masked.find("\n", position) + 1
    if line:
        yield Boundary(line, path_around(within), defines=False)
