"""Connectors of Google Drive and of OneDrive, against servers that answer as their references describe."""

import json
import time
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from chalicelib.knowledge.connectors import fetching
from tests.connectors.connected import Library, counts
from tests.peers import drives
from tests.service import Service, User


@pytest.fixture
def drive() -> Iterator[drives.DrivePeer]:
    with drives.serve() as served:
        served.put("f1", "Manuals")
        served.put("f2", "Valves", parent="f1")
        served.put("a", "pump.md", "The pump is inspected every ninety days.", parent="f1")
        served.put("b", "valve.md", "The valve closes at four bar.", parent="f2")
        served.put("c", "seal.md", "The seal is made of rubber.")
        served.put("d", "crane.md", "The crane lifts five tons.")
        served.put("e", "motor.md", "The motor turns clockwise.")
        served.put("f", "lamp.md", "The lamp is green.")
        yield served


@pytest.fixture(params=["google_drive", "onedrive"])
def library(request: pytest.FixtureRequest, connected: Service, admin: User, drive: drives.DrivePeer) -> Library:
    settings, credentials = drive.connection(request.param)
    if request.param == "onedrive":
        del credentials["refresh_token"]  # the application's own rights
    name = f"{request.param} {drive.url}"
    return Library.connect(connected, admin, request.param, settings, name=name, credentials=credentials)


def test_a_drive_is_listed_once_and_followed_by_its_changes(library: Library, drive: drives.DrivePeer) -> None:
    drive.limited = 1
    run = library.sync()
    assert (run["status"], counts(run)) == ("completed", {"created": 6})
    before, stored = library.paths(), library.rows()
    assert set(before) == {"Manuals/pump.md", "Manuals/Valves/valve.md", "seal.md", "crane.md", "motor.md", "lamp.md"}
    drive.downloads = 0
    drive.requests.clear()
    assert counts(library.sync()) == {"unchanged": 6}
    assert (drive.downloads, library.rows()) == (0, stored)
    assert sum(drive.requests.values()) <= 2
    drive.put("a", "pump.md", "The pump is inspected every thirty days.", parent="f1")
    drive.put("c", "gasket.md", parent="f2")
    drive.put("g", "new.md", "A new file.")
    drive.delete("b")
    assert counts(library.sync()) == {"created": 1, "updated": 1, "removed": 1, "unchanged": 1}
    after = library.paths()
    assert after["Manuals/Valves/gasket.md"] == before["seal.md"]
    assert after["Manuals/pump.md"] == before["Manuals/pump.md"]
    assert "thirty days" in library.text(after["Manuals/pump.md"])
    assert "Manuals/Valves/valve.md" not in after
    assert drive.downloads == 2


def test_transactions_grow_with_parts_of_fifty_items_and_not_with_items(
    library: Library, drive: drives.DrivePeer
) -> None:
    drive.page = 200
    for number in range(194):
        drive.put(f"n{number}", f"part-{number}.md", f"Part {number} is in stock.")
    first = _transactions(library)
    requested = [path for path in drive.requests.elements() if not path.startswith("/bytes/")]  # Microsoft's links
    assert len(requested) <= 200 + 15  # each file once, and the pages of the lists
    assert first <= 2 * 4 + 14
    assert _transactions(library) <= 12
    for number in range(40):
        drive.put(f"n{number}", f"part-{number}.md", f"Part {number} is sold out.")
    assert _transactions(library) <= 2 + 12


def _transactions(library: Library) -> int:
    """How many transactions a run writes in, without renewals of its lease, which depend on the machine's speed.

    A transaction that only reads has no id.
    """
    started = time.monotonic()
    counter = "select pg_current_xact_id()::text::bigint"
    before = int(library.service.rows(counter)[0][0])
    assert library.sync(ingest=False)["status"] == "completed"
    renewals = int((time.monotonic() - started) / fetching._RENEW_SECONDS)
    return int(library.service.rows(counter)[0][0]) - before - 1 - renewals


def test_a_folder_that_is_renamed_moves_what_is_below_it(library: Library, drive: drives.DrivePeer) -> None:
    library.sync(ingest=False)
    before = library.paths()
    drive.downloads = 0
    drive.put("f1", "Handbooks")
    run = library.sync(ingest=False)
    assert (run["status"], counts(run)) == ("completed", {"unchanged": 6})
    after = library.paths()
    assert after["Handbooks/Valves/valve.md"] == before["Manuals/Valves/valve.md"]
    assert (len(after), drive.downloads) == (6, 0)


def test_a_forgotten_delta_lists_everything_and_doubles_nothing(library: Library, drive: drives.DrivePeer) -> None:
    library.sync(ingest=False)
    before = library.paths()
    drive.forget()
    drive.delete("f")
    run = library.sync(ingest=False)
    assert (run["status"], counts(run)) == ("completed", {"removed": 1, "unchanged": 5})
    assert set(library.paths()) == set(before) - {"lamp.md"}


@pytest.mark.parametrize("failure", ["locked", "down", "emptied", "half"])
def test_a_drive_that_fails_loses_nothing(library: Library, drive: drives.DrivePeer, failure: str) -> None:
    library.sync(ingest=False)
    before = library.paths()
    if failure == "locked":
        drive.is_locked = True
    elif failure == "down":
        drive.status = 503
    elif failure == "emptied":
        for node in ("a", "b", "c", "d", "e", "f"):
            drive.delete(node)
    else:
        drive.forget()
        drive.listed_at_most = 3
    run = library.sync(ingest=False)
    expected = {"locked": "credentials_refused", "down": "source_unavailable"}
    assert run["error"]["code"] == expected.get(failure, "too_many_removals")
    assert set(library.paths()) >= set(before) - ({"Manuals/pump.md"} if failure == "emptied" else set())


def test_google_documents_are_exported_and_shortcuts_stand_for_their_files(
    connected: Service, admin: User, drive: drives.DrivePeer
) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    drive.put("doc", "Notes", "not really a DOCX", parent="f1", mime="application/vnd.google-apps.document")
    drive.put("short", "shortcut.md", "", parent="f1", target="c")
    account = {"client_email": "sync@acme.example.org", "private_key": pem, "token_uri": f"{drive.url}/token"}
    library = Library.connect(
        connected,
        admin,
        "google_drive",
        {"url": drive.url, "folders": ["f1"]},
        name=f"below {drive.url}",
        credentials={"service_account": json.dumps(account)},
    )
    assert counts(library.sync(ingest=False)) == {"created": 4}
    assert set(library.paths()) == {"pump.md", "Valves/valve.md", "Notes.docx", "shortcut.md"}
    drive.put("a", "pump.md", parent="root")
    assert counts(library.sync(ingest=False)) == {"removed": 1}


@pytest.mark.parametrize("kind", ["google_drive", "onedrive"])
def test_a_users_consent_connects_a_drive_and_only_that_user_can_end_what_began(
    connected: Service, admin: User, drive: drives.DrivePeer, kind: str
) -> None:
    settings, client = drive.connection(kind)
    del client["refresh_token"]
    library = Library.connect(connected, admin, kind, settings, name=f"consent {kind} {drive.url}", credentials=client)
    back = "https://alcove.example.org/connected"
    page = admin.post(f"{library.path}/authorization", {"redirect_uri": back})
    assert page.status == 200, page.body
    sent = {name: values[0] for name, values in parse_qs(urlsplit(page.json["url"]).query).items()}
    assert (sent["code_challenge_method"], sent["redirect_uri"], sent["client_id"]) == ("S256", back, "c")
    code = drive.consent(sent)
    answer = {"code": code, "state": sent["state"], "redirect_uri": back}
    for broken in (answer | {"state": f"{sent['state']}x"}, answer | {"code": "another"}):
        refused = admin.post(f"{library.path}/authorization/code", broken)
        assert (refused.status, refused.json["code"]) == (422, "consent_refused")
    other = Library.connect(connected, admin, kind, settings, name=f"other {kind} {drive.url}", credentials=client)
    assert admin.post(f"{other.path}/authorization/code", answer).status == 422
    assert connected.user().post(f"{library.path}/authorization/code", answer).status == 404
    ended = admin.post(f"{library.path}/authorization/code", answer)
    assert ended.status == 200, ended.body
    assert counts(library.sync(ingest=False)) == {"created": 6}
    assert drive.refreshed_with == "refresh-of-the-user"
    audited = "select count(*) from audit_logs where action = 'connector.connected' and entity_id = %s"
    assert connected.rows(audited, library.connector["id"]) == [(1,)]
