"""What changes while a run is under way: the source, the connector, and the rights of its owner."""

from collections.abc import Iterator

import pytest

from chalicelib.knowledge.connectors import storing
from tests.connectors.connected import Library, allow_private, counts
from tests.peers import drives, trackers
from tests.service import Service, User

FILES = ("a", "b", "c", "d", "e", "f")


@pytest.fixture
def drive() -> Iterator[drives.DrivePeer]:
    with drives.serve() as served:
        served.page = len(FILES)
        for name in FILES:
            served.put(name, f"{name}.md", f"The pump {name} is inspected every ninety days.")
        yield served


@pytest.fixture(params=["google_drive", "onedrive"])
def library(request: pytest.FixtureRequest, connected: Service, admin: User, drive: drives.DrivePeer) -> Library:
    settings, credentials = drive.connection(request.param)
    return Library.connect(connected, admin, request.param, settings, name=drive.url, credentials=credentials)


def test_a_source_that_gives_a_few_files_at_a_time_gives_all_of_them_once(
    library: Library, drive: drives.DrivePeer
) -> None:
    for number in (4, 2):
        drive.quota = 2
        run = library.sync(ingest=False) if number == 4 else library.resume()
        assert (run["status"], run["created"]) == ("running", 6 - number)
        assert run["error"]["code"] == "source_unavailable"
    drive.quota = None
    run = library.resume()
    assert (run["status"], counts(run), run["listed"]) == ("completed", {"created": 6}, 6)
    assert drive.downloads == 6


def test_a_consent_that_is_revoked_on_the_way_ends_the_run_and_no_item(
    library: Library, drive: drives.DrivePeer
) -> None:
    library.sync(ingest=False)
    before = library.paths()
    for name in FILES:
        drive.put(name, f"{name}.md", f"The pump {name} is inspected every day.")
    drive.meanwhile = lambda: setattr(drive, "is_revoked", True)
    run = library.sync(ingest=False)
    assert (run["status"], run["error"]["code"]) == ("failed", "credentials_refused")
    assert counts(run) == {"updated": 1}
    assert library.paths() == before
    assert library.user.get(f"{library.path}/items?failed=true").json["items"] == []
    drive.is_revoked = False
    run = library.sync(ingest=False)
    assert (run["status"], counts(run)) == ("completed", {"updated": 5, "unchanged": 1})


def test_a_file_that_is_deleted_after_it_was_listed_is_not_there(library: Library, drive: drives.DrivePeer) -> None:
    drive.meanwhile = lambda: drive.delete("f")
    run = library.sync(ingest=False)
    assert (run["status"], counts(run)) == ("completed", {"created": 5})
    assert library.sync(ingest=False)["status"] == "completed"
    assert set(library.paths()) == {f"{name}.md" for name in FILES[:5]}


def test_a_connector_that_is_deleted_while_it_runs_brings_nothing_more(
    library: Library, drive: drives.DrivePeer
) -> None:
    service, connector = library.service, library.connector["id"]
    drive.meanwhile = lambda: service.rows("delete from connectors where id = %s returning 1", connector)
    before = library.rows()
    assert library.user.post(f"{library.path}/sync").status == 202
    service.pump_sync()
    assert library.user.get(library.path).status == 404
    tables = ("documents", "connector_items", "repo_documents")
    assert [library.rows()[table] for table in tables] == [before[table] for table in tables]


def test_an_owner_who_loses_the_right_to_write_while_the_run_lists_brings_nothing_more(
    connected: Service, admin: User, drive: drives.DrivePeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storing, "_BATCH", 2)
    owner, editor = connected.user(), connected.user()
    group = admin.post("/groups", {"name": drive.url}).json["id"]
    for member in (owner, editor):
        assert admin.put(f"/groups/{group}/members/{member.id}", {"role": "editor"}).status == 204
    settings, credentials = drive.connection("google_drive")
    body = {"name": drive.url, "type": "google_drive", "settings": settings, "credentials": credentials}
    created = owner.post("/connectors", body | {"scope": "group", "group_id": group})
    allow_private(connected, created.json["id"])
    library = Library(connected, editor, created.json)
    withdrawn = "update memberships set role = 'member' where user_id = %s returning 1"
    drive.quota = 2
    run = library.sync(ingest=False)
    assert (run["status"], run["created"]) == ("running", 2)
    drive.quota = None
    drive.meanwhile = lambda: connected.rows(withdrawn, owner.id)
    assert library.resume()["status"] == "running"
    run = library.resume()  # its lease has ended
    assert (run["status"], run["error"]["code"]) == ("failed", "connector_owner_left")
    assert (run["created"], len(library.items()), len(library.paths())) == (2, 2, 2)


@pytest.mark.parametrize("system", ["github", "gitlab", "redmine", "jira-cloud", "jira-server"])
def test_a_ticket_that_changes_while_all_are_listed_hides_no_other(
    connected: Service, admin: User, system: str
) -> None:
    with trackers.serve(system) as tracker:
        for number in range(1, 8):
            tracker.write(number, f"Pump {number} leaks", f"The seal of pump {number} is worn.")
        settings, credentials = tracker.connection()
        library = Library.connect(connected, admin, "ticket", settings, name=tracker.url, credentials=credentials)
        assert counts(library.sync(ingest=False)) == {"created": 7}
        tracker.meanwhile = lambda: tracker.write(1, "Pump 1 is repaired", "The seal of pump 1 is new.")
        run = library.sync(ingest=False)
        # It is listed twice: as it was, and as it is.
        assert (run["status"], counts(run)) == ("completed", {"updated": 1, "unchanged": 7})
        assert counts(library.sync(ingest=False)) == {"unchanged": 7}


def test_what_a_first_run_brought_may_go_while_it_goes_on(connected: Service, admin: User) -> None:
    with trackers.serve("redmine") as tracker:
        for number in range(1, 6):
            tracker.write(number, f"Pump {number} leaks", "Worn.", report_txt=b"Two bar.", log_txt=b"Off.")
        settings, credentials = tracker.connection()
        library = Library.connect(connected, admin, "ticket", settings, name=tracker.url, credentials=credentials)

        def detach_what_is_stored() -> None:
            if _stored(library) < 6:
                tracker.meanwhile = detach_what_is_stored
                return
            for number in (1, 2):
                tracker.tickets[number].files = {}
                tracker.write(number, f"Pump {number} is repaired", "The seal is new.")

        tracker.meanwhile = detach_what_is_stored
        run = library.sync(ingest=False)
        assert (run["status"], counts(run)) == ("completed", {"created": 11, "updated": 2})
        assert (len(library.items()), len(library.paths())) == (11, 11)
        for number in (3, 4, 5):
            tracker.tickets[number].files = {}
            tracker.write(number, f"Pump {number} is repaired", "The seal is new.")
        assert library.sync(ingest=False)["error"]["code"] == "too_many_removals"  # they were there before it


def _stored(library: Library) -> int:
    """How many items are stored, asked while a run is under way."""
    counted = "select count(*) from connector_items where connector_id = %s"
    return int(library.service.rows(counted, library.connector["id"])[0][0])


@pytest.mark.parametrize("system", ["github", "gitlab", "redmine", "jira-cloud", "jira-server"])
def test_of_tickets_that_changed_at_one_time_none_is_lost_when_one_changes_meanwhile(
    connected: Service, admin: User, system: str
) -> None:
    with trackers.serve(system) as tracker:
        for number in range(1, 8):
            tracker.write(number, f"Pump {number} leaks", f"The seal of pump {number} is worn.")
        for ticket in tracker.tickets.values():
            ticket.updated = tracker.clock
        settings, credentials = tracker.connection()
        library = Library.connect(connected, admin, "ticket", settings, name=tracker.url, credentials=credentials)
        assert counts(library.sync(ingest=False)) == {"created": 7}
        del tracker.tickets[7]
        change = lambda: tracker.write(1, "Pump 1 is repaired", "The seal of pump 1 is new.")  # noqa: E731
        tracker.meanwhile = lambda: setattr(tracker, "meanwhile", change)  # after the second page
        run = library.sync(ingest=False)
        assert (run["status"], run["removed"]) == ("completed", 1)
        assert set(library.items()) == {f"ticket:{number}" for number in range(1, 7)}
