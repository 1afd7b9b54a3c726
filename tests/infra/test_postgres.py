"""The local PostgreSQL: as strict as the real one, and unharmed by SIGKILL."""

import os
import signal
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from infra.local import cluster, postgres


@pytest.fixture(scope="module")
def directory() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="alcove-postgres-") as name:
        Path(name).chmod(0o755)
        server = postgres.start(Path(name) / "postgres")
        postgres.create_database(server, "kept")
        yield Path(name) / "postgres"
        postgres.stop(Path(name) / "postgres")


def test_starting_again_changes_nothing(directory: Path) -> None:
    assert postgres.start(directory) == postgres.start(directory)


def test_what_was_committed_survives_sigkill(directory: Path) -> None:
    server = postgres.start(directory)
    with psycopg.connect(server.url("owner", "kept")) as connection:
        connection.execute("create table survivors (n int)")
    for round_number in range(3):
        with psycopg.connect(server.url("owner", "kept")) as connection:
            connection.execute("insert into survivors values (%s)", [round_number])
        os.kill(server.pid, signal.SIGKILL)
        server = postgres.start(directory)
    with psycopg.connect(server.url("owner", "kept")) as connection:
        assert connection.execute("select n from survivors order by n").fetchall() == [(0,), (1,), (2,)]


def test_a_killed_server_keeps_its_port_and_passwords(directory: Path) -> None:
    before = postgres.start(directory)
    os.kill(before.pid, signal.SIGKILL)
    after = postgres.start(directory)
    assert after.pid != before.pid
    assert after.url("app", "kept") == before.url("app", "kept")


def test_neither_role_bypasses_row_level_security(directory: Path) -> None:
    server = postgres.start(directory)
    with psycopg.connect(server.url("owner", "kept")) as connection:
        rows = connection.execute(
            "select rolname, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb from pg_roles"
            " where rolname like 'alcove%'"
        ).fetchall()
    assert sorted(rows) == [("alcove_app", False, False, False, False), ("alcove_owner", False, False, True, False)]


def test_the_owner_can_make_both_extensions_without_a_superuser(directory: Path) -> None:
    server = postgres.start(directory)
    with psycopg.connect(server.url("owner", "kept")) as connection:
        connection.execute("create extension if not exists vector; create extension if not exists pg_trgm")
        rows = connection.execute("select extname from pg_extension where extname in ('vector', 'pg_trgm')").fetchall()
    assert len(rows) == 2


def test_a_password_is_needed_and_kept_private(directory: Path) -> None:
    server = postgres.start(directory)
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(host=server.host, port=server.port, dbname="kept", user="postgres", password="")
    assert stat.S_IMODE((directory / "credentials.json").stat().st_mode) == 0o600


def test_clusters_whose_files_are_copies_have_passwords_of_their_own(directory: Path) -> None:
    server = postgres.start(directory)
    with tempfile.TemporaryDirectory(prefix="alcove-postgres-") as name:
        Path(name).chmod(0o755)
        other = postgres.start(Path(name) / "postgres")
        try:
            assert cluster._prepared().is_dir()
            for role in ("superuser", "owner", "app"):
                with psycopg.connect(other.url(role, "postgres")) as connection:
                    assert connection.execute("select 1").fetchone() == (1,)
                with pytest.raises(psycopg.OperationalError, match="password"):
                    psycopg.connect(replace(server, port=other.port).url(role, "postgres"))
        finally:
            postgres.stop(Path(name) / "postgres")


def test_another_port_than_the_one_in_use_is_refused(directory: Path) -> None:
    server = postgres.start(directory)
    with pytest.raises(postgres.PostgresError, match=f"already runs on port {server.port}"):
        postgres.start(directory, port=postgres.free_port())


def test_stopping_leaves_no_process_and_may_be_repeated(directory: Path) -> None:
    server = postgres.start(directory)
    with psycopg.connect(server.url("app", "kept")):
        postgres.stop(directory)
        assert postgres.processes_of(directory) == []
    postgres.stop(directory)
    with psycopg.connect(postgres.start(directory).url("app", "kept")) as connection:
        assert connection.execute("select 1").fetchone() == (1,)


def test_a_failing_start_says_why(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        (tmp_path / "private").mkdir(mode=0o700)
        with pytest.raises(postgres.PostgresError, match="cannot enter"):
            postgres.start(tmp_path / "private" / "postgres")
    else:
        (tmp_path / "private").mkdir(mode=0o500)
        with pytest.raises(PermissionError):
            postgres.start(tmp_path / "private" / "postgres")


def test_programs_that_are_named_but_missing_are_reported(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALCOVE_POSTGRES_BINARIES", str(directory))
    with pytest.raises(postgres.PostgresError, match="no program `postgres`"):
        postgres.start(directory)
