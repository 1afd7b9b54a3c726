"""Every address that the service calls: which are allowed, and requests that are bounded in time and size.

Loopback and private addresses are allowed, because a model server may run in the VPC. Link-local, multicast and
metadata addresses are refused: the cloud's metadata service answers there with the function's own credentials. A host
name is judged by the addresses that it resolves to at the moment of connecting. What any user may choose has to be a
public address: `public=True`. core/browsing.py follows redirects and takes larger answers, for connectors.

    check_url         https, or http to this machine: requests that carry secrets of the service or of users
    check_public_url  https to a public address: what any user may choose, such as a webhook
    check_endpoint    http too, without query: a server of language or embedding models that an administrator registers
    resolve           the allowed addresses of a host, for connecting
    fetch             one request, never redirected

Whoever connects, connects to an address that `resolve` returned, and does not resolve the name again: the name may have
another address by then. tests/core/test_outbound_callers.py tries this with every caller. One module because what
judges an address and what connects to it must not drift apart.
"""

import ipaddress
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urlencode, urlsplit

from chalicelib.core import identity, process

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse, PoolManager

CONNECT_SECONDS, READ_SECONDS = 3.0, 5.0
TOTAL_SECONDS = 10.0
MAX_BYTES = 1024 * 1024
MAX_URL_CHARS = 2048
_CHUNK_BYTES = 64 * 1024

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
# The services of an instance over IPv6, its metadata and credentials among them (Amazon EC2 user guide), and the prefix
# of NAT64 (RFC 6052).
_METADATA = ipaddress.ip_network("fd00:ec2::/32")
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_PRIVATE = "The address is not public."


class OutboundError(Exception):
    """The other server cannot be reached, is too slow, sends too much, or its address is not allowed.

    The message is a sentence. It may name the host, and never the query, headers or body.
    """


class AddressError(OutboundError):
    """The address is not allowed. The message is a sentence."""


class UnknownHostError(OutboundError):
    """The host's name does not resolve to an address now."""


@dataclass(frozen=True, slots=True)
class OutboundResponse:
    """The other server's response."""

    status: int
    body: bytes

    def json(self) -> Any:
        """The body as JSON. Raises OutboundError when it is not."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise OutboundError("The answer is not JSON.") from error


def check_url(url: str) -> str:
    """`url` itself. Raises AddressError unless it is https, or http to this machine, without credentials."""
    parts = _parts(url)
    if parts.scheme == "http" and not _is_loopback(parts.hostname or ""):
        raise AddressError("The address must begin with https://.")
    return url


def check_public_url(url: str) -> str:
    """`url` itself. Raises AddressError unless it is https, and its host a name or a public address."""
    parts = _parts(url)
    host = parts.hostname or ""
    if parts.scheme != "https":
        raise AddressError("The address must begin with https://.")
    literal = _literal(host)
    if host == "localhost" or (literal is not None and not _is_public(literal)):
        raise AddressError(_PRIVATE)
    return url


def check_endpoint(url: str) -> str:
    """`url` itself. Raises AddressError unless it is http or https to a host, without credentials or query."""
    parts = _parts(url)
    if parts.query or parts.fragment:
        raise AddressError("The address must not have a query or a fragment.")
    return url


def check_address(url: str) -> str:
    """`url` itself. Raises AddressError unless it is http or https to a host, without credentials."""
    _parts(url)
    return url


def _parts(url: str) -> SplitResult:
    if len(url) > MAX_URL_CHARS or any(character <= " " or character == "\\" for character in url):
        raise AddressError("The address is too long, or has characters that an address cannot have.")
    try:
        parts = urlsplit(url)
        host, user, _ = parts.hostname, parts.username or parts.password, parts.port
    except ValueError:
        raise AddressError("The address is malformed.") from None
    if parts.scheme not in {"http", "https"} or not host:
        raise AddressError("The address must begin with http:// or https:// and name a host.")
    if user is not None or "@" in parts.netloc:
        raise AddressError("The address must not contain a user name or a password.")
    if (literal := _literal(host)) is not None:
        _refuse_forbidden(literal)
    return parts


def _literal(host: str) -> Address | None:
    """The address that a host is written as; None for a name."""
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None


def _is_loopback(host: str) -> bool:
    literal = _literal(host)
    return host == "localhost" if literal is None else literal.is_loopback


def resolve(host: str, port: int, *, public: bool = False) -> list[tuple[socket.AddressFamily, tuple[str, int]]]:
    """Families and socket addresses of `host`, to be tried in order.

    Raises AddressError when any of them is not allowed, or with `public` not public; UnknownHostError for none.
    """
    try:
        addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise UnknownHostError(f"The name {host} is unknown.") from None
    usable = [
        (family, address) for family, _, _, _, address in addresses if family in {socket.AF_INET, socket.AF_INET6}
    ]
    for _, address in usable:
        _refuse_forbidden(candidate := ipaddress.ip_address(str(address[0]).partition("%")[0]))
        if public and not _is_public(candidate):
            raise AddressError(_PRIVATE)
    if not usable:
        raise UnknownHostError(f"The name {host} is unknown.")
    return [(family, (str(address[0]), int(address[1]))) for family, address in usable]


def connect(host: str, port: int, seconds: float, *, public: bool) -> socket.socket:
    """A connection to an allowed address of `host`, for what speaks another protocol than HTTP.

    Raises AddressError, UnknownHostError, and OSError when no address answers.
    """
    failure: OSError | None = None
    for _, address in resolve(host, port, public=public):
        try:
            return socket.create_connection(address, seconds)
        except OSError as error:
            failure = error
    raise failure or OSError("no address")


def _refuse_forbidden(address: Address) -> None:
    if any(
        form.is_link_local or form.is_multicast or form.is_unspecified or form in _METADATA for form in _forms(address)
    ):
        raise AddressError("The address is a link-local, multicast or metadata address.")


def _is_public(address: Address) -> bool:
    return all(form.is_global for form in _forms(address))


def _forms(address: Address) -> Iterator[Address]:
    """The address, and the IPv4 address that it embeds."""
    yield address
    if isinstance(address, ipaddress.IPv6Address):
        if address in _NAT64:
            yield ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        for embedded in (address.ipv4_mapped, address.sixtofour, *(address.teredo or ())):
            if embedded is not None:
                yield embedded


@dataclass(frozen=True, slots=True)
class ResponseLimits:
    """How long one request may take, in seconds, and how much may come back, in bytes."""

    read_seconds: float = READ_SECONDS
    total_seconds: float = TOTAL_SECONDS
    max_bytes: int = MAX_BYTES


_DEFAULT_BOUNDS = ResponseLimits()


def fetch(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    form: Mapping[str, str] | None = None,
    document: Any = None,
    bounds: ResponseLimits = _DEFAULT_BOUNDS,
    check: Callable[[str], str] = check_url,
    public: bool = False,
) -> OutboundResponse:
    """One request, with a body of `form` or of `document` as JSON, answered within `bounds`. Raises OutboundError.

    `check` is the rule of its address: `check_url`, or `check_endpoint` for a registered server. With `public` only a
    public address is connected to. A document that is text is JSON already, and sent as it is.
    A redirect is returned like any other answer: following it could send a secret to another server.
    """
    from urllib3 import Timeout
    from urllib3.exceptions import HTTPError

    identity.settle()
    host = urlsplit(check(url)).hostname
    always = {"Accept-Encoding": "identity", "User-Agent": "alcove", "Connection": "close"}
    sent = {"Accept": "application/json", **(headers or {}), **always}
    body = None
    if form is not None:
        sent["Content-Type"] = "application/x-www-form-urlencoded"
        body = urlencode(form).encode()
    elif document is not None:
        sent["Content-Type"] = "application/json"
        body = (document if isinstance(document, str) else json.dumps(document)).encode()
    deadline = time.monotonic() + bounds.total_seconds
    try:
        # Connections are not reused: Lambda freezes the function between requests, and they would be dead after that.
        with pool_manager(public)(
            timeout=Timeout(connect=CONNECT_SECONDS, read=bounds.read_seconds), retries=False
        ) as pool:
            response = pool.request(
                method, url, headers=sent, body=body, redirect=False, preload_content=False, decode_content=False
            )
            return OutboundResponse(response.status, _read(response, deadline, bounds))
    except HTTPError as error:
        raise OutboundError(f"{host} cannot be reached: {type(error).__name__}.") from error


def _read(response: "BaseHTTPResponse", deadline: float, bounds: ResponseLimits) -> bytes:
    received = b""
    while chunk := response.read1(_CHUNK_BYTES):
        received += chunk
        if len(received) > bounds.max_bytes:
            raise OutboundError(f"The answer has more than {bounds.max_bytes} bytes.")
        if time.monotonic() > deadline:
            raise OutboundError(f"The answer took more than {bounds.total_seconds:.0f} seconds.")
    return received


@contextmanager
def _ending(connection: object, seconds: float) -> Iterator[None]:
    """End a connection after so long, by its second descriptor `lifeline`.

    A socket's own timeout begins again with each byte that arrives: headers, or a handshake, could last for ever.
    """

    def end() -> None:
        with suppress(AttributeError, OSError):
            connection.lifeline.shutdown(socket.SHUT_RDWR)  # type: ignore[attr-defined]

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


@process.cached
def pool_manager(public: bool) -> "type[PoolManager]":
    """urllib3's PoolManager whose connections go to allowed addresses only; with `public` to public ones."""
    from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
    from urllib3.connection import HTTPConnection, HTTPSConnection
    from urllib3.exceptions import NewConnectionError
    from urllib3.response import HTTPResponse

    class Checked(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            try:
                connected = connect(self._dns_host, self.port, CONNECT_SECONDS, public=public)
            except OSError as error:
                raise NewConnectionError(self, type(error).__name__) from error
            self.lifeline = connected.dup()
            return connected

        def connect(self) -> None:
            with _ending(self, 2 * CONNECT_SECONDS):
                super().connect()

        def getresponse(self) -> HTTPResponse:  # type: ignore[override]
            with _ending(self, self.timeout if isinstance(self.timeout, int | float) else READ_SECONDS):
                return super().getresponse()

        def close(self) -> None:
            super().close()
            if lifeline := getattr(self, "lifeline", None):
                lifeline.close()

    class CheckedTls(Checked, HTTPSConnection):
        pass

    class Pool(HTTPConnectionPool):
        ConnectionCls = Checked

    class TlsPool(HTTPSConnectionPool):
        ConnectionCls = CheckedTls

    class Manager(PoolManager):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            self.pool_classes_by_scheme = {"http": Pool, "https": TlsPool}

    return Manager
