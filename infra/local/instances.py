"""The service's functions as plain processes: real handlers, database, queues and sockets, without a gateway.

The nursery (`infra.local.nursery`) forks a process for each instance, so that an instance starts in milliseconds where
a cold one takes seconds. An instance is one process that serves one request or message at a time, like a function's.
Its entry may shorten the product's times by Knobs; nothing else differs.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infra.local import emulator, postgres, resources

if TYPE_CHECKING:
    import psycopg
    from mypy_boto3_sqs import SQSClient
from infra.local.nursery import Knobs

__all__ = ["Knobs"]

_ROOT = Path(__file__).parents[2]
_DATABASE = "alcove"
_START_SECONDS = 120


@dataclass
class Place:
    """A running service of its own. `pids` holds the instances of each function, whose variables are `environment`."""

    directory: Path
    server: postgres.Server
    endpoint_url: str
    queues: dict[str, str]
    administrator: dict[str, str]
    api_url: str
    pids: dict[str, list[int]]
    environment: dict[str, str]
    _nursery: subprocess.Popen[str]
    _lock: threading.Lock

    def add(self, function: str, number: int = 1) -> None:
        """Start more instances of `api`, `ingest`, `answer` or `tick`."""
        for _ in range(number):
            with self._lock:
                pid = int(_call(self._nursery, function))
                self.pids.setdefault(function, []).append(pid)

    def kill(self, function: str, position: int) -> None:
        """End an instance with SIGKILL."""
        with self._lock:
            pid = self.pids[function].pop(position)
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)

    def owner(self) -> psycopg.Connection[Any]:
        """A connection that sees everything."""
        import psycopg

        return psycopg.connect(self.server.url("owner", _DATABASE), autocommit=True)

    def rows(self, statement: str) -> list[Any]:
        """Rows as the owner sees them."""
        with self.owner() as conn:
            return conn.execute(statement.encode()).fetchall()

    def sqs(self) -> SQSClient:
        """A client of the place's queues."""
        sqs: SQSClient = _client("sqs", self.endpoint_url)
        return sqs

    def restart_database(self) -> None:
        """Kill every process of the database, and start it again."""
        import psutil

        postmaster = psutil.Process(self.server.pid)
        for process in [postmaster, *postmaster.children(recursive=True)]:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self.server = postgres.start(self.directory / "postgres")

    def log_tail(self, lines: int = 20) -> str:
        """The last lines that the instances logged."""
        return "\n".join((self.directory / "functions.log").read_text(errors="replace").splitlines()[-lines:])


@contextmanager
def place(knobs: Knobs, *, visibility_seconds: int) -> Iterator[Place]:
    """A new service without instances; it is gone afterwards."""
    directory = Path(tempfile.mkdtemp(prefix="alcove-instances-"))
    directory.chmod(0o755)  # PostgreSQL runs as nobody when this runs as root
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))  # what runs here is stopped on the way out
    try:
        server = postgres.start(directory / "postgres")
        postgres.create_database(server, _DATABASE)
        started = emulator.start(directory / "aws")
        queues, administrator, environment = _resources(started, server, visibility_seconds)
        with _nursery(directory, environment, knobs) as (nursery, hello):
            yield Place(
                directory,
                server,
                started.endpoint_url,
                queues,
                administrator,
                f"http://{hello}",
                {},
                environment,
                nursery,
                threading.Lock(),
            )
    finally:
        emulator.stop(directory / "aws")
        postgres.stop(directory / "postgres")
        shutil.rmtree(directory, ignore_errors=True)


@contextmanager
def module(name: str, *options: str, **more: Any) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A module of this repository as a process that ends with its standard input, and the first line it printed."""
    command = [sys.executable, "-m", name, *options]
    with subprocess.Popen(
        command, cwd=_ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, **more
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline().strip()
            if not line:
                raise RuntimeError(f"{name} did not start; it ended with status {process.wait(_START_SECONDS)}")
            yield process, line
        finally:
            assert process.stdin is not None
            process.stdin.close()


@contextmanager
def _nursery(directory: Path, environment: dict[str, str], knobs: Knobs) -> Iterator[tuple[subprocess.Popen[str], str]]:
    path = directory / "functions.log"
    with path.open("w") as log:
        nursery = module("infra.local.nursery", json.dumps(asdict(knobs)), env=environment, stderr=log)
        try:
            started = nursery.__enter__()
        except RuntimeError as error:
            raise RuntimeError(f"{error}:\n{path.read_text()[-2000:]}") from None
        try:
            yield started
        finally:
            nursery.__exit__(None, None, None)


def _call(process: subprocess.Popen[str], line: str) -> str:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(line + "\n")
    process.stdin.flush()
    answer = process.stdout.readline().strip()
    if not answer:
        raise RuntimeError("the nursery has ended; its log says why")
    return answer


def _client(service: str, endpoint_url: str) -> Any:
    import boto3

    session = boto3.Session(emulator.ACCESS_KEY, emulator.ACCESS_KEY, region_name=emulator.REGION)
    return session.client(service, endpoint_url=endpoint_url)  # type: ignore[call-overload]


def _resources(
    aws: emulator.Emulator, server: postgres.Server, visibility_seconds: int
) -> tuple[dict[str, str], dict[str, str], dict[str, str]]:
    """Create the bucket, queues and secrets; return queues, the first administrator and the functions' environment."""
    place = {"host": server.host, "port": server.port, "dbname": _DATABASE}
    administrator = {"email": "admin@example.org", "password": secrets.token_urlsafe(16)}
    values = {
        "DATABASE": place | {"username": postgres.APP, "password": server.app_password},
        "OWNER": place | {"username": postgres.OWNER, "password": server.owner_password},
        "ADMINISTRATOR": administrator,
        "SIGNING": {"k": secrets.token_urlsafe(48)},
    }
    created = resources.create(
        lambda service: _client(service, aws.endpoint_url),
        "alcove-instances",
        "instances",
        values,
        visibility_seconds=visibility_seconds,
    )
    key = _client("kms", aws.endpoint_url).create_key()["KeyMetadata"]["KeyId"]
    # A process that has threads cannot fork safely.
    one_thread = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
    # Settings of the service that started this one are not this one's.
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("ALCOVE_")}
    return (
        created.queues,
        administrator,
        {
            **inherited,
            **created.environment,
            "ALCOVE_MASTER_KEY": key,
            **aws.environment,
            **one_thread,
        },
    )
