"""What CloudWatch knows of functions, database and queues (O1), at the emulator's CloudWatch."""

from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest

from chalicelib.core import aws, process
from chalicelib.core.settings import settings
from chalicelib.ops.hosts import cloud_metrics
from tests.service import Service

NOON = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=1)


@pytest.fixture
def in_an_account(service: Service, monkeypatch: pytest.MonkeyPatch) -> str:
    """The service with the setting that an account's template gives it; returns the stage's name."""
    monkeypatch.setenv("ALCOVE_CLOUD_METRICS", "true")
    monkeypatch.setenv("ALCOVE_DATABASE_ENGINE", "aurora")
    process.forget()
    return settings().stage


def _put(namespace: str, metric: str, dimension: str, name: str, *values: float, minutes: int = 0) -> None:
    data: Any = {"MetricName": metric, "Dimensions": [{"Name": dimension, "Value": name}]}
    data |= {"Values": list(values), "Timestamp": NOON + timedelta(minutes=minutes)}
    boto3.client("cloudwatch").put_metric_data(Namespace=namespace, MetricData=[data])


def _path(start: datetime, end: datetime, more: str = "") -> str:
    first, last = (moment.strftime("%Y-%m-%dT%H:%M:%SZ") for moment in (start, end))
    return f"/cloud-metrics?from={first}&to={last}{more}"


def _hour(more: str = "") -> str:
    return _path(NOON, NOON + timedelta(hours=1), more)


def test_without_an_account_the_answer_says_that_cloudwatch_is_not_there(service: Service) -> None:
    refused = service.administrator().get(_hour())
    assert (refused.status, refused.json["code"]) == (409, "cloud_metrics_off")


def _database(service: Service) -> set[str]:
    earlier = _path(NOON - timedelta(hours=2), NOON - timedelta(hours=1), "&kind=database")
    items = service.administrator().get(earlier).json["items"]
    return {f"{item['metric']} {item['items'][0]['value']:.0f}" for item in items}


def test_the_database_is_asked_about_as_cloudwatch_has_it(
    service: Service, in_an_account: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Aurora's cluster, whose metrics are of all its instances, or the instance of RDS; of another database nothing."""
    stack = f"alcove-{in_an_account}"
    _put("AWS/RDS", "ServerlessDatabaseCapacity", "DBClusterIdentifier", stack, 2, minutes=-120)
    _put("AWS/RDS", "DatabaseConnections", "DBClusterIdentifier", stack, 5, minutes=-120)
    _put("AWS/RDS", "DatabaseConnections", "DBInstanceIdentifier", stack, 7, minutes=-120)
    assert _database(service) == {"capacity_acu 2", "capacity_acu_max 2", "connections 5"}
    for engine, values in (("rds", {"connections 7"}), ("none", set())):
        monkeypatch.setenv("ALCOVE_DATABASE_ENGINE", engine)
        process.forget()
        assert _database(service) == values, engine


def test_a_role_that_may_not_read_metrics_is_not_a_network_without_a_way(
    service: Service, in_an_account: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    iam = boto3.client("iam")
    iam.create_user(UserName="without-rights")
    key = iam.create_access_key(UserName="without-rights")["AccessKey"]
    administrator = service.administrator()
    assert administrator.get(_hour()).status == 200
    with monkeypatch.context() as environment:
        environment.setenv("AWS_ACCESS_KEY_ID", key["AccessKeyId"])
        environment.setenv("AWS_SECRET_ACCESS_KEY", key["SecretAccessKey"])
        environment.setattr(boto3, "DEFAULT_SESSION", None)
        aws.cloudwatch.cache_clear()
        denied = administrator.get(_hour())
    aws.cloudwatch.cache_clear()
    assert (denied.status, denied.json["code"]) == (409, "cloud_metrics_denied")
    assert "cloudwatch:GetMetricData" in denied.json["title"]


def test_an_administrator_reads_what_cloudwatch_knows_of_this_stage(service: Service, in_an_account: str) -> None:
    stack = f"alcove-{in_an_account}"
    _put("AWS/Lambda", "Invocations", "FunctionName", f"{stack}-answer", 2, 3)
    _put("AWS/Lambda", "Invocations", "FunctionName", f"{stack}-answer", 4, minutes=10)
    _put("AWS/Lambda", "Duration", "FunctionName", f"{stack}-answer", 100, 300)
    _put("AWS/Lambda", "Invocations", "FunctionName", "alcove-another-answer", 99)
    _put("AWS/RDS", "ServerlessDatabaseCapacity", "DBClusterIdentifier", stack, 0.5, 1.5)
    _put("AWS/RDS", "DatabaseConnections", "DBClusterIdentifier", stack, 7)
    _put("AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", f"{stack}-ingest-dead-letter", 60, 120)
    _put("AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", f"{stack}-sync", 5, minutes=70)
    administrator = service.administrator()
    answer = administrator.get(_hour())
    assert answer.status == 200, answer.body
    values = {
        (item["kind"], item["name"], item["metric"]): [(point["at"], point["value"]) for point in item["items"]]
        for item in answer.json["items"]
    }
    first, later = (
        (NOON + timedelta(minutes=minutes)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        for minutes in (0, 10)
    )
    assert values == {
        ("function", "answer", "invocations"): [(first, 5), (later, 4)],
        ("function", "answer", "duration_ms"): [(first, 200)],
        ("function", "answer", "duration_ms_max"): [(first, 300)],
        ("database", "database", "capacity_acu"): [(first, 1)],
        ("database", "database", "capacity_acu_max"): [(first, 1.5)],
        ("database", "database", "connections"): [(first, 7)],
        ("queue", "ingest-dead-letter", "oldest_message_seconds"): [(first, 120)],
    }
    whole = administrator.get(_hour("&step=3600&kind=function")).json
    assert {item["kind"] for item in whole["items"]} == {"function"}
    assert [point["value"] for point in whole["items"][0]["items"]] == [9]
    assert service.user().get(_hour()).status == 403


@pytest.mark.parametrize(
    ("days", "more"),
    [
        (1, "&step=90"),
        (1, "&step=30"),
        (1, "&kind=person"),
        (20, "&step=60"),
        (100, "&step=300"),
        (460, "&step=3600"),
    ],
)
def test_what_cloudwatch_does_not_keep_is_refused(service: Service, in_an_account: str, days: int, more: str) -> None:
    start = datetime.now(UTC) - timedelta(days=days)
    administrator = service.administrator()
    assert administrator.get(_path(start, start + timedelta(hours=1), more)).status == 422
    assert administrator.get(_path(start, start + timedelta(hours=1), "&step=3600")).status == (
        422 if days > 455 else 200
    )


def test_no_request_costs_more_than_a_bounded_number_of_metrics_and_points(
    service: Service, in_an_account: str
) -> None:
    administrator = service.administrator()
    assert administrator.get(_path(NOON, NOON + timedelta(minutes=501), "&step=60")).status == 422
    assert administrator.get(_path(NOON, NOON)).status == 422
    assert len(list(cloud_metrics._requested(None))) <= 100
    statuses = [administrator.get(_hour("&kind=queue")).status for _ in range(31)]
    assert (statuses.count(200), statuses[-1]) == (28, 429), "the two that were refused count as well"


def test_a_cloudwatch_that_does_not_answer_is_said(
    service: Service, in_an_account: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_CLOUDWATCH", "http://127.0.0.1:9")
    process.forget()
    assert aws.cloudwatch().meta.endpoint_url.endswith(":9")
    answer = service.administrator().get(_hour())
    assert (answer.status, answer.json["code"]) == (503, "unavailable")
