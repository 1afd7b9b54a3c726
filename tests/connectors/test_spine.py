"""What every connector does: runs under a lease, rights, the schedule, what a person changes."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, get_args

import pytest

from chalicelib.config.registry.filters import SourceType
from chalicelib.core import identity, outbound
from chalicelib.core.browsing import Browser
from chalicelib.core.errors import LeaseLostError
from chalicelib.knowledge.connectors import bounds, runs, syncing, types
from chalicelib.knowledge.connectors.models import ConnectorType
from chalicelib.knowledge.connectors.types.web import site as site_module
from tests.connectors.connected import Library, counts
from tests.peers import web
from tests.service import Service, User

PAGES = 12


@pytest.fixture
def site() -> Iterator[web.Site]:
    with web.serve() as served:
        links = "".join(f"<a href='/{number}'>x</a>" for number in range(PAGES))
        served.put("/", f"<main>All pumps {links}</main>")
        for number in range(PAGES):
            served.put(f"/{number}", f"<title>Pump {number}</title><main>Pump number {number} is blue.</main>")
        yield served


@pytest.fixture
def library(connected: Service, admin: User, site: web.Site) -> Library:
    return Library.connect(connected, admin, "web", {"start_urls": [f"{site.url}/"]}, name=site.url)


def _lapse(service: Service, run_id: str) -> None:
    """The worker of a run is dead, and its lease has ended."""
    service.rows(
        "update sync_runs set leased_until = now() - interval '1 second', woken_at = 'epoch' where id = %s returning 1",
        run_id,
    )


def test_every_type_is_known_to_the_api_and_to_filters() -> None:
    assert set(get_args(ConnectorType)) == set(types.TYPES)
    assert set(types.TYPES) < set(get_args(SourceType))
    for name in types.TYPES:
        assert types.source_type(name).settings.model_fields


@pytest.mark.parametrize("host", ["169.254.169.254", "[fd00:ec2::254]", "[::ffff:169.254.169.254]", "2852039166"])
def test_the_metadata_service_is_never_reached(host: str) -> None:
    with Browser(allow_private=True) as browser, pytest.raises(outbound.AddressError):
        browser.get(f"http://{host}/latest/meta-data/")
    with pytest.raises(outbound.AddressError):
        outbound.connect(host.strip("[]"), 993, 1.0, public=False)


def test_a_run_goes_on_in_the_next_invocations(
    library: Library, site: web.Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(syncing, "WORK_SECONDS", 0.0)
    queued = library.user.post(f"{library.path}/sync").json
    invocations = 0
    while records := library.service.drain("sync"):
        assert library.service.invoke("sync", records) == {"batchItemFailures": []}
        invocations += 1
    run = library.user.get(f"{library.path}/runs/{queued['id']}").json
    assert (run["status"], counts(run)) == ("completed", {"created": PAGES + 1})
    assert invocations > 5
    assert len(library.items()) == PAGES + 1


def test_a_run_whose_worker_died_is_finished_by_another_and_the_dead_one_changes_nothing(
    library: Library, site: web.Site
) -> None:
    queued = library.user.post(f"{library.path}/sync").json
    library.service.drain("sync")
    dead = runs.claim(queued["id"])
    assert dead is not None
    assert runs.claim(queued["id"]) is None
    _lapse(library.service, queued["id"])
    library.service.tick()
    library.service.pump_sync()
    run = library.user.get(f"{library.path}/runs/{queued['id']}").json
    assert (run["status"], counts(run)) == ("completed", {"created": PAGES + 1})
    with pytest.raises(LeaseLostError), identity.as_user(dead.owner_id) as conn:
        runs.advance(conn, dead, runs.Counts(created=1), {"at": {}})
    assert not runs.end(dead, "failed")
    events = library.service.rows("select count(*) from self_healing_events where entity_id = %s", queued["id"])
    assert events == [(1,)]


def test_a_run_whose_workers_die_again_and_again_fails_and_says_so(library: Library) -> None:
    queued = library.user.post(f"{library.path}/sync").json
    library.service.drain("sync")
    for _ in range(5):
        assert runs.claim(queued["id"]) is not None
        _lapse(library.service, queued["id"])
    assert runs.claim(queued["id"]) is None
    assert library.state()["error"]["code"] == "sync_gave_up"


def test_tick_runs_a_connector_when_it_is_due_and_only_once(library: Library, site: web.Site) -> None:
    changed = library.user.request("PATCH", library.path, {"refresh_minutes": 60})
    assert changed.status == 200, changed.body
    library.service.tick()
    library.service.tick()
    library.service.pump_sync()
    listed = library.user.get(f"{library.path}/runs").json["items"]
    assert [(run["started_by"], run["status"]) for run in listed] == [("schedule", "completed")]
    assert library.state()["next_run_at"] is not None
    library.service.tick()
    assert library.service.drain("sync") == []


def test_a_source_that_asks_for_a_pause_gets_it(library: Library, site: web.Site) -> None:
    library.sync(ingest=False)
    site.fail("/", 429, Retry_After="120")
    run = library.sync(ingest=False)
    assert (run["status"], run["error"]["code"]) == ("running", "source_unavailable")
    library.service.tick()
    assert library.service.drain("sync") == []
    site.put("/", "<main>No pumps</main>")
    library.service.rows(
        "update sync_runs set available_at = now(), woken_at = 'epoch' where id = %s returning 1", run["id"]
    )
    library.service.tick()
    library.service.pump_sync()
    assert library.user.get(f"{library.path}/runs/{run['id']}").json["error"]["code"] == "too_many_removals"
    assert len(library.items()) == PAGES + 1


def test_what_a_person_deletes_stays_out_and_what_a_connector_brings_is_not_replaced(
    library: Library, site: web.Site
) -> None:
    library.sync()
    document = library.items()[f"{site.url}/3"]["document_id"]
    (version,) = library.user.get(f"/documents/{document}/versions").json["items"]
    assert version["sent_by"] is None
    refused = library.user.put(f"/documents/{document}/content", {"content": "Mine."})
    assert (refused.status, refused.json["code"]) == (409, "from_connector")
    moved = library.user.request("PATCH", f"/documents/{document}", {"scope": "org"})
    assert (moved.status, moved.json["code"]) == (409, "from_connector")
    assert library.user.delete(f"/documents/{document}").status == 204
    site.put("/3", "<title>Pump 3</title><main>Pump number 3 is green.</main>")
    assert counts(library.sync()) == {"unchanged": PAGES + 1}
    assert library.user.get(f"/documents/{document}").status == 404
    assert library.user.post(f"/documents/{document}/restore").status == 200
    library.service.pump_ingest()
    assert counts(library.sync()) == {"updated": 1, "unchanged": PAGES}
    assert "green" in library.text(document)


def test_a_document_of_a_connector_is_no_copy_of_an_upload(library: Library, site: web.Site) -> None:
    library.sync()
    document = library.items()[f"{site.url}/5"]["document_id"]
    text = "Pump number 5 is blue."
    uploaded = library.user.add("Mine", text)
    assert uploaded["id"] != document
    assert library.user.delete(f"/documents/{uploaded['id']}").status == 204
    assert library.user.get(f"/documents/{document}").json["status"] == "completed"


def test_only_an_administrator_lets_a_connector_reach_private_addresses(
    connected: Service, admin: User, site: web.Site
) -> None:
    user = connected.user()
    body: dict[str, Any] = {"name": "Inner", "type": "web", "settings": {"start_urls": [f"{site.url}/"]}}
    refused = user.post("/connectors", body | {"allow_private_addresses": True})
    assert (refused.status, refused.json["code"]) == (403, "private_addresses")
    created = user.post("/connectors", body)
    assert created.status == 201
    library = Library(connected, user, created.json)
    site.forget()
    run = library.sync()
    assert (run["status"], run["error"]["code"]) == ("failed", "source_not_found")
    assert not site.requests
    assert user.request("PATCH", library.path, {"allow_private_addresses": True}).status == 403


def test_a_groups_connector_stops_when_its_owner_leaves_and_another_editor_takes_it_over(
    connected: Service, admin: User, site: web.Site
) -> None:
    owner, editor, reader = connected.user(), connected.user(), connected.user()
    group = admin.post("/groups", {"name": site.url}).json["id"]
    for member, role in ((owner, "editor"), (editor, "editor"), (reader, "member")):
        joined = admin.put(f"/groups/{group}/members/{member.id}", {"role": role})
        assert joined.status == 204, joined.body
    settings = {"start_urls": [f"{site.url}/"]}
    body = {"name": "Ours", "type": "web", "scope": "group", "group_id": group, "settings": settings}
    created = owner.post("/connectors", body)
    assert created.status == 201, created.body
    assert reader.get(f"/connectors/{created.json['id']}").status == 404
    assert reader.post("/connectors", body).status == 403
    assert admin.delete(f"/groups/{group}/members/{owner.id}").status == 204
    library = Library(connected, editor, created.json)
    run = library.sync()
    assert (run["status"], run["error"]["code"]) == ("failed", "connector_owner_left")
    taken = editor.post(f"{library.path}/take-over")
    assert (taken.status, taken.json["owner_id"]) == (200, str(editor.id))
    assert library.sync()["error"]["code"] == "source_not_found"  # a private address, which nobody allowed


def test_a_disabled_connector_does_not_run_and_keeps_its_documents(library: Library) -> None:
    library.sync(ingest=False)
    assert library.user.request("PATCH", library.path, {"enabled": False}).json["status"] == "disabled"
    refused = library.user.post(f"{library.path}/sync")
    assert (refused.status, refused.json["code"]) == (409, "connector_disabled")
    assert len(library.items()) == PAGES + 1
    assert library.user.request("PATCH", library.path, {"enabled": True}).json["status"] == "pending"


def test_a_deleted_connector_leaves_its_documents(library: Library, site: web.Site) -> None:
    library.sync(ingest=False)
    document = library.items()[f"{site.url}/1"]["document_id"]
    assert library.user.delete(library.path).status == 204
    assert library.user.get(library.path).status == 404
    remaining = library.user.get(f"/documents/{document}").json
    assert (remaining["connector_id"], remaining["title"]) == (None, "Pump 1")
    assert library.user.put(f"/documents/{document}/content", {"content": "Mine now."}).status == 202


def test_a_failure_is_said_once_to_administrators_and_the_next_run_waits_longer_each_time(
    library: Library, site: web.Site, capsys: pytest.CaptureFixture[str]
) -> None:
    assert library.user.request("PATCH", library.path, {"refresh_minutes": 1}).status == 200
    site.credentials = "Basic bm86bm8="
    waits = "select extract(epoch from next_run_at - now()) from connectors where id = %s"
    pauses = []
    for _ in range(3):
        assert library.sync(ingest=False)["error"]["code"] == "credentials_refused"
        pauses.append(float(library.service.rows(waits, library.connector["id"])[0][0]))
    assert 290 < pauses[0] < pauses[1] < pauses[2] < 1300
    assert library.state()["status"] == "error"
    events = "select event_type, severity, description from self_healing_events where entity_id = %s"
    ((kind, severity, description),) = library.service.rows(events, library.connector["id"])
    assert (kind, severity) == ("connector_error", "critical")
    assert "cannot sync" in description
    assert '"SyncRuns"' in capsys.readouterr().out
    site.credentials = None
    assert library.sync(ingest=False)["status"] == "completed"
    assert library.state()["error"] is None


def test_alerts_name_the_connectors_of_the_organisation_only(
    connected: Service, admin: User, library: Library, site: web.Site
) -> None:
    shared = Library.connect(connected, admin, "web", library.connector["settings"], name="Pumps", scope="org")
    site.credentials = "Basic bm86bm8="
    described = []
    for each in (library, shared):
        assert each.sync(ingest=False)["error"]["code"] == "credentials_refused"
        events = "select description from self_healing_events where entity_id = %s"
        described.append(connected.rows(events, each.connector["id"])[0][0])
    message = shared.state()["error"]["message"]
    assert described == [
        "A connector of type web cannot sync: credentials_refused.",
        f"The connector {shared.connector['name']} (web) cannot sync: {message}",
    ]


@pytest.mark.parametrize("bound", ["MOST_PAGES", "MOST_BYTES", "MOST_TIME"])
def test_a_run_that_takes_more_than_a_run_may_ends_with_a_word_and_loses_nothing(
    library: Library, bound: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(site_module, "_PAGES", 1)
    monkeypatch.setattr(bounds, bound, {"MOST_PAGES": 3, "MOST_BYTES": 50, "MOST_TIME": timedelta(0)}[bound])
    run = library.sync(ingest=False)
    assert (run["status"], run["error"]["code"]) == ("failed", "sync_too_large")
    assert len(library.items()) == run["created"] < PAGES
    monkeypatch.undo()
    assert library.sync(ingest=False)["status"] == "completed"
    assert len(library.items()) == PAGES + 1


def test_searches_use_the_former_text_until_the_new_one_is_read(library: Library, site: web.Site) -> None:
    site.put("/3", "<title>Pump 3</title><main>Pump number 3 has a vermilion hull.</main>")
    library.sync()
    site.put("/3", "<title>Pump 3</title><main>Pump number 3 has a tangerine hull.</main>")
    assert library.sync(ingest=False)["updated"] == 1

    def finds(word: str) -> bool:
        return any(word in hit["text"] for hit in library.user.search(word, mode="lexical"))

    assert finds("vermilion")
    assert not finds("tangerine")
    library.service.pump_ingest()
    assert finds("tangerine")
    assert not finds("vermilion")


def test_how_much_a_run_may_remove_is_the_connectors_to_say(library: Library, site: web.Site) -> None:
    library.sync(ingest=False)
    for number in range(5):
        del site.pages[f"/{number}"]
    assert library.sync(ingest=False)["error"]["code"] == "too_many_removals"
    assert library.user.request("PATCH", library.path, {"most_removed_percent": 50}).status == 200
    assert counts(library.sync(ingest=False)) == {"removed": 5, "unchanged": 8}
