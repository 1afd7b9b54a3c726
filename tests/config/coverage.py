"""Which tests show that changing a setting changes what the system does."""

import importlib
import pkgutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

Test = TypeVar("Test", bound=Callable[..., Any])

_shown: dict[str, list[str]] = {}


def changes(*settings: str) -> Callable[[Test], Test]:
    """Mark a test that changes these settings and sees the system behave differently."""

    def mark(test: Test) -> Test:
        for setting in settings:
            _shown.setdefault(setting, []).append(f"{test.__module__}.{test.__qualname__}")
        return test

    return mark


def displayed() -> dict[str, list[str]]:
    """The tests of every setting, from all modules of this folder."""
    package = __name__.rpartition(".")[0]
    for module in pkgutil.iter_modules([str(Path(__file__).parent)]):
        if module.name.startswith("test_"):
            importlib.import_module(f"{package}.{module.name}")
    return _shown
