"""Migrations: applied once, undone whole, never edited afterwards."""

import shutil
from pathlib import Path

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
