"""One filled service for all generated tests of a module: whatever they try, it must stay as it is."""

import uuid
from collections.abc import Iterator

import pytest

from infra.local import postgres
from tests.conftest import _database
from tests.isolation import scenario
from tests.isolation.scenario import Scenario
from tests.service import Service


@pytest.fixture(scope="module")
def people(server: postgres.Server, template: str, endpoint_url: str) -> Iterator[Scenario]:
    """A service of its own with an administrator and two users, who have nothing yet."""
    name = f"test_{uuid.uuid4().hex}"
    postgres.create_database(server, name, template)
    with pytest.MonkeyPatch.context() as environment:
        service = Service.create(_database(server, name), f"t{uuid.uuid4().hex[:16]}", environment)
        yield scenario.people(service)
    service.close()
    postgres.drop_database(server, name)


@pytest.fixture(scope="module")
def world(people: Scenario) -> Scenario:
    """The same, with one of everything in the owner's hands."""
    scenario.fill(people)
    return people
