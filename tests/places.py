"""The bucket, the queues and the secrets of a test's service: the next test gets them too, as far as they are as new.

Making them takes 45 ms of processor time, and half of the tests leave them untouched. What a test does is recorded in
its own process: every call of boto3, every presigned URL, every program that it starts with the service's environment.
"""

import json
import os
import secrets as random_secrets
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import boto3
import pytest
from botocore.client import BaseClient
from botocore.signers import RequestSigner

from infra.local import resources

ADMINISTRATOR = {"email": "admin@example.org", "password": "correct horse battery"}
_VISIBILITY_SECONDS = 1
# What leaves things as they are. A message that was sent is purged; everything else makes something new necessary.
_QUIET = {
    "s3": {"GetObject", "HeadObject", "ListObjectVersions", "ListObjectsV2"},
    "secretsmanager": {"DescribeSecret", "GetSecretValue"},
    "sqs": {
        "ChangeMessageVisibility",
        "ChangeMessageVisibilityBatch",
        "DeleteMessage",
        "DeleteMessageBatch",
        "GetQueueAttributes",
        "PurgeQueue",
        "ReceiveMessage",
        "SendMessage",
        "SendMessageBatch",
    },
}
# Services of which a test may leave things behind under the bucket's name: it gets a bucket of another name.
_NAMED = {"s3", "kms", "batch"}
_SHARED = {"s3", "sqs", "secretsmanager", "kms"}


@dataclass
class Place:
    """A bucket, queues by their names, and the variables that lead the application to them and to its secrets."""

    bucket: str
    queues: dict[str, str]
    environment: dict[str, str]


@dataclass
class Traffic:
    """What this process has done to AWS since the last `clear`."""

    sent_to: set[str] = field(default_factory=set)
    is_bucket_used: bool = False
    is_more_used: bool = False

    def clear(self) -> None:
        """Begin anew."""
        self.sent_to, self.is_bucket_used, self.is_more_used = set(), False, False

    def note(self, service: str, operation: str, params: Mapping[str, Any]) -> None:
        """One call of boto3."""
        if operation in _QUIET.get(service, ()):
            if operation.startswith("SendMessage"):
                self.sent_to.add(params["QueueUrl"])
        elif service in _NAMED or operation == "CreateSecret":
            self.is_bucket_used = True
        else:
            self.is_more_used = True


traffic = Traffic()


def name() -> str:
    """A name for a bucket that nothing has had."""
    return f"t{uuid.uuid4().hex[:16]}"


@cache
def client(kind: Any) -> Any:
    """A client of the emulator, which lives as long as the tests: making one takes longer than what it is asked."""
    return boto3.client(kind)


def create(bucket: str, database: Mapping[str, Any], owner: Mapping[str, Any]) -> Place:
    """A new place for the databases that the two secrets lead to."""
    values = {
        "DATABASE": database,
        "OWNER": owner,
        "ADMINISTRATOR": ADMINISTRATOR,
        "SIGNING": {"k": random_secrets.token_urlsafe(48)},
    }
    created = resources.create(client, bucket, "test", values, visibility_seconds=_VISIBILITY_SECONDS)
    _purge(created.queues["ingest"])  # the bucket's own test event
    return Place(bucket, created.queues, created.environment)


def put_secret(place: Place, kind: str, value: Mapping[str, Any]) -> None:
    """A new version of one of the place's secrets (DATABASE, OWNER, ADMINISTRATOR, SIGNING)."""
    arn = place.environment[f"ALCOVE_{kind}_SECRET"]
    client("secretsmanager").put_secret_value(SecretId=arn, SecretString=json.dumps(value))


class Places:
    """Lends one place after the other for the same database."""

    def __init__(self) -> None:
        self._returned: tuple[Any, Place] | None = None

    @contextmanager
    def lend(self, database: Mapping[str, Any], owner: Mapping[str, Any]) -> Iterator[Place]:
        """A place as new for the databases that the two secrets lead to."""
        secrets = (dict(database), dict(owner))
        returned, self._returned = self._returned, None
        place = returned[1] if returned is not None and returned[0] == secrets else create(name(), database, owner)
        traffic.clear()
        yield place
        if not traffic.is_more_used:
            self._returned = (secrets, _renewed(place))


def _renewed(place: Place) -> Place:
    queues, environment, bucket = dict(place.queues), dict(place.environment), place.bucket
    if traffic.is_bucket_used:
        bucket = name()
        queues["ingest"] = resources.create_bucket(client, bucket, visibility_seconds=_VISIBILITY_SECONDS)
        _purge(queues["ingest"])
        environment |= {"ALCOVE_BUCKET": bucket, resources.QUEUES["ingest"]: queues["ingest"]}
    for url in traffic.sent_to & set(queues.values()):
        _purge(url)
    return Place(bucket, queues, environment)


def _purge(queue_url: str) -> None:
    client("sqs").purge_queue(QueueUrl=queue_url)


@contextmanager
def recorded() -> Iterator[None]:
    """Note what this process does to AWS, and give the same client of boto3 to whoever asks for the same one."""
    with pytest.MonkeyPatch.context() as patches:
        call: Callable[..., Any] = vars(BaseClient)["_make_api_call"]
        presign, new_client = RequestSigner.generate_presigned_url, boto3.client

        def recorded_call(self: Any, operation: str, params: Mapping[str, Any]) -> Any:
            traffic.note(self.meta.service_model.service_name, operation, params)
            return call(self, operation, params)

        def recorded_presign(self: Any, *arguments: Any, **named: Any) -> Any:
            traffic.is_bucket_used = True
            return presign(self, *arguments, **named)

        patches.setattr(BaseClient, "_make_api_call", recorded_call)
        patches.setattr(RequestSigner, "generate_presigned_url", recorded_presign)
        patches.setattr(boto3, "client", _shared(new_client))
        sys.addaudithook(_note_program)
        yield


def _note_program(event: str, arguments: tuple[Any, ...]) -> None:
    """A program that knows the service's environment may do anything; what reads documents knows none."""
    if event == "subprocess.Popen":
        environment = arguments[3]
        if environment is None or resources.QUEUES["answer"] in environment:
            traffic.is_more_used = True


def _shared(new_client: Callable[..., Any]) -> Callable[..., Any]:
    """`boto3.client`, with one client for the same arguments, session and environment: a new one takes 10 ms.

    Only for the emulator; tests put answers of their own before the clients of other places.
    """
    clients: dict[Any, Any] = {}

    def shared(service: str, *arguments: Any, config: Any = None, **named: Any) -> Any:
        if arguments or named or service not in _SHARED or "AWS_ENDPOINT_URL" not in os.environ:
            return new_client(service, *arguments, config=config, **named)
        surroundings = tuple(sorted(item for item in os.environ.items() if item[0].startswith("AWS_")))
        options = repr(sorted(config._user_provided_options.items())) if config is not None else ""
        key = (service, options, surroundings, boto3.DEFAULT_SESSION or boto3._get_default_session())
        if key not in clients:
            clients[key] = new_client(service, config=config)
        return clients[key]

    return shared
