"""A service with a master key, for the models that a test registers: one for each module that asks for it."""

from collections.abc import Iterator

import pytest

from chalicelib.core import process
from infra.local import postgres
from tests.auth.conftest import peer
from tests.chat.answers import Answers
from tests.conftest import service_of_a_module
from tests.service import LastingUser

__all__ = ["peer"]


@pytest.fixture(scope="module")
def answers(server: postgres.Server, template: str, endpoint_url: str) -> Iterator[Answers]:
    """A database, a bucket, queues and a KMS key of the module's own."""
    with service_of_a_module(server, template) as (service, environment):
        environment.setattr("chalicelib.chat.llm.generation.FIRST_DELAY_SECONDS", 0.01)
        process.forget()
        yield Answers(service, LastingUser.of(service.administrator()))
