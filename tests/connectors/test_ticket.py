"""Connectors of trackers, against servers that answer as the trackers' references describe."""

from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.knowledge.connectors import storing
from chalicelib.knowledge.connectors.types.ticket import project
from tests.connectors.connected import Library, counts
from tests.peers import trackers
from tests.service import Service, User

SYSTEMS = ["github", "gitlab", "redmine", "jira-cloud", "jira-server"]


@pytest.fixture(params=SYSTEMS)
def tracker(request: pytest.FixtureRequest) -> Iterator[trackers.TrackerPeer]:
    with trackers.serve(request.param) as served:
        for number in range(1, 6):
            served.write(number, f"Pump {number} leaks", f"The seal of pump {number} is worn.")
        served.write(2, "Pump 2 leaks", "The seal of pump 2 is worn.", "The seal was replaced by Grace.")
        yield served


@pytest.fixture
def library(connected: Service, admin: User, tracker: trackers.TrackerPeer) -> Library:
    return _connect(connected, admin, tracker)


def _connect(connected: Service, admin: User, tracker: trackers.TrackerPeer, **more: Any) -> Library:
    settings, credentials = tracker.connection()
    return Library.connect(connected, admin, "ticket", settings, name=tracker.url, credentials=credentials, **more)


def _change_at_once(tracker: trackers.TrackerPeer) -> None:
    """More tickets than a page has changed at one time: their pages are counted."""
    for ticket in tracker.tickets.values():
        ticket.updated = tracker.clock


def test_tickets_with_their_comments_become_documents_and_stay_right(
    library: Library, tracker: trackers.TrackerPeer
) -> None:
    tracker.limited = 1
    run = library.sync(ingest=False)
    assert (run["status"], counts(run)) == ("completed", {"created": 5})
    library.service.pump_ingest()
    first = library.items()["ticket:2"]
    assert "replaced by Grace" in library.text(first["document_id"])
    assert first["metadata"]["ticket"].endswith("2")
    before, stored = library.paths(), library.rows()
    tracker.requests.clear()
    assert counts(library.sync()) == {"unchanged": 5}
    assert not [path for path in tracker.requests if "comment" in path or "notes" in path]
    assert library.rows() == stored
    tracker.write(3, "Pump 3 is repaired", "The seal of pump 3 is new.", "Closed.")
    tracker.write(3, "Pump 3 is repaired", "The seal of pump 3 is new.", report_txt=b"The pressure is four bar.")
    del tracker.tickets[4]
    run = library.sync()
    assert counts(run) == {"created": 1, "updated": 1, "removed": 1, "unchanged": 3}
    assert "is new" in library.text(library.items()["ticket:3"]["document_id"])
    assert library.items()["ticket:3"]["document_id"] in before.values()
    assert not any("pump 4" in text for text in library.texts())
    assert any("four bar" in text for text in library.texts())
    before = library.paths()
    assert next(path for path in before if path.endswith("/report.txt")).partition("/")[0].endswith("3")
    assert counts(library.sync()) == {"unchanged": 5}
    assert library.paths() == before
    tracker.write(3, "Pump 3 is repaired", "The seal of pump 3 is new.")
    tracker.tickets[3].files.clear()
    assert counts(library.sync()) == {"updated": 1, "removed": 1, "unchanged": 3}
    assert not any("four bar" in text for text in library.texts())


def test_a_scheduled_run_only_asks_for_what_changed_since(library: Library, tracker: trackers.TrackerPeer) -> None:
    library.sync(ingest=False)
    tracker.write(1, "Pump 1 is repaired", "The seal of pump 1 is new.")
    tracker.requests.clear()
    run = library.sync_by_schedule()
    assert (run["status"], run["updated"]) == ("completed", 1)
    assert run["listed"] <= 2
    assert sum(tracker.requests.values()) <= 3


def test_many_tickets_that_changed_at_once_are_all_listed(library: Library, tracker: trackers.TrackerPeer) -> None:
    for ticket in tracker.tickets.values():
        ticket.updated = tracker.clock + ticket.number % 2
    assert counts(library.sync(ingest=False)) == {"created": 5}


@pytest.mark.parametrize("status", [401, 404, 500])
def test_a_tracker_that_fails_loses_nothing(library: Library, tracker: trackers.TrackerPeer, status: int) -> None:
    library.sync(ingest=False)
    before = library.paths()
    tracker.status = status
    run = library.sync(ingest=False)
    code = {401: "credentials_refused", 404: "source_not_found", 500: "source_unavailable"}[status]
    assert run["error"]["code"] == code
    assert library.paths() == before


def test_characters_that_postgres_does_not_store_stop_nothing(library: Library, tracker: trackers.TrackerPeer) -> None:
    tracker.write(3, "Pump\0 3 \ud800leaks", "The seal\0 of \udfffpump 3 is worn.", "Grace\0 replaced it.")
    name = {"github": "re%00port.txt", "gitlab": "re%00port.txt"}.get(tracker.system, "re\0port.txt")
    tracker.tickets[3].files[name] = b"The pressure is four bar."
    run = library.sync()
    assert run["status"] == "completed", run["error"]
    assert run["created"] == 5
    assert "pump 3 is worn" in library.text(library.items()["ticket:3"]["document_id"])
    assert library.sync()["status"] == "completed"


def test_a_text_makes_the_token_fetch_nothing_but_the_projects_uploads(connected: Service, admin: User) -> None:
    secret = f"{1:032}"
    hostile = (f"/uploads/{secret}/..", f"/uploads/{secret}/%2e%2e", f"/uploads/{secret}/..%2F..%2Fissues")
    foreign = ("https://other.example", "/-/project/2", "https://gitlab.com/acme/valves", "evil")
    with trackers.serve("gitlab") as tracker:
        links = [*hostile, *(f"{place}/uploads/{secret}/report.txt" for place in foreign)]
        tracker.write(1, "Pump 1 leaks", " ".join(f"[file]({link})" for link in links))
        library = _connect(connected, admin, tracker)
        assert counts(library.sync(ingest=False)) == {"created": 1}
        assert not [path for path in tracker.requests if "/uploads" in path]
        own = [f"{tracker.url}/acme/pumps", f"{tracker.url}/-/project/1", "/-/project/1", ""]
        text = " ".join(f"![]({place}/uploads/{secret}/report{number}.txt)" for number, place in enumerate(own))
        tracker.write(1, "Pump 1 leaks", text)
        tracker.tickets[1].files = {f"report{number}.txt": b"The pressure is four bar." for number in range(4)}
        assert counts(library.sync(ingest=False)) == {"created": 4, "updated": 1}


def test_a_page_of_pull_requests_alone_is_read_once(connected: Service, admin: User) -> None:
    with trackers.serve("github") as tracker:
        for number in range(1, 21):
            tracker.write_pull_request(number)
        tracker.write(21, "Pump 21 leaks", "The seal of pump 21 is worn.")
        for number in range(22, 31):
            tracker.write_pull_request(number)
        library = _connect(connected, admin, tracker)
        run = library.sync(ingest=False)
        listed = tracker.requests["/repos/acme/pumps/issues"]
        assert (run["status"], counts(run)) == ("completed", {"created": 1})
        assert run["pages"] == listed > 10
        run = library.sync_by_schedule()
        assert (run["status"], run["unchanged"]) == ("completed", 1)
        assert tracker.requests["/repos/acme/pumps/issues"] - listed <= 2


def test_a_file_of_a_private_repository_counts_as_failed_and_says_why(connected: Service, admin: User) -> None:
    with trackers.serve("github") as tracker:
        tracker.is_private = True
        tracker.write(1, "Pump 1 leaks", "The seal of pump 1 is worn.", report_txt=b"The pressure is four bar.")
        library = _connect(connected, admin, tracker)
        run = library.sync(ingest=False)
        assert (run["status"], counts(run)) == ("completed", {"created": 1, "failed": 1})
        ((failed,),) = [library.user.get(f"{library.path}/items?failed=true").json["items"]]
        assert "private repository" in failed["error"]
        tracker.is_private = False
        assert counts(library.sync(ingest=False)) == {"created": 1, "unchanged": 1}


@pytest.mark.parametrize("batch", [1, 50])
def test_an_attachment_that_was_deleted_is_removed_also_when_another_file_of_the_page_fails(
    connected: Service, admin: User, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    monkeypatch.setattr(storing, "_BATCH", batch)
    with trackers.serve("redmine") as tracker:
        tracker.write(1, "Pump 1 leaks", "The seal of pump 1 is worn.", report_txt=b"The pressure is four bar.")
        library = _connect(connected, admin, tracker)
        assert counts(library.sync(ingest=False)) == {"created": 2}
        tracker.write(1, "Pump 1 leaks", "The seal of pump 1 is new.")
        tracker.tickets[1].files.clear()
        tracker.write(2, "Pump 2 leaks", "The seal of pump 2 is worn.", report_txt=b"The pressure is two bar.")
        tracker.broken = {"report.txt"}
        assert library.sync_by_schedule()["status"] == "running"
        for _ in range(2):
            run = library.resume()
        assert (run["status"], run["removed"], run["failed"]) == ("completed", 1, 1)
        assert not [name for name in library.items() if name.startswith("ticket:1/")]


def test_tickets_that_were_made_private_or_moved_to_another_project_go(connected: Service, admin: User) -> None:
    with trackers.serve("redmine") as tracker:
        for number in range(1, 8):
            tracker.write(number, f"Pump {number} leaks", f"The seal of pump {number} is worn.")
        _change_at_once(tracker)
        library = _connect(connected, admin, tracker, most_removed_percent=100)
        assert counts(library.sync(ingest=False)) == {"created": 7}
        tracker.tickets[2].is_private = tracker.tickets[6].is_elsewhere = True
        run = library.sync(ingest=False)
        assert (run["status"], counts(run)) == ("completed", {"removed": 2, "unchanged": 5}), run["error"]


def test_a_ticket_that_is_made_private_after_it_was_listed_ends_no_run(connected: Service, admin: User) -> None:
    with trackers.serve("redmine") as tracker:
        for number in (1, 2):
            tracker.write(number, f"Pump {number} leaks", f"The seal of pump {number} is worn.")
        tracker.meanwhile = lambda: setattr(tracker.tickets[1], "is_private", True)
        library = _connect(connected, admin, tracker)
        run = library.sync(ingest=False)
        assert (run["status"], counts(run)) == ("completed", {"created": 1}), run["error"]


def test_every_ticket_that_no_page_named_is_asked_for(
    connected: Service, admin: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(project, "_MOST_UNSEEN", 2)
    with trackers.serve("redmine") as tracker:
        for number in range(1, 10):
            tracker.write(number, f"Pump {number} leaks", f"The seal of pump {number} is worn.")
        tracker.tickets[1].files["report.txt"] = b"The pressure is four bar."
        _change_at_once(tracker)
        library = _connect(connected, admin, tracker, most_removed_percent=100)
        assert counts(library.sync(ingest=False)) == {"created": 10}
        for number in range(3, 8):
            del tracker.tickets[number]
        tracker.tickets[1].files.clear()
        forgotten = (
            "update connector_items set memory = '{}' where connector_id = %s and source_id = 'ticket:1' returning 1"
        )
        library.service.rows(forgotten, library.connector["id"])
        run = library.sync(ingest=False)
        assert (run["status"], counts(run)) == ("completed", {"removed": 6, "unchanged": 4}), run["error"]
        assert set(library.items()) == {f"ticket:{number}" for number in (1, 2, 8, 9)}


def test_a_ticket_that_no_page_named_stays_with_its_attachments(
    connected: Service, admin: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(project, "_MOST_UNSEEN", 1)
    with trackers.serve("redmine") as tracker:
        for number in range(1, 8):
            tracker.write(number, f"Pump {number} leaks", f"The seal of pump {number} is worn.")
            tracker.tickets[number].files["report.txt"] = b"The pressure is four bar."
        _change_at_once(tracker)
        library = _connect(connected, admin, tracker)
        assert counts(library.sync(ingest=False)) == {"created": 14}
        before = set(library.items())
        change = lambda: tracker.write(1, "Pump 1 is repaired", "The seal of pump 1 is new.")  # noqa: E731
        tracker.meanwhile = lambda: setattr(tracker, "meanwhile", change)  # after the second page, which hides a ticket
        run = library.sync(ingest=False)
        assert (run["status"], run["removed"]) == ("completed", 0), run["error"]
        assert set(library.items()) == before


def test_of_the_files_that_a_ticket_links_to_so_many_are_read(
    connected: Service, admin: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(project, "_MOST_LINKED", 2)
    with trackers.serve("gitlab") as tracker:
        tracker.write(1, "Pump 1 leaks", "The seal of pump 1 is worn.")
        tracker.tickets[1].files = {f"report{number}.txt": b"The pressure is four bar." for number in range(4)}
        library = _connect(connected, admin, tracker)
        assert counts(library.sync(ingest=False)) == {"created": 3}
        assert counts(library.sync(ingest=False)) == {"unchanged": 3}
