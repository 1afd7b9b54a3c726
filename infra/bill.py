"""A month's bill by component, from the list prices of prices.toml.

A model, not a quotation: every assumption is a field of Usage or Deployment and stands in docs/cost.md with its reason.
Without AWS's free tier, or less the part of it that never ends (prices.toml), as if nothing else were in the account.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PRICES = ROOT / "infra" / "prices.toml"
HOURS = 730.0  # of an average month
BUSY_HOURS = 220.0  # ten hours on twenty-two days: all requests fall into them
# After the last connection is used: two minutes until it is closed, five until the database pauses.
ACTIVE_SECONDS = 420.0
SWEEPS = HOURS / 24
SWEEP_SECONDS = 120.0  # the daily sweep, and the tick that looks after it
RDS_HOT_GB = 3.0  # what db.t4g.medium can keep in its 4 GiB
DATABASES = ("aurora", "aurora-paused", "rds")
NETWORKS = ("ipv6", "endpoints", "endpoints-one-zone", "nat", "endpoints+nat")
# Of the template's functions, by their names there.
MEMORY_GB = {"APIHandler": 1.0, "Answer": 1.0, "Ingest": 2.0, "Tick": 0.5, "Drill": 0.25}
_KB, _MB = 1e-6, 1e-3  # in GB


class CostError(ValueError):
    """Something asked for cannot be computed; the message says what there is."""


@dataclass(frozen=True)
class Price:
    """`usd` for `per` units; the first `free` units of a month cost nothing."""

    usd: float
    per: int
    unit: str
    source: str
    seen: str
    free: float = 0

    def of(self, amount: float) -> float:
        """USD for `amount` units."""
        return self.usd * max(0.0, amount - self.free) / self.per


def regions(path: Path = PRICES) -> list[str]:
    """The regions that have a price list."""
    return sorted(tomllib.loads(path.read_text("utf-8")).keys() - {"free"})


def prices(region: str, path: Path = PRICES, *, free_tier: bool = False) -> dict[str, Price]:
    """The price list of a region, by name; with `free_tier`, what is free in every month of every account is free.

    A region that says `like` has the list of another one. CostError for a region without a list, and for a price
    without its source.
    """
    lists = tomllib.loads(path.read_text("utf-8"))
    never_billed = lists.pop("free", {})
    free = never_billed if free_tier else {}
    if region not in lists:
        raise CostError(f"There are no prices for {region}; there are for {', '.join(sorted(lists))}.")
    table = lists[lists[region].get("like", region)]["prices"]
    price_table = {name: Price(**supplied, free=free.get(name, 0)) for name, supplied in table.items()}
    lacking = [name for name, price in price_table.items() if not price.source or not price.seen]
    if lacking:
        raise CostError(f"Without a source or a date: {', '.join(lacking)}.")
    return price_table


@dataclass(frozen=True)
class Deployment:
    """What is deployed: the parameters that move the bill, with the template's defaults."""

    database: str = "aurora"
    network: str = "ipv6"
    architecture: str = "x86_64"
    least_acu: float = 0.5
    rds_gb: float = 50
    zones: int = 2
    services: int = 3  # with an interface endpoint: secretsmanager, sqs, kms
    secrets: int = 1  # signing key and administrator; the database is logged in to by IAM
    keys: int = 1
    alarms: int = 6  # metrics of alarms: an alarm of several is priced by each; RDS's disk has one more
    dashboard: bool = False
    waf: bool = False
    proxy: bool = False
    tracing: bool = False

    def __post_init__(self) -> None:
        """Raise CostError for a value that does not exist."""
        for supplied, valid_keys in (
            (self.database, DATABASES),
            (self.network, NETWORKS),
            (self.architecture, ("x86_64", "arm64")),
        ):
            if supplied not in valid_keys:
                raise CostError(f"{supplied!r} is none of {', '.join(valid_keys)}.")


@dataclass(frozen=True)
class Usage:
    """What a month brings. Sizes in MB and KB, times in seconds, memory as in the template."""

    requests: float = 0  # to the API, presigned uploads not counted
    documents: float = 0  # held; a tenth of them is new or replaced in the month
    gpu_hours: float = 0
    questions_share: float = 0.1  # of the requests
    document_mb: float = 1.0
    document_chunks: float = 40
    chunk_kb: float = 8.0  # in the database: text, vector, terms and their indexes
    hot_share: float = 0.4  # of the database: what searches read
    api_seconds: float = 0.1
    answer_seconds: float = 5.0
    ingest_seconds: float = 3.0
    tick_seconds: float = 0.3
    requests_per_acu: float = 16  # a second: a quarter of a processor, 15 ms of it each
    log_kb: float = 0.6  # each request, document and answer
    access_kb: float = 0.4  # each request, besides

    @property
    def questions(self) -> float:
        """Questions answered."""
        return self.requests * self.questions_share

    @property
    def ingested(self) -> float:
        """Documents ingested."""
        return self.documents / 10

    @property
    def database_gb(self) -> float:
        """Size of the database; an empty one has its schema."""
        return 0.1 + self.documents * self.document_chunks * self.chunk_kb * _KB

    @property
    def acu(self) -> float:
        """Capacity in the busy hours: processor, or memory for what searches read (1.5 of an ACU's 2 GiB)."""
        per_second = self.requests / (BUSY_HOURS * 3600)
        return max(per_second / self.requests_per_acu, self.database_gb * self.hot_share / 1.5)


def bill(usage: Usage, deployment: Deployment, listed: Mapping[str, Price]) -> dict[str, float]:
    """USD a month by component, 0 for those that are not there."""

    def cost(name: str, amount: float) -> float:
        return listed[name].of(amount)

    return {
        "functions": _functions(usage, deployment, listed),
        "API Gateway": cost("api_request", usage.requests),
        "queues": _queues(usage, listed),
        "database": _database(usage, deployment, listed),
        "RDS Proxy": _proxy(usage, deployment, listed),
        "bucket": cost("bucket_gb", usage.documents * usage.document_mb * _MB)
        + cost("bucket_write", usage.ingested * 2 + _whole_ticks(usage))
        + cost("bucket_read", usage.ingested * 4 + _DRILL_LOOKS),
        "endpoints": _endpoints(usage, deployment, listed),
        "NAT gateway": _nat(usage, deployment, listed),
        "keys and secrets": cost("key_month", deployment.keys)
        + cost("key_request", usage.questions)
        + cost("secret_month", deployment.secrets)
        + cost("secret_request", usage.requests / 100 + _whole_ticks(usage) / 100),
        "logs": _logs(usage, listed),
        "metrics and alarms": cost("alarm_month", deployment.alarms + (deployment.database == "rds"))
        + cost("metric_month", 43 if usage.requests else 3 / 24)
        + (cost("dashboard_month", 1) if deployment.dashboard else 0.0),
        "firewall": cost("waf_month", 1) + cost("waf_rule_month", 4) + cost("waf_request", usage.requests)
        if deployment.waf
        else 0.0,
        "traces": cost("trace", _traces(usage)) if deployment.tracing else 0.0,
        "GPU task": cost("gpu_hour", usage.gpu_hours)
        + (cost("volume_gb", 100 * usage.gpu_hours / HOURS) + cost("image_gb", 4) if usage.gpu_hours else 0.0),
        "transfer out": cost("transfer_out_gb", usage.requests * 4 * _KB),
    }


# Each minute `tick` looks into its queue, and ends if nothing is there.
_TICKS = 60 * HOURS
_LOOK_SECONDS = 0.05
# Every five minutes `drill` reads its journal, and asks RDS whether anything is left; that costs nothing.
_DRILL_LOOKS = 12 * HOURS
_DRILL_LOOK_SECONDS = 0.2


def _whole_ticks(usage: Usage) -> float:
    """Ticks that run the repairs: each minute of the busy hours, and the daily sweeps with the tick after each."""
    return 2 * SWEEPS + (60 * BUSY_HOURS if usage.requests else 0)


def _traces(usage: Usage) -> float:
    """X-Ray's default: the first of every second, and a twentieth of the others. At most, as if no second had two."""
    starts = usage.requests + usage.questions + usage.ingested + _TICKS
    first = min(starts, HOURS * 3600)
    return first + (starts - first) / 20


def _functions(usage: Usage, deployment: Deployment, listed: Mapping[str, Price]) -> float:
    gb_seconds = (
        usage.requests * usage.api_seconds * MEMORY_GB["APIHandler"]
        + usage.questions * usage.answer_seconds * MEMORY_GB["Answer"]
        + usage.ingested * usage.ingest_seconds * MEMORY_GB["Ingest"]
        + _whole_ticks(usage) * usage.tick_seconds * MEMORY_GB["Tick"]
        + _TICKS * _LOOK_SECONDS * MEMORY_GB["Tick"]
        + _DRILL_LOOKS * _DRILL_LOOK_SECONDS * MEMORY_GB["Drill"]
    )
    kind = "lambda_arm_gb_second" if deployment.architecture == "arm64" else "lambda_x86_gb_second"
    invocations = usage.requests + usage.questions + usage.ingested + _TICKS + _DRILL_LOOKS
    return listed[kind].of(gb_seconds) + listed["lambda_request"].of(invocations)


def _queues(usage: Usage, listed: Mapping[str, Price]) -> float:
    """Three queues, at each of which Lambda waits with five requests of twenty seconds; a message is three requests.

    `tick` looks into a fourth one each minute; when something is there, it takes two more requests.
    """
    waiting = 3 * 5 * HOURS * 3600 / 20 + _TICKS + 3 * _whole_ticks(usage)
    return listed["queue_request"].of(waiting + 3 * (usage.questions + usage.ingested))


def _database(usage: Usage, deployment: Deployment, listed: Mapping[str, Price]) -> float:
    if deployment.database == "rds":
        storage_gb = max(deployment.rds_gb, usage.database_gb)
        return listed["rds_hour"].of(HOURS) + listed["rds_gb"].of(storage_gb)
    least = max(deployment.least_acu, 0.5)  # what wakes has half a unit
    busy = max(least, usage.acu) * BUSY_HOURS if usage.requests else 0.0
    idle_hours = HOURS - BUSY_HOURS if usage.requests else HOURS
    if deployment.database == "aurora-paused":
        idle_hours = min(idle_hours, SWEEPS * (SWEEP_SECONDS + ACTIVE_SECONDS) / 3600)
    idle = least * idle_hours
    reads = usage.requests * 20 + usage.ingested * usage.document_chunks * 10
    return (
        listed["aurora_acu_hour"].of(busy + idle)
        + listed["aurora_gb"].of(usage.database_gb)
        + listed["aurora_io"].of(reads)
    )


def suffices(usage: Usage, deployment: Deployment) -> bool:
    """Whether what searches read fits into the database's memory; Aurora's grows with it."""
    return deployment.database != "rds" or usage.database_gb * usage.hot_share <= RDS_HOT_GB


def _proxy(usage: Usage, deployment: Deployment, listed: Mapping[str, Price]) -> float:
    if not deployment.proxy:
        return 0.0
    units = 2 if deployment.database == "rds" else max(8.0, usage.acu)
    return listed["proxy_hour"].of(units * HOURS)


def _endpoints(usage: Usage, deployment: Deployment, listed: Mapping[str, Price]) -> float:
    if not deployment.network.startswith("endpoints"):
        return 0.0
    zones = 1 if deployment.network == "endpoints-one-zone" else deployment.zones
    through = (usage.questions + usage.ingested) * 20 * _KB
    return listed["endpoint_hour"].of(deployment.services * zones * HOURS) + listed["endpoint_gb"].of(through)


def _nat(usage: Usage, deployment: Deployment, listed: Mapping[str, Price]) -> float:
    if not deployment.network.endswith("nat"):
        return 0.0
    through = usage.questions * 40 * _KB
    return listed["nat_hour"].of(HOURS) + listed["nat_gb"].of(through) + listed["address_hour"].of(HOURS)


def _logs(usage: Usage, listed: Mapping[str, Price]) -> float:
    lines = usage.requests + usage.questions + usage.ingested + _whole_ticks(usage) + _TICKS / 2
    log_gb = (lines * usage.log_kb + usage.requests * usage.access_kb) * _KB
    return listed["log_gb"].of(log_gb) + listed["log_kept_gb"].of(log_gb * 0.15)  # kept for a month, compressed
