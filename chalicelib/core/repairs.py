"""Repairs: the work of `tick`. Each stands beside its noun and registers itself by a decorator.

    # chalicelib/<floor>/<wing>/repairs.py
    @repair
    def delete_old_account_data() -> None:
        ...

    @repair(due=next_job_repair)
    def wake_jobs() -> int:
        ...

A repair is bounded in work and time, may run twice at once, and records its changes in self_healing_events. Modules
called `repairs` are found by their name (core/wings.py).

When `tick` may sleep: all repairs run within two minutes of a transaction that may leave work for later, again a
minute after a run in which one of them returned something else than nothing, 0 or False, and once a day. A repair whose
work comes by time alone, such as a lease that ends, also says with `due` when it must run next.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib import import_module
from typing import TYPE_CHECKING, TypeVar, overload

from chalicelib.core import wings
from chalicelib.core.log import logger

if TYPE_CHECKING:
    from chalicelib.core.connection import Conn

Repair = Callable[[], object]
# When a repair must run next, None if nothing waits for it; reads as nobody.
Due = Callable[["Conn"], datetime | None]
R = TypeVar("R", bound=Repair)

_registered: dict[str, Repair] = {}
_due: dict[str, Due] = {}


@overload
def repair(function: R) -> R: ...
@overload
def repair(*, due: Due) -> Callable[[R], R]: ...
def repair(function: R | None = None, *, due: Due | None = None) -> R | Callable[[R], R]:
    """Decorator: `tick` runs the function, see above. Its name must be unique."""

    def register(function: R) -> R:
        if function.__name__ in _registered:
            raise ValueError(f"two repairs are called {function.__name__}")
        _registered[function.__name__] = function
        if due is not None:
            _due[function.__name__] = due
        return function

    return register if function is None else register(function)


def next_due(conn: "Conn") -> datetime | None:
    """The earliest time at which a repair must run, None if nothing waits. It may be past."""
    registered()
    times = (due(conn) for due in _due.values())
    return min((time for time in times if time is not None), default=None)


def registered() -> dict[str, Repair]:
    """Every repair of the service by name, in the order in which they run; a test may wrap them."""
    for name in wings.names("repairs"):
        import_module(name)
    return _registered


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one repair did: its result, or the error that it raised."""

    name: str
    duration_ms: int
    result: object = None
    error: Exception | None = None


def run(*names: str) -> dict[str, object]:
    """Run every repair once, or those of these names; returns what each returned.

    All repairs run even if one fails; the last error is raised. Raises KeyError for a name that no repair has.
    """
    return results(run_each(*names))


def results(outcomes: Sequence[Outcome]) -> dict[str, object]:
    """What each repair returned. Raises the last error."""
    for outcome in reversed(outcomes):
        if outcome.error is not None:
            raise outcome.error
    return {outcome.name: outcome.result for outcome in outcomes}


def run_each(*names: str) -> list[Outcome]:
    """The same, with the errors among the outcomes instead of raised. An error is logged."""
    outcomes, known = [], registered()
    for name in names or tuple(known):
        function = known[name]
        started = time.monotonic()
        result: object = None
        failure: Exception | None = None
        try:
            result = function()
        except Exception as error:  # noqa: BLE001 — the others run all the same
            logger().exception("repair failed", repair=name)
            failure = error
        outcomes.append(Outcome(name, round(1000 * (time.monotonic() - started)), result, failure))
    return outcomes
