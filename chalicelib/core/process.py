"""The caches of a process: settings, secrets, keys, clients; and one function that empties them all.

    @process.cached                     # functools.cache, for values that may differ in the next process
    def settings() -> Settings: ...

    process.on_forget(_data_keys.clear)  # for another kind of cache

Values that depend on the code alone (compiled patterns, the embedding model's weights) use functools.cache.
"""

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from functools import _lru_cache_wrapper

T = TypeVar("T")

_clears: list[Callable[[], None]] = []


def cached(function: Callable[..., T]) -> "_lru_cache_wrapper[T]":
    """Decorator: functools.cache, and forget() empties it."""
    wrapper = functools.cache(function)
    on_forget(wrapper.cache_clear)
    return wrapper


def on_forget(clear: Callable[[], None]) -> Callable[[], None]:
    """Register a function that empties a cache; also a decorator. Returns it unchanged."""
    _clears.append(clear)
    return clear


def forget() -> None:
    """Empty every cache, as in a new process. This thread's database connection is closed."""
    for clear in _clears:
        clear()
