"""The runbook has a section for everything that can call a person, and each says what it means and what to do."""

import re
from pathlib import Path

from chalicelib.ops.alerts import decisions
from chalicelib.ops.alerts.models import AlertThresholds

ROOT = Path(__file__).parents[2]
_SECTION = re.compile(r"^### `([\w-]+)`\n(.*?)(?=^#|\Z)", re.MULTILINE | re.DOTALL)


def _event_types() -> set[str]:
    """Every kind of event that a SQL function writes: the quoted names right after the insert."""
    kinds: set[str] = set()
    for path in (ROOT / "migrations" / "functions").rglob("*.sql"):
        for statement in path.read_text("utf-8").split("insert into self_healing_events")[1:]:
            head = statement.split(")", 1)[1].strip()  # after the columns
            first = re.match(r"(?:values\s*\(|select)\s*(case .*? end|'\w+')", head, re.DOTALL)
            assert first is not None, path
            kinds |= set(re.findall(r"'(\w+)'", first[1]))
    return kinds


def _alert_subjects() -> set[str]:
    """The first word of every subject that an alert can have, but for events, which have sections of their own."""
    values = {"cpu": 1.0, "ram": 1.0, "disk": 1.0, "gpu": 1.0, "temperature": 1.0}
    host = {"host": "web-1", "is_silent": False, **values}
    observations = decisions.observe([host], [], ["wake_jobs"], 0, AlertThresholds())
    return {observation.subject.split()[0] for observation in observations}


def _alarms() -> set[str]:
    names = re.findall(r'AlarmName: !Sub "alcove-\$\{Stage\}-(?:\$\{Name\}-)?([\w-]+)"', _monitoring())
    assert names
    return set(names)


def _monitoring() -> str:
    return (ROOT / "infra" / "account" / "monitoring.yaml").read_text("utf-8")


def test_every_alert_event_and_alarm_has_a_section_of_the_runbook_and_no_section_is_left_over() -> None:
    sections = dict(_SECTION.findall((ROOT / "docs" / "runbook.md").read_text("utf-8")))
    assert {"lease_lapsed", "wakeup_lost", "host_silent", "object_missing"} <= _event_types()
    assert sections.keys() == _event_types() | _alert_subjects() | _alarms()
    for name, text in sections.items():
        assert list(re.findall(r"^- \*\*(.+?)\*\*:", text, re.MULTILINE)) == ["Means", "Look at", "Do"], name
