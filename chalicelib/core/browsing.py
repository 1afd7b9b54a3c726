"""Requests to addresses that users name: of pages, files and APIs outside. The rules of core/outbound.py hold.

Besides them: private addresses are refused unless an administrator allows them; redirects of a GET are followed, each
to an allowed address, without the credentials when it leads to another host; a body may go to a file.
"""

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlencode, urljoin, urlsplit

from chalicelib.core import identity, outbound, retry_after
from chalicelib.core.outbound import AddressError, OutboundError, ResponseLimits

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse, PoolManager

_MOST_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_CHUNK_BYTES = 256 * 1024
_LIMITS = ResponseLimits(read_seconds=30, total_seconds=60, max_bytes=20 * 1024 * 1024)
_PRIVATE_HEADERS = frozenset({"authorization", "cookie", "private-token", "x-redmine-api-key"})


class TooBigError(OutboundError):
    """The body has more bytes than the limit."""


class TooSlowError(OutboundError):
    """The body took longer than the limit."""


@dataclass(frozen=True, slots=True)
class Response:
    """A response. `url` is the address after redirects, `headers` have names in small letters.

    `body` is empty when the bytes went to a file; `size` and `sha256` are then those of the file.
    """

    status: int
    url: str
    headers: Mapping[str, str]
    body: bytes = b""
    size: int = 0
    sha256: bytes = b""
    redirects: tuple[str, ...] = ()

    def json(self) -> Any:
        """The body as JSON. Raises OutboundError when it is not."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise OutboundError("The answer is not JSON.") from error

    def retry_after(self) -> float | None:
        """The seconds of `Retry-After`, a number or a date (RFC 9110, 10.2.3); None without it."""
        return retry_after.seconds(self.headers.get("retry-after"))


@dataclass(slots=True)
class Browser:
    """Requests to one source, over connections that are kept open meanwhile. Close it, or use it in `with`.

    With `home`, an address, credentials in `headers` are sent to its scheme, host and port alone. No request begins
    after `ends_at`, a time of the monotonic clock: lists at a source may have no end.
    """

    allow_private: bool = False
    headers: dict[str, str] = field(default_factory=dict)
    home: str | None = None
    ends_at: float | None = None
    requests: int = 0
    received: int = 0
    _pool: "PoolManager | None" = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        if self._pool is not None:
            self._pool.clear()
            self._pool = None

    def get(self, url: str, **options: Any) -> Response:
        """A GET; see request()."""
        return self.request("GET", url, **options)

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
        document: Any = None,
        body: bytes | None = None,
        into: Path | None = None,
        limits: ResponseLimits = _LIMITS,
        redirect: bool = True,
    ) -> Response:
        """One request, with its redirects, answered within `limits`; the body of a 200 goes to the file `into`.

        Raises OutboundError (AddressError, TooBigError, TooSlowError among it).
        """
        sent = {"User-Agent": "alcove", **self.headers, **(headers or {}), "Accept-Encoding": "identity"}
        if form is not None:
            sent["Content-Type"], body = "application/x-www-form-urlencoded", urlencode(form).encode()
        elif document is not None:
            sent["Content-Type"], body = "application/json", json.dumps(document).encode()
        if not self.is_home(url):
            sent = _without_credentials(sent)
        deadline, passed = time.monotonic() + limits.total_seconds, list[str]()
        while True:
            response = self._once(method, url, sent, body, into, limits, deadline, tuple(passed))
            target = response.headers.get("location")
            if not redirect or response.status not in _REDIRECTS or not target or method not in {"GET", "HEAD"}:
                return response
            passed.append(url)
            if len(passed) > _MOST_REDIRECTS:
                raise OutboundError(f"{urlsplit(url).hostname} redirects more than {_MOST_REDIRECTS} times.")
            try:
                following = outbound.check_address(urljoin(url, target).partition("#")[0])
            except ValueError as error:
                raise AddressError(f"{urlsplit(url).hostname} redirects to what is no address.") from error
            if _origin(following) != _origin(url):
                sent = _without_credentials(sent)
            url = following

    def _once(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None,
        into: Path | None,
        limits: ResponseLimits,
        deadline: float,
        redirects: tuple[str, ...],
    ) -> Response:
        from urllib3 import Timeout
        from urllib3.exceptions import HTTPError

        identity.settle()
        host = urlsplit(outbound.check_address(url)).hostname
        if self.ends_at is not None and time.monotonic() > self.ends_at:
            raise OutboundError(f"{host} has more to say than there is time for.")
        timeout = Timeout(connect=outbound.CONNECT_SECONDS, read=limits.read_seconds)
        self.requests += 1
        try:
            response = self.pool().request(
                method,
                url,
                headers=headers,
                body=body,
                redirect=False,
                retries=False,
                preload_content=False,
                decode_content=False,
                timeout=timeout,
            )
            names = {name.lower(): value for name, value in response.headers.items()}
            try:
                received, size, sha256 = _read(response, into, limits, deadline)
            except BaseException:
                response.close()
                raise
            response.release_conn()
        except HTTPError as error:
            raise OutboundError(f"{host} cannot be reached: {type(error).__name__}.") from error
        self.received += size
        return Response(response.status, url, names, received, size, sha256, redirects)

    def is_home(self, url: str) -> bool:
        """Whether an address gets the credentials."""
        return self.home is None or _origin(url) == _origin(self.home)

    def pool(self) -> "PoolManager":
        """urllib3's pool of the connections, for client libraries that take one."""
        if self._pool is None:
            self._pool = outbound.pool_manager(not self.allow_private)(retries=False, maxsize=4)
        return self._pool


def _without_credentials(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() not in _PRIVATE_HEADERS}


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port


def _read(
    response: "BaseHTTPResponse", into: Path | None, limits: ResponseLimits, deadline: float
) -> tuple[bytes, int, bytes]:
    """The body, its size and its hash. A 200 with a file goes there; of another answer only the beginning is read."""
    digest, size, retained = hashlib.sha256(), 0, bytearray()
    file = into.open("wb") if into is not None and response.status == 200 else None
    if into is not None and file is None:
        explanation = response.read1(_CHUNK_BYTES)
        response.close()
        return explanation, len(explanation), hashlib.sha256(explanation).digest()
    announced = response.headers.get("Content-Length", "")
    if announced.isdigit() and int(announced) > limits.max_bytes:
        raise TooBigError(f"The answer has {int(announced):,} bytes; at most {limits.max_bytes:,} are taken.")
    try:
        while chunk := response.read1(_CHUNK_BYTES):
            size += len(chunk)
            if size > limits.max_bytes:
                raise TooBigError(f"The answer has more than {limits.max_bytes:,} bytes.")
            if time.monotonic() > deadline:
                raise TooSlowError(f"The answer took more than {limits.total_seconds:.0f} seconds.")
            digest.update(chunk)
            if file is None:
                retained += chunk
            else:
                file.write(chunk)
    finally:
        if file is not None:
            file.close()
    return bytes(retained), size, digest.digest()
