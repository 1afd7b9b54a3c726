"""Requests and responses about hosts, their measurements and what /metrics shows."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from chalicelib.core.models import REAL, STORABLE, Moment, Request, Resource, Text, Timestamp, matching

MAX_POINTS = 2000
MAX_CLOUD_POINTS = 500

Percent = Annotated[float, Field(ge=0, le=100), REAL]
Celsius = Annotated[float, Field(ge=-100, le=300), REAL]
Bytes = Annotated[int, Field(ge=0, le=2**62)]
HostName = Annotated[
    str,
    matching(r"^[A-Za-z0-9][A-Za-z0-9._-]*$", "must be a host's name", min_length=1, max_length=100),
    STORABLE,
]


class Measurement(Request):
    """One measurement of a host. What the host does not have is null."""

    measured_at: Moment
    cpu_percent: Percent
    ram_percent: Percent
    ram_used_bytes: Bytes
    disk_percent: Percent
    disk_used_bytes: Bytes
    disk_free_bytes: Bytes
    temperature_celsius: Celsius | None = None
    gpu_percent: Percent | None = None
    gpu_memory_percent: Percent | None = None
    gpu_temperature_celsius: Celsius | None = None


class NewHostMetrics(Request):
    """Measurements of one host since the last request. `leaves`: the agent ends, and silence is expected."""

    host: HostName
    interval_seconds: Annotated[int, Field(ge=5, le=3600)] = 60
    leaves: bool = False
    measurements: Annotated[list[Measurement], Field(max_length=120)]


class Host(Resource):
    """A host that sent measurements, and its newest ones."""

    name: str
    first_seen_at: Timestamp
    last_seen_at: Timestamp
    left_at: Timestamp | None
    silent_since: Timestamp | None
    cpu_percent: float | None
    ram_percent: float | None
    disk_percent: float | None
    temperature_celsius: float | None
    gpu_percent: float | None


class Hosts(Resource):
    """Every host that was heard within retention."""

    items: list[Host]


class HostMetricsQuery(Request):
    """Measurements of one host from `from` to `to`, as means of `step` seconds: at most 2,000 points."""

    host: Annotated[Text, Field(min_length=1, max_length=100)]
    since: Moment = Field(alias="from")
    until: Moment = Field(alias="to")
    step: Annotated[int, Field(ge=5, le=86400)] = 300

    @model_validator(mode="after")
    def _bounded(self) -> "HostMetricsQuery":
        if not 0 < (self.until - self.since).total_seconds() <= MAX_POINTS * self.step:
            raise ValueError(f"`to` must be after `from`, and at most {MAX_POINTS} steps after it")
        return self


class HostMetricsPoint(Resource):
    """The measurements of one step: means, and the highest values."""

    at: Timestamp
    samples: int
    cpu_percent: float | None
    cpu_percent_max: float | None
    ram_percent: float | None
    ram_percent_max: float | None
    disk_percent: float | None
    disk_used_bytes: int | None
    disk_free_bytes: int | None
    temperature_celsius: float | None
    temperature_celsius_max: float | None
    gpu_percent: float | None
    gpu_percent_max: float | None
    gpu_memory_percent: float | None
    gpu_temperature_celsius: float | None


class HostMetricsSeries(Resource):
    """One host's measurements over time, oldest first. A step without measurements has no point."""

    host: str
    step: int
    items: list[HostMetricsPoint]


CloudMetricKind = Literal["function", "database", "queue"]


class CloudMetricsQuery(Request):
    """What CloudWatch knows from `from` to `to`, by steps of `step` seconds: at most 500 steps."""

    since: Moment = Field(alias="from")
    until: Moment = Field(alias="to")
    step: Annotated[int, Field(ge=60, le=86400, multiple_of=60)] = 300
    kind: CloudMetricKind | None = None

    @model_validator(mode="after")
    def _bounded(self) -> "CloudMetricsQuery":
        if not 0 < (self.until - self.since).total_seconds() <= MAX_CLOUD_POINTS * self.step:
            raise ValueError(f"`to` must be after `from`, and at most {MAX_CLOUD_POINTS} steps after it")
        return self


class CloudMetricPoint(Resource):
    """The value of one step."""

    at: Timestamp
    value: float


class CloudMetric(Resource):
    """One metric of a function, the database or a queue, oldest value first. A step without a value has no point."""

    kind: CloudMetricKind
    name: str
    metric: str
    items: list[CloudMetricPoint]


class CloudMetrics(Resource):
    """The metrics of which CloudWatch has a value."""

    step: int
    items: list[CloudMetric]
