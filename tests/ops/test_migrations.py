"""Migrations: applied once, undone whole, never edited afterwards."""

import shutil
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from chalicelib.ops import migrations
from infra.compatibility import Catalogue
from tests.service import Database


def _tables(database: Database) -> set[str]:
    with database.connect("owner") as conn:
        rows = conn.execute("select tablename from pg_tables where schemaname = 'public'").fetchall()
    return {row[0] for row in rows}


def _functions(database: Database) -> dict[str, str]:
    """The definitions of our functions and procedures by signature."""
    with database.connect("owner") as conn:
        rows = conn.execute(
            "select p.oid::regprocedure::text, pg_get_functiondef(p.oid) || array_to_string(p.proacl, ' ') "
            "from pg_proc p where p.pronamespace = 'public'::regnamespace "
            "and not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e')"
        ).fetchall()
    return dict(rows)


def _schema(database: Database) -> tuple[object, ...]:
    """What a schema is: its catalogue, its functions, and its indexes."""
    with database.connect("owner") as conn:
        indexes = conn.execute("select indexdef from pg_indexes where schemaname = 'public' order by 1").fetchall()
        return Catalogue.read(conn), _functions(database), indexes


def test_applying_again_does_nothing(database: Database) -> None:
    assert migrations.apply(database.owner) == []


def test_every_migration_rolls_back_and_applies_again(database: Database) -> None:
    schema = _schema(database)
    unfinished = migrations.roll_back(database.owner, 1000)
    assert unfinished == sorted((path.stem for path in migrations.files()), reverse=True)
    assert {name for name in _tables(database) if "yoyo" not in name} == {"migration_checksums"}
    assert _functions(database) == {}
    assert migrations.apply(database.owner) == [*sorted(unfinished), *migrations.function_files()]
    assert _schema(database) == schema


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
def test_the_newest_files_roll_back_alone(database: Database, count: int) -> None:
    schema = _schema(database)
    newest = [path.stem for path in migrations.files()][-count:]
    assert migrations.roll_back(database.owner, count) == newest[::-1]
    assert migrations.apply(database.owner) == [*newest, *migrations.function_files()]
    assert _schema(database) == schema


def test_an_applied_file_may_never_change(database: Database, tmp_path: Path) -> None:
    copy = shutil.copytree(migrations.DIRECTORY, tmp_path / "migrations")
    edited = copy / "0002_accounts.sql"
    edited.write_text(edited.read_text() + "\n-- one more thought\n")
    with pytest.raises(migrations.ChangedMigrationError, match="0002_accounts"):
        migrations.apply(database.owner, copy)


def test_a_migration_waits_for_a_table_without_standing_in_front_of_others(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lock that is waited for is granted before those asked for later: a patient migration would stop everybody."""
    monkeypatch.setattr(migrations, "_LOCK_MILLISECONDS", 100)
    monkeypatch.setattr(migrations, "_LOCK_PAUSE_SECONDS", 0.2)
    directory = shutil.copytree(migrations.DIRECTORY, tmp_path / "migrations")
    (directory / "9999_colours.sql").write_text("alter table tags add column colour text;")
    (directory / "9999_colours.rollback.sql").write_text("alter table tags drop column colour;")
    with database.connect("owner") as holder, database.connect("owner") as reader, ThreadPoolExecutor(1) as other:
        holder.execute("begin; select count(*) from tags")
        applying = other.submit(migrations.apply, database.owner, directory)
        reader.execute("set statement_timeout = '2s'")
        for _ in range(20):
            reader.execute("select count(*) from tags")
        assert not applying.done()
        holder.execute("commit")
        assert applying.result() == ["9999_colours"]
        reader.execute("select colour from tags")


def test_a_table_that_is_never_free_fails_the_migration_and_changes_nothing(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrations, "_LOCK_MILLISECONDS", 50)
    monkeypatch.setattr(migrations, "_LOCK_ATTEMPTS", 2)
    monkeypatch.setattr(migrations, "_LOCK_PAUSE_SECONDS", 0.0)
    directory = shutil.copytree(migrations.DIRECTORY, tmp_path / "migrations")
    (directory / "9999_colours.sql").write_text(
        "create table colours (id int); alter table tags add column colour text;"
    )
    (directory / "9999_colours.rollback.sql").write_text("alter table tags drop column colour; drop table colours;")
    with database.connect("owner") as holder:
        holder.execute("begin; select count(*) from tags")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            migrations.apply(database.owner, directory)
        holder.execute("commit")
    assert "colours" not in _tables(database)
    assert migrations.apply(database.owner, directory) == ["9999_colours"]


def _edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_a_function_whose_text_changed_is_applied_again_with_its_rights(database: Database, tmp_path: Path) -> None:
    directory = shutil.copytree(migrations.DIRECTORY, tmp_path / "migrations")
    _edit(directory / "functions" / "documents.sql", "then 1 + similarity", "then 2 + similarity")
    _edit(
        directory / "functions" / "for_tables" / "accounts.sql", "only an administrator", "no one but an administrator"
    )
    names = ["functions/for_tables/accounts", "functions/documents"]
    assert migrations.apply(database.owner, directory) == names
    assert migrations.apply(database.owner, directory) == []
    with database.connect("app") as app:
        assert app.execute("select name_rank('a', 'a')").fetchone() == (3,)
    assert "no one but" in _functions(database)["guard_account()"]


def test_files_of_one_release_are_applied_whole_or_not_at_all(database: Database, tmp_path: Path) -> None:
    directory = shutil.copytree(migrations.DIRECTORY, tmp_path / "migrations")
    (directory / "9998_colours.sql").write_text("create table colours (id int);")
    (directory / "9998_colours.rollback.sql").write_text("drop table colours cascade;")
    (directory / "functions" / "colours.sql").write_text(
        "create or replace function colours() returns bigint language sql "
        "begin atomic select count(*) from nothing; end;"
    )
    before = _schema(database)
    with pytest.raises(psycopg.errors.UndefinedTable):
        migrations.apply(database.owner, directory)
    assert "colours" not in _tables(database)
    _edit(directory / "functions" / "colours.sql", "nothing", "colours")
    assert migrations.apply(database.owner, directory) == ["9998_colours", "functions/colours"]
    migrations.roll_back(database.owner, 1, directory)
    (directory / "9998_colours.sql").unlink()
    (directory / "functions" / "colours.sql").unlink()
    assert migrations.apply(database.owner, directory) == [*migrations.function_files()]
    assert _schema(database) == before


def test_a_declaration_changes_with_a_numbered_file_that_drops_the_former_one(
    database: Database, tmp_path: Path
) -> None:
    directory = shutil.copytree(migrations.DIRECTORY, tmp_path / "migrations")
    _edit(directory / "functions" / "documents.sql", "name_rank(query text, name text)", "name_rank(x text, name text)")
    _edit(directory / "functions" / "documents.sql", "query, name", "x, name")
    _edit(directory / "functions" / "documents.sql", "lower(query)", "lower(x)")
    with pytest.raises(psycopg.errors.InvalidFunctionDefinition):
        migrations.apply(database.owner, directory)
    (directory / "9998_names.sql").write_text("drop function name_rank(text, text);")
    (directory / "9998_names.rollback.sql").write_text("drop function name_rank(text, text);")
    assert migrations.apply(database.owner, directory) == ["9998_names", "functions/documents"]
    with database.connect("app") as app:
        assert app.execute("select name_rank(x => 'a', name => 'a')").fetchone() == (2,)


def test_a_release_older_than_the_schema_leaves_the_functions_alone(database: Database, tmp_path: Path) -> None:
    newer = shutil.copytree(migrations.DIRECTORY, tmp_path / "migrations")
    (newer / "9998_colours.sql").write_text("alter table tags add column colour text;")
    (newer / "9998_colours.rollback.sql").write_text("alter table tags drop column colour;")
    _edit(newer / "functions" / "documents.sql", "then 1 + similarity", "then 2 + similarity")
    migrations.apply(database.owner, newer)
    after = _schema(database)
    assert migrations.apply(database.owner) == []
    assert _schema(database) == after


def test_bodies_of_functions_that_tables_call_are_valid(database: Database) -> None:
    """They are applied while their tables are not there yet, so nobody has looked into them."""
    with database.connect("owner") as conn:
        for name, path in migrations.function_files().items():
            if "/for_tables/" in name:
                conn.execute(path.read_text().encode())


def test_ids_made_by_one_backend_are_in_order_without_postgresql_18(database: Database) -> None:
    """What tables use where there is no uuidv7(): its order within a millisecond is that of PostgreSQL 18."""
    with database.connect("owner") as conn:
        rows = conn.execute("select uuidv7_portable() from generate_series(1, 20000)").fetchall()
        ids = [row[0] for row in rows]
        assert ids == sorted(set(ids))
        assert {(value.version, value.variant) for value in ids} == {(7, uuid.RFC_4122)}
        assert len({value.int >> 80 for value in ids}) < len(ids), "several were made in one millisecond"
        bounds = conn.execute(
            "select uuid_floor(now() - interval '1 second') < uuidv7_portable(), "
            "       uuid_floor(clock_timestamp() + interval '1 second') > uuidv7_portable()"
        ).fetchone()
        assert bounds == (True, True)


def test_the_smallest_id_of_an_instant_is_not_above_the_ids_made_at_it(database: Database) -> None:
    """Milliseconds are cut off, as in ids: rounded up, a row of the same millisecond would be left out of a page."""
    with database.connect("owner") as conn:
        row = conn.execute("select uuid_floor('2027-01-01 00:00:00.0009Z') = uuid_floor('2027-01-01Z')").fetchone()
    assert row == (True,)
