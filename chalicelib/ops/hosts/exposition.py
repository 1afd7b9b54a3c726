"""What /metrics says, in OpenMetrics 1.0.

Every value is a gauge. The functions keep nothing in memory between requests, so there is no counter to show; what
happened is shown as sums and quantiles of the last hour, which Postgres computes from the rows that exist.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator

from chalicelib.ops.hosts.hosts import ServiceMeasurement

MEDIA_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"
PREFIX = "alcove_"

# Each metric of /metrics, and its meaning.
METRICS = {
    "questions_waiting": "Questions that no worker answers yet.",
    "questions_in_work": "Questions that are being answered.",
    "oldest_question_wait_seconds": "How long the oldest waiting question has waited.",
    "jobs_last_hour": "Jobs that ended within the last hour.",
    "job_errors_last_hour": "Jobs that failed within the last hour, by error code.",
    "job_seconds_last_hour": "From question to answer, of jobs completed within the last hour.",
    "documents_unfinished": "Documents that wait for their ingestion, or are being ingested.",
    "documents_ingested_last_hour": "Documents that became searchable within the last hour.",
    "ingestion_errors_last_hour": "Documents that failed within the last hour, by error code.",
    "ingestion_seconds_last_hour": "From announcement to searchable, of the last hour's documents.",
    "tokens_last_hour": "Tokens of language models within the last hour.",
    "cost_usd_last_hour": "Cost of language models within the last hour, in US dollars.",
    "healing_events_last_hour": "Events of self-healing within the last hour.",
    "workflow_failures_last_hour": "Runs of scheduled and background work that failed within the last hour.",
    "host_last_seen_seconds": "How long ago a host was heard.",
    "host_cpu_percent": "How busy a host's processor is.",
    "host_ram_percent": "How much of a host's memory is used.",
    "host_disk_percent": "How full a host's disk is.",
    "host_temperature_celsius": "A host's highest temperature.",
    "host_gpu_percent": "How busy a host's busiest GPU is.",
    "host_gpu_memory_percent": "How much memory of a host's fullest GPU is used.",
    "host_gpu_temperature_celsius": "The temperature of a host's hottest GPU.",
}


def render(measurements: Iterable[ServiceMeasurement]) -> str:
    """The measurements as text. KeyError for a metric that METRICS does not describe."""
    from prometheus_client import CollectorRegistry
    from prometheus_client.core import GaugeMetricFamily
    from prometheus_client.openmetrics.exposition import generate_latest

    by_name: dict[str, list[ServiceMeasurement]] = defaultdict(list)
    for measurement in measurements:
        by_name[measurement.name].append(measurement)

    class Collector:
        """prometheus_client asks it for the families."""

        def collect(self) -> Iterator[GaugeMetricFamily]:
            """One family for each metric that has values."""
            for name, values in by_name.items():
                family = GaugeMetricFamily(PREFIX + name, METRICS[name], labels=sorted(values[0].labels))
                for value in values:
                    family.add_metric([value.labels[label] or "" for label in sorted(value.labels)], value.value)
                yield family

    registry = CollectorRegistry(auto_describe=False)
    registry.register(Collector())
    text: bytes = generate_latest(registry)  # type: ignore[no-untyped-call]
    return text.decode()
