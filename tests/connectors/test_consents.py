"""Consents that connectors hold: replaced refresh tokens, revocation, and owners who leave."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.core.sealed import Sealed
from chalicelib.knowledge.connectors import consents
from chalicelib.knowledge.connectors.consents import StoredTokens
from chalicelib.knowledge.connectors.sealed_columns import CREDENTIALS
from tests.connectors.connected import Library, allow_private
from tests.peers import drives
from tests.service import Service, User


@pytest.fixture
def drive() -> Iterator[drives.DrivePeer]:
    with drives.serve() as served:
        served.put("a", "pump.md", "The pump is inspected every ninety days.")
        served.put("b", "valve.md", "The valve closes at four bar.")
        yield served


def _connect(service: Service, user: User, drive: drives.DrivePeer, kind: str, **more: Any) -> Library:
    settings, credentials = drive.connection(kind)
    credentials["refresh_token"] = "first"
    return Library.connect(service, user, kind, settings, name=drive.url, credentials=credentials, **more)


def _secret(service: Service, connector_id: str) -> tuple[Sealed, dict[str, Any]] | None:
    statement = "select ciphertext, wrapped_key, master_key from connectors where id = %s"
    ciphertext, wrapped, master = service.rows(statement, connector_id)[0]
    if ciphertext is None:
        return None
    secret = Sealed(ciphertext, wrapped, master)
    return secret, json.loads(CREDENTIALS.unseal(secret, connector_id))


def _stored(service: Service, connector_id: str) -> str | None:
    secret = _secret(service, connector_id)
    return secret[1]["refresh_token"] if secret else None


@pytest.mark.parametrize("kind", ["google_drive", "onedrive"])
def test_a_replaced_refresh_token_is_stored_and_a_lost_answer_loses_nothing(
    connected: Service, admin: User, drive: drives.DrivePeer, kind: str
) -> None:
    drive.rotating = ["first"]
    library = _connect(connected, admin, drive, kind)
    assert library.sync(ingest=False)["status"] == "completed"
    assert _stored(connected, library.connector["id"]) == "first+"
    drive.dropped_answers = 1
    assert library.sync(ingest=False)["error"]["code"] == "source_unavailable"
    connected.rows(
        "update sync_runs set available_at = now(), woken_at = 'epoch' where finished_at is null returning 1"
    )
    connected.tick()
    connected.pump_sync()
    assert library.sync(ingest=False)["status"] == "completed"
    assert _stored(connected, library.connector["id"]) == drive.rotating[-1]


def test_of_two_workers_that_refresh_at_once_the_later_one_takes_what_the_other_stored(
    connected: Service, admin: User, drive: drives.DrivePeer
) -> None:
    drive.rotating = ["first"]
    library = _connect(connected, admin, drive, "onedrive")
    connector = library.connector["id"]
    read = _secret(connected, connector)
    assert read is not None
    slow = StoredTokens(admin.id, connector, read[0], read[1])
    assert library.sync(ingest=False)["status"] == "completed"
    slow.replace("stale")
    assert _stored(connected, connector) == "first+"
    assert slow.current() == "first+"
    slow.replace("newer")
    assert _stored(connected, connector) == "newer"


def test_a_consent_is_given_back_when_its_connector_is_deleted_or_taken_over(
    connected: Service, admin: User, drive: drives.DrivePeer
) -> None:
    library = _connect(connected, admin, drive, "google_drive", scope="org")
    other = connected.user()
    connected.rows("update users set is_admin = true where id = %s returning 1", other.id)
    taken = other.post(f"{library.path}/take-over")
    assert (taken.status, taken.json["has_credentials"]) == (200, False)
    mine = Library(connected, other, library.connector)
    assert mine.sync(ingest=False)["error"]["code"] == "credentials_refused"
    drive.status = 503
    connected.tick()
    assert drive.revoked == []
    drive.status = 200
    connected.tick()
    assert drive.revoked == ["first"]
    assert _secret(connected, library.connector["id"]) is None
    again = drive.connection("google_drive")[1] | {"refresh_token": "second"}
    body = {"credentials": again, "allow_private_addresses": True}
    assert other.request("PATCH", library.path, body).json["has_credentials"]
    assert consents.end_left() == 0
    assert mine.sync(ingest=False)["status"] == "completed"
    assert admin.get(library.path).status == 200
    assert connected.user().delete(library.path).status == 404
    assert other.delete(library.path).status == 204
    drive.status = 503
    connected.tick()
    assert drive.revoked == ["first"]
    drive.status = 200
    connected.tick()
    assert drive.revoked == ["first", "second"]
    connected.tick()
    assert drive.revoked == ["first", "second"], "once"
    assert connected.rows("select count(*) from ended_consents") == [(0,)]


def test_a_deactivated_owners_sources_stop_with_a_word_and_go_to_an_heir_without_the_consent(
    connected: Service, admin: User, drive: drives.DrivePeer
) -> None:
    leaver, heir = connected.user(), connected.user()
    group = admin.post("/groups", {"name": drive.url}).json["id"]
    for member in (leaver, heir):
        assert admin.put(f"/groups/{group}/members/{member.id}", {"role": "editor"}).status == 204
    settings, credentials = drive.connection("google_drive")
    credentials["refresh_token"] = "first"
    body = {"name": "D", "type": "google_drive", "settings": settings, "credentials": credentials, "refresh_minutes": 5}
    own = leaver.post("/connectors", body).json["id"]
    shared = leaver.post("/connectors", body | {"scope": "group", "group_id": group}).json["id"]
    allow_private(connected, own, shared)
    library = Library(connected, leaver, {"id": own})
    assert library.sync(ingest=False)["status"] == "completed"
    assert admin.request("PATCH", f"/users/{leaver.id}", {"is_active": False}).status == 200
    statement = "select status, error_code, next_run_at from connectors where id = any (%s)"
    assert connected.rows(statement, [own, shared]) == [("error", "connector_owner_left", None)] * 2
    event = connected.rows("select severity, description from self_healing_events where entity_id = %s", leaver.id)
    assert len(event) == 1
    assert "2 sources" in event[0][1]
    assert admin.get(f"/users/{leaver.id}/holdings").json["connectors"] == 2
    assert admin.request("PATCH", f"/users/{leaver.id}", {"is_active": True}).status == 200
    assert [row[:2] for row in connected.rows(statement, [own, shared])] == [("pending", None)] * 2
    assert admin.request("PATCH", f"/users/{leaver.id}", {"is_active": False}).status == 200

    assert admin.post(f"/users/{leaver.id}/handover", {"heir_id": str(heir.id)}).status == 204
    assert {one["id"] for one in heir.get("/connectors").json["items"]} == {own, shared}
    assert admin.get(f"/connectors/{own}").status == 404
    inherited = Library(connected, heir, heir.get(f"/connectors/{own}").json)
    assert not inherited.connector["has_credentials"]
    assert len(inherited.items()) == len(inherited.paths()) == 2
    connected.tick()
    assert drive.revoked == ["first", "first"]
    assert heir.request("PATCH", f"/connectors/{own}", {"credentials": credentials}).status == 200
    drive.put("c", "crane.md", "The crane lifts five tons.")
    assert inherited.sync(ingest=False)["created"] == 1


def test_consents_of_an_account_that_is_to_be_erased_end(
    connected: Service, admin: User, drive: drives.DrivePeer
) -> None:
    leaver = connected.user()
    settings, credentials = drive.connection("google_drive")
    credentials["refresh_token"] = "mine"
    body = {"name": "D", "type": "google_drive", "settings": settings, "credentials": credentials}
    own = leaver.post("/connectors", body).json["id"]
    allow_private(connected, own)
    connected.tick()
    assert drive.revoked == []
    assert admin.delete(f"/users/{leaver.id}").status in {200, 202, 204}
    connected.tick()
    assert drive.revoked == ["mine"]
    assert _secret(connected, own) is None


@pytest.mark.parametrize("end", ["the owner's account", "the group"])
def test_a_consent_is_given_back_when_its_connector_goes_with(
    connected: Service, admin: User, drive: drives.DrivePeer, end: str
) -> None:
    user = connected.user()
    group = admin.post("/groups", {"name": drive.url}).json["id"]
    assert admin.put(f"/groups/{group}/members/{user.id}", {"role": "editor"}).status == 204
    settings, credentials = drive.connection("google_drive")
    credentials["refresh_token"] = "mine"
    body = {"name": "D", "type": "google_drive", "settings": settings, "credentials": credentials}
    scope = {"scope": "group", "group_id": group} if end == "the group" else {}
    own = user.post("/connectors", body | scope).json["id"]
    allow_private(connected, own)
    deleted = admin.delete(f"/groups/{group}") if end == "the group" else user.delete("/me")
    assert deleted.status == 204
    assert connected.rows("select count(*) from connectors where id = %s", own) == [(0,)]
    connected.tick()
    assert drive.revoked == ["mine"]
    assert connected.rows("select count(*) from ended_consents") == [(0,)]
