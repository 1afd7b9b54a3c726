"""Every event of a job's stream is declared once: the schema and docs/streaming.md have the same events and fields."""

import re
from pathlib import Path

from chalicelib.chat.queue import job_events
from tests.service import Service

_PAGE = Path(__file__).parents[2] / "docs" / "streaming.md"


def test_the_schema_accepts_exactly_the_declared_events(service: Service) -> None:
    ((definition,),) = service.rows(
        "select pg_get_constraintdef(oid) from pg_constraint "
        "where conrelid = 'job_events'::regclass and conname = 'job_events_event_check'"
    )
    assert set(re.findall(r"'(\w+)'", definition)) == set(job_events.registered())


def test_the_page_documents_exactly_the_declared_events_and_their_fields() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \| .* \|$", _PAGE.read_text("utf-8"), re.MULTILINE)
    documented = {(event, tuple(re.findall(r"`(\w+)(?:: [^`]*)?`", fields))) for event, fields in rows}
    declared = {
        (event, tuple(payload.model_fields))
        for event, payloads in job_events.registered().items()
        for payload in payloads
    }
    assert documented == declared
    assert len(rows) == len(declared), "an event is documented twice"


def test_the_page_names_the_events_that_end_a_job() -> None:
    (sentence,) = re.findall(r"The last event is one of (.*?),? and comes once", _PAGE.read_text("utf-8"))
    ends = {event for event, payloads in job_events.registered().items() if any(p.ends_job for p in payloads)}
    assert set(re.findall(r"`(\w+)`", sentence)) == ends
