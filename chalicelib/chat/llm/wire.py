"""The connections of one generation: their permitted addresses, their time-outs, and how they end at once.

The client libraries get an HTTP client whose sockets are created here. So every provider has the same time-outs, and
another thread can end a waiting read: a shutdown of the socket wakes the read, closing the socket does not.
"""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import httpcore2
import httpx2

from chalicelib.chat.llm.failures import LlmError
from chalicelib.core import outbound, process

if TYPE_CHECKING:
    from chalicelib.chat.llm.interface import Timeouts

# An answer of 100,000 tokens fits, one event a token. An event, or the body of an error, has a line or two.
MAX_BYTES = 64 * 1024 * 1024
MAX_LINE_BYTES = 4 * 1024 * 1024
EVENT_STREAM = "application/vnd.amazon.eventstream"
_READ_BYTES = 64 * 1024


class WireClosedError(Exception):
    """The wire was closed while it was in use."""


class Wire:
    """The state of one generation's connections. `close` may be called from any thread, at any time."""

    def __init__(self, timeouts: Timeouts) -> None:
        self.timeouts = timeouts
        self.deadline = time.monotonic() + timeouts.total
        self.closed = threading.Event()
        self.content_type, self.server_ended, self._waits_for_first_byte = "", False, True
        self._received = 0
        self._lock = threading.Lock()
        self._sockets: set[socket.socket] = set()

    @contextmanager
    def client(self) -> Iterator[httpx2.Client]:
        """An HTTP client for one request, without redirects and proxies, because either could read the key."""
        self.content_type, self.server_ended, self._waits_for_first_byte = "", False, True
        with httpx2.Client(
            transport=_Transport(self),
            headers={"Accept-Encoding": "identity", "Connection": "close"},
            follow_redirects=False,
            trust_env=False,
            timeout=self.timeouts.total,
        ) as client:
            yield client

    def close(self) -> None:
        """End every connection now. A thread that waits for one wakes up with WireClosedError."""
        self.closed.set()
        with self._lock:
            for connection in self._sockets:
                # Not SSLSocket.shutdown, which would first discard the TLS state of the reading thread.
                with suppress(OSError):
                    socket.socket.shutdown(connection, socket.SHUT_RDWR)

    def add(self, connection: socket.socket) -> None:
        """Register a connection, so that `close` ends it too. Raises WireClosedError after `close`."""
        with self._lock:
            if self.closed.is_set():
                connection.close()
                raise WireClosedError
            self._sockets.add(connection)

    def remove(self, connection: socket.socket) -> None:
        """Close one connection and unregister it."""
        with self._lock:
            self._sockets.discard(connection)
            connection.close()

    def seconds(self, limit: float) -> float:
        """The lesser of `limit` and the remaining total time. Raises LlmError (timed_out) when no time remains."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise LlmError("timed_out", f"The time limit of an answer is {self.timeouts.total:g} seconds.")
        return min(limit, left)

    def read(self, connection: socket.socket, max_bytes: int) -> bytes:
        """The next bytes, empty at the end. Raises LlmError (timed_out, disconnected, bad_answer), WireClosedError."""
        limit = self.timeouts.first_byte if self._waits_for_first_byte else self.timeouts.idle
        connection.settimeout(self.seconds(limit))
        try:
            data = connection.recv(min(max_bytes, _READ_BYTES))
        except TimeoutError:
            self._refuse_closed()
            self.seconds(limit)
            what = "no answer" if self._waits_for_first_byte else "nothing more"
            raise LlmError("timed_out", f"It sent {what} within {limit:g} seconds.") from None
        except OSError as error:
            self._refuse_closed()
            raise LlmError("disconnected") from error
        self._refuse_closed()
        self._received += len(data)
        if self._received > MAX_BYTES:
            raise LlmError("bad_answer", f"It has more than {MAX_BYTES} bytes.")
        self._waits_for_first_byte = False
        self.server_ended = not data
        return data

    def write(self, connection: socket.socket, data: bytes) -> None:
        """Send everything. Raises LlmError (timed_out), httpcore2.WriteError, WireClosedError."""
        view = memoryview(data)
        try:
            while view:
                connection.settimeout(self.seconds(self.timeouts.first_byte))
                view = view[connection.send(view) :]
        except TimeoutError:
            self._refuse_closed()
            raise LlmError("timed_out", "It does not accept the request.") from None
        except OSError as error:
            self._refuse_closed()
            # httpcore still reads the response then: a server may refuse a request before it has read all of it.
            raise httpcore2.WriteError(str(error)) from error

    def connect(self, host: str, port: int) -> socket.socket:
        """A TCP connection to the first address that accepts one. Raises LlmError, WireClosedError."""
        refused: LlmError | None = None
        try:
            addresses = outbound.resolve(host, port)
        except outbound.OutboundError as error:
            is_refused = isinstance(error, outbound.AddressError)
            raise LlmError("bad_address" if is_refused else "unavailable", str(error)) from None
        for family, address in addresses:
            try:
                return self._connect(family, address)
            except LlmError as error:
                refused = error
        raise refused or LlmError("unavailable")

    def encrypt(self, connection: socket.socket, context: ssl.SSLContext, host: str | None) -> socket.socket:
        """The same connection under TLS. Raises LlmError (unavailable, timed_out), WireClosedError."""
        encrypted = context.wrap_socket(connection, server_hostname=host, do_handshake_on_connect=False)
        self._replace(connection, encrypted)
        try:
            encrypted.settimeout(self.seconds(self.timeouts.connect))
            encrypted.do_handshake()
        except BaseException as error:
            self.remove(encrypted)
            self._refuse_closed()
            if isinstance(error, TimeoutError):
                raise LlmError("timed_out", "It did not finish the TLS handshake.") from None
            if isinstance(error, ssl.SSLCertVerificationError):
                raise LlmError("unavailable", f"Its certificate is not trusted: {error.verify_message}.") from None
            if isinstance(error, OSError):
                raise LlmError("unavailable", "The TLS handshake with it fails.") from None
            raise
        return encrypted

    def _connect(self, family: socket.AddressFamily, address: tuple[str, int]) -> socket.socket:
        connection = socket.socket(family, socket.SOCK_STREAM)
        self.add(connection)
        try:
            connection.settimeout(self.seconds(self.timeouts.connect))
            connection.connect(address)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._refuse_closed()
        except BaseException as error:
            self.remove(connection)
            self._refuse_closed()
            if isinstance(error, TimeoutError):
                raise LlmError(
                    "timed_out", f"It accepted no connection within {self.timeouts.connect:g} seconds."
                ) from None
            if isinstance(error, OSError):
                raise LlmError("unavailable", f"{error.strerror or 'It accepts no connection'}.") from None
            raise
        return connection

    def _replace(self, former: socket.socket, connection: socket.socket) -> None:
        """Register `connection`, which now owns the file descriptor of `former`."""
        with self._lock:
            self._sockets.discard(former)
        self.add(connection)

    def _refuse_closed(self) -> None:
        if self.closed.is_set():
            raise WireClosedError


class _Stream(httpcore2.NetworkStream):
    """A connection for httpcore. Its time-outs are the wire's, not those that httpcore passes."""

    def __init__(self, wire: Wire, connection: socket.socket) -> None:
        self._wire = wire
        self._connection = connection

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002
        return self._wire.read(self._connection, max_bytes)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002
        self._wire.write(self._connection, buffer)

    def close(self) -> None:
        self._wire.remove(self._connection)

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002
    ) -> httpcore2.NetworkStream:
        self._connection = self._wire.encrypt(self._connection, ssl_context, server_hostname)
        return self

    def get_extra_info(self, info: str) -> Any:
        return self._connection if info == "socket" else None


class _Backend(httpcore2.NetworkBackend):
    """Creates every connection of a pool."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002
        local_address: str | None = None,  # noqa: ARG002
        socket_options: Iterable[Any] | None = None,  # noqa: ARG002
    ) -> httpcore2.NetworkStream:
        return _Stream(self._wire, self._wire.connect(host, port))


@process.cached
def _ssl_context() -> ssl.SSLContext:
    """The certificates that httpx trusts: the system's, or those of SSL_CERT_FILE for a company's own authority.

    Reading them takes 20 to 60 ms of processor time, so they are cached.
    """
    return httpx2.create_ssl_context()


class _Transport(httpx2.BaseTransport):
    """A transport with connections of the wire, which httpx's own transport does not allow."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._pool = httpcore2.ConnectionPool(
            ssl_context=_ssl_context(), max_connections=1, network_backend=_Backend(wire)
        )

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        url = httpcore2.URL(
            scheme=request.url.raw_scheme,
            host=request.url.raw_host,
            port=request.url.port,
            target=request.url.raw_path,
        )
        # The client libraries send bodies of bytes, never streams.
        sent = httpcore2.Request(request.method, url, headers=request.headers.raw, content=request.read())
        answer = self._pool.handle_request(sent)
        headers = httpx2.Headers(answer.headers)
        if headers.get("Content-Encoding", "identity") != "identity":
            answer.close()
            # A small compressed body could expand to any size.
            raise LlmError("bad_answer", "It is compressed, although the request does not allow that.")
        self._wire.content_type = headers.get("Content-Type", "").partition(";")[0].strip().lower()
        body = _Body(answer.stream, answer.close, has_lines=self._wire.content_type != EVENT_STREAM)
        return httpx2.Response(answer.status, headers=headers, stream=body, request=request)

    def close(self) -> None:
        self._pool.close()


class _Body(httpx2.SyncByteStream):
    """A response's bytes. `has_lines`: the reader buffers whole lines, so their length is bounded."""

    def __init__(self, parts: Any, close: Callable[[], None], *, has_lines: bool) -> None:
        self._parts = parts
        self._close = close
        self._has_lines = has_lines

    def __iter__(self) -> Iterator[bytes]:
        line = 0
        for part in self._parts:
            end = part.rfind(b"\n")
            line = line + len(part) if end < 0 else len(part) - end - 1
            if self._has_lines and line > MAX_LINE_BYTES:
                raise LlmError("bad_answer", f"It has a line of more than {MAX_LINE_BYTES} bytes.")
            yield part

    def close(self) -> None:
        self._close()
