"""The process that instances of functions are forked from: `python -m infra.local.nursery`.

It imports the application and loads the embedding model once, then forks a process for each line of its standard input.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import IO, Any

from chalicelib.chat.queue import repairs as queue_repairs
from chalicelib.core import repairs
from infra import package

_EMPTY_RECEIVE_SECONDS = 1


@dataclass(frozen=True)
class Knobs:
    """Times in seconds that an instance works with instead of the product's own; None leaves those."""

    lease: float | None = None
    retry: float | None = None
    wake_after: float | None = None
    event_wait: float | None = None
    sync_lease: float | None = None
    tick: float = 60.0

    def turn(self) -> None:
        """Set them in this process."""
        from chalicelib.chat.answering import answering
        from chalicelib.chat.queue import claims, sse

        if self.lease is not None:
            claims.JOB_LEASE = timedelta(seconds=self.lease)
        if self.retry is not None:
            answering._RETRY_SECONDS = self.retry
        if self.wake_after is not None:
            queue_repairs.JOB_WAKE_AFTER = timedelta(seconds=self.wake_after)
        if self.sync_lease is not None:
            from chalicelib.knowledge.connectors import runs
            from chalicelib.knowledge.ingestion import claims as ingestion_claims

            runs.RUN_LEASE = ingestion_claims.DOCUMENT_LEASE = timedelta(seconds=self.sync_lease)
        if self.event_wait is not None:
            sse._WAIT_SECONDS = self.event_wait


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

    import app
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
    len(app.app.routes)  # loads the modules of all routes, which each instance would load by itself
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
    from chalicelib.chat.answering import handlers
    from chalicelib.core import aws
    from chalicelib.core.log import logger
    from chalicelib.core.settings import settings
    from chalicelib.knowledge.connectors import handlers as sync_handlers
    from chalicelib.knowledge.ingestion import handlers as ingest_handlers

    handle, queue = {
        "answer": (handlers.answer_batch, settings().answer_queue_url),
        "ingest": (ingest_handlers.ingest_batch, settings().ingest_queue_url),
        "sync": (sync_handlers.sync_batch, settings().sync_queue_url),
    }[function]
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
    parser = argparse.ArgumentParser(prog="python -m infra.local.nursery", description=__doc__)
    parser.add_argument("knobs", help="Knobs, as JSON")
    _maintain(Knobs(**json.loads(parser.parse_args().knobs)))
