"""A service with a master key, for the models that a test registers: one for each module that asks for it."""

import uuid
from collections.abc import Iterator

import boto3
import pytest

from chalicelib.core import process
from infra.local import postgres
from tests.auth.conftest import peer
from tests.chat.answers import Answers
from tests.conftest import _database
from tests.service import Service

__all__ = ["peer"]


@pytest.fixture(scope="module")
def answers(server: postgres.Server, template: str, endpoint_url: str) -> Iterator[Answers]:
    """A database, a bucket, queues and a KMS key of the module's own."""
    name = f"test_{uuid.uuid4().hex}"
    postgres.create_database(server, name, template)
    with pytest.MonkeyPatch.context() as environment:
        service = Service.create(_database(server, name), f"t{uuid.uuid4().hex[:16]}", environment)
        kms = boto3.client("kms")
        kms.create_alias(AliasName=f"alias/{service.bucket}", TargetKeyId=kms.create_key()["KeyMetadata"]["KeyId"])
        environment.setenv("ALCOVE_MASTER_KEY", f"alias/{service.bucket}")
        environment.setattr("chalicelib.chat.llm.generation.FIRST_DELAY_SECONDS", 0.01)
        process.forget()
        yield Answers(service, service.administrator())
    service.close()
    postgres.drop_database(server, name)
