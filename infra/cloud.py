"""One account and region at AWS or at an emulator, and the progress of a deployment to it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_kms import KMSClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_rds import RDSClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_secretsmanager import SecretsManagerClient


POLL_SECONDS = 0.1
_POLL_SECONDS_AWS = 2.0
_MIGRATE_SECONDS = 905  # the function's own limit is 900


class DeployError(RuntimeError):
    """The deployment did not succeed; the message says at which step and why."""


@dataclass(frozen=True)
class Cloud:
    """Clients of one account and region, at AWS or at an emulator."""

    cloudformation: CloudFormationClient
    s3: S3Client
    functions: LambdaClient
    secrets: SecretsManagerClient
    databases: RDSClient
    keys: KMSClient
    account: str
    region: str
    poll_seconds: float

    @staticmethod
    def connect(session: boto3.Session, endpoint_url: str | None = None) -> Cloud:
        """Clients for `session`; `endpoint_url` defaults to `AWS_ENDPOINT_URL`, then to AWS."""
        # A migration must not be started again because its answer takes long.
        once = Config(retries={"total_max_attempts": 1}, read_timeout=_MIGRATE_SECONDS)
        emulated = bool(endpoint_url or os.environ.get("AWS_ENDPOINT_URL"))
        return Cloud(
            cloudformation=session.client("cloudformation", endpoint_url=endpoint_url),
            s3=session.client("s3", endpoint_url=endpoint_url),
            functions=session.client("lambda", endpoint_url=endpoint_url, config=once),
            secrets=session.client("secretsmanager", endpoint_url=endpoint_url),
            databases=session.client("rds", endpoint_url=endpoint_url),
            keys=session.client("kms", endpoint_url=endpoint_url),
            account=session.client("sts", endpoint_url=endpoint_url).get_caller_identity()["Account"],
            region=session.region_name or "us-east-1",
            poll_seconds=POLL_SECONDS if emulated else _POLL_SECONDS_AWS,
        )

    @property
    def artefact_bucket(self) -> str:
        """Name of the bucket from which functions and layers are created."""
        return f"alcove-artefacts-{self.account}-{self.region}"


class Progress:
    """One printed line per step, with the seconds it took."""

    def __init__(self, silent: bool = False) -> None:
        self._silent = silent

    @contextmanager
    def step(self, name: str) -> Iterator[Callable[[str], None]]:
        """Time a step; what the given function is called with is printed behind the step's name."""
        details: list[str] = []
        started_at = time.monotonic()
        try:
            yield details.append
        except BaseException:
            self.report(f"  {name:<28} failed after {time.monotonic() - started_at:.1f} s")
            raise
        self.report(f"  {name:<28}{time.monotonic() - started_at:6.1f} s  {', '.join(details)}")

    def report(self, line: str) -> None:
        """Print a line at once."""
        if not self._silent:
            print(line, flush=True)


def wait_until(deadline: float, problem: str, seconds: float = POLL_SECONDS) -> None:
    """Wait a little; DeployError with `problem` when `deadline`, in seconds of the monotonic clock, is past."""
    if time.monotonic() > deadline:
        raise DeployError(problem)
    time.sleep(seconds)
