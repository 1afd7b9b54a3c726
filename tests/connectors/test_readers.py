"""Readers as the source names them (K16): who finds a document is whom the source would let read it, after each run."""

import random
from collections.abc import Iterator
from typing import Any

import pytest

from tests.connectors.connected import Library, counts
from tests.connectors.matrix import DriveMatrix, TeamMatrix
from tests.peers import drives, teams
from tests.service import LastingUser, Service, User

DOMAIN = "readers.example.org"


@pytest.fixture(scope="module")
def staff(connected: Service) -> dict[str, User]:
    """Users by their verified addresses."""
    people: dict[str, User] = {}
    for number in range(5):
        user = LastingUser.of(connected.user())
        address = f"person{number}@{DOMAIN if number < 2 else 'other.example.org'}"
        statement = "update users set email = %s, email_verified = true where id = %s returning 1"
        connected.rows(statement, address, user.id)
        people[address] = user
    return people


@pytest.fixture
def drive() -> Iterator[drives.DrivePeer]:
    with drives.serve() as served:
        yield served


def _titles(user: User, word: str) -> list[str]:
    """The titles of the documents that a search of the word finds."""
    return sorted({hit["title"] for hit in user.search(word, mode="lexical")})


def _connect(connected: Service, admin: User, drive: drives.DrivePeer, kind: str) -> Library:
    settings, credentials = drive.connection(kind)
    if kind == "shared_drive":
        drive.is_shared_drive = True
        settings["shared_drive"] = "sd1"
    return Library.connect(
        connected,
        admin,
        "onedrive" if kind == "onedrive" else "google_drive",
        settings,
        name=f"readers {drive.url}",
        scope="org",
        credentials=credentials,
        mirrors_readers=True,
    )


@pytest.mark.parametrize("kind", ["google_drive", "shared_drive", "onedrive"])
def test_every_user_sees_what_the_source_lets_the_user_read_after_random_grants_and_withdrawals(
    connected: Service, admin: User, staff: dict[str, User], drive: drives.DrivePeer, kind: str
) -> None:
    matrix = DriveMatrix([*staff], random.Random(kind), drive, DOMAIN if kind != "onedrive" else None)
    matrix.fill(documents=12, folders=3)
    library = _connect(connected, admin, drive, kind)
    for number in range(4):
        run = library.sync(ingest=number == 0 and kind == "google_drive")
        assert run["status"] == "completed", run
        assert matrix.differences(connected, library.connector["id"], staff, admin) == []
        matrix.disturb(8)


def test_every_user_sees_the_threads_of_the_channels_that_the_user_is_in_after_random_changes(
    connected: Service, admin: User, staff: dict[str, User]
) -> None:
    with teams.serve() as team:
        matrix = TeamMatrix([*staff], random.Random("teams"), team)
        matrix.fill()
        settings, credentials = team.connection()
        more = {"scope": "org", "mirrors_readers": True, "credentials": credentials, "most_removed_percent": 100}
        library = Library.connect(connected, admin, "teams", settings, name=team.url, **more)
        for _ in range(5):
            run = library.sync(ingest=False)
            assert run["status"] == "completed", run
            assert matrix.differences(connected, library.connector["id"], staff, admin) == []
            matrix.disturb(8)


def test_a_withdrawn_right_ends_with_the_run_that_sees_it_also_where_the_page_fails(
    connected: Service, admin: User, staff: dict[str, User], drive: drives.DrivePeer
) -> None:
    first, second = [*staff.values()][:2]
    one, two = [*staff][:2]
    for name in ("a", "b", "c", "d", "e", "f"):
        drive.put(name, f"{name}.md", f"The grinder {name} is inspected every ninety days.")
        drive.grant(name, ("user", one), ("group", "pumps"))
    drive.sharing.groups["pumps"] = {two}
    library = _connect(connected, admin, drive, "google_drive")
    assert counts(library.sync()) == {"created": 6}
    assert len(_titles(first, "grinder")) == len(_titles(second, "grinder")) == 6
    assert _titles(admin, "grinder") == []
    document = library.service.rows("select id from documents where title = 'a.md' and filename = 'a.md'")[0][0]
    assert first.get(f"/documents/{document}").json["scope"] == "readers"
    assert first.get(f"/documents/{document}/content").status == 200
    for path in (f"/documents/{document}", f"/documents/{document}/content", f"/documents/{document}/original"):
        assert admin.get(path).status == 404
    assert first.delete(f"/documents/{document}").status in {403, 404}
    assert library.paths() == {}
    assert library.state()["document_count"] == 6

    drive.grant("a", ("group", "pumps"))
    for name in ("b", "c", "d", "e", "f"):
        drive.delete(name)
    run = library.sync()
    assert run["error"]["code"] == "too_many_removals"
    assert "a.md" in _titles(second, "grinder")
    assert "a.md" not in _titles(first, "grinder")
    drive.sharing.groups["pumps"] = set()
    assert library.sync()["error"]["code"] == "too_many_removals"
    assert _titles(second, "grinder") == []


def test_what_nobody_tells_is_its_owners_and_groups_that_are_refused_grant_nobody(
    connected: Service, admin: User, staff: dict[str, User], drive: drives.DrivePeer
) -> None:
    address, user = next(iter(staff.items()))
    drive.put("a", "a.md", "The secret crane lifts five tons.")
    drive.grant("a", ("user", address))
    drive.put("b", "b.md", "The other crane lifts six tons.")
    drive.grant("b", ("group", "outside"), ("group", "ours"))
    drive.sharing.secret.add("a")
    drive.sharing.groups |= {"ours": {address}, "outside": {[*staff][1]}}
    drive.sharing.secret_groups.add("outside")
    library = _connect(connected, admin, drive, "google_drive")
    assert library.sync()["status"] == "completed"
    assert _titles(admin, "crane") == ["a.md"]
    assert _titles(user, "crane") == ["b.md"]
    assert _titles([*staff.values()][1], "crane") == []
    drive.sharing.secret_groups.add("ours")
    run = library.sync()
    assert (run["status"], run["error"]["code"]) == ("failed", "credentials_refused")
    assert _titles(user, "crane") == []


@pytest.mark.parametrize("kind", ["google_drive", "onedrive"])
def test_an_answer_of_another_form_about_a_group_is_the_sources_failure(
    connected: Service, admin: User, staff: dict[str, User], drive: drives.DrivePeer, kind: str
) -> None:
    address, user = next(iter(staff.items()))
    drive.put("a", "a.md", "The derrick lifts five tons.")
    drive.grant("a", ("group", "ours"))
    drive.sharing.groups["ours"] = {address}
    library = _connect(connected, admin, drive, kind)
    library.sync()
    assert _titles(user, "derrick") == ["a.md"]
    drive.other_form = []
    run = library.sync()
    assert (run["status"], run["error"]["code"]) == ("running", "source_unavailable")
    assert _titles(user, "derrick") == ["a.md"]
    drive.other_form = None
    assert library.resume()["status"] == "completed"


def test_only_an_organisations_connector_mirrors_readers_and_its_documents_go_with_it(
    connected: Service, admin: User, staff: dict[str, User], drive: drives.DrivePeer
) -> None:
    user = next(iter(staff.values()))
    body: dict[str, Any] = {"name": "Mine", "type": "google_drive", "mirrors_readers": True}
    assert user.post("/connectors", body).status == 422
    assert user.post("/connectors", body | {"scope": "org"}).status == 403
    assert admin.post("/connectors", body | {"scope": "org", "type": "web"}).status == 422
    drive.put("a", "lathe.md", "The lathe turns.")
    drive.grant("a", ("anyone", ""))
    library = _connect(connected, admin, drive, "google_drive")
    library.sync()
    assert _titles(user, "lathe") == ["lathe.md"]
    assert admin.delete(library.path).status == 204
    assert _titles(user, "lathe") == []
    connected.tick()
    connected.tick()
    left = connected.rows("select count(*) from documents where title = 'lathe.md' and deleted_at is null")
    assert left == [(0,)]


def test_a_new_owner_follows_the_readers_on(
    connected: Service, admin: User, staff: dict[str, User], drive: drives.DrivePeer
) -> None:
    address, user = next(iter(staff.items()))
    drive.put("a", "press.md", "The press is blue.")
    drive.put("s", "unknown.md", "The press nobody tells about.")
    drive.sharing.secret.add("s")
    drive.grant("a", ("user", address))
    library = _connect(connected, admin, drive, "google_drive")
    library.sync(ingest=False)
    heir = connected.user()
    connected.rows("update users set is_admin = true where id = %s returning 1", heir.id)
    assert heir.post(f"{library.path}/take-over").status == 200
    connected.pump_ingest()
    assert _titles(user, "press") == ["press.md"]
    # Before a run with the heir's own credentials, what nobody tells about is the former owner's secret.
    assert _titles(heir, "press") == []
    assert _titles(admin, "press") == []
    moved = heir.request("PATCH", library.path, {"settings": {"url": "https://drive.example.org"}})
    assert (moved.status, moved.json["code"]) == (409, "settings_fixed")
    settings = {"credentials": drive.connection("google_drive")[1], "allow_private_addresses": True}
    assert heir.request("PATCH", library.path, settings).status == 200
    drive.grant("a")
    drive.put("a", "press.md", "The press is green.")
    followed = Library(connected, heir, library.connector)
    assert followed.sync()["status"] == "completed"
    assert _titles(user, "press") == []
    assert _titles(heir, "press") == ["unknown.md"]


def test_a_channels_threads_are_its_members(connected: Service, admin: User, staff: dict[str, User]) -> None:
    (one, first), (two, second) = [*staff.items()][:2]
    with teams.serve() as team:
        team.write("pumps", "1", "The pelton turbine leaks.")
        team.write("cranes", "2", "The pelton turbine was lifted.")
        team.members = {"pumps": [one, two], "cranes": [two]}
        settings, credentials = team.connection()
        more = {"scope": "org", "mirrors_readers": True, "credentials": credentials}
        library = Library.connect(connected, admin, "teams", settings, name=team.url, **more)
        library.sync()
        counted = [len(_titles(user, "pelton")) for user in (first, second, admin)]
        assert counted == [1, 2, 0]
        team.members["pumps"] = [two]
        assert counts(library.sync()) == {"unchanged": 2}
        assert _titles(first, "pelton") == []
