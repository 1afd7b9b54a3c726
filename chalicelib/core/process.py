"""What one process remembers of the world outside (settings, secrets, keys, clients), and how it forgets all of it.

    @process.cached                     # functools.cache, for what may be different in the next process
    def settings() -> Settings: ...

    process.on_forget(_data_keys.clear)  # for what a module remembers in another way

What depends on the code alone (compiled patterns, the embedding model's weights) stays with functools.cache.
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
    """Register a function that drops what a module remembers; a decorator too. Returns it unchanged."""
    _clears.append(clear)
    return clear


def forget() -> None:
    """Know nothing, as a process that starts. This thread's database connection is closed."""
    for clear in _clears:
        clear()
