"""The real model server: one for all tests of a session, up in about a second."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from infra.local import model


@pytest.fixture(scope="session")
def llamacpp() -> Iterator[model.ModelServer]:
    with model.serve(context_tokens=512) as server:
        yield server


@pytest.fixture(autouse=True)
def _waits_are_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chalicelib.chat.llm.generation.FIRST_DELAY_SECONDS", 0.01)


@pytest.fixture
def run_fresh() -> Callable[[str], str]:
    """Runs code in a new interpreter; what it printed."""

    def run(code: str) -> str:
        finished = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[3]
        )
        return finished.stdout

    return run
