"""Invitations and events (iCalendar, RFC 5545): what, when, where, and the description."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from chalicelib.knowledge.ingestion.extraction.assembly import TextAssembler, one_line

_SHOWN = (
    ("SUMMARY", "Event"),
    ("DTSTART", "Begins"),
    ("DTEND", "Ends"),
    ("DUE", "Due"),
    ("LOCATION", "Place"),
    ("ORGANIZER", "Organizer"),
    ("ATTENDEE", "Attendees"),
    ("RRULE", "Repeats"),
    ("STATUS", "Status"),
    ("DESCRIPTION", "Description"),
)
_PROPERTY = re.compile(r'([A-Za-z-]++)((?:;[^":;]*+(?:"[^"]*+"[^":;]*+)?+)*+):(.*)', re.DOTALL)
_MOMENT = re.compile(r"(\d{4})(\d\d)(\d\d)(?:T(\d\d)(\d\d)\d\d(Z?))?")
_ZONE, _NAME = re.compile(r"TZID=\"?([^;:\"]+)", re.IGNORECASE), re.compile(r"CN=\"?([^;:\"]+)", re.IGNORECASE)
_ESCAPES = {"\\n": "\n", "\\N": "\n", "\\,": ",", "\\;": ";", "\\\\": "\\"}
_EVENTS = ("VEVENT", "VTODO", "VJOURNAL")
_MOST_NAMES = 50


def read(path: Path, assembly: TextAssembler) -> str | None:
    """Read a calendar file; its title is that of its first event."""
    return add_calendar(assembly.decoded(path.read_bytes()), assembly)


def add_calendar(text: str, assembly: TextAssembler) -> str | None:
    """Add every event of a calendar; returns the name of the first."""
    title = None
    for event in _events(text):
        title = title or event.get("SUMMARY", [""])[0]
        lines = [f"{label}: {', '.join(event[name][:_MOST_NAMES])}" for name, label in _SHOWN if event.get(name)]
        assembly.add("\n".join(lines))
    return title


def _events(text: str) -> Iterator[dict[str, list[str]]]:
    event: dict[str, list[str]] | None = None
    # An alarm or a time zone inside an event has properties of the same names.
    inside: list[str] = []
    for line in re.sub(r"\r?\n[ \t]", "", text).splitlines():
        match = _PROPERTY.match(line)
        if match is None:
            continue
        name, parameters, value = match[1].upper(), match[2], match[3].strip()
        if name == "BEGIN":
            inside.append(value.upper())
            event = {} if value.upper() in _EVENTS else event
        elif name == "END":
            if event is not None and value.upper() in _EVENTS:
                yield event
                event = None
            inside = inside[:-1]
        elif event is not None and inside[-1:] and inside[-1] in _EVENTS:
            event.setdefault(name, []).append(_value(name, parameters, value))


def _value(name: str, parameters: str, value: str) -> str:
    if name in ("DTSTART", "DTEND", "DUE") and (moment := _MOMENT.match(value)):
        zone = _ZONE.search(parameters)
        day = f"{moment[1]}-{moment[2]}-{moment[3]}"
        hour = f" {moment[4]}:{moment[5]}" if moment[4] else ""
        return day + hour + (" UTC" if moment[6] else f" ({zone[1]})" if zone else "")
    if name in ("ORGANIZER", "ATTENDEE"):
        person, address = _NAME.search(parameters), re.sub(r"(?i)^mailto:", "", value)
        return f"{one_line(person[1])} <{address}>" if person else address
    text = re.sub(r"\\[nN,;\\]", lambda match: _ESCAPES[match[0]], value)
    return text if name == "DESCRIPTION" else one_line(text)
