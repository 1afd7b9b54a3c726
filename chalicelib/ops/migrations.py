"""Bringing the schema up to date: numbered plain SQL in `migrations/`, each file with its rollback.

yoyo keeps the order, the lock and the log. Two things are ours: a file runs whole (yoyo would split it into
statements, which function bodies do not survive), and a file that was applied may never change.
"""

import hashlib
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, LiteralString
from urllib.parse import quote

from chalicelib.core import connection

if TYPE_CHECKING:
    from yoyo.backends.base import DatabaseBackend
    from yoyo.migrations import Migration, MigrationList

DIRECTORY = Path(__file__).parents[2] / "migrations"

# Long enough for ordinary statements to end, far shorter than a request waits; the application's own limits on
# statements and transactions end the others within the attempts.
_LOCK_MILLISECONDS = 2000
_LOCK_ATTEMPTS = 20
_LOCK_PAUSE_SECONDS = 1.0


class ChangedMigrationError(RuntimeError):
    """A file that was applied before is not what it was: write a new migration instead."""


def apply(owner: Mapping[str, Any], directory: Path = DIRECTORY) -> list[str]:
    """Apply what is not applied yet, each file in its own transaction; returns the ids applied now.

    `owner` is the owner's secret (see connection.connect). Several callers at once wait for each other.
    """
    _check_unchanged(owner, directory)
    with _yoyo(owner, directory) as (backend, migrations), backend.lock(timeout=60):
        pending = backend.to_apply(migrations)
        applied = [migration.id for migration in pending]
        for migration in pending:
            _apply_one(backend, migration)
    _record_checksums(owner, directory, applied)
    return applied


def _apply_one(backend: "DatabaseBackend", migration: "Migration") -> None:
    """Apply a migration, a little later when a table is in use: who waits for a lock stops everybody behind him.

    Raises psycopg's LockNotAvailable when a transaction holds what is needed at every one of _LOCK_ATTEMPTS.
    """
    import psycopg

    for attempt in range(_LOCK_ATTEMPTS):
        try:
            backend.apply_one(migration)
        except psycopg.errors.LockNotAvailable:
            if attempt == _LOCK_ATTEMPTS - 1:
                raise
            time.sleep(_LOCK_PAUSE_SECONDS)
        else:
            return


def roll_back(owner: Mapping[str, Any], count: int, directory: Path = DIRECTORY) -> list[str]:
    """Undo the newest `count` applied files with their rollbacks, newest first; returns their ids."""
    with _yoyo(owner, directory) as (backend, migrations), backend.lock(timeout=60):
        undone = list(backend.to_rollback(migrations))[:count]
        backend.rollback_migrations(migrations.__class__(undone))
    with connection.connect(owner) as conn:
        conn.execute("delete from migration_checksums where id = any (%s)", [[migration.id for migration in undone]])
    return [migration.id for migration in undone]


@contextmanager
def _yoyo(owner: Mapping[str, Any], directory: Path) -> "Iterator[tuple[DatabaseBackend, MigrationList]]":
    from yoyo import get_backend
    from yoyo.migrations import Migration, MigrationList, StepCollector

    class WholeFile(Migration):  # type: ignore[misc]
        """A migration whose file, and whose rollback, is sent to the server in one piece."""

        def load(self) -> None:
            if self.loaded:
                return
            path = Path(self.path)
            forward, back = path.read_text("utf-8"), path.with_suffix(".rollback.sql").read_text("utf-8")
            collector = StepCollector(migration=self)
            patience = f"set local lock_timeout = '{_LOCK_MILLISECONDS}ms'"
            collector.add_step(
                lambda conn: conn.cursor().execute(patience) and conn.cursor().execute(forward),
                lambda conn: conn.cursor().execute(back),
            )
            self.source, self.use_transactions = forward, True
            self._depends: set[Migration] = set()
            self.steps = collector.create_steps(True)

    user, password = quote(owner["username"], safe=""), quote(owner["password"], safe="")
    backend = get_backend(
        f"postgresql+psycopg://{user}:{password}@{owner['host']}:{owner['port']}/{quote(owner['dbname'], safe='')}"
    )
    try:
        yield backend, MigrationList([WholeFile(path.stem, str(path), str(directory)) for path in files(directory)])
    finally:
        backend.connection.close()


def files(directory: Path = DIRECTORY) -> list[Path]:
    """The migrations in the order in which they are applied, without their rollbacks."""
    return sorted(path for path in directory.glob("*.sql") if not path.stem.endswith(".rollback"))


def _checksum(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _check_unchanged(owner: Mapping[str, Any], directory: Path) -> None:
    with connection.connect(owner) as conn:
        conn.execute(
            "create table if not exists migration_checksums "
            "(id text primary key, sha256 text not null, applied_at timestamptz not null default now())"
        )
        rows = conn.execute("select id, sha256 from migration_checksums").fetchall()
    recorded: dict[str, str] = dict(rows)
    changed = [path.stem for path in files(directory) if recorded.get(path.stem, _checksum(path)) != _checksum(path)]
    if changed:
        raise ChangedMigrationError(f"applied migrations were edited: {', '.join(changed)}")


def _record_checksums(owner: Mapping[str, Any], directory: Path, applied: list[str]) -> None:
    insert: LiteralString = "insert into migration_checksums (id, sha256) values (%s, %s) on conflict do nothing"
    with connection.connect(owner) as conn:
        for path in files(directory):
            if path.stem in applied:
                conn.execute(insert, [path.stem, _checksum(path)])
