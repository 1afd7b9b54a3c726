"""Brings the schema up to date: numbered plain SQL in `migrations/`, each file with its rollback, and functions.

yoyo keeps the order, the lock and the log of the numbered files. This module adds three rules: a file runs as a whole
(yoyo would split it into statements, which breaks function bodies), an applied numbered file may never change, and the
files of `migrations/functions/` are applied again whenever their text changes (docs/migrations.md).
"""

import hashlib
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, LiteralString
from urllib.parse import quote, urlencode

from chalicelib.core import connection, logins

if TYPE_CHECKING:
    from yoyo.backends.base import DatabaseBackend
    from yoyo.migrations import Migration, MigrationList

DIRECTORY = Path(__file__).parents[2] / "migrations"

# Functions that tables use in defaults, policies and triggers.
_FOR_TABLES = "for_tables"

# Ordinary statements end within this time, and a request waits far longer. The application's own limits on statements
# and transactions end the others within the attempts.
_LOCK_MILLISECONDS = 2000
_LOCK_ATTEMPTS = 20
_LOCK_PAUSE_SECONDS = 1.0


class ChangedMigrationError(RuntimeError):
    """A numbered file that this database has applied was edited."""


def apply(owner: Mapping[str, Any], directory: Path = DIRECTORY) -> list[str]:
    """Apply the numbered files that are not applied yet, and functions if anything changed, in one transaction.

    `owner` is the owner's secret (see connection.connect). Returns the ids of the applied files that are new or have
    another text, such as `0007_webhooks` and `functions/queue`. Simultaneous callers wait for each other.
    """
    _check_unchanged(owner, directory)
    with _yoyo(owner, directory) as (backend, migrations), backend.lock(timeout=60):
        pending = list(backend.to_apply(migrations))
        changed = _changed_functions(backend, directory)
        if pending or changed:
            _apply_with_retries(backend, pending, directory)
    return [migration.id for migration in pending] + changed


def _apply_with_retries(backend: "DatabaseBackend", pending: "list[Migration]", directory: Path) -> None:
    """Apply everything, and try again later while a table is in use: a lock that waits blocks everything behind it.

    Raises psycopg's LockNotAvailable when a transaction holds a required lock in each of _LOCK_ATTEMPTS attempts.
    """
    import psycopg

    for attempt in range(_LOCK_ATTEMPTS):
        try:
            with backend.transaction():
                _apply_all(backend, pending, directory)
        except psycopg.errors.LockNotAvailable:
            if attempt == _LOCK_ATTEMPTS - 1:
                raise
            time.sleep(_LOCK_PAUSE_SECONDS)
        else:
            return


def _apply_all(backend: "DatabaseBackend", pending: "list[Migration]", directory: Path) -> None:
    """Apply the first file (roles, extensions), the functions that tables use, the other files, all other functions.

    Every function is applied when any file is, because a numbered file may have dropped some.
    """
    execute = backend.connection.cursor().execute
    first = files(directory)[0].stem
    execute(f"set local lock_timeout = '{_LOCK_MILLISECONDS}ms'")
    _apply_numbered(backend, [migration for migration in pending if migration.id == first])
    functions = function_files(directory)
    if not _is_of_newer_release(backend, directory):
        # Function bodies refer to tables that do not exist yet.
        execute("set local check_function_bodies = off")
        _apply_functions(backend, {name: path for name, path in functions.items() if path.parent.name == _FOR_TABLES})
        execute("set local check_function_bodies = on")
    _apply_numbered(backend, [migration for migration in pending if migration.id != first])
    if not _is_of_newer_release(backend, directory):
        _apply_functions(backend, {name: path for name, path in functions.items() if path.parent.name != _FOR_TABLES})


def _apply_numbered(backend: "DatabaseBackend", pending: "list[Migration]") -> None:
    for migration in pending:
        path = Path(migration.path)
        backend.connection.cursor().execute(path.read_text("utf-8"))
        backend.mark_one(migration, log=False)
        backend.log_migration(migration, "apply")
        _record(backend, migration.id, path)


def _apply_functions(backend: "DatabaseBackend", functions: Mapping[str, Path]) -> None:
    for name, path in functions.items():
        backend.connection.cursor().execute(path.read_text("utf-8"))
        _record(backend, name, path)


def roll_back(owner: Mapping[str, Any], count: int, directory: Path = DIRECTORY) -> list[str]:
    """Undo the newest `count` applied files with their rollbacks, newest first; returns their ids."""
    with _yoyo(owner, directory) as (backend, migrations), backend.lock(timeout=60):
        rolled_back = list(backend.to_rollback(migrations))[:count]
        backend.rollback_migrations(migrations.__class__(rolled_back))
    with connection.connect(owner) as conn:
        # Rollbacks drop functions. This makes the next release that migrates apply all of them again.
        conn.execute(
            "delete from migration_checksums where id = any (%s) or id like 'functions/%%'",
            [[migration.id for migration in rolled_back]],
        )
    return [migration.id for migration in rolled_back]


@contextmanager
def _yoyo(owner: Mapping[str, Any], directory: Path) -> "Iterator[tuple[DatabaseBackend, MigrationList]]":
    from yoyo import get_backend
    from yoyo.migrations import Migration, MigrationList, StepCollector

    class WholeFile(Migration):  # type: ignore[misc]
        """A migration whose rollback is sent to the server as a whole; apply() sends the file itself."""

        def load(self) -> None:
            if self.loaded:
                return
            path = Path(self.path)
            back = path.with_suffix(".rollback.sql").read_text("utf-8")
            collector = StepCollector(migration=self)
            collector.add_step(lambda _: None, lambda conn: conn.cursor().execute(back))
            self.source, self.use_transactions = path.read_text("utf-8"), True
            self._depends: set[Migration] = set()
            self.steps = collector.create_steps(True)

    user, password = quote(owner["username"], safe=""), quote(logins.password(owner), safe="")
    options = urlencode({name: owner[name] for name in ("sslmode", "sslrootcert") if name in owner})
    backend = get_backend(
        f"postgresql+psycopg://{user}:{password}@{owner['host']}:{owner['port']}/{quote(owner['dbname'], safe='')}"
        f"?{options}"
    )
    try:
        yield backend, MigrationList([WholeFile(path.stem, str(path), str(directory)) for path in files(directory)])
    finally:
        backend.connection.close()


def files(directory: Path = DIRECTORY) -> list[Path]:
    """The migrations in the order of application, without their rollbacks."""
    return sorted(path for path in directory.glob("*.sql") if not path.stem.endswith(".rollback"))


def function_files(directory: Path = DIRECTORY) -> dict[str, Path]:
    """The files of functions and views by id (`functions/queue`), in the order of application."""
    folder = directory / "functions"
    paths = sorted(folder.glob(f"{_FOR_TABLES}/*.sql")) + sorted(folder.glob("*.sql"))
    return {path.relative_to(directory).with_suffix("").as_posix(): path for path in paths}


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
        raise ChangedMigrationError(
            f"This database has applied files that were edited since: {', '.join(changed)}. Write a new numbered file "
            "instead. For the database on this machine: `make reset` deletes it, `make up` creates it from the files."
        )


def _recorded(backend: "DatabaseBackend") -> dict[str, str]:
    return dict(backend.connection.cursor().execute("select id, sha256 from migration_checksums").fetchall())


def _changed_functions(backend: "DatabaseBackend", directory: Path) -> list[str]:
    if _is_of_newer_release(backend, directory):
        return []
    recorded = _recorded(backend)
    return [name for name, path in function_files(directory).items() if recorded.get(name) != _checksum(path)]


def _is_of_newer_release(backend: "DatabaseBackend", directory: Path) -> bool:
    """Whether a newer release migrated the database: its functions also serve this release, and stay."""
    numbered = {name for name in _recorded(backend) if not name.startswith("functions/")}
    return not numbered <= {path.stem for path in files(directory)}


def _record(backend: "DatabaseBackend", name: str, path: Path) -> None:
    upsert: LiteralString = """
        insert into migration_checksums (id, sha256) values (%s, %s)
        on conflict (id) do update set sha256 = excluded.sha256, applied_at = now()"""
    backend.connection.cursor().execute(upsert, [name, _checksum(path)])
