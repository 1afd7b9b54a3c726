"""One account and region at AWS or at an emulator, for whoever has its credentials."""

from __future__ import annotations

import os
from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from chalicelib.ops.updates import clouds

if TYPE_CHECKING:
    from mypy_boto3_kms import KMSClient
    from mypy_boto3_rds import RDSClient
    from mypy_boto3_secretsmanager import SecretsManagerClient


_POLL_SECONDS_AWS = 2.0
_MIGRATE_SECONDS = 905  # the function's own limit is 900


@dataclass(frozen=True)
class Cloud(clouds.Cloud):
    """What deploying a whole account takes besides."""

    _: KW_ONLY
    secrets: SecretsManagerClient
    databases: RDSClient
    keys: KMSClient
    # The stubs of these services are not installed.
    gateways: Any
    images: Any
    builds: Any
    account: str
    region: str

    @staticmethod
    def connect(session: boto3.Session, endpoint_url: str | None = None) -> Cloud:
        """Clients for `session`; `endpoint_url` defaults to `AWS_ENDPOINT_URL`, then to AWS."""
        # A migration must not be started again because its answer takes long.
        once = Config(retries={"total_max_attempts": 1}, read_timeout=_MIGRATE_SECONDS)
        emulated = bool(endpoint_url or os.environ.get("AWS_ENDPOINT_URL"))
        account = session.client("sts", endpoint_url=endpoint_url).get_caller_identity()["Account"]
        region = session.region_name or "us-east-1"
        return Cloud(
            cloudformation=session.client("cloudformation", endpoint_url=endpoint_url),
            s3=session.client("s3", endpoint_url=endpoint_url),
            functions=session.client("lambda", endpoint_url=endpoint_url, config=once),
            secrets=session.client("secretsmanager", endpoint_url=endpoint_url),
            databases=session.client("rds", endpoint_url=endpoint_url),
            keys=session.client("kms", endpoint_url=endpoint_url),
            gateways=session.client("apigateway", endpoint_url=endpoint_url),
            images=session.client("ecr", endpoint_url=endpoint_url),
            builds=session.client("codebuild", endpoint_url=endpoint_url),
            account=account,
            region=region,
            artefact_bucket=f"alcove-artefacts-{account}-{region}",
            poll_seconds=clouds.POLL_SECONDS if emulated else _POLL_SECONDS_AWS,
        )
