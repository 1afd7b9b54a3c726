"""What the application and its deployment need of an AWS endpoint, asked of whichever one listens.

localstack-client finds it as LocalStack's own tools do: `AWS_ENDPOINT_URL`, else `LOCALSTACK_HOST`, else
localhost:4566. Here that is this suite's emulator. With ALCOVE_TEST_ENDPOINT set it is that one: LocalStack in Docker,
for instance, before anybody deploys to it.
"""

import json
import os
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from localstack_client.session import Session  # type: ignore[import-untyped]


@pytest.fixture(scope="module")
def session(request: pytest.FixtureRequest) -> Iterator[Session]:
    provided = os.environ.get("ALCOVE_TEST_ENDPOINT")
    url = provided or request.getfixturevalue("endpoint_url")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_ENDPOINT_URL", url)
        yield Session(aws_access_key_id="test", aws_secret_access_key="test", region_name="us-east-1")


@pytest.fixture
def name() -> str:
    return f"alcove-{uuid.uuid4().hex[:12]}"


def test_a_presigned_upload_creates_a_version_and_sends_an_event_to_the_queue(session: Session, name: str) -> None:
    s3: Any = session.client("s3", config=Config(signature_version="s3v4", s3={"addressing_style": "path"}))
    sqs: Any = session.client("sqs")
    s3.create_bucket(Bucket=name)
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    queue = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    allowed = {
        "Effect": "Allow",
        "Principal": {"Service": "s3.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": policy})
    events = {"QueueArn": arn, "Events": ["s3:ObjectCreated:*"]}
    s3.put_bucket_notification_configuration(Bucket=name, NotificationConfiguration={"QueueConfigurations": [events]})
    key = "documents/über x+y"
    expected = {"Bucket": name, "Key": key, "ContentType": "text/plain", "ContentLength": 4}
    for content in (b"once", b"more"):
        url = s3.generate_presigned_url("put_object", Params=expected, ExpiresIn=60)
        assert httpx.put(url, content=content, headers={"Content-Type": "text/plain"}).status_code == 200
    versions = s3.list_object_versions(Bucket=name, Prefix="documents/")["Versions"]
    assert [version["IsLatest"] for version in versions] == [True, False]
    assert s3.head_object(Bucket=name, Key=key)["VersionId"] == versions[0]["VersionId"]
    observed: set[str] = set()
    while len(observed) < 2:  # S3 announces the bucket itself first
        result = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=20, MaxNumberOfMessages=10).get("Messages", [])
        assert result, "the bucket announced nothing within twenty seconds"
        for message in result:
            for record in json.loads(message["Body"]).get("Records", []):
                observed.add(record["s3"]["object"].get("versionId", message["MessageId"]))
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])


def test_a_message_that_is_refused_often_enough_goes_to_the_dead_letters(session: Session, name: str) -> None:
    sqs: Any = session.client("sqs")
    dead = sqs.create_queue(QueueName=f"{name}-dead")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    redrive = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": "2"})
    queue = sqs.create_queue(QueueName=name, Attributes={"VisibilityTimeout": "0", "RedrivePolicy": redrive})[
        "QueueUrl"
    ]
    sqs.send_message_batch(QueueUrl=queue, Entries=[{"Id": "0", "MessageBody": "poison"}])
    for _ in range(3):
        sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=1)
    (message,) = sqs.receive_message(QueueUrl=dead, WaitTimeSeconds=20)["Messages"]
    assert message["Body"] == "poison"


def test_a_data_key_opens_in_its_context_only(session: Session) -> None:
    kms: Any = session.client("kms")
    key = kms.create_key()["KeyMetadata"]["Arn"]
    created = kms.generate_data_key(KeyId=key, KeySpec="AES_256", EncryptionContext={"user": "a"})
    opened = kms.decrypt(CiphertextBlob=created["CiphertextBlob"], KeyId=key, EncryptionContext={"user": "a"})
    assert opened["Plaintext"] == created["Plaintext"]
    with pytest.raises(ClientError):
        kms.decrypt(CiphertextBlob=created["CiphertextBlob"], KeyId=key, EncryptionContext={"user": "b"})


def test_a_secret_keeps_its_former_version_under_a_stage(session: Session, name: str) -> None:
    secrets: Any = session.client("secretsmanager")
    secrets.create_secret(Name=name, SecretString="first")
    secrets.put_secret_value(SecretId=name, SecretString="second")
    stages = [
        secrets.get_secret_value(SecretId=name, VersionStage=s)["SecretString"] for s in ("AWSPREVIOUS", "AWSCURRENT")
    ]
    assert stages == ["first", "second"]
    assert len(secrets.describe_secret(SecretId=name)["VersionIdsToStages"]) == 2
