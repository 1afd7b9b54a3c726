"""What the application uses of AWS besides its functions: a bucket, queues and secrets, created at an emulator."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from infra.local import emulator

QUEUES = {
    "ingest": "ALCOVE_INGEST_QUEUE_URL",
    "ingest-dead": "ALCOVE_INGEST_DEAD_LETTER_URL",
    "answer": "ALCOVE_ANSWER_QUEUE_URL",
    "sync": "ALCOVE_SYNC_QUEUE_URL",
    "sync-dead": "ALCOVE_SYNC_DEAD_LETTER_URL",
    "answer-dead": "ALCOVE_ANSWER_DEAD_LETTER_URL",
}


@dataclass(frozen=True)
class Resources:
    """The queues' URLs by the names of QUEUES, and the environment variables that lead the application to all of it."""

    queues: dict[str, str]
    environment: dict[str, str]


def create(
    client: Callable[[str], Any], name: str, stage: str, secrets: Mapping[str, Any], *, visibility_seconds: int
) -> Resources:
    """Create a versioned bucket `name`, whose events go to the ingest queue, the queues, and a secret of each value.

    `client` returns the client of a service by its name. `secrets` holds each secret's value, written as JSON, by its
    part of the variable's name: DATABASE becomes ALCOVE_DATABASE_SECRET.
    """
    sqs, vault = client("sqs"), client("secretsmanager")
    queues = {"ingest": create_bucket(client, name, visibility_seconds=visibility_seconds)}
    for queue in QUEUES.keys() - queues.keys():
        attributes = {"VisibilityTimeout": str(visibility_seconds)}
        queues[queue] = sqs.create_queue(QueueName=f"{name}-{queue}", Attributes=attributes)["QueueUrl"]
    environment = {"ALCOVE_STAGE": stage, "ALCOVE_BUCKET": name, "ALCOVE_REGISTRATION_OPEN": "true"}
    environment |= {variable: queues[queue] for queue, variable in QUEUES.items()}
    for kind, value in secrets.items():
        secret = vault.create_secret(Name=f"{name}-{kind}", SecretString=json.dumps(value))
        environment[f"ALCOVE_{kind}_SECRET"] = secret["ARN"]
    return Resources(queues, environment)


def create_bucket(client: Callable[[str], Any], name: str, *, visibility_seconds: int) -> str:
    """Create a versioned bucket `name` and the queue that its events go to; returns the queue's URL."""
    s3 = client("s3")
    s3.create_bucket(Bucket=name)
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    arn = f"arn:aws:sqs:{emulator.REGION}:000000000000:{name}-ingest"
    attributes = {"VisibilityTimeout": str(visibility_seconds), "Policy": _policy(arn)}
    queue: str = client("sqs").create_queue(QueueName=f"{name}-ingest", Attributes=attributes)["QueueUrl"]
    in_inbox = {"Key": {"FilterRules": [{"Name": "prefix", "Value": "inbox/"}]}}
    notifications = [
        {"QueueArn": arn, "Events": ["s3:ObjectCreated:*"]},
        {"QueueArn": arn, "Events": ["s3:ObjectRemoved:*"], "Filter": in_inbox},
    ]
    s3.put_bucket_notification_configuration(
        Bucket=name, NotificationConfiguration={"QueueConfigurations": notifications}
    )
    return queue


def _policy(queue_arn: str) -> str:
    """Buckets may send messages to the queue."""
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "s3.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": queue_arn,
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})
