"""Requests to other people's servers: bounded in time and size, encrypted, never redirected."""

import ipaddress
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

CONNECT_SECONDS, READ_SECONDS = 3.0, 5.0
TOTAL_SECONDS = 10.0
MAX_BYTES = 1024 * 1024
_CHUNK_BYTES = 64 * 1024


class OutboundError(Exception):
    """The other server cannot be reached, took too long, said too much, or its address is not acceptable.

    The message names the host and never the query, headers or body.
    """


@dataclass(frozen=True, slots=True)
class OutboundResponse:
    """What the other server said."""

    status: int
    body: bytes

    def json(self) -> Any:
        """The body as JSON. Raises OutboundError when it is not."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise OutboundError("The answer is not JSON.") from error


def check_url(url: str) -> str:
    """`url` itself. Raises OutboundError unless it is https, or http to this machine, without credentials in it."""
    try:
        parts = urlsplit(url)
        host, named = parts.hostname, parts.username
    except ValueError as error:
        raise OutboundError("An address is malformed.") from error
    if not host or named is not None:
        raise OutboundError("An address needs a host, and no user name.")
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(host)):
        raise OutboundError(f"The address of {host} must be https.")
    return url


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
) -> OutboundResponse:
    """One request, with a body of `form` or of `document` as JSON, answered within `bounds`. Raises OutboundError.

    A redirect is returned like any other answer: following it could take a secret elsewhere.
    """
    from urllib3 import PoolManager, Timeout
    from urllib3.exceptions import HTTPError

    host = urlsplit(check_url(url)).hostname
    always = {"Accept-Encoding": "identity", "User-Agent": "alcove", "Connection": "close"}
    sent = {"Accept": "application/json", **(headers or {}), **always}
    body = None
    if form is not None:
        sent["Content-Type"] = "application/x-www-form-urlencoded"
        body = urlencode(form).encode()
    elif document is not None:
        sent["Content-Type"] = "application/json"
        body = json.dumps(document).encode()
    deadline = time.monotonic() + bounds.total_seconds
    try:
        # No connection is kept: a function sleeps between requests, and wakes up with connections that are dead.
        with PoolManager(timeout=Timeout(connect=CONNECT_SECONDS, read=bounds.read_seconds), retries=False) as pool:
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


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
