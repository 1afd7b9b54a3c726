"""Which alerts arise: a function of what is observed, of what was told before, and of the configuration.

A condition (a measurement above its threshold, a service that is down) is told once when it begins or gets worse, and
once when it is over. One that ends and begins again within the cooldown is told when the cooldown is over, if it still
holds. Events of self-healing are counted by their kind: the first is told at once, further ones are counted and told
together when the cooldown is over.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from chalicelib.ops.alerts.models import AlertThresholds, Kind, Level

# From so long a waiting question on, answering counts as down.
ANSWER_DOWN_SECONDS = 600

_RANK: Mapping[Level, int] = {"ok": 0, "warning": 1, "critical": 2}
_MEASURES = {
    "cpu": ("The processor", "%"),
    "ram": ("The memory", "%"),
    "disk": ("The disk", "%"),
    "gpu": ("The GPU", "%"),
    "temperature": ("The temperature", "°C"),
}


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From when until when only critical alerts are sent, if at all."""

    begin: time
    end: time
    time_zone: str
    sends_critical: bool

    def hold(self, level: Level, now: datetime) -> datetime | None:
        """Until when an alert that arises now waits; None for one that is sent at once."""
        if self.begin == self.end or (level == "critical" and self.sends_critical):
            return None
        local = now.astimezone(ZoneInfo(self.time_zone))
        clock = local.time()
        is_over_midnight = self.begin > self.end
        if is_over_midnight:
            is_quiet = clock >= self.begin or clock < self.end
        else:
            is_quiet = self.begin <= clock < self.end
        if not is_quiet:
            return None
        day = local.date() + timedelta(days=1 if is_over_midnight and clock >= self.begin else 0)
        return datetime.combine(day, self.end, local.tzinfo).astimezone(UTC)


@dataclass(frozen=True, slots=True)
class Observation:
    """What holds for a subject now. `number` counts events; None for a condition."""

    subject: str
    kind: Kind
    level: Level
    message: str
    number: int | None = None


@dataclass(frozen=True, slots=True)
class Subject:
    """What was last told about a subject: a row of alert_subjects."""

    subject: str
    level: Level = "ok"
    reported_level: Level = "ok"
    reported_at: datetime | None = None
    pending: int = 0


@dataclass(frozen=True, slots=True)
class NewAlert:
    """An alert that arises."""

    subject: str
    kind: Kind
    level: Level
    message: str
    hold_until: datetime | None = None


def observe(
    hosts: Iterable[Mapping[str, Any]],
    events: Iterable[Mapping[str, Any]],
    failing: Iterable[str],
    oldest_wait_seconds: float,
    thresholds: AlertThresholds,
) -> list[Observation]:
    """Everything that alerts are about. A host that is silent has no measurements to judge."""
    observations = []
    for host in hosts:
        name = host["host"]
        is_silent = host["is_silent"]
        message = f"The host {name} sends no measurements." if is_silent else f"The host {name} is heard again."
        observations.append(Observation(f"host {name}", "service", "critical" if is_silent else "ok", message))
        observations += [
            _judge(name, measure, float(host[measure]), thresholds)
            for measure in _MEASURES
            if host[measure] is not None and not is_silent
        ]
    waits = oldest_wait_seconds >= ANSWER_DOWN_SECONDS
    minutes = round(oldest_wait_seconds / 60)
    message = f"Questions wait: the oldest for {minutes} minutes." if waits else "Questions are answered again."
    observations.append(Observation("answering", "service", "critical" if waits else "ok", message))
    observations += [
        Observation(f"repair {name}", "service", "critical", f"The repair {name} fails. The log of tick says why.")
        for name in failing
    ]
    for event in events:
        level: Level = "critical" if event["is_critical"] else "warning"
        subject = f"event {event['event_type']}"
        observations.append(Observation(subject, "healing", level, event["description"], event["number"]))
    return observations


def _judge(host: str, measure: str, value: float, thresholds: AlertThresholds) -> Observation:
    title, unit = _MEASURES[measure]
    limits = {level: float(getattr(thresholds, f"{measure}_{level}")) for level in ("critical", "warning")}
    level: Level = "critical" if value >= limits["critical"] else "warning" if value >= limits["warning"] else "ok"
    limit = f"limit {limits['warning' if level == 'ok' else level]:g} {unit}"
    again = "again " if level == "ok" else ""
    return Observation(
        f"{measure} of {host}", "metric", level, f"{title} of {host} is {again}at {value:.0f} {unit} ({limit})."
    )


def decide(
    observations: Sequence[Observation],
    subjects: Mapping[str, Subject],
    thresholds: AlertThresholds,
    quiet_hours: QuietHours | None,
    now: datetime,
) -> tuple[list[Subject], list[NewAlert]]:
    """The subjects that changed, and the alerts that arise now."""
    seen = {observation.subject for observation in observations}
    # A repair that does not fail any more, and events that wait for the end of the cooldown, are not observed.
    more = [
        Observation(subject.subject, "service", "ok", f"The {subject.subject} succeeds again.")
        for subject in subjects.values()
        if subject.subject.startswith("repair ") and subject.level != "ok" and subject.subject not in seen
    ]
    more += [
        Observation(subject.subject, "healing", subject.level, "", 0)
        for subject in subjects.values()
        if subject.pending and subject.subject not in seen
    ]
    changed, alerts = [], []
    for observation in [*observations, *more]:
        before = subjects.get(observation.subject, Subject(observation.subject))
        rule = _condition if observation.number is None else _counted
        after, message = rule(before, observation, thresholds, now)
        if after != before:
            changed.append(after)
        if message:
            hold = quiet_hours.hold(observation.level, now) if quiet_hours else None
            alerts.append(NewAlert(observation.subject, observation.kind, observation.level, message, hold))
    return changed, alerts


def _condition(
    before: Subject, observation: Observation, thresholds: AlertThresholds, now: datetime
) -> tuple[Subject, str | None]:
    after = replace(before, level=observation.level)
    if observation.level == "ok":
        return replace(after, reported_level="ok"), observation.message if before.reported_level != "ok" else None
    is_requested = (
        thresholds.notify_on_service_down
        if observation.kind == "service"
        else thresholds.notify_on_critical
        if observation.level == "critical"
        else thresholds.notify_on_warning
    )
    is_worse = _RANK[observation.level] > _RANK[before.reported_level]
    if not (is_requested and is_worse) or (before.reported_level == "ok" and _cools(before, thresholds, now)):
        return after, None
    return replace(after, reported_level=observation.level, reported_at=now), observation.message


def _counted(
    before: Subject, observation: Observation, thresholds: AlertThresholds, now: datetime
) -> tuple[Subject, str | None]:
    if not thresholds.notify_on_self_healing:
        return replace(before, pending=0), None
    number = before.pending + (observation.number or 0)
    if not number or _cools(before, thresholds, now):
        return replace(before, level=observation.level, pending=number), None
    times = "once" if number == 1 else f"{number:,} times"
    kind = observation.subject.removeprefix("event ")
    message = f"Self-healing: {kind}, {times}. {observation.message}".strip()
    return replace(before, level=observation.level, pending=0, reported_at=now), message


def _cools(subject: Subject, thresholds: AlertThresholds, now: datetime) -> bool:
    return subject.reported_at is not None and now < subject.reported_at + timedelta(
        minutes=thresholds.cooldown_minutes
    )
