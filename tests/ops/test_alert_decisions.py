"""Which alerts arise (O4): thresholds × levels × cooldown × quiet hours."""

from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from chalicelib.ops.alerts import decisions
from chalicelib.ops.alerts.decisions import NewAlert, Observation, QuietHours, Subject
from chalicelib.ops.alerts.models import AlertThresholds, Level

NOON = datetime(2026, 6, 15, 12, 0, tzinfo=UTC)
ALL = AlertThresholds(notify_on_warning=True)


class Story:
    """What happens to one configuration over time: each step is what is observed at a minute."""

    def __init__(self, thresholds: AlertThresholds = ALL, quiet: QuietHours | None = None) -> None:
        self.thresholds, self.quiet = thresholds, quiet
        self.subjects: dict[str, Subject] = {}

    def at(self, minute: float, *observations: Observation) -> list[NewAlert]:
        changed, alerts = decisions.decide(
            observations, self.subjects, self.thresholds, self.quiet, NOON + timedelta(minutes=minute)
        )
        self.subjects |= {subject.subject: subject for subject in changed}
        return alerts

    def levels(self, minute: float, *observations: Observation) -> list[Level]:
        return [alert.level for alert in self.at(minute, *observations)]


def _host(**values: Any) -> dict[str, Any]:
    nothing = dict.fromkeys(("cpu", "ram", "disk", "gpu", "temperature"))
    return {"host": "web-1", "is_silent": False, **nothing, **values}


def _observed(thresholds: AlertThresholds = ALL, **values: Any) -> list[Observation]:
    observations = decisions.observe([_host(**values)], [], [], 0, thresholds)
    return [observation for observation in observations if observation.kind == "metric"]


def _cpu(value: float) -> Observation:
    (observation,) = _observed(cpu=value)
    return observation


def _events(number: int, kind: str = "document_stuck", is_critical: bool = False) -> Observation:
    event = {"event_type": kind, "number": number, "is_critical": is_critical, "description": "It was stuck."}
    return decisions.observe([], [event], [], 0, ALL)[-1]


def test_the_names_and_the_defaults_are_arasuls() -> None:
    assert AlertThresholds().model_dump() == {
        "cpu_warning": 80,
        "cpu_critical": 95,
        "ram_warning": 80,
        "ram_critical": 95,
        "disk_warning": 80,
        "disk_critical": 95,
        "gpu_warning": 85,
        "gpu_critical": 95,
        "temperature_warning": 75,
        "temperature_critical": 85,
        "notify_on_warning": False,
        "notify_on_critical": True,
        "notify_on_service_down": True,
        "notify_on_self_healing": True,
        "cooldown_minutes": 15,
    }


def test_a_warning_is_not_above_its_critical_value() -> None:
    with pytest.raises(ValidationError, match="cpu_warning"):
        AlertThresholds(cpu_warning=96)


@pytest.mark.parametrize("measure", ["cpu", "ram", "disk", "gpu", "temperature"])
@pytest.mark.parametrize("notify_on_warning", [False, True])
@pytest.mark.parametrize("notify_on_critical", [False, True])
def test_levels_begin_at_their_thresholds_and_only_wanted_ones_are_told(
    measure: str, notify_on_warning: bool, notify_on_critical: bool
) -> None:
    thresholds = AlertThresholds(notify_on_warning=notify_on_warning, notify_on_critical=notify_on_critical)
    warning = getattr(thresholds, f"{measure}_warning")
    critical = getattr(thresholds, f"{measure}_critical")
    for value, level, is_reported in (
        (warning - 0.1, "ok", False),
        (warning, "warning", notify_on_warning),
        (critical - 0.1, "warning", notify_on_warning),
        (critical, "critical", notify_on_critical),
    ):
        observations = _observed(thresholds, **{measure: value})
        assert [observation.level for observation in observations] == [level]
        levels = Story(thresholds).levels(0, *observations)
        assert levels == ([level] if is_reported else []), value


def test_a_condition_is_told_once_when_it_begins_when_it_gets_worse_and_when_it_is_over() -> None:
    story = Story()
    assert story.levels(0, _cpu(85)) == ["warning"]
    assert story.levels(1, _cpu(90)) == []
    assert story.levels(2, _cpu(96)) == ["critical"], "worse goes before the cooldown"
    assert story.levels(3, _cpu(85)) == [], "better is no news until it is over"
    assert story.levels(500, _cpu(99)) == []
    assert story.levels(501, _cpu(10)) == ["ok"]
    assert story.levels(502, _cpu(10)) == []


def test_the_end_of_what_was_not_told_is_not_told() -> None:
    story = Story(AlertThresholds())
    assert story.levels(0, _cpu(85)) == []
    assert story.levels(1, _cpu(10)) == []


@pytest.mark.parametrize("cooldown", [0, 5, 15, 60])
def test_within_the_cooldown_the_same_is_not_told_again(cooldown: int) -> None:
    story = Story(AlertThresholds(cooldown_minutes=cooldown))
    assert story.levels(0, _cpu(96)) == ["critical"]
    assert story.levels(1, _cpu(10)) == ["ok"]
    levels = [minute for minute in range(2, 100) if story.levels(minute, _cpu(96))]
    assert levels == [max(2, cooldown)], "once, when the cooldown is over and it still holds"


def test_what_flutters_within_the_cooldown_is_told_twice() -> None:
    story = Story()
    levels = [story.levels(minute, _cpu(96 if minute % 2 == 0 else 10)) for minute in range(14)]
    assert [level for levels in levels for level in levels] == ["critical", "ok"]


def test_hosts_are_told_apart() -> None:
    story = Story()
    two = [_host(cpu=96.0), _host(cpu=96.0) | {"host": "web-2"}]
    alerts = story.at(0, *decisions.observe(two, [], [], 0, ALL))
    assert sorted(alert.subject for alert in alerts) == ["cpu of web-1", "cpu of web-2"]


@pytest.mark.parametrize("requested", [False, True])
def test_services_that_are_down_are_told_and_so_is_their_return(requested: bool) -> None:
    story = Story(AlertThresholds(notify_on_service_down=requested))
    down = decisions.observe([_host() | {"is_silent": True}], [], ["wake_jobs"], 700, story.thresholds)
    up = decisions.observe([_host()], [], [], 0, story.thresholds)
    expected = ["answering", "host web-1", "repair wake_jobs"] if requested else []
    assert sorted(alert.subject for alert in story.at(0, *down)) == expected
    assert story.at(1, *down) == []
    assert sorted(alert.subject for alert in story.at(2, *up)) == expected
    assert story.at(3, *up) == []


def test_a_burst_of_events_is_one_alert_for_each_kind() -> None:
    story = Story()
    alerts = story.at(0, _events(1000), _events(1, "object_missing", is_critical=True))
    assert [(alert.level, "1,000 times" in alert.message) for alert in alerts] == [
        ("warning", True),
        ("critical", False),
    ]
    assert story.at(1, _events(7)) == []
    assert story.at(2, _events(3)) == []
    assert story.at(14) == []
    (later,) = story.at(15)
    assert "10 times" in later.message
    assert story.at(16) == []


def test_events_are_told_only_if_wanted() -> None:
    story = Story(AlertThresholds(notify_on_self_healing=False))
    assert story.at(0, _events(5)) == []
    story.thresholds = AlertThresholds()
    assert story.at(20) == [], "those of before stay untold"


NIGHT = QuietHours(time(22), time(7), "UTC", sends_critical=True)
LUNCH = QuietHours(time(12), time(13), "UTC", sends_critical=False)


@pytest.mark.parametrize(
    ("quiet", "level", "at", "hold"),
    [
        (NIGHT, "warning", "21:59", None),
        (NIGHT, "warning", "22:00", "07:00 next"),
        (NIGHT, "warning", "23:59", "07:00 next"),
        (NIGHT, "warning", "00:00", "07:00"),
        (NIGHT, "warning", "06:59", "07:00"),
        (NIGHT, "warning", "07:00", None),
        (NIGHT, "critical", "23:00", None),
        (NIGHT, "ok", "23:00", "07:00 next"),
        (LUNCH, "critical", "12:00", "13:00"),
        (LUNCH, "critical", "13:00", None),
        (LUNCH, "warning", "11:59", None),
        (QuietHours(time(8), time(8), "UTC", sends_critical=False), "warning", "08:00", None),
    ],
)
def test_quiet_hours_hold_alerts_until_their_end(quiet: QuietHours, level: Level, at: str, hold: str | None) -> None:
    now = datetime.combine(NOON.date(), time.fromisoformat(at), UTC)
    expected = None
    if hold:
        expected = datetime.combine(NOON.date(), time.fromisoformat(hold.split()[0]), UTC)
        expected += timedelta(days="next" in hold)
    assert quiet.hold(level, now) == expected


def test_quiet_hours_end_on_the_clock_of_their_time_zone_when_summer_time_begins() -> None:
    berlin = QuietHours(time(22), time(7), "Europe/Berlin", sends_critical=True)
    # 2026-03-28 23:30 UTC is 00:30 of the 29th in Berlin, where summer time begins at 2:00: 7:00 is 5:00 UTC.
    assert berlin.hold("warning", datetime(2026, 3, 28, 23, 30, tzinfo=UTC)) == datetime(2026, 3, 29, 5, 0, tzinfo=UTC)


def test_alerts_in_quiet_hours_are_decided_and_held() -> None:
    story = Story(quiet=LUNCH)
    (delayed,) = story.at(0, _cpu(96))
    assert delayed.hold_until == NOON + timedelta(hours=1)
    (recovered,) = story.at(30, _cpu(10))
    assert (recovered.level, recovered.hold_until) == ("ok", NOON + timedelta(hours=1))


@pytest.mark.parametrize("measure", ["cpu", "ram", "disk", "gpu", "temperature"])
@pytest.mark.parametrize("level", ["warning", "critical"])
@pytest.mark.parametrize("cooldown", [0, 5, 15, 60])
@pytest.mark.parametrize("quiet", [None, LUNCH, QuietHours(time(12), time(13), "UTC", sends_critical=True)])
def test_o4_every_threshold_with_every_cooldown_in_and_out_of_quiet_hours(
    measure: str, level: Level, cooldown: int, quiet: QuietHours | None
) -> None:
    """A condition begins, ends a minute later, and is there again from the second minute on."""
    thresholds = AlertThresholds(notify_on_warning=True, cooldown_minutes=cooldown)
    bad = {measure: getattr(thresholds, f"{measure}_{level}")}
    story = Story(thresholds, quiet)
    noticed = [
        (minute, alert.level, alert.hold_until)
        for minute in range(100)
        for alert in story.at(minute, *_observed(thresholds, **(bad if minute != 1 else {measure: 1.0})))
    ]
    again = max(2, cooldown)
    expected: list[tuple[int, Level]] = [(0, level), (1, "ok"), (again, level)]
    assert [(minute, noticed_level) for minute, noticed_level, _ in noticed] == expected
    for minute, noticed_level, hold in noticed:
        is_quiet = quiet is not None and minute < 60 and not (noticed_level == "critical" and quiet.sends_critical)
        assert hold == (NOON + timedelta(hours=1) if is_quiet else None), minute
