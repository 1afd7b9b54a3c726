"""REST APIs of sources: where their credentials go, what their statuses mean for a run, and their times."""

import base64
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from chalicelib.core.browsing import Browser, Response, TooBigError, TooSlowError
from chalicelib.core.outbound import AddressError, OutboundError, ResponseLimits
from chalicelib.knowledge.connectors.sources import (
    MAX_ITEM_BYTES,
    ConfigurationError,
    CredentialsError,
    CursorExpiredError,
    ItemDeletedError,
    ItemError,
    SourceError,
)
from chalicelib.knowledge.ingestion.extraction import kinds

# A short pause that a source asks for is waited for within the invocation.
_LONGEST_WAIT = 20.0
_FILE_LIMITS = ResponseLimits(read_seconds=30, total_seconds=60, max_bytes=MAX_ITEM_BYTES)
# What Google says with status 403 when there were too many requests (Drive API, "Resolve errors").
_LIMITED = re.compile(rb'"(userRateLimitExceeded|rateLimitExceeded|quotaExceeded|dailyLimitExceeded)"')


class BadRequestError(SourceError):
    """The source answers 400. `explanation` is the beginning of what it says."""

    def __init__(self, message: str, explanation: str) -> None:
        super().__init__(message)
        self.explanation = explanation


class UnknownCredentialsError(CredentialsError):
    """The source answers 401. Where it was asked for a file, download() finds out whether it refuses that one alone."""


@dataclass(frozen=True, slots=True)
class ApiReply:
    """What an API answered. `next_url` is the next page's address (RFC 8288), if there is one."""

    content: Any
    headers: Mapping[str, str]
    next_url: str | None

    @property
    def has_next(self) -> bool:
        """Whether there is another page."""
        return self.next_url is not None


def log_in(browser: Browser, url: str, header: str, value: str | None) -> str:
    """The API's address without a slash at its end. The browser then sends the credentials, if any, to it alone.

    Raises ConfigurationError for credentials that would cross a public network unencrypted.
    """
    if value is not None and not browser.allow_private and urlsplit(url).scheme == "http":
        raise ConfigurationError("A token is only sent to an address that begins with https://.")
    browser.home = url
    if value:
        browser.headers[header] = value
    return url.rstrip("/")


def atlassian_login(credentials: Any) -> str | None:
    """What an Authorization header says to Atlassian: an account with its API token, or a personal access token."""
    if credentials is None:
        return None
    if credentials.username is None:
        return f"Bearer {credentials.token}"
    return f"Basic {base64.b64encode(f'{credentials.username}:{credentials.token}'.encode()).decode()}"


def get(browser: Browser, url: str, **options: Any) -> ApiReply:
    """A GET whose answer is JSON.

    Raises CredentialsError for 401 and 403, ItemDeletedError for 404, CursorExpiredError for 410, BadRequestError for
    400, and SourceError for the rest, with the pause that the source asks for.
    """
    return _reply(request(browser, "GET", url, **options), url)


def post(browser: Browser, url: str, document: object) -> ApiReply:
    """A POST of JSON that only asks, and whose answer is JSON. Raises as get() does."""
    return _reply(request(browser, "POST", url, document=document), url)


def _reply(response: Response, url: str) -> ApiReply:
    try:
        content = response.json() if response.body else None
    except OutboundError as error:
        raise SourceError(f"{urlsplit(url).hostname} does not answer with JSON, but perhaps with a page.") from error
    return ApiReply(content, response.headers, _next(response.headers.get("link", "")))


def _next(links: str) -> str | None:
    """The address of the link `next` in a Link header (RFC 8288)."""
    for link in links.split(","):
        address, _, parameters = link.strip().partition(">")
        if address.startswith("<") and 'rel="next"' in parameters.replace("rel=next", 'rel="next"'):
            return address[1:]
    return None


def download(
    browser: Browser, url: str, into: Path, *, name: str, check: Callable[[], object], **options: Any
) -> Response:
    """The file called `name`, written to `into`.

    `check` asks the source for what the credentials permit, as get() does. It is called when the source answers 401:
    whether it refuses the credentials, or this file alone.

    Raises ItemDeletedError for 404 and 410; ItemError for a file that is too big, comes too slowly, is refused, leads
    to an address that is not allowed, or is a web page instead, as from a login; SourceError, which is
    UnknownCredentialsError where the source refuses the credentials.
    """
    try:
        response = request(browser, "GET", url, into=into, limits=_FILE_LIMITS, **options)
    except CursorExpiredError as error:
        raise ItemDeletedError(str(error)) from error
    except CredentialsError as error:
        if isinstance(error, UnknownCredentialsError) and browser.is_home(url):
            _ask(check)
        raise ItemError(f"{urlsplit(url).hostname} does not let this file be downloaded.") from error
    except ConfigurationError as error:
        raise ItemError(str(error)) from error
    media_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type == "text/html" and kinds.by_name(name) not in {"html", None}:
        raise ItemError(f"{urlsplit(response.url).hostname} answers with a web page instead of the file.")
    return response


def _ask(check: Callable[[], object]) -> None:
    """Ask for what must be there; its absence says nothing about the item. Raises SourceError."""
    try:
        check()
    except (ItemDeletedError, CursorExpiredError) as error:
        raise SourceError(str(error)) from error


def request(browser: Browser, method: str, url: str, **options: Any) -> Response:
    """A request that succeeded. Raises as get() does, and ItemError for an answer that is too big or too slow."""
    for attempt in range(2):
        try:
            response = browser.request(method, url, **options)
        except (TooBigError, TooSlowError) as error:
            raise (SourceError if options.get("into") is None else ItemError)(str(error)) from error
        except AddressError as error:
            raise ConfigurationError(str(error)) from error
        except OutboundError as error:
            raise SourceError(str(error)) from error
        pause = _pause(response)
        if pause is None or attempt or pause > _LONGEST_WAIT:
            break
        time.sleep(pause)
    if response.status < 300:
        return response
    raise _failure(response, urlsplit(url).hostname or "", pause)


def _failure(response: Response, host: str, pause: float | None) -> Exception:
    sentence = f"{host} answers with status {response.status}."
    if pause is not None:
        return SourceError(sentence, retry_after=pause)
    if response.status in {401, 403}:
        is_refused = response.status == 401 and not response.redirects
        kind = UnknownCredentialsError if is_refused else CredentialsError
        return kind(f"{sentence} Check the credentials, and what they may read.")
    if response.status == 404:
        return ItemDeletedError(f"{sentence} There is nothing at this address.")
    if response.status == 410:
        return CursorExpiredError(sentence)
    if response.status == 400:
        return BadRequestError(sentence, response.body[:10_000].decode(errors="replace"))
    return SourceError(sentence, retry_after=response.retry_after())


def _pause(response: Response) -> float | None:
    """The seconds to wait before asking again; None when the answer does not ask for a pause."""
    is_limited = response.status in {429, 503} or (
        response.status == 403
        and (
            response.headers.get("x-ratelimit-remaining") == "0" or _LIMITED.search(response.body[:10_000]) is not None
        )
    )
    if not is_limited and not (response.status == 403 and "retry-after" in response.headers):
        return None
    seconds = response.retry_after()
    reset = response.headers.get("x-ratelimit-reset", "")
    if seconds is None and reset.isdigit():
        seconds = max(0.0, float(reset) - time.time())
    return 30.0 if seconds is None else seconds


def moment(text: str | None) -> datetime | None:
    """A time as such APIs write it: ISO 8601, also with an offset without a colon."""
    if not text:
        return None
    spelt = re.sub(r"([+-]\d\d)(\d\d)$", r"\1:\2", text.replace("Z", "+00:00"))
    try:
        read = datetime.fromisoformat(spelt)
    except ValueError:
        return None
    return read if read.tzinfo else read.replace(tzinfo=UTC)
