"""Boundaries between the definitions of a program, and the definitions that are open at a position."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

# Characters before a block that may be its head, and levels of definitions within each other.
LONGEST_HEAD = 600
MOST_NESTED = 8


@dataclass(frozen=True, slots=True)
class Boundary:
    """A place: where it starts, what it is of, and whether that is a definition's start or what follows one."""

    start: int
    name: str | None
    defines: bool


@dataclass(slots=True)
class Definition:
    """A definition whose end has not come: where it starts, its name's path, and how deep it stands."""

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
    """What follows a definition is of what surrounds it, from the next line on."""
    line = masked.find("\n", position) + 1
    if line:
        yield Boundary(line, path_around(within), defines=False)
