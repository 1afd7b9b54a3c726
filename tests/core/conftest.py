"""Fixtures of the core tests: a key service, for what is stored encrypted, and a service for the walks over routes."""

from collections.abc import Iterator

import pytest

from infra.local import postgres
from tests.auth.conftest import master_key
from tests.conftest import service_of_a_module
from tests.service import Service, User

__all__ = ["master_key"]


@pytest.fixture(scope="module")
def walked(server: postgres.Server, template: str, endpoint_url: str) -> Iterator[Service]:
    """A service that all tests of the module share which ask for what is refused."""
    with service_of_a_module(server, template) as (service, _):
        yield service


@pytest.fixture
def walker(walked: Service) -> User:
    """The administrator of that service with a new session, whose requests no rate limit has counted yet."""
    walked.rows("delete from rate_limit_buckets returning 1")
    return walked.administrator()
