"""The real model server: one for all tests of a session, up in about a second."""

from collections.abc import Iterator

import pytest

from infra.local import model


@pytest.fixture(scope="session")
def llamacpp() -> Iterator[model.ModelServer]:
    with model.serve(context_tokens=512) as server:
        yield server


@pytest.fixture(autouse=True)
def _waits_are_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chalicelib.chat.llm.streaming.FIRST_DELAY_SECONDS", 0.01)
