"""An organisation's export: what is the organisation's and nothing of people's own, and all of it again elsewhere."""

import json
from pathlib import Path
from typing import Any

import pytest

from importers import exported, organisation, verify
from importers.exported import ORGANISATION
from importers.move import MoveError
from infra.local import postgres
from tests.conftest import service_of_a_module
from tests.importers.exports import export, move_of, read_back, rows_of
from tests.isolation import scenario
from tests.service import Service, User

MARK = "xylotheque"
PASSWORD = "a long enough password"
# Rows of people that an administrator sees anyway: accounts, their groups, their budgets, who invited, what they made
# for everybody.
OF_EVERYBODY = {"users", "memberships", "budgets"}
# Columns of `users` that are read back; everything else of an account is the other service's to decide.
ACCOUNT = ("id", "email", "username", "display_name", "is_active", "created_at")
# Tables that the application can read and that are not the organisation's: `of people`, or `of the installation`.
NOT_EXPORTED = {
    "of people": {
        "ab_comparisons",
        "agent_tool_calls",
        "agent_traces",
        "api_keys",
        "audit_logs",
        "conversation_document_overrides",
        "conversation_shares",
        "conversations",
        "email_changes",
        "eval_questions",
        "eval_results",
        "eval_runs",
        "eval_schedules",
        "eval_sets",
        "feedback",
        "idempotency_keys",
        "invitation_groups",
        "invitations",
        "job_events",
        "llm_jobs",
        "llm_queue",
        "login_attempts",
        "memory_embeddings",
        "memory_items",
        "message_embeddings",
        "message_index_queue",
        "message_terms",
        "messages",
        "password_history",
        "provider_keys",
        "recovery_codes",
        "second_factors",
        "sessions",
        "share_readers",
        "spaces",
        "timing",
        "uploads",
        "usage",
        "user_document_defaults",
        "webhook_deliveries",
        "webhooks",
    },
    "derived from the documents": {
        "chunk_terms",
        "document_chunks",
        "embeddings",
        "lexical_postings",
        "lexical_segments",
    },
    "of the installation": {
        "alert_deliveries",
        "alert_subjects",
        "alerts",
        "component_updates",
        "dead_letters",
        "host_metrics",
        "hosts",
        "migration_state",
        "moved_rows",
        "retention",
        "self_healing_events",
        "update_backups",
        "update_events",
        "update_files",
        "update_rollbacks",
        "workflow_activity",
    },
}


def own(administrator: User) -> dict[str, str]:
    """Give the organisation one of everything that it can have; ids."""
    document = administrator.add("House rules", "The gate closes at ten. A badge opens it.", scope="org")
    assert document["status"] == "completed", document
    repository = administrator.post("/repositories", {"name": "Rules", "scope": "org"})
    assert repository.status == 201, repository.body
    path = f"/repositories/{repository.json['id']}/documents/{document['id']}"
    assert administrator.put(path, {"path": "rules/house.md"}).status == 200
    tag = administrator.post("/tags", {"name": "binding", "is_global": True})
    assert tag.status == 201, tag.body
    assert administrator.put(f"/tags/{tag.json['id']}/documents/{document['id']}").status == 204
    settings = {"start_urls": ["https://example.org/"]}
    body = {"name": "Intranet", "type": "web", "scope": "org", "settings": settings}
    connector = administrator.post("/connectors", body)
    assert connector.status == 201, connector.body
    return {"document": document["id"], "connector": connector.json["id"]}


@pytest.fixture
def administrator(service: Service, monkeypatch: pytest.MonkeyPatch) -> User:
    service.create_master_key(monkeypatch)
    monkeypatch.setattr(scenario, "PUMP", f"{scenario.PUMP} {MARK}.")
    world = scenario.people(service)
    scenario.fill(world)
    owner = world.owner = service.log_in(world.owner.email, world.owner.password)
    for path, body in {
        "/memories": {"content": f"My {MARK} memory."},
        "/tags": {"name": f"{MARK} tag"},
        "/repositories": {"name": f"{MARK} repository"},
        "/evals/sets": {"name": f"{MARK} set", "questions": [{"question": f"{MARK}?"}]},
        "/conversations": {"title": f"{MARK} conversation"},
        "/me/api-keys": {"name": f"{MARK} key", "scopes": ["read"]},
        "/webhooks": {"url": f"https://{MARK}.invalid/", "events": ["document.failed"]},
        "/connectors": {"name": MARK, "type": "web", "settings": {"start_urls": [f"https://{MARK}.invalid/"]}},
    }.items():
        assert owner.post(path, body).status in {200, 201}, path
    assert owner.request("PATCH", "/me/preferences", {"interface": {"note": MARK}}).status == 200
    group = world.ids["group_id"]
    owner.add(f"{MARK} of a group", f"{MARK} for the group.", scope="group", group_id=group)
    world.administrator.add(f"{MARK} of the administrator", f"{MARK}, the administrator's own.")
    return world.administrator


def test_nothing_of_people_and_groups_is_in_it(administrator: User, service: Service) -> None:
    with service.database.connect("owner") as conn:
        marked = {
            table
            for table in scenario.tables(conn)
            if conn.execute(f"select exists (select from {table} t where t::text ~* '{MARK}')").fetchone() == (True,)
        }
    assert {"documents", "document_texts", "messages", "conversations", "memory_items", "users"} <= marked
    created = own(administrator)
    rows = rows_of(administrator, ORGANISATION)
    everything = json.dumps(rows).lower()
    assert MARK not in everything
    for secret in ("argon2", "password_hash", "ciphertext", "wrapped_key", "key_hash", "preferences"):
        assert f'"{secret}' not in everything
    assert [row["id"] for table, row in rows if table == "documents"] == [created["document"]]
    theirs = {
        (table, json.dumps(row, sort_keys=True))
        for user in (administrator, service.user())
        for table, row in rows_of(user)
        if table not in OF_EVERYBODY and row.get("space_id") != 1 and row.get("document_id") != created["document"]
    }
    shared = {table for table, row in rows if (table, json.dumps(row, sort_keys=True)) in theirs}
    # What an administrator made for the organisation is in both exports.
    assert shared <= {"connectors", "repositories", "config_audit"}


def test_only_an_administrator_gets_it_and_it_is_in_the_audit_log(administrator: User, service: Service) -> None:
    assert service.user().get("/organisation/export").status == 403
    rows = service.rows("select count(*) from organisation_tables()")
    assert rows == [(0,)], "without an identity"
    assert rows_of(administrator, ORGANISATION, limit=3) == rows_of(administrator, ORGANISATION, limit=1000)
    cursor = administrator.get("/organisation/export?limit=1").json["next_cursor"]
    log = "/audit-logs?action=organisation.exported"
    assert [entry["user_id"] for entry in administrator.get(log).json["items"]] == [str(administrator.id)] * 3
    service.rows("update audit_logs set created_at = now() - interval '2 hours' returning 1")
    assert administrator.get(f"/organisation/export?cursor={cursor}").status == 200, "a page of an old export"
    assert len(administrator.get(log).json["items"]) == 4


def test_every_table_is_exported_or_said_not_to_be(service: Service) -> None:
    administrator = service.administrator()
    names = {table for table, _ in rows_of(administrator, ORGANISATION)}
    with service.database.connect("owner") as conn:
        readable = {
            table
            for table in scenario.tables(conn)
            if conn.execute("select has_any_column_privilege('alcove_app', %s, 'select')", [table]).fetchone()
            == (True,)
        }
    listed = set(organisation.KEYS)
    assert names <= listed
    assert readable - listed == set().union(*NOT_EXPORTED.values())
    page = (Path(__file__).parents[2] / "docs" / "export.md").read_text("utf-8").partition("## An organisation")[2]
    assert {name for name in listed if f"`{name}`" not in page} == set()
    assert not {table.name for table in organisation.TABLES} & set(organisation.LEFT)


def comparable(rows: list[tuple[str, dict[str, Any]]]) -> dict[str, list[str]]:
    """The rows that are read back, by table, without the columns that docs/export.md says are not."""
    result: dict[str, list[str]] = {}
    for table in (*organisation.TABLES, organisation.SETTINGS):
        of_table = [row for name, row in rows if name == table.name and table.skip(row) is None]
        left_out = set(table.changes) | ({"updated_at"} if table.name == "documents" else set())
        result[table.name] = sorted(
            json.dumps({name: value for name, value in row.items() if name not in left_out}, sort_keys=True)
            for row in of_table
        )
    people = [row for name, row in rows if name == "users"]
    result["users"] = sorted(json.dumps({name: row[name] for name in ACCOUNT}) for row in people)
    return result


def test_everything_of_an_organisation_is_equal_after_the_round_trip(
    administrator: User, service: Service, server: postgres.Server, template: str, tmp_path: Path
) -> None:
    own(administrator)
    folder = export(administrator, tmp_path / "export", ORGANISATION)
    expected = comparable(rows_of(administrator, ORGANISATION))
    shipped = {row["id"] for table, row in rows_of(administrator, ORGANISATION) if row.get("name") == "default"}
    shipped |= {row["id"] for table, row in rows_of(administrator, ORGANISATION) if row.get("name") == "extractive"}
    expected["users"] = [each for each in expected["users"] if str(administrator.id) not in each]
    with service_of_a_module(server, template) as (other, _):
        other_administrator = other.administrator()
        text = read_back(other, folder, ORGANISATION)
        other.pump_ingest()
        with move_of(other, folder, ORGANISATION) as move:
            checks = verify.check(move, organisation.steps)
            assert [(each.title, each.missing) for each in checks if not each.is_equal] == []
        assert read_back(other, folder, ORGANISATION).partition("Documents")[0] == text.partition("Documents")[0], (
            "moved twice"
        )
        result = comparable(rows_of(other_administrator, ORGANISATION))
        for table, entries in expected.items():
            # The first administrator has the same address there and here.
            entries = [each.replace(str(administrator.id), str(other_administrator.id)) for each in entries]
            required = {entry for entry in entries if not any(f'"{one}"' in entry for one in shipped)}
            assert required <= set(result[table]), (table, text)
        assert {table for table, entries in expected.items() if not entries} <= {"connector_items", "sync_runs"}
        assert not other.rows("select 1 from users where is_admin and id <> %s", other_administrator.id)
        owner = json.loads(expected["memberships"][0])["user_id"]
        (email,) = (json.loads(row)["email"] for row in expected["users"] if json.loads(row)["id"] == owner)
        changed = other_administrator.request("PATCH", f"/users/{owner}", {"password": PASSWORD})
        assert changed.status == 200, changed.body
        hits = other.log_in(email, PASSWORD).search("When does the gate close?")
        assert [hit["title"] for hit in hits] == ["House rules"]


def test_an_export_of_the_other_kind_is_refused(service: Service, tmp_path: Path) -> None:
    folder = export(service.administrator(), tmp_path / "export", ORGANISATION)
    with service.database.connect("owner") as reader, pytest.raises(MoveError, match="FROM=organisation"):
        exported.load(reader, folder, organisation.KEYS)


def test_a_setting_that_an_administrator_has_set_here_stays(
    administrator: User, service: Service, server: postgres.Server, template: str, tmp_path: Path
) -> None:
    def change(user: User, changes: dict[str, Any]) -> None:
        changed = user.request("PATCH", "/config/dynamic", changes)
        assert changed.status == 200, changed.body

    change(administrator, {"temperature": 0.3, "num_documents_to_retrieve": 7, "top_p": 0.9, "top_k": 11})
    change(administrator, {"registration_open": True})
    folder = export(administrator, tmp_path / "export", ORGANISATION)
    with service_of_a_module(server, template) as (other, _):
        other_administrator = other.administrator()
        change(other_administrator, {"temperature": 1.1, "top_p": 0.9, "max_tokens": 1234})
        text = read_back(other, folder, ORGANISATION)
        settings = other_administrator.get("/config/dynamic").json
        names = ("temperature", "num_documents_to_retrieve", "top_p", "top_k", "max_tokens")
        assert [settings[name] for name in names] == [1.1, 7, 0.9, 11, 1234]
        assert "temperature is set here and stays: it was 0.3 there" in text
        assert "top_p is set here" not in text
        assert "whoever reaches this service can create an account here" in text
        with move_of(other, folder, ORGANISATION) as move:
            checks = verify.check(move, organisation.steps)
            assert [(each.title, each.missing) for each in checks if not each.is_equal] == []
