"""An account's export, read back by another service: everything that can be there is there again."""

import json
from pathlib import Path
from typing import Any

import pytest

from importers import alcove, verify
from importers.move import MoveError
from infra.local import postgres
from tests.conftest import service_of_a_module
from tests.importers.exports import export, move_of, read_back, rows_of
from tests.isolation import scenario
from tests.service import Service, User

PASSWORD = "a long enough password"
# Tables of which the scenario has no row that comes back: its run has not ended, and nothing was brought.
NOT_IN_THE_SCENARIO = {"connector_items", "sync_runs"}


# The columns of `users` that are read back; everything else of an account is the other service's to decide.
ACCOUNT = ("id", "email", "username", "display_name", "preferences", "created_at", "updated_at")


def without(table: str, row: dict[str, Any]) -> dict[str, Any]:
    """A row without the columns that docs/export.md says are not read back, and those that name the space."""
    if table == "users":
        # Logins change `updated_at`.
        return {column: row[column] for column in ACCOUNT if column != "updated_at"}
    (stated,) = (each for each in alcove.TABLES if each.name == table)
    left_out = {*stated.changes, "space_id"} | ({"updated_at"} if table == "documents" else set())
    return {column: value for column, value in row.items() if column not in left_out}


def comparable(rows: list[tuple[str, dict[str, Any]]]) -> dict[str, list[str]]:
    """The rows that are read back, by table: not those that are skipped, nor those that need a skipped one."""
    result = {"users": [json.dumps(without("users", row)) for table, row in rows if table == "users"]}
    taken: dict[str, set[str]] = {}
    for table in alcove.TABLES:
        of_table = [row for name, row in rows if name == table.name and table.skip(row) is None]
        for column, other in table.needs.items():
            of_table = [row for row in of_table if row[column] is None or row[column] in taken[other]]
        taken[table.name] = {str(row.get("id")) for row in of_table}
        result[table.name] = sorted(json.dumps(without(table.name, row), sort_keys=True) for row in of_table)
    return result


@pytest.fixture
def owner(service: Service, monkeypatch: pytest.MonkeyPatch) -> User:
    service.create_master_key(monkeypatch)
    world = scenario.people(service)
    scenario.fill(world)
    user = service.log_in(world.owner.email, world.owner.password)
    archived = user.add("Old", "The valve V-3 opens at eleven bar.")
    assert user.request("PATCH", f"/documents/{archived['id']}", {"is_archived": True}).status == 200
    return user


def test_everything_of_an_account_is_equal_after_the_round_trip(
    owner: User, service: Service, server: postgres.Server, template: str, tmp_path: Path
) -> None:
    folder = export(owner, tmp_path / "export")
    before = rows_of(owner)
    texts = {row["document_id"]: row["content"] for table, row in before if table == "document_texts"}
    with service_of_a_module(server, template) as (other, _):
        text = read_back(other, folder)
        other.pump_ingest()
        with move_of(other, folder) as move:
            checks = verify.check(move, alcove.steps)
            assert [(each.title, each.missing) for each in checks if not each.is_equal] == []
        assert read_back(other, folder).partition("Documents")[0] == text.partition("Documents")[0], "moved twice"
        administrator = other.administrator()
        assert administrator.request("PATCH", f"/users/{owner.id}", {"password": PASSWORD}).status == 200
        moved = other.log_in(owner.email, PASSWORD)
        after = rows_of(moved)
        expected, result = comparable(before), comparable(after)
        for table, entries in expected.items():
            assert result[table] == entries, text.partition("\n## ")[0]
        assert {row["document_id"]: row["content"] for table, row in after if table == "document_texts"} == texts
        assert not moved.get("/me").json["is_admin"]
        assert moved.search("How often is the coolant pump inspected?")[0]["title"] == "Pump"
        assert {table for table, entries in expected.items() if not entries} == NOT_IN_THE_SCENARIO


def test_every_exported_table_and_column_is_read_back_or_said_to_be_left(service: Service) -> None:
    names = {name for (name,) in service.rows("select name from exported_tables()", role="owner")}
    read = {table.name for table in alcove.TABLES} | {"users"}
    assert names == read | set(alcove.LEFT)
    assert not read & set(alcove.LEFT)
    page = (Path(__file__).parents[2] / "docs" / "export.md").read_text("utf-8")
    assert {name for name in names if f"`{name}`" not in page} == set()
    for table in alcove.TABLES:
        columns = {
            name
            for (name,) in service.rows(
                "select attname::text from pg_attribute where attrelid = %s::regclass and attnum > 0", table.name
            )
        }
        assert {*table.key, *table.needs, *table.may, *table.changes, *table.volatile} <= columns, table.name
        assert {name for name in table.changes if f"`{name}`" not in page} == set(), table.name


def test_a_forged_export_gives_no_rights_and_reaches_nobody_else(service: Service, tmp_path: Path) -> None:
    victim = service.user()
    victim.add("Plan", "The vault opens at dawn.")
    theirs = victim.get("/documents").json["items"][0]["id"]
    forger = service.user()
    document = forger.add("Mine", "A pump.")["id"]
    folder = export(forger, tmp_path / "export")
    lines = [json.loads(line) for line in (folder / "rows.jsonl").read_text().splitlines()]
    for entry in lines:
        if entry["table"] == "users":
            entry["row"] |= {"is_admin": True, "email_verified": True, "queue_weight": 10, "email": "x@example.org"}
        if entry["table"] == "documents":
            entry["row"] |= {"id": theirs, "object_key": f"documents/{theirs}", "space_id": 1}
    tag = {"id": document, "owner_id": str(victim.id), "name": "forged", "created_at": "2026-01-01T00:00:00Z"}
    lines += [{"table": "tags", "row": tag | {"updated_at": tag["created_at"]}}]
    (folder / "rows.jsonl").write_text("\n".join(map(json.dumps, lines)), "utf-8")
    assert forger.delete("/me").status == 204
    text = read_back(service, folder)
    assert "documents_pkey" in text
    assert "it is not the row of the export's account" in text
    row = service.rows(
        "select is_admin, email_verified, queue_weight, password_hash from users where email = 'x@example.org'"
    )
    assert row == [(False, False, 1, None)]
    assert service.rows("select owner_id, title from documents where id = %s", theirs) == [(victim.id, "Plan")]
    assert service.rows("select count(*) from tags") == [(0,)]


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("export.json", "{}", "no export of version"),
        ("export.json", None, "no whole export"),
        ("rows.jsonl", "no JSON", "Line 1 of rows.jsonl is no row"),
        ("rows.jsonl", '{"table": "documents", "row": {}}', "Line 1 of rows.jsonl is no row"),
        ("rows.jsonl", '{"table": "planets", "row": {}}', "does not know: planets"),
        ("rows.jsonl", "", "0 rows of users"),
        ("rows.jsonl", '{"table": "users", "row": {"id": "\\u0000"}}', "none that Postgres can store"),
    ],
)
def test_what_is_no_export_is_refused(
    service: Service, tmp_path: Path, name: str, content: str | None, sentence: str
) -> None:
    folder = export(service.user(), tmp_path / "export")
    (folder / name).unlink()
    if content is not None:
        (folder / name).write_text(content, "utf-8")
    with pytest.raises(MoveError, match=sentence), move_of(service, folder):
        pass
