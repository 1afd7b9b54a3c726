"""A running service for the client: real processes of every function, a database, a bucket and queues."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest

from alcove import Alcove
from infra.local import instances

PASSWORD = "a long enough password"


@pytest.fixture(scope="package")
def place() -> Iterator[instances.Place]:
    with instances.place(instances.Knobs(), visibility_seconds=60) as running:
        running.add("api", 2)
        for function in ("ingest", "answer", "tick"):
            running.add(function)
        yield running


@pytest.fixture
def email() -> str:
    return f"u{secrets.token_hex(6)}@example.org"


@pytest.fixture
def client(place: instances.Place, email: str) -> Iterator[Alcove]:
    with Alcove(place.api_url) as created:
        created.register_user(email=email, password=PASSWORD)
        created.sign_in(email, PASSWORD)
        yield created
