"""AWS clients, made on first use. `AWS_ENDPOINT_URL` alone decides between AWS and an emulator.

boto3 reads that variable itself (its documented "service-specific endpoints" rules), so nothing here
asks where it runs.
"""

from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from botocore.config import Config
    from mypy_boto3_kms import KMSClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sqs import SQSClient


def _config(**more: Any) -> "Config":
    """Bounded waiting: a dead service costs seconds of a function's time, not minutes."""
    from botocore.config import Config

    return Config(connect_timeout=3, read_timeout=20, retries={"mode": "standard", "max_attempts": 3}, **more)


@cache
def s3() -> "S3Client":
    """S3, addressed by path so that presigned URLs work on any host, with signature version 4."""
    import boto3

    return boto3.client("s3", config=_config(signature_version="s3v4", s3={"addressing_style": "path"}))


@cache
def sqs() -> "SQSClient":
    """SQS."""
    import boto3

    return boto3.client("sqs", config=_config())


@cache
def secrets() -> "SecretsManagerClient":
    """Secrets Manager."""
    import boto3

    return boto3.client("secretsmanager", config=_config())


@cache
def kms() -> "KMSClient":
    """KMS."""
    import boto3

    return boto3.client("kms", config=_config())
