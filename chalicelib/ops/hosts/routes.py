"""Measurements of hosts over HTTP, what CloudWatch knows, and everything that Prometheus collects."""

from chalicelib.core import identity
from chalicelib.core.http import Routes
from chalicelib.ops.hosts import cloud_metrics, exposition, hosts
from chalicelib.ops.hosts.models import (
    CloudMetrics,
    CloudMetricsQuery,
    HostMetricsQuery,
    HostMetricsSeries,
    Hosts,
    NewHostMetrics,
)

routes = Routes(__name__)


@routes.post("/host-metrics", admin=True, scope="metrics")
def create_host_metrics(body: NewHostMetrics) -> None:
    """Store measurements of a host. The agent sends them with an administrator's API key of the scope `metrics`."""
    with identity.as_caller() as conn:
        hosts.record(conn, body)


@routes.get("/host-metrics", admin=True)
def list_host_metrics(query: HostMetricsQuery) -> HostMetricsSeries:
    """One host's measurements as means of `step` seconds."""
    with identity.as_caller() as conn:
        return hosts.series(conn, query)


@routes.get("/hosts", admin=True)
def list_hosts() -> Hosts:
    """Every host with its newest measurements, and since when it is silent."""
    with identity.as_caller() as conn:
        return hosts.list_all(conn)


@routes.get("/cloud-metrics", admin=True, limit="cloud_metrics")
def list_cloud_metrics(query: CloudMetricsQuery) -> CloudMetrics:
    """In an account, what CloudWatch knows of functions, database and queues; 409 `cloud_metrics_off` elsewhere.

    CloudWatch charges for each request, about 0.0006 USD with every kind.
    """
    return cloud_metrics.read(query)


@routes.get("/metrics", admin=True, scope="metrics", media_type=exposition.MEDIA_TYPE)
def get_metrics() -> str:
    """The service's and its hosts' state in OpenMetrics, for Prometheus with a key of the scope `metrics`."""
    with identity.as_caller() as conn:
        measurements = hosts.service_measurements(conn)
    return exposition.render(measurements)
