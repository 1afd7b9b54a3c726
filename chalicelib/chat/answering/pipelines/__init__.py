"""Pipelines: the ways to answer a question. Each registers itself by a decorator.

    # chalicelib/chat/answering/pipelines/<name>.py
    @pipeline("qa")
    def answer(attempt: JobAttempt) -> None:
        ...

A pipeline streams its answer and leaves its sources with the attempt. Every module of this package is imported by
`registered`. A CHECK of the setting `available_pipelines` repeats the names, and a test compares them.
"""

import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chalicelib.chat.answering.attempts import JobAttempt

_registered: dict[str, "Pipeline"] = {}


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A pipeline. `requires_model`: the built-in reader cannot run it. `generates`: its answer has text, not only
    sources."""

    name: str
    answer: "Callable[[JobAttempt], None]"
    requires_model: bool
    generates: bool


def pipeline(
    name: str, *, requires_model: bool = False, generates: bool = True
) -> "Callable[[Callable[[JobAttempt], None]], Callable[[JobAttempt], None]]":
    """Decorator: register a pipeline. ValueError for a name in use."""

    def register(function: "Callable[[JobAttempt], None]") -> "Callable[[JobAttempt], None]":
        if name in _registered:
            raise ValueError(f"two pipelines have the name {name}")
        _registered[name] = Pipeline(name, function, requires_model, generates)
        return function

    return register


def registered() -> Mapping[str, Pipeline]:
    """Every pipeline by its name."""
    for module in pkgutil.iter_modules(__path__, f"{__name__}."):
        import_module(module.name)
    return _registered
