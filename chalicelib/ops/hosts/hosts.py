"""Hosts and their measurements (O1): sent by the agent (embedder/metrics.py), kept as retention says."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from chalicelib.core import errors, rows, sql
from chalicelib.ops.hosts.models import (
    Host,
    HostMetricsPoint,
    HostMetricsQuery,
    HostMetricsSeries,
    Hosts,
    NewHostMetrics,
)

if TYPE_CHECKING:
    from chalicelib.core.connection import Conn

queries = sql.load(__file__)

# A measurement may be this old, because an agent keeps what it could not send, and a clock may be this much ahead.
MAX_AGE, MAX_AHEAD = timedelta(days=1), timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class ServiceMeasurement:
    """One value of /metrics: the metric's name without prefix, and its labels."""

    name: str
    labels: dict[str, str]
    value: float


def record(conn: "Conn", new: NewHostMetrics) -> None:
    """Store measurements, and that the host was heard. Raises Unprocessable and Conflict (too_many)."""
    from psycopg.types.json import Jsonb

    now = datetime.now(UTC)
    if any(not now - MAX_AGE <= measurement.measured_at <= now + MAX_AHEAD for measurement in new.measurements):
        raise errors.Unprocessable("`measured_at` must be within the last day, and not in the future.")
    params = {
        "host": new.host,
        "interval": new.interval_seconds,
        "leaves": new.leaves,
        "measurements": Jsonb([measurement.model_dump(mode="json") for measurement in new.measurements]),
    }
    if not rows.value(conn, queries.record, params):
        raise errors.Conflict("There are 1,000 hosts already. Give hosts names that stay the same.", code="too_many")


def list_all(conn: "Conn") -> Hosts:
    """Every host, by name."""
    return Hosts(items=rows.many(conn, Host, queries.list))


def series(conn: "Conn", query: HostMetricsQuery) -> HostMetricsSeries:
    """One host's measurements by steps, at most MAX_POINTS + 1 of them."""
    points = rows.many(conn, HostMetricsPoint, queries.series, query.model_dump())
    return HostMetricsSeries(host=query.host, step=query.step, items=points)


def service_measurements(conn: "Conn") -> list[ServiceMeasurement]:
    """What /metrics shows."""
    return rows.many(conn, ServiceMeasurement, queries.measurements)
