"""What CloudWatch knows of this deployment's functions, database and queues (O1), read when an administrator asks.

Nothing is stored: CloudWatch keeps its metrics itself, minutes for 15 days, five minutes for 63 and hours for 455
("Metrics retention" of its guide). It charges by the metric that is asked for, so the route has a limit of its own.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from chalicelib.core import aws, errors
from chalicelib.core.settings import settings
from chalicelib.ops.hosts.models import CloudMetric, CloudMetricKind, CloudMetricPoint, CloudMetrics, CloudMetricsQuery

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch.type_defs import MetricDataQueryTypeDef

FUNCTIONS = ("api", "stream", "ingest", "answer", "sync", "tick", "migrate", "update", "drill")
QUEUES = ("ingest", "answer", "sync", "tick", "ingest-dead-letter", "answer-dead-letter", "sync-dead-letter")
# Our name of a metric: CloudWatch's name, and what it is of a step.
_OF_FUNCTIONS = {
    "invocations": ("Invocations", "Sum"),
    "errors": ("Errors", "Sum"),
    "throttles": ("Throttles", "Sum"),
    "duration_ms": ("Duration", "Average"),
    "duration_ms_max": ("Duration", "Maximum"),
}
_OF_QUEUES = {
    "messages_visible": ("ApproximateNumberOfMessagesVisible", "Maximum"),
    "oldest_message_seconds": ("ApproximateAgeOfOldestMessage", "Maximum"),
}
_OF_RDS = {
    "cpu_percent": ("CPUUtilization", "Average"),
    "cpu_percent_max": ("CPUUtilization", "Maximum"),
    "connections": ("DatabaseConnections", "Maximum"),
}
_OF_AURORA = {
    "capacity_acu": ("ServerlessDatabaseCapacity", "Average"),
    "capacity_acu_max": ("ServerlessDatabaseCapacity", "Maximum"),
    **_OF_RDS,
}
# By the setting `database_engine`: how CloudWatch names the stage's database, and its metrics. The metrics of an Aurora
# cluster are those of all its instances.
_DATABASES = {"aurora": ("DBClusterIdentifier", _OF_AURORA), "rds": ("DBInstanceIdentifier", _OF_RDS)}
_DENIALS = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"}
# Until which age of the first moment CloudWatch has values of so many seconds.
_FINEST = ((timedelta(days=15), 60), (timedelta(days=63), 300), (timedelta(days=455), 3600))


@dataclass(frozen=True, slots=True)
class _Series:
    """One metric of one thing, and how CloudWatch names both."""

    kind: CloudMetricKind
    name: str
    metric: str
    namespace: str
    dimension: tuple[str, str]
    statistic: tuple[str, str]


def read(query: CloudMetricsQuery) -> CloudMetrics:
    """Every metric that has a value between the two moments, oldest value first.

    Raises Conflict (cloud_metrics_off, cloud_metrics_denied), Unprocessable for a step that CloudWatch does not keep so
    long, and Unavailable.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    if settings().cloud_metrics != "true":
        raise errors.Conflict(code="cloud_metrics_off")
    _require_retained(query)
    requested = list(_requested(query.kind))
    queries = [_query(number, item, query.step) for number, item in enumerate(requested)]
    points: dict[str, list[CloudMetricPoint]] = {}
    try:
        pages = aws.cloudwatch().get_paginator("get_metric_data")
        for page in pages.paginate(
            MetricDataQueries=queries, StartTime=query.since, EndTime=query.until, ScanBy="TimestampAscending"
        ):
            for result in page["MetricDataResults"]:
                values = zip(result["Timestamps"], result["Values"], strict=True)
                points.setdefault(result["Id"], []).extend(CloudMetricPoint(at=at, value=value) for at, value in values)
    except ClientError as error:
        # CloudWatch answered: the way to it is there.
        code = error.response["Error"]["Code"]
        if code in _DENIALS:
            raise errors.Conflict(code="cloud_metrics_denied") from error
        raise errors.Unavailable(f"CloudWatch refused the request: {code}.") from error
    except BotoCoreError as error:
        raise errors.Unavailable("CloudWatch did not answer. The functions' network may have no way to it.") from error
    items = [
        CloudMetric(kind=item.kind, name=item.name, metric=item.metric, items=points[_id(number)])
        for number, item in enumerate(requested)
        if points.get(_id(number))
    ]
    return CloudMetrics(step=query.step, items=items)


def _require_retained(query: CloudMetricsQuery) -> None:
    age = datetime.now(UTC) - query.since
    finest = next((seconds for retained, seconds in _FINEST if age <= retained), None)
    if finest is None:
        raise errors.Unprocessable("`from` must be within the last 455 days: CloudWatch keeps nothing longer.")
    if query.step % finest:
        raise errors.Unprocessable(f"So long ago CloudWatch has values of {finest} s: `step` must be a multiple of it.")


def _requested(kind: CloudMetricKind | None) -> Iterator[_Series]:
    stack = f"alcove-{settings().stage}"
    if kind in (None, "function"):
        for name in FUNCTIONS:
            yield from _of("function", name, "AWS/Lambda", ("FunctionName", f"{stack}-{name}"), _OF_FUNCTIONS)
    # A database that is not the stage's has another name, and is not asked about.
    if kind in (None, "database") and (database := _DATABASES.get(settings().database_engine)):
        dimension, metrics = database
        yield from _of("database", "database", "AWS/RDS", (dimension, stack), metrics)
    if kind in (None, "queue"):
        for name in QUEUES:
            yield from _of("queue", name, "AWS/SQS", ("QueueName", f"{stack}-{name}"), _OF_QUEUES)


def _of(
    kind: CloudMetricKind, name: str, namespace: str, dimension: tuple[str, str], metrics: dict[str, tuple[str, str]]
) -> Iterator[_Series]:
    for metric, statistic in metrics.items():
        yield _Series(kind, name, metric, namespace, dimension, statistic)


def _id(number: int) -> str:
    return f"m{number}"


def _query(number: int, item: _Series, step: int) -> "MetricDataQueryTypeDef":
    dimension, value = item.dimension
    metric: Any = {"Namespace": item.namespace, "MetricName": item.statistic[0]}
    metric["Dimensions"] = [{"Name": dimension, "Value": value}]
    return {"Id": _id(number), "MetricStat": {"Metric": metric, "Period": step, "Stat": item.statistic[1]}}
