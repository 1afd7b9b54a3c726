"""Fixtures of the connectors' tests: a service with a master key, for all tests of a module, and its administrator."""

from collections.abc import Iterator

import pytest

from infra.local import postgres
from tests.conftest import service_of_a_module
from tests.service import LastingUser, Service, User


@pytest.fixture(scope="module")
def connected(server: postgres.Server, template: str, endpoint_url: str) -> Iterator[Service]:
    """The service of a module's tests."""
    with service_of_a_module(server, template) as (created, _):
        yield created


@pytest.fixture(scope="module")
def admin(connected: Service) -> User:
    """The administrator, who lets connectors reach this machine."""
    return LastingUser.of(connected.administrator())


@pytest.fixture(autouse=True)
def nothing_waits(request: pytest.FixtureRequest) -> Iterator[None]:
    """What a test did not ingest is not left to the next test, for which it would be minutes on a busy machine."""
    service: Service | None = request.getfixturevalue("connected") if "connected" in request.fixturenames else None
    yield
    while service is not None and service.drain("ingest"):
        pass
