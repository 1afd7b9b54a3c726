"""Lambda and API Gateway as a function whose responses are streamed meets them: the runtime API, and HTTP.

A response reaches its client as the runtime sends it; a client that goes away ends the runtime's request.
"""

import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from uuid import uuid4

from chalice.local import LambdaEventConverter, RouteMatcher

_ROOT = Path(__file__).parents[2]
_RUNTIME = "/2018-06-01/runtime"
_HEAD_ENDS = bytes(8)
_SECONDS = 60
_STOP: dict[str, Any] = {}


@dataclass
class Invocation:
    """One request of a client, and what the runtime sent for it; None ends the body."""

    event: dict[str, Any]
    identifier: str = field(default_factory=lambda: str(uuid4()))
    sent: "queue.Queue[bytes | None]" = field(default_factory=queue.Queue)
    is_abandoned: bool = False


@dataclass
class Function:
    """The function: its address, and what its runtime reported."""

    url: str
    waiting: "queue.Queue[Invocation]" = field(default_factory=queue.Queue)
    running: dict[str, Invocation] = field(default_factory=dict)
    errors: list[tuple[str, Any]] = field(default_factory=list)
    abandoned: threading.Event = field(default_factory=threading.Event)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    function: ClassVar[Function]
    converter: ClassVar[LambdaEventConverter]

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 — the overridden method's name
        pass

    def _serve(self) -> None:
        if self.path == f"{_RUNTIME}/invocation/next":
            self._give()
        elif self.path.startswith(_RUNTIME) and self.path.endswith("/error"):
            document = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self.function.errors.append((self.path, document))
            if (invocation := self.function.running.get(self.path.split("/")[-2])) is not None:
                invocation.sent.put(json.dumps({"statusCode": 502}).encode() + _HEAD_ENDS)
                invocation.sent.put(None)
            self._reply(202, b"{}")
        elif self.path.startswith(_RUNTIME):
            self._take(self.function.running[self.path.split("/")[-2]])
        else:
            self._invoke()

    do_GET = do_POST = _serve  # noqa: N815 — the base class's names

    def _reply(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _give(self) -> None:
        invocation = self.function.waiting.get()
        if invocation.event is _STOP:
            self.close_connection = True
            return
        self.function.running[invocation.identifier] = invocation
        deadline = str(int((time.time() + _SECONDS) * 1000))
        self._reply(
            200,
            json.dumps(invocation.event).encode(),
            Lambda_Runtime_Aws_Request_Id=invocation.identifier,
            Lambda_Runtime_Deadline_Ms=deadline,
        )

    def _take(self, invocation: Invocation) -> None:
        assert self.headers["Lambda-Runtime-Function-Response-Mode"] == "streaming"
        assert self.headers["Content-Type"] == "application/vnd.awslambda.http-integration-response"
        while size := int(self.rfile.readline(), 16):
            invocation.sent.put(self.rfile.read(size))
            self.rfile.readline()
            if invocation.is_abandoned:
                self.close_connection = True
                self.function.abandoned.set()
                return
        trailer = []
        while line := self.rfile.readline().strip():
            trailer.append(line.decode())
        if trailer:
            self.function.errors.append((self.path, trailer))
        invocation.sent.put(None)
        self._reply(202, b"{}")

    def _invoke(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length).decode() if length else None
        event = self.converter.create_lambda_event(self.command, self.path, dict(self.headers), body)  # type: ignore[arg-type]
        invocation = Invocation(dict(event))
        self.function.waiting.put(invocation)
        head, _, rest = (invocation.sent.get(timeout=_SECONDS) or b"").partition(_HEAD_ENDS)
        answer = json.loads(head)
        self.send_response(answer["statusCode"])
        for name, value in answer.get("headers", {}).items():
            self.send_header(name, str(value))
        if answer["statusCode"] == 204:
            self.end_headers()
            return
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            self._pass_on(rest)
            while (part := invocation.sent.get(timeout=_SECONDS)) is not None:
                self._pass_on(part)
            self.wfile.write(b"0\r\n\r\n")
        except ConnectionError:
            invocation.is_abandoned = True

    def _pass_on(self, part: bytes) -> None:
        if part:
            self.wfile.write(f"{len(part):x}\r\n".encode() + part + b"\r\n")


@contextmanager
def function(routes: list[str], environment: Mapping[str, str]) -> Iterator[Function]:
    """The function `stream` with these routes in its own process and environment, as its wrapper starts it."""

    class Handler(_Handler):
        converter = LambdaEventConverter(RouteMatcher(routes))

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    address = f"127.0.0.1:{server.server_port}"
    Handler.function = served = Function(f"http://{address}")
    listening = threading.Thread(target=server.serve_forever)
    listening.start()
    variables = {"AWS_LAMBDA_RUNTIME_API": address, "_HANDLER": "app.app", "LAMBDA_TASK_ROOT": str(_ROOT)}
    wrapper = _ROOT / "chalicelib" / "core" / "streaming_runtime.sh"
    process = subprocess.Popen(
        [str(wrapper), sys.executable, "/var/runtime/bootstrap.py"],
        cwd=_ROOT,
        env={**os.environ, **environment, **variables},
    )
    try:
        yield served
    finally:
        process.kill()
        process.wait(_SECONDS)
        with suppress(queue.Empty):
            while True:
                served.waiting.get_nowait()
        server.shutdown()
        listening.join(_SECONDS)
        server.server_close()
