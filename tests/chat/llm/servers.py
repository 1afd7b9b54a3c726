"""Servers that answer as they are told, over real sockets: each connection is given to the next script.

A script gets the connection with its request read, and sends what it likes. When all have had their turn, the last one
goes on. `Server.gone` holds one entry for each client that went away while a script waited for that.
"""

from __future__ import annotations

import binascii
import json
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

WAIT_SECONDS = 60.0
SSE = "text/event-stream"
EVENT_STREAM = "application/vnd.amazon.eventstream"


@dataclass(frozen=True)
class Request:
    """What a client sent."""

    line: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Connection:
    """One client."""

    def __init__(self, connection: socket.socket, request: Request, server: Server) -> None:
        self._connection = connection
        self.request = request
        self._server = server

    def send(self, data: bytes) -> None:
        self._connection.sendall(data)

    def head(self, status: str = "200 OK", content_type: str = SSE, *headers: str) -> None:
        """A response that ends with the connection."""
        lines = [f"HTTP/1.1 {status}", f"Content-Type: {content_type}", "Connection: close", *headers, "", ""]
        self.send("\r\n".join(lines).encode())

    def chunked(self, data: bytes, *, ends: bool) -> None:
        """A response whose end the client can tell from a connection that broke."""
        self.send(f"HTTP/1.1 200 OK\r\nContent-Type: {SSE}\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
        self.send(f"{len(data):x}\r\n".encode() + data + b"\r\n" + (b"0\r\n\r\n" if ends else b""))

    def reset(self) -> None:
        """End the connection with RST."""
        self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def wait_until_disconnected(self) -> None:
        """Say nothing until the client ends the connection, and note when."""
        self._connection.settimeout(WAIT_SECONDS)
        with suppress(ConnectionError):
            while self._connection.recv(4096):
                pass
        self._server.record_disconnect()


Script = Callable[[Connection], None]


@dataclass
class Server:
    """A listening server and what it saw."""

    url: str
    scripts: list[Script]
    requests: list[Request] = field(default_factory=list)
    removed: list[float] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def next_script(self, request: Request) -> Script:
        with self.changed:
            self.requests.append(request)
            self.changed.notify_all()
            return self.scripts.pop(0) if len(self.scripts) > 1 else self.scripts[0]

    def record_disconnect(self) -> None:
        with self.changed:
            self.removed.append(time.monotonic())
            self.changed.notify_all()

    def wait_for(self, *, requests: int = 0, removed: int = 0) -> None:
        """Until that many requests came and clients went; AssertionError when they do not."""
        with self.changed:
            assert self.changed.wait_for(
                lambda: len(self.requests) >= requests and len(self.removed) >= removed, WAIT_SECONDS
            ), (len(self.requests), len(self.removed))


@contextmanager
def serving(*scripts: Script, tls: ssl.SSLContext | None = None) -> Iterator[Server]:
    """A server with these scripts on a free port of this machine."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        scheme = "http" if tls is None else "https"
        server = Server(f"{scheme}://127.0.0.1:{listener.getsockname()[1]}", list(scripts))
        threads: list[threading.Thread] = []
        accepting = threading.Thread(target=_accept, args=(listener, server, threads, tls))
        accepting.start()
        try:
            yield server
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            accepting.join(WAIT_SECONDS)
            for thread in threads:
                thread.join(WAIT_SECONDS)
            assert not [thread for thread in threads if thread.is_alive()]


def _accept(
    listener: socket.socket, server: Server, threads: list[threading.Thread], tls: ssl.SSLContext | None
) -> None:
    with suppress(OSError):
        while True:
            connection, _ = listener.accept()
            thread = threading.Thread(target=_serve, args=(connection, server, tls))
            threads.append(thread)
            thread.start()


def _serve(connection: socket.socket, server: Server, tls: ssl.SSLContext | None) -> None:
    connection.settimeout(WAIT_SECONDS)
    # The client may end whenever it likes.
    with suppress(OSError), connection:
        sent_texts = connection if tls is None else tls.wrap_socket(connection, server_side=True)
        with sent_texts:
            request = _read(sent_texts)
            server.next_script(request)(Connection(sent_texts, request, server))


def _read(connection: socket.socket) -> Request:
    with connection.makefile("rb") as stream:
        line = stream.readline().decode("latin-1").strip()
        headers = {}
        while raw := stream.readline().decode("latin-1").strip():
            name, _, value = raw.partition(":")
            headers[name.lower()] = value.strip()
        return Request(line, headers, stream.read(int(headers.get("content-length", 0))))


def self_signed(directory: Path) -> ssl.SSLContext:
    """A server's side of TLS; its certificate, which nobody vouches for, is `directory`/certificate.pem."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "model server")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    (directory / "certificate.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (directory / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory / "certificate.pem", directory / "key.pem")
    return context


def refusing_port() -> int:
    """A port at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@contextmanager
def deaf_port() -> Iterator[int]:
    """A port whose queue of connections is full, so that the next one is neither taken nor refused."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting = []
        try:
            for _ in range(3):
                connection = socket.socket()
                connection.setblocking(False)
                connection.connect_ex(listener.getsockname())
                waiting.append(connection)
            yield int(listener.getsockname()[1])
        finally:
            for connection in waiting:
                connection.close()


def events(*documents: Any, done: bool = True) -> bytes:
    """Server-sent events as OpenAI's API writes them."""
    texts = [f"data: {json.dumps(document)}\n\n" for document in documents]
    return "".join([*texts, "data: [DONE]\n\n" if done else ""]).encode()


def chunk(*, finish: str | None = None, **delta: Any) -> dict[str, Any]:
    """One chunk of a streamed chat completion."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "served-model", "choices": [choice]}


def usage(prompt: int, completion: int) -> dict[str, Any]:
    """The chunk that `stream_options.include_usage` asks for."""
    counts = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
    return {**chunk(), "choices": [], "usage": counts}


def named_events(documents: Iterable[Mapping[str, Any]]) -> bytes:
    """Server-sent events as Anthropic's API writes them: each is named after its type."""
    return "".join(f"event: {document['type']}\ndata: {json.dumps(document)}\n\n" for document in documents).encode()


def frame(headers: Mapping[str, str], payload: Any) -> bytes:
    """A message of application/vnd.amazon.eventstream: lengths, CRC, headers (type 7: string), payload, CRC."""
    encoded = b"".join(
        struct.pack("!B", len(name)) + name.encode() + struct.pack("!BH", 7, len(value)) + value.encode()
        for name, value in headers.items()
    )
    body = json.dumps(payload).encode()
    lengths = struct.pack("!II", 16 + len(encoded) + len(body), len(encoded))
    message = lengths + struct.pack("!I", binascii.crc32(lengths)) + encoded + body
    return message + struct.pack("!I", binascii.crc32(message))


def event_frame(kind: str, payload: Any) -> bytes:
    """An event of ConverseStream."""
    return frame({":message-type": "event", ":event-type": kind, ":content-type": "application/json"}, payload)


def responds(data: bytes, content_type: str = SSE) -> Script:
    """Answer 200 with this body, and end the connection."""

    def script(connection: Connection) -> None:
        connection.head(content_type=content_type)
        connection.send(data)

    return script


def stalls(data: bytes, content_type: str = SSE) -> Script:
    """Answer 200 with this body, then say no more and wait until the client goes."""

    def script(connection: Connection) -> None:
        connection.head(content_type=content_type)
        connection.send(data)
        connection.wait_until_disconnected()

    return script


def fails(status: str, document: Any, *headers: str) -> Script:
    """Answer with an error in JSON."""

    def script(connection: Connection) -> None:
        connection.head(status, "application/json", *headers)
        connection.send(json.dumps(document).encode())

    return script


def silent(connection: Connection) -> None:
    """Take the request and answer nothing."""
    connection.wait_until_disconnected()
