"""A process forgets everything that it has learned."""

from collections.abc import Iterator

import pytest

from chalicelib.auth.sessions import tokens
from chalicelib.core import aws, connection, process
from chalicelib.core.settings import settings
from tests.service import Service


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a test registers is gone afterwards."""
    monkeypatch.setattr(process, "_clears", [*process._clears])
    yield


def test_what_is_cached_is_computed_once_until_the_process_forgets(registry: None) -> None:
    computed: list[int] = []

    @process.cached
    def double(number: int) -> int:
        computed.append(number)
        return 2 * number

    assert [double(3), double(3), double(4)] == [6, 6, 8]
    assert computed == [3, 4]
    process.forget()
    assert double(3) == 6
    assert computed == [3, 4, 3]


def test_what_is_remembered_in_another_way_is_forgotten_too(registry: None) -> None:
    remembered = {"key": "value"}
    assert process.on_forget(remembered.clear) == remembered.clear
    process.forget()
    assert remembered == {}


def test_a_process_that_forgot_connects_and_reads_everything_anew(service: Service) -> None:
    def learned() -> list[object]:
        assert user.get("/me").status == 200
        return [connection._warm.connection, settings(), aws.secrets(), tokens._ring()]

    user = service.user()
    before = learned()
    assert [known is still for known, still in zip(before, learned(), strict=True)] == [True] * 4
    process.forget()
    assert [known is still for known, still in zip(before, learned(), strict=True)] == [False] * 4
