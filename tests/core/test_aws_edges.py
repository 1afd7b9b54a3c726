"""What AWS answers on a bad day, in its own words: throttling, refusals, missing versions, half a batch.

moto plays AWS behind boto3's real clients, and a few answers are put before it, so that boto3's retries are real, too.
The application's other tests meet an emulator with its rights enforced.
"""

import json
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import ClientError
from moto import mock_aws

from chalicelib.core import aws, errors, objects, process, sealed
from chalicelib.core.settings import settings
from chalicelib.knowledge.documents import bucket

BUCKET = "alcove-edges"
CONTEXT = {"purpose": "test", "user": "somebody"}


@pytest.fixture(autouse=True)
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An account of moto's with a versioned bucket, a queue and a key, and fresh clients for it."""
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        process.forget()
        aws.s3().create_bucket(Bucket=BUCKET)
        aws.s3().put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        queue = aws.sqs().create_queue(QueueName="ingest")["QueueUrl"]
        key = aws.kms().create_key()["KeyMetadata"]["Arn"]
        for name in ("STAGE", "ANSWER_QUEUE_URL", "SYNC_QUEUE_URL", "DATABASE_SECRET", "SIGNING_SECRET"):
            monkeypatch.setenv(f"ALCOVE_{name}", "unused")
        for name in ("INGEST_DEAD_LETTER_URL", "ANSWER_DEAD_LETTER_URL"):
            monkeypatch.setenv(f"ALCOVE_{name}", "unused")
        monkeypatch.setenv("ALCOVE_BUCKET", BUCKET)
        monkeypatch.setenv("ALCOVE_INGEST_QUEUE_URL", queue)
        monkeypatch.setenv("ALCOVE_MASTER_KEY", key)
        process.forget()
        yield
        process.forget()


def _answer(client: Any, operation: str, status: int, body: str, times: int) -> list[str]:
    """Have the next `times` requests of an operation answered so; returns the list that requests are noted in."""
    observed: list[str] = []

    def before_send(request: Any, **_: Any) -> Any:
        observed.append(request.url)
        if len(observed) > times:
            return None
        raw = type("Raw", (), {"stream": lambda self, **_: iter([body.encode()]), "close": lambda self: None})()
        return AWSResponse(request.url, status, HTTPHeaders(), raw)

    client.meta.events.register_first(
        f"before-send.{client.meta.service_model.service_id.hyphenize()}.{operation}", before_send
    )
    return observed


def _xml(code: str) -> str:
    return f"<Error><Code>{code}</Code><Message>no</Message></Error>"


def _json(code: str) -> str:
    return json.dumps({"__type": code, "message": "no"})


def test_a_throttled_upload_is_sent_again_and_taken() -> None:
    observed = _answer(aws.s3(), "PutObject", 503, _xml("SlowDown"), times=2)
    bucket.put("documents/one", b"text", "text/plain")
    assert len(observed) == 3
    result = bucket.newest("documents/one")
    assert result is not None
    assert result.size == 4


@pytest.mark.parametrize(
    ("status", "code", "attempts"), [(503, "SlowDown", 4), (403, "AccessDenied", 1), (500, "InternalError", 4)]
)
def test_an_upload_that_the_bucket_does_not_take_is_a_problem_and_no_surprise(
    status: int, code: str, attempts: int
) -> None:
    observed = _answer(aws.s3(), "PutObject", status, _xml(code), times=99)
    with pytest.raises(errors.Unavailable, match="did not take"):
        bucket.put("documents/one", b"text", "text/plain")
    assert len(observed) == attempts


def test_an_object_that_is_not_there_is_none_and_one_that_may_not_be_seen_is_an_error() -> None:
    assert bucket.newest("documents/none") is None
    _answer(aws.s3(), "HeadObject", 403, "", times=99)
    with pytest.raises(ClientError, match="403"):
        bucket.newest("documents/none")


def test_the_newest_version_is_identified_by_its_id_and_without_versions_by_its_etag() -> None:
    bucket.put("documents/one", b"first", "text/plain")
    first = bucket.newest("documents/one")
    bucket.put("documents/one", b"second", "text/plain")
    second = bucket.newest("documents/one")
    assert first is not None
    assert second is not None
    assert first.version != second.version
    aws.s3().put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Suspended"})
    bucket.put("documents/two", b"third", "text/plain")
    third = bucket.newest("documents/two")
    assert third is not None
    assert third.version not in ("", "null")


def test_the_version_that_the_bucket_stored_is_returned() -> None:
    for number in range(2):
        bucket.put("documents/a", str(number).encode(), "text/plain")
    newest = bucket.newest("documents/a")
    assert newest is not None
    refusal = "<Error><Key>documents/a</Key><Code>AccessDenied</Code><Message>no</Message></Error>"
    _answer(aws.s3(), "DeleteObjects", 200, f"<DeleteResult>{refusal}</DeleteResult>", times=1)
    with pytest.raises(errors.Unavailable):
        objects.delete_versions([{"Key": "documents/a", "VersionId": newest.version}])
    objects.delete_versions([{"Key": "documents/a", "VersionId": newest.version}])
    left = bucket.newest("documents/a")
    assert left is not None
    assert left.version != newest.version


def test_a_queue_that_takes_half_a_batch_has_not_taken_it() -> None:
    bucket.ask_for_ingestion(f"documents/{number}" for number in range(25))
    waiting = aws.sqs().get_queue_attributes(
        QueueUrl=settings().ingest_queue_url, AttributeNames=["ApproximateNumberOfMessages"]
    )
    assert waiting["Attributes"]["ApproximateNumberOfMessages"] == "25"
    half = {"Successful": [], "Failed": [{"Id": "1", "Code": "InternalError", "SenderFault": False}]}
    _answer(aws.sqs(), "SendMessageBatch", 200, json.dumps(half), times=1)
    with pytest.raises(errors.Unavailable, match="every message"):
        bucket.ask_for_ingestion(["documents/a", "documents/b"])


def test_a_sealed_secret_opens_with_its_context_only_and_kms_is_called_once() -> None:
    secret = sealed.seal(b"sk-secret", CONTEXT)
    observed = _answer(aws.kms(), "Decrypt", 0, "", times=0)
    assert {sealed.unseal(secret, CONTEXT) for _ in range(3)} == {b"sk-secret"}
    assert len(observed) == 1
    process.forget()
    with pytest.raises(sealed.BrokenSealError):
        sealed.unseal(secret, {**CONTEXT, "user": "somebody else"})


@pytest.mark.parametrize(
    "code", ["AccessDeniedException", "DisabledException", "KMSInvalidStateException", "NotFoundException"]
)
def test_a_key_that_may_not_be_used_makes_a_secret_unavailable_and_not_broken(code: str) -> None:
    """A broken secret is deleted by its owner and asked for again; one that cannot be opened now must not be."""
    secret = sealed.seal(b"sk-secret", CONTEXT)
    _answer(aws.kms(), "Decrypt", 400, _json(code), times=99)
    with pytest.raises(errors.Unavailable):
        sealed.unseal(secret, CONTEXT)


@pytest.mark.parametrize("use", [partial(sealed.seal, b"x", CONTEXT), sealed.master_key_arn], ids=["seal", "describe"])
def test_a_throttled_key_service_is_called_again(use: Callable[[], object]) -> None:
    operation = "GenerateDataKey" if isinstance(use, partial) else "DescribeKey"
    observed = _answer(aws.kms(), operation, 400, _json("ThrottlingException"), times=2)
    use()
    assert len(observed) == 3
