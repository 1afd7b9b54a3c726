"""Migrations: applied once, undone whole, never edited afterwards."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from chalicelib.ops import migrations
from tests.service import Database


def _tables(database: Database) -> set[str]:
    with database.connect("owner") as conn:
        rows = conn.execute("select tablename from pg_tables where schemaname = 'public'").fetchall()
    return {row[0] for row in rows}


def test_applying_again_does_nothing(database: Database) -> None:
    assert migrations.apply(database.owner) == []


def test_every_migration_rolls_back_and_applies_again(database: Database) -> None:
    tables = _tables(database)
    undone = migrations.roll_back(database.owner, 1000)
    assert undone == sorted(undone, reverse=True)
    assert {name for name in _tables(database) if "yoyo" not in name} == {"migration_checksums"}
    assert migrations.apply(database.owner) == sorted(undone)
    assert _tables(database) == tables


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
