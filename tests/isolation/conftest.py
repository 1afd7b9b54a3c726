"""One filled service for all generated tests of a module: whatever they try, it must stay as it is."""

from collections.abc import Iterator

import pytest

from infra.local import postgres
from tests.conftest import service_of_a_module
from tests.isolation import scenario
from tests.isolation.scenario import Scenario


@pytest.fixture(scope="module")
def people(server: postgres.Server, template: str, endpoint_url: str) -> Iterator[Scenario]:
    """A service of its own with an administrator and two users, who have nothing yet."""
    with service_of_a_module(server, template) as (service, _):
        yield scenario.people(service)


@pytest.fixture(scope="module")
def world(people: Scenario) -> Scenario:
    """The same, with one of everything in the owner's hands."""
    scenario.fill(people)
    return people


@pytest.fixture(autouse=True)
def unspent_limits(request: pytest.FixtureRequest) -> None:
    """Each test begins with whole rate limits: thousands of requests a minute; the limits have their own tests."""
    if "people" in request.fixturenames:
        people: Scenario = request.getfixturevalue("people")
        people.service.rows("update rate_limit_buckets set full_at = now() returning name")
