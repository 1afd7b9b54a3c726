"""Fixtures of the embedding models' tests."""

from collections.abc import Iterator

import boto3
import pytest

from chalicelib.core import process
from chalicelib.knowledge.embedding import remote as remote_embedding
from tests.knowledge import embedding_server
from tests.service import Service


@pytest.fixture
def fresh(service: Service) -> Iterator[Service]:
    """The service, in a process that has not looked which embedding model is active."""
    process.forget()
    yield service
    process.forget()


@pytest.fixture
def keeping(fresh: Service, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    """The same, with a master key to keep secrets under, and with patience for a model server on a busy machine."""
    monkeypatch.setattr(remote_embedding, "_TIMEOUT_SECONDS", 60.0)
    kms = boto3.client("kms")
    alias = f"alias/{fresh.bucket}"
    kms.create_alias(AliasName=alias, TargetKeyId=kms.create_key()["KeyMetadata"]["KeyId"])
    monkeypatch.setenv("ALCOVE_MASTER_KEY", alias)
    process.forget()
    yield fresh
    process.forget()


@pytest.fixture(scope="session")
def remote() -> Iterator[str]:
    """The base URL of a real embedding server."""
    with embedding_server.serve() as url:
        yield url
