"""Two versions of the code on one schema: nothing that the former release asks for is refused or changed unawares."""

import re
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from chalicelib.ops import migrations
from infra import compatibility
from infra.compatibility import Catalogue, Contract, Statement
from infra.local import postgres
from tests.service import Database

_COMMANDS = {"alter", "create", "grant", "revoke"}


@pytest.fixture
def empty(server: postgres.Server) -> Iterator[Database]:
    name = f"test_{uuid.uuid4().hex}"
    postgres.create_database(server, name)
    place = {"host": server.host, "port": server.port, "dbname": name}
    yield Database(
        owner=place | {"username": "alcove_owner", "password": server.owner_password},
        app=place | {"username": "alcove_app", "password": server.app_password},
    )
    postgres.drop_database(server, name)


def _refused(database: Database, expected: dict[str, Statement]) -> dict[str, str]:
    with database.connect("app") as app, database.connect("owner") as owner:
        return compatibility.refused({"app": app, "owner": owner}, expected)


def test_this_schema_serves_every_statement_of_the_former_release(database: Database) -> None:
    contract = Contract.read()
    assert contract.level in [path.stem for path in migrations.files()]
    assert len(contract.statements) > 250
    assert _refused(database, contract.statements) == {}


def test_this_schema_serves_every_statement_of_this_code(database: Database) -> None:
    assert _refused(database, compatibility.statements()) == {}


def test_every_query_of_the_code_is_in_its_contract() -> None:
    """By its name, or as a part of a statement that the module composes; commands about roles are not planned."""
    recorded = compatibility.statements()
    for path in (migrations.DIRECTORY.parent / "chalicelib").rglob("*.sql"):
        file = path.relative_to(migrations.DIRECTORY.parent / "chalicelib").as_posix()
        queries = compatibility.queries_of(path)
        composed = [statement.text for name, statement in recorded.items() if name.startswith(f"{file}:_")]
        for name in queries:
            longest = max(re.split(r"%\(\w+\)s|\{\w+\}|%|\n", getattr(queries, name)), key=len)
            result = f"{file}:{name}" in recorded or any(longest in text for text in composed)
            is_command = getattr(queries, name).split()[0] in _COMMANDS
            assert result or is_command, f"{file}:{name}"


def test_a_contract_is_read_as_it_was_written(tmp_path: Path) -> None:
    contract = Contract.of_present()
    contract.write(tmp_path / "contract.json")
    assert Contract.read(tmp_path / "contract.json") == contract


def test_migrations_since_the_former_release_only_add_or_say_why(empty: Database) -> None:
    assert compatibility.unexplained(empty.owner, Contract.read()) == []


@pytest.mark.parametrize(
    ("change", "result"),
    [
        ("alter table documents drop column title cascade", "column documents.title"),
        ("alter table documents rename column title to name", "column documents.title"),
        ("alter table tags alter column name type varchar(50)", "column tags.name"),
        ("alter table documents add column colour text not null", "column documents.colour"),
        ("alter table documents alter column deleted_at set not null", "column documents.deleted_at"),
        ("alter table conversations add constraint short check (length(title) < 5)", "constraint conversations.short"),
        ("create unique index one_title on conversations (title)", "unique index conversations.one_title"),
        ("drop function claim_job cascade", "function claim_job"),
        ("revoke update (name) on tags from alcove_app", "right to update tags.name"),
        ("revoke delete on entity_tags from alcove_app", "right to delete entity_tags"),
        ("create policy none on tags as restrictive using (false)", "policy tags.none"),
    ],
)
def test_a_change_that_may_break_the_former_release_is_named(database: Database, change: str, result: str) -> None:
    with database.connect("owner") as owner:
        before = Catalogue.read(owner)
        owner.execute(change.encode())
        named = compatibility.incompatible(before, Catalogue.read(owner))
    assert any(what.startswith(result) for what in named), named


@pytest.mark.parametrize(
    "change",
    [
        "create table notes (id uuid primary key, text text not null check (text <> ''))",
        "alter table documents add column colour text",
        "alter table documents add column colour text not null default 'red'",
        "create index on documents (title)",
        "create function colour() returns text language sql return 'red'",
        "grant select on tags to alcove_app",
        "create policy more on tags for select using (false)",
    ],
)
def test_a_change_that_only_adds_breaks_nobody(database: Database, change: str) -> None:
    with database.connect("owner") as owner:
        before = Catalogue.read(owner)
        owner.execute(change.encode())
        assert compatibility.incompatible(before, Catalogue.read(owner)) == set()
    assert _refused(database, Contract.read().statements) == {}


def test_a_statement_whose_column_function_or_right_is_gone_is_refused_by_name(database: Database) -> None:
    with database.connect("owner") as owner:
        owner.execute("alter table conversations rename column title to heading")
        owner.execute(
            "revoke update (tag_id) on entity_tags from alcove_app; revoke delete on entity_tags from alcove_app"
        )
        owner.execute("drop function begin_api_key")
    failures = _refused(database, Contract.read().statements)
    assert 'column "title" does not exist' in failures["chat/conversations/conversations.sql:get"]
    assert failures["knowledge/collections/tags.sql:detach"] == "permission denied for table entity_tags"
    assert "begin_api_key" in failures["core/identity.py:_AS_API_KEY"]
    assert "core/identity.py:_AS_USER" not in failures


@pytest.mark.parametrize(
    ("record", "problems"),
    [
        ("", ["0999_colours: column tags.created_at may break the former release"]),
        ("-- compatible: column tags.created_at: read by nothing since 0998\n", []),
        (
            "-- compatible: column tags.created_at: unread\n-- compatible: column users.email: unread\n",
            ["0999_colours: column users.email is explained and not changed"],
        ),
    ],
)
def test_a_harmful_change_needs_a_note_and_a_note_needs_its_change(
    empty: Database, tmp_path: Path, record: str, problems: list[str]
) -> None:
    directory = tmp_path / "migrations"
    shutil.copytree(migrations.DIRECTORY, directory)
    (directory / "0999_colours.sql").write_text(record + "alter table tags alter created_at type timestamptz(3);\n")
    (directory / "0999_colours.rollback.sql").write_text("alter table tags alter created_at type timestamptz;\n")
    assert compatibility.unexplained(empty.owner, Contract.of_present(), directory) == problems


@pytest.mark.parametrize(
    ("text", "record", "problems"),
    [
        (
            "name_rank(wanted text, name text, most integer default 1) returns real",
            "",
            ["functions: function name_rank may break the former release"],
        ),
        (
            "name_rank(wanted text, name text, most integer default 1) returns real",
            "-- compatible: function name_rank: the former release passes two values, and the third has a default\n",
            [],
        ),
        (
            "likeness(wanted text, name text) returns real",
            "-- compatible: function name_rank: unread\n-- compatible: function charge: unread\n",
            ["0999_names: function charge is explained and not changed"],
        ),
    ],
)
def test_a_function_that_is_declared_otherwise_or_not_at_all_needs_a_note(
    empty: Database, tmp_path: Path, text: str, record: str, problems: list[str]
) -> None:
    directory = tmp_path / "migrations"
    shutil.copytree(migrations.DIRECTORY, directory)
    file = directory / "functions" / "documents.sql"
    former = f"function name_rank{compatibility.declarations()['function name_rank']}"
    assert former in file.read_text()
    file.write_text(file.read_text().replace(former, f"function {text}"))
    (directory / "0999_names.sql").write_text(record + "drop function if exists name_rank(text, text);\n")
    (directory / "0999_names.rollback.sql").write_text("drop function if exists name_rank(text, text, integer);\n")
    assert compatibility.unexplained(empty.owner, Contract.of_present(), directory) == problems


def test_every_function_of_the_schema_is_declared_in_a_file(database: Database) -> None:
    with database.connect("owner") as owner:
        rows = owner.execute(
            "select case prokind when 'p' then 'procedure ' else 'function ' end || proname from pg_proc p "
            "where pronamespace = 'public'::regnamespace and proname <> 'uuidv7' "
            "and not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e')"
        ).fetchall()
    declared = compatibility.declarations()
    assert sorted(row[0] for row in rows) == sorted(declared)
    assert len(declared) > 100
