"""AWS clients, created on first use. `AWS_ENDPOINT_URL` alone decides between AWS and an emulator.

boto3 reads that variable itself (its documented rules of "service-specific endpoints").
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chalicelib.core import process
from chalicelib.core.settings import leaves_by_ipv6

if TYPE_CHECKING:
    from botocore.config import Config
    from mypy_boto3_batch import BatchClient
    from mypy_boto3_bedrock_runtime import BedrockRuntimeClient
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_kms import KMSClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_rds import RDSClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sesv2 import SESV2Client
    from mypy_boto3_sqs import SQSClient


def _config(**more: Any) -> "Config":
    """Bounded waiting: a dead service costs seconds of a function's time, not minutes."""
    from botocore.config import Config

    return Config(connect_timeout=3, read_timeout=20, retries={"mode": "standard", "max_attempts": 3}, **more)


def _config_of_services() -> "Config":
    """For services with addresses of both kinds: by IPv6 where functions leave their network so (docs/deploying.md)."""
    return _config(use_dualstack_endpoint=leaves_by_ipv6())


@process.cached
def s3() -> "S3Client":
    """S3, addressed by path so that presigned URLs work on any host, with signature version 4."""
    import boto3

    return boto3.client("s3", config=_config(signature_version="s3v4", s3={"addressing_style": "path"}))


@process.cached
def sqs() -> "SQSClient":
    """SQS."""
    import boto3

    return boto3.client("sqs", config=_config_of_services())


@process.cached
def secrets() -> "SecretsManagerClient":
    """Secrets Manager."""
    import boto3

    return boto3.client("secretsmanager", config=_config_of_services())


@process.cached
def rds() -> "RDSClient":
    """RDS, which restores databases for drills, and signs logins to the database; that takes no request."""
    import boto3

    return boto3.client("rds", config=_config())


@process.cached
def ses() -> "SESV2Client":
    """SES, which sends e-mails."""
    import boto3

    return boto3.client("sesv2", config=_config())


@process.cached
def cloudformation() -> "CloudFormationClient":
    """CloudFormation, with which an update changes the stack."""
    import boto3

    return boto3.client("cloudformation", config=_config())


@process.cached
def cloudwatch() -> "CloudWatchClient":
    """CloudWatch, which knows what functions, database and queues did."""
    import boto3

    return boto3.client("cloudwatch", config=_config())


@process.cached
def functions() -> "LambdaClient":
    """Lambda. A call is made once and may take as long as a function runs: a migration must not be started twice."""
    import boto3
    from botocore.config import Config

    return boto3.client("lambda", config=Config(retries={"total_max_attempts": 1}, read_timeout=905))


@process.cached
def batch() -> "BatchClient":
    """AWS Batch, which runs the GPU task."""
    import boto3

    return boto3.client("batch", config=_config())


@process.cached
def kms() -> "KMSClient":
    """KMS."""
    import boto3

    return boto3.client("kms", config=_config_of_services())


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """An HTTP response whose body is not read yet."""

    status: int
    headers: Mapping[str, str]
    stream: Callable[[], Iterator[bytes]]
    close: Callable[[], None]


# A function of a request's method, URL, headers and body that returns the response.
Send = Callable[[str, str, Mapping[str, str], bytes], HttpResponse]
_CREATING = threading.Lock()


def bedrock(send: Send, *, endpoint_url: str | None, region: str | None, is_signed: bool) -> "BedrockRuntimeClient":
    """Bedrock's models, for one answer. `send` sends the request, so that the caller owns the connection.

    boto3 has no way to end a read that waits. Its documented `before-send` event takes the response of a handler
    instead of sending the request. `is_signed` False omits the function's signature, for a Bedrock API key.
    """
    import boto3
    from botocore import UNSIGNED
    from botocore.config import Config

    unsigned = {} if is_signed else {"signature_version": UNSIGNED}
    config = Config(retries={"mode": "standard", "total_max_attempts": 1}, **unsigned)
    with _CREATING:  # boto3's default session is not thread-safe
        client = boto3.client("bedrock-runtime", endpoint_url=endpoint_url, region_name=region, config=config)

    def answer(request: Any, **_: Any) -> Any:
        from botocore.awsrequest import AWSResponse

        headers = {name: _text(value) for name, value in request.headers.items()}
        sent = send(request.method, request.url, headers, request.body or b"")
        return AWSResponse(request.url, sent.status, dict(sent.headers), sent)  # type: ignore[arg-type]

    client.meta.events.register("before-send.bedrock-runtime.*", answer)
    return client


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
