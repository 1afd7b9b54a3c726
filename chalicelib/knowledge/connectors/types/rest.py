"""REST APIs of sources: what their statuses mean for a run."""

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from chalicelib.core.browsing import Browser, Response
from chalicelib.core.outbound import AddressError, OutboundError
from chalicelib.knowledge.connectors.sources import (
    ConfigurationError,
    CredentialsError,
    CursorExpiredError,
    ItemDeletedError,
    SourceError,
)

# A short pause that a source asks for is waited for within the invocation.
_LONGEST_WAIT = 20.0
# What Google says with status 403 when there were too many requests (Drive API, "Resolve errors").
_LIMITED = re.compile(rb'"(userRateLimitExceeded|rateLimitExceeded|quotaExceeded|dailyLimitExceeded)"')


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


def get(browser: Browser, url: str, **options: Any) -> ApiReply:
    """A GET whose answer is JSON.

    Raises CredentialsError for 401 and 403, ItemDeletedError for 404, CursorExpiredError for 410, and SourceError for
    the rest, with the pause that the source asks for.
    """
    response = request(browser, "GET", url, **options)
    try:
        content = response.json() if response.body else None
    except OutboundError as error:
        raise SourceError(f"{urlsplit(url).hostname} does not answer with JSON.") from error
    return ApiReply(content, response.headers, _next(response.headers.get("link", "")))


def _next(links: str) -> str | None:
    """The address of the link `next` in a Link header (RFC 8288)."""
    for link in links.split(","):
        address, _, parameters = link.strip().partition(">")
        if address.startswith("<") and 'rel="next"' in parameters.replace("rel=next", 'rel="next"'):
            return address[1:]
    return None


def request(browser: Browser, method: str, url: str, **options: Any) -> Response:
    """A request that succeeded. Raises as get() does."""
    for attempt in range(2):
        try:
            response = browser.request(method, url, **options)
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
        return CredentialsError(f"{sentence} Check the credentials, and what they may read.")
    if response.status == 404:
        return ItemDeletedError(f"{sentence} There is nothing at this address.")
    if response.status == 410:
        return CursorExpiredError(sentence)
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
