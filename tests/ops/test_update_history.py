"""The history of updates (O3), and the search that a new version must pass."""

import pytest

from chalicelib.core import repairs
from chalicelib.knowledge.search import retrieval
from chalicelib.knowledge.search.models import SearchResult
from chalicelib.ops import handlers
from chalicelib.ops.updates.deploying import new_id
from chalicelib.ops.updates.smoke import SmokeError
from tests.service import Service


def test_the_history_tells_of_components_files_and_what_was_taken_back(service: Service) -> None:
    administrator = service.administrator()
    event: dict[str, object] = {"id": new_id(), "version_from": "0.1.0", "version_to": "0.2.0", "source": "upload"}
    event |= {"initiated_by": "operator"}
    file: dict[str, object] = {
        "id": new_id(),
        "filename": "alcove-0.2.0.update",
        "file_path": "alcove-0.2.0.update",
    }
    file |= {"checksum_sha256": "\\x" + "ab" * 32, "file_size_bytes": 5, "source": "upload", "applied": False}
    file |= {"signature_verified": True, "manifest": {"version": "0.2.0"}, "validation_status": "valid"}
    handlers.migrate({"history": {"file": file}})
    handlers.migrate({"history": {"event": event | {"status": "in_progress"}}})
    (started,) = administrator.get("/updates").json["items"]
    assert (started["status"], started["completed_at"], started["components"]) == ("in_progress", None, [])
    component = {"component_name": "function.zip", "component_type": "code", "version_to": "b", "status": "rolled_back"}
    rollback: dict[str, object] = {
        "id": new_id(),
        "rollback_reason": "no search",
        "initiated_by": "update",
        "success": True,
    }
    for _ in range(2):  # told twice, stored once
        document = {"event": event | {"status": "rolled_back"}, "components": [component], "rollback": rollback}
        handlers.migrate({"history": document})
    (ended,) = administrator.get("/updates").json["items"]
    assert (ended["status"], ended["completed_at"] is not None) == ("rolled_back", True)
    assert [entry["component_name"] for entry in ended["components"]] == ["function.zip"]
    back = {name: ended["rollback"][name] for name in ("rollback_reason", "initiated_by", "success", "error_message")}
    assert back == {"rollback_reason": "no search", "initiated_by": "update", "success": True, "error_message": None}
    assert ended["rollback"]["backup_id"] is None
    (listed,) = administrator.get("/updates/files").json["items"]
    assert (listed["checksum_sha256"], listed["manifest"]) == ("ab" * 32, {"version": "0.2.0"})
    assert listed["file_path"] == "alcove-0.2.0.update"
    assert administrator.get("/backups").json["items"] == []


def test_an_update_that_was_killed_is_failed_when_the_next_one_begins(service: Service) -> None:
    administrator = service.administrator()
    shared = {"version_to": "0.2.0", "source": "upload", "initiated_by": "operator", "status": "in_progress"}
    for _ in range(2):
        handlers.migrate({"history": {"event": shared | {"id": new_id()}}})
    newest, former = administrator.get("/updates").json["items"]
    assert (newest["status"], former["status"]) == ("in_progress", "failed")
    assert former["error_message"] == "The update was interrupted."


def test_an_update_that_goes_on_for_too_long_is_failed_with_a_critical_event(service: Service) -> None:
    update = new_id()
    event = {"id": update, "version_to": "0.2.0", "source": "upload", "initiated_by": "o", "status": "in_progress"}
    handlers.migrate({"history": {"event": event}})
    assert repairs.run("fail_interrupted_updates") == {"fail_interrupted_updates": 0}
    service.rows("update update_events set started_at = started_at - interval '3 hours' returning 1")
    for expected in (1, 0):
        assert repairs.run("fail_interrupted_updates") == {"fail_interrupted_updates": expected}
    assert service.rows("select status, error_message from update_events") == [
        ("failed", "The update was interrupted.")
    ]
    recorded = "select event_type, severity, entity_id::text from self_healing_events"
    assert service.rows(recorded) == [("update_interrupted", "critical", update)]


def test_a_version_that_finds_nothing_of_what_is_stored_fails_its_smoke_test(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert handlers.migrate({"smoke": "search"}) == {"searches": 0}, "an empty service has nothing to find"
    for _ in range(2):
        service.user().add("Pump", "The coolant pump P-17 is inspected every ninety days.")
    assert handlers.migrate({"smoke": "search"}) == {"searches": 2}
    monkeypatch.setattr(retrieval, "find", lambda *_: SearchResult(items=[]))
    with pytest.raises(SmokeError, match="finds nothing"):
        handlers.migrate({"smoke": "search"})
