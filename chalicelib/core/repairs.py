"""Repairs: the work of `tick` every minute. Each stands beside its noun and registers itself by a decorator.

    # chalicelib/<floor>/<wing>/repairs.py
    @repair
    def wake_jobs() -> int:
        ...

A repair is bounded in work and time, may run twice at once, and records its changes in self_healing_events. Modules
called `repairs` are found by their name (core/wings.py).
"""

from collections.abc import Callable
from importlib import import_module
from typing import TypeVar

from chalicelib.core import wings
from chalicelib.core.log import logger

Repair = Callable[[], object]
R = TypeVar("R", bound=Repair)

_registered: dict[str, Repair] = {}


def repair(function: R) -> R:
    """Decorator: `tick` runs the function every minute. Its name must be unique."""
    if function.__name__ in _registered:
        raise ValueError(f"two repairs are called {function.__name__}")
    _registered[function.__name__] = function
    return function


def registered() -> dict[str, Repair]:
    """Every repair of the service by name, in the order in which they run; a test may wrap them."""
    for name in wings.names("repairs"):
        import_module(name)
    return _registered


def run(*names: str) -> dict[str, object]:
    """Run every repair once, or those of these names; returns what each returned.

    All repairs run even if one fails; the last error is raised. Raises KeyError for a name that no repair has.
    """
    failure: Exception | None = None
    results: dict[str, object] = {}
    known = registered()
    for name in names or tuple(known):
        function = known[name]
        try:
            results[name] = function()
        except Exception as error:  # noqa: BLE001 — raised below, once the others have run
            logger().exception("repair failed", repair=name)
            failure = error
    if failure:
        raise failure
    return results
