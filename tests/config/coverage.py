"""Which tests show that changing a setting changes what the system does."""

import importlib
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
    """The tests of every setting, from all modules of tests/ that mark some."""
    root = Path(__file__).parents[2]
    for path in sorted((root / "tests").rglob("test_*.py")):
        if "@changes(" in path.read_text("utf-8"):
            importlib.import_module(".".join(path.relative_to(root).with_suffix("").parts))
    return _shown
