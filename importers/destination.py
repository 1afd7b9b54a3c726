"""The service that a move leads to: the stack of this machine, or a stage in an account."""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chalicelib.core import aws, connection, process
from chalicelib.core.settings import settings
from importers.move import MoveError

if TYPE_CHECKING:
    import psycopg

    from chalicelib.core.sealed import Columns, Sealed


def enter(stage: str | None, state: Path | None = None) -> None:
    """Make this process one of the service's: it has the environment of its functions.

    Without a stage that is the stack of this machine, which must run, with its state in `state` (by default `.local/`).
    Raises MoveError.
    """
    if stage is None:
        from infra.local import emulator, stack

        try:
            info = stack.load(state) if state else stack.load()
        except FileNotFoundError as error:
            raise MoveError("No stack runs on this machine: `make up`, or name a stage: STAGE=name.") from error
        os.environ |= {
            "AWS_ENDPOINT_URL": info.endpoint_url,
            "AWS_ACCESS_KEY_ID": emulator.ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": emulator.ACCESS_KEY,
            "AWS_DEFAULT_REGION": info.region,
        }
    os.environ |= _variables(f"alcove-{stage or 'local'}-")
    process.forget()


def _variables(prefix: str) -> dict[str, str]:
    """The variables of the stage's functions; those of `migrate` name the owner's secret."""
    import boto3

    result: dict[str, str] = {}
    for page in boto3.client("lambda").get_paginator("list_functions").paginate():
        for function in page["Functions"]:
            if function["FunctionName"].startswith(prefix):
                result |= function.get("Environment", {}).get("Variables", {})
    if "ALCOVE_OWNER_SECRET" not in result:
        raise MoveError(f"There is no deployed stage whose functions begin with {prefix}.")
    return {name: value for name, value in result.items() if name.startswith(("ALCOVE_", "LOG_"))}


def owner() -> "psycopg.Connection[Any]":
    """A connection as the owner of the schema."""
    secret = json.loads(aws.secrets().get_secret_value(SecretId=settings().owner_secret)["SecretString"])
    return connection.connect(secret)


def put(key: str, content: bytes, media_type: str) -> None:
    """Store an object; its event starts the ingestion. Raises Unavailable."""
    from chalicelib.knowledge.documents import bucket

    bucket.put(key, content, media_type)


def seal(columns: "Columns", secret: str, key: tuple[object, ...]) -> "Sealed":
    """Encrypt a secret as the service does. Raises Unavailable."""
    return columns.seal(secret, *key)
