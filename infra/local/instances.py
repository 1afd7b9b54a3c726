"""The service's functions as plain processes: real handlers, database, queues and sockets, without a gateway.

`python -m infra.local.instances` is the nursery. It imports the application and loads the embedding model once, and
forks a process for each instance that is asked for, so that an instance starts in milliseconds where a cold one takes
seconds. An instance is one process that serves one request or message at a time, like a function's. Its entry may
shorten the product's times by Knobs; nothing else differs.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from chalicelib.chat.queue import repairs as queue_repairs
from chalicelib.core import repairs
from infra import package
from infra.local import emulator, postgres

if TYPE_CHECKING:
    import psycopg
    from mypy_boto3_sqs import SQSClient

_ROOT = Path(__file__).parents[2]
_DATABASE = "alcove"
_START_SECONDS = 120
_EMPTY_RECEIVE_SECONDS = 1


@dataclass(frozen=True)
class Knobs:
    """Times in seconds that an instance works with instead of the product's own; None leaves those."""

    lease: float | None = None
    retry: float | None = None
    wake_after: float | None = None
    event_wait: float | None = None
    tick: float = 60.0

    def turn(self) -> None:
        """Set them in this process."""
        from chalicelib.chat.answering import answering
        from chalicelib.chat.queue import claims, streaming

        if self.lease is not None:
            claims.LEASE = timedelta(seconds=self.lease)
        if self.retry is not None:
            answering._RETRY_SECONDS = self.retry
        if self.wake_after is not None:
            queue_repairs.JOB_WAKE_AFTER = timedelta(seconds=self.wake_after)
        if self.event_wait is not None:
            streaming._WAIT_SECONDS = self.event_wait


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
        queues, administrator, environment = _resources(started.endpoint_url, server, visibility_seconds)
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
        nursery = module("infra.local.instances", json.dumps(asdict(knobs)), env=environment, stderr=log)
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
    endpoint_url: str, server: postgres.Server, visibility_seconds: int
) -> tuple[dict[str, str], dict[str, str], dict[str, str]]:
    """Make the bucket, the queues and the secrets; queues, the first administrator and the functions' environment."""
    s3, sqs, vault = (_client(service, endpoint_url) for service in ("s3", "sqs", "secretsmanager"))
    bucket = "alcove-instances"
    s3.create_bucket(Bucket=bucket)
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    visibility = {"VisibilityTimeout": str(visibility_seconds)}
    queues = {
        name: sqs.create_queue(QueueName=f"alcove-{name}", Attributes=visibility)["QueueUrl"]
        for name in ("ingest", "ingest-dead", "answer", "answer-dead")
    }
    arn = sqs.get_queue_attributes(QueueUrl=queues["ingest"], AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    allowed = {"Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": "sqs:SendMessage"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed | {"Resource": arn}]})
    sqs.set_queue_attributes(QueueUrl=queues["ingest"], Attributes={"Policy": policy})
    notification = {"QueueArn": arn, "Events": ["s3:ObjectCreated:*"]}
    s3.put_bucket_notification_configuration(
        Bucket=bucket, NotificationConfiguration={"QueueConfigurations": [notification]}
    )
    place = {"host": server.host, "port": server.port, "dbname": _DATABASE}
    administrator = {"email": "admin@example.org", "password": secrets.token_urlsafe(16)}
    values = {
        "DATABASE": place | {"username": "alcove_app", "password": server.app_password},
        "OWNER": place | {"username": "alcove_owner", "password": server.owner_password},
        "ADMINISTRATOR": administrator,
        "SIGNING": {"k": secrets.token_urlsafe(48)},
    }
    environment = {
        f"ALCOVE_{kind}_SECRET": vault.create_secret(Name=f"alcove-{kind}", SecretString=json.dumps(value))["ARN"]
        for kind, value in values.items()
    }
    environment |= {
        "ALCOVE_STAGE": "instances",
        "ALCOVE_BUCKET": bucket,
        "ALCOVE_INGEST_QUEUE_URL": queues["ingest"],
        "ALCOVE_INGEST_DEAD_LETTER_URL": queues["ingest-dead"],
        "ALCOVE_ANSWER_QUEUE_URL": queues["answer"],
        "ALCOVE_ANSWER_DEAD_LETTER_URL": queues["answer-dead"],
        "AWS_ENDPOINT_URL": endpoint_url,
        "AWS_DEFAULT_REGION": emulator.REGION,
        "AWS_ACCESS_KEY_ID": emulator.ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": emulator.ACCESS_KEY,
        # A process that has threads cannot fork safely.
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "TOKENIZERS_PARALLELISM": "false",
    }
    return queues, administrator, {**os.environ, **environment}


# The nursery and what it forks


def _maintain(knobs: Knobs) -> None:
    """Fork an instance for each line of standard input, and end them all with it."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what the functions log goes to the log
    _prepare()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel collects the dead
    listener = socket.create_server(("127.0.0.1", 0), backlog=500)
    host, port = listener.getsockname()
    answers.write(f"{host}:{port}\n")
    children: list[int] = []
    for line in sys.stdin:
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os._exit(_be(line.strip(), knobs, listener, parent, answers))
        children.append(pid)
        answers.write(f"{pid}\n")
    for pid in children:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _prepare() -> None:
    """Migrate in a process of its own; import and make what functions need before they have a connection."""
    pid = os.fork()
    if pid == 0:
        from chalicelib.ops import deployment

        deployment.migrate()
        os._exit(0)
    if os.waitpid(pid, 0)[1] != 0:
        sys.exit("the migrations failed")
    sys.path.append(str(package.STATE / "models"))
    import openai.lib.streaming.chat
    import openai.resources.chat.completions  # noqa: F401
    import psycopg.types.json  # noqa: F401

    import app  # noqa: F401
    from chalicelib.chat.analysis import analysis
    from chalicelib.core import aws, log
    from chalicelib.knowledge.embedding import builtin
    from chalicelib.knowledge.text import lexemes

    for created in (aws.s3, aws.sqs, aws.secrets, aws.kms, log.logger):
        created()
    processors = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(processors)})  # the model's runtime makes as many threads as it sees processors
    analysis.analyse("Which libraries does this load?", builtin.load(), previous="None yet.")
    os.sched_setaffinity(0, processors)
    lexemes.query_terms("Which libraries does this load?")
    threads = len(list(Path("/proc/self/task").iterdir()))
    if threads > 2:  # ONNX Runtime starts one when it is imported, which waits for work that never comes
        sys.exit(f"{threads} threads run where instances are to be forked")


def _be(function: str, knobs: Knobs, listener: socket.socket, parent: int, answers: IO[str]) -> int:
    """Be an instance until the nursery ends."""
    answers.close()
    os.close(0)
    knobs.turn()
    try:
        if function == "api":
            _serve(listener, parent)
        elif function == "tick":
            _tick(knobs.tick, parent)
        else:
            _consume(function, parent)
    except BaseException:  # noqa: BLE001 — it is logged, and the process ends
        import traceback

        traceback.print_exc()
        return 1
    return 0


class _Handler(BaseHTTPRequestHandler):
    """One request to the application's own routes."""

    def handle_one_request(self) -> None:
        with suppress(ConnectionError):  # a client that went away
            super().handle_one_request()

    def _serve(self) -> None:
        from chalice.test import Client

        import app

        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        with Client(app.app) as client:
            answer = client.http.request(self.command, self.path, dict(self.headers), body)
        self.send_response(answer.status_code)
        for name, value in answer.headers.items():
            values: Any = value  # a string, or a list of them
            for single in values if isinstance(values, list) else [values]:
                self.send_header(name, str(single))
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815 — the base class's names

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 — the overridden method's name
        """Say nothing: the application logs its requests itself."""


def _serve(listener: socket.socket, parent: int) -> None:
    server = HTTPServer(listener.getsockname(), _Handler, bind_and_activate=False)
    server.socket.close()
    server.socket = listener
    server.timeout = 1.0
    listener.settimeout(1.0)
    while os.getppid() == parent:
        server.handle_request()


def _tick(seconds: float, parent: int) -> None:
    from chalicelib.core.log import logger

    while os.getppid() == parent:
        try:
            repairs.run("wake_jobs")
        except Exception:  # noqa: BLE001 — the next one tries again
            logger().exception("tick failed")
        time.sleep(seconds)


def _consume(function: str, parent: int) -> None:
    """Take messages as Lambda's event source mapping does: one that fails stays, and comes again."""
    from chalicelib.chat.answering import events
    from chalicelib.core import aws
    from chalicelib.core.log import logger
    from chalicelib.core.settings import settings
    from chalicelib.knowledge.ingestion import events as knowledge_events

    handle = {"answer": events.answer_batch, "ingest": knowledge_events.ingest_batch}[function]
    queue = {"answer": settings().answer_queue_url, "ingest": settings().ingest_queue_url}[function]
    while os.getppid() == parent:
        try:
            result = aws.sqs().receive_message(QueueUrl=queue, WaitTimeSeconds=_EMPTY_RECEIVE_SECONDS)
            for message in result.get("Messages", []):
                if not handle({"Records": [_record(message)]})["batchItemFailures"]:
                    aws.sqs().delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        except Exception:  # noqa: BLE001 — as a function's failure: it is logged, and the message comes again
            logger().exception("a message failed")


def _record(message: Any) -> dict[str, Any]:
    return {"messageId": message["MessageId"], "receiptHandle": message["ReceiptHandle"], "body": message["Body"]}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m infra.local.instances", description=__doc__)
    parser.add_argument("knobs", help="Knobs, as JSON")
    _maintain(Knobs(**json.loads(parser.parse_args().knobs)))
