"""A web site during one invocation: pages visited in the order in which they were found."""

import base64
import hashlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from chalicelib.core.browsing import Response
from chalicelib.core.outbound import AddressError, OutboundError, ResponseLimits
from chalicelib.knowledge.connectors.sources import (
    MAX_BYTES_IN_MEMORY,
    Access,
    ConfigurationError,
    CredentialsError,
    Fetched,
    Item,
    ItemError,
    Json,
    KnownItem,
    Listing,
    SourceError,
)
from chalicelib.knowledge.connectors.types.web import markup
from chalicelib.knowledge.connectors.types.web.frontier import CHECKED_DEPTH, Frontier, mark, origin, path_of
from chalicelib.knowledge.connectors.types.web.robots import Robots
from chalicelib.knowledge.ingestion.extraction import kinds

# A page of the listing is so many pages of the site, as many as are visited in this time, or as many as have these
# bytes, which are in memory until they are stored.
_PAGES, _PAGE_SECONDS, _PAGE_BYTES = 20, 30.0, 32 * 1024 * 1024
_MOST_SITEMAPS = 50
_HTML = frozenset({"text/html", "application/xhtml+xml"})
_XML = frozenset({"application/xml", "text/xml", "application/rss+xml", "application/atom+xml"})
# What is read besides pages, when a page leads to it.
_TEXTS = {"markdown", "text", "csv", "eml", "msg", "pdf", "epub"}
_FILES = _TEXTS | {"docx", "pptx", "xlsx", "xls", "odt", "ods", "odp"}
_ACCEPT = "text/html,application/xhtml+xml,application/pdf;q=0.9,*/*;q=0.5"
_LIMITS = ResponseLimits(read_seconds=20, total_seconds=60, max_bytes=MAX_BYTES_IN_MEMORY)


@dataclass(slots=True)
class _Matches:
    """What visits found: the items of a page, and the items' bytes or why there are none."""

    items: list[Item] = field(default_factory=list)
    contents: dict[str, tuple[bytes, str]] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)


class WebSite:
    """A source whose items are pages, by their addresses, and files that pages lead to."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._starts = [url for url in map(markup.normalised, access.settings.start_urls) if url]
        self._robots = Robots(access.browser)
        self._matches = _Matches()

    def close(self) -> None:
        """Nothing: the spine closes the connections."""

    def page(self, cursor: Json | None, state: Json) -> Listing:  # noqa: ARG002 — every run looks at every page
        """Visit the next pages."""
        self._matches = _Matches()
        frontier = Frontier.at(cursor, self._access.settings) if cursor else self._begin()
        batch = frontier.take(_PAGES)
        known = self._access.stored_items.known([url for url, _ in batch])
        started = time.monotonic()
        for number, (url, depth) in enumerate(batch):
            size = sum(len(content) for content, _ in self._matches.contents.values())
            if number and (time.monotonic() - started > _PAGE_SECONDS or size > _PAGE_BYTES):
                frontier.put_back(batch[number:])
                break
            try:
                self._visit(url, depth, known.get(url), frontier)
            except SourceError:
                if number == 0:
                    raise
                frontier.put_back(batch[number:])  # what was visited is stored first
                break
            if frontier.is_cut:
                break
        if not frontier.queue and frontier.has_failures:
            self._check_the_rest(frontier)
        matches = self._matches
        if frontier.queue:
            # The pages that were visited are not visited again, whether they are read or not.
            return Listing(items=tuple(matches.items), others=len(batch), cursor=frontier.cursor())
        # What a whole listing did not name is gone by itself; a page that has another address by now is not.
        is_whole = not (frontier.has_failures or frontier.is_cut)
        return Listing(
            items=tuple(matches.items), deleted=() if is_whole else tuple(frontier.missing), is_whole=is_whole
        )

    def fetch(self, item: Item, known: KnownItem | None, into: Path) -> Fetched:  # noqa: ARG002 — the visit knew it
        """Write what the visit found; an item that an earlier run could not read is visited now."""
        matches = self._matches
        if item.source_id not in matches.contents and item.source_id not in matches.failures:
            matches = self._matches = _Matches()
            self._visit(item.source_id, CHECKED_DEPTH, None, Frontier(self._access.settings, self._starts, [], set()))
        if item.source_id in matches.contents:
            content, content_type = matches.contents.pop(item.source_id)
            into.write_bytes(content)
            return Fetched(content_type=content_type)
        raise ItemError(matches.failures.get(item.source_id, "The page cannot be read, or leads to another one now."))

    def _begin(self) -> Frontier:
        frontier = Frontier(self._access.settings, list(self._starts), [], set())
        for url in self._starts:
            frontier.add(url, 0)
        if self._access.settings.sitemaps and self._access.settings.max_depth > 0:
            for url in self._listed_in_sitemaps(frontier):
                if len(frontier.queue) >= self._access.settings.max_pages:
                    break
                if frontier.is_selected(url) and not frontier.add(url, 1):
                    break
        return frontier

    def _listed_in_sitemaps(self, frontier: Frontier) -> Iterator[str]:
        waiting, seen = list[str](), set[str]()
        for host in dict.fromkeys(map(origin, self._starts)):
            waiting += self._robots.sitemaps(host)
        while waiting and len(seen) < _MOST_SITEMAPS:
            url = waiting.pop(0)
            if url in seen or not frontier.is_of_a_host(url):
                continue
            seen.add(url)
            try:
                response = self._get(url, None, frontier)
            except AddressError as error:
                raise ConfigurationError(str(error)) from error
            except OutboundError:
                frontier.has_failures = True
                continue
            if response.status == 200:
                kind, listed = frontier.listed(response.body, url)
                if kind == "sitemaps":
                    waiting += listed
                else:
                    yield from listed
            elif response.status not in {404, 410}:
                frontier.has_failures = True

    def _check_the_rest(self, frontier: Frontier) -> None:
        """Some pages failed, and so may have what they led to: known pages that were not visited are asked for.

        As many at a time as there is room for, until none is left.
        """
        frontier.is_checking = True
        for item in self._access.stored_items.unseen(self._access.settings.max_pages):
            if not frontier.add(item.source_id, CHECKED_DEPTH):
                break

    def _visit(self, url: str, depth: int, known: KnownItem | None, frontier: Frontier) -> None:
        """Visit an address: what it has is found, and what it leads to is added to the frontier."""
        if not self._robots.permits(url):
            return
        try:
            response = self._get(url, known, frontier)
        except AddressError as error:
            if depth == 0:
                raise ConfigurationError(str(error)) from error
            return
        except OutboundError as error:
            self._fail(url, depth, known, str(error), frontier)
            return
        if response.status == 304 and known is not None:
            frontier.follow(known.memory.get("links", []), depth)
            self._add(url, known.version, known.memory, known.metadata.get("title"), None, frontier)
        elif response.status == 200:
            self._arrive(url, depth, response, frontier)
        else:
            self._refused(url, depth, known, response, frontier)

    def _refused(self, url: str, depth: int, known: KnownItem | None, response: Response, frontier: Frontier) -> None:
        sentence = f"{url} answers with status {response.status}."
        if response.status in {404, 410}:
            if depth == 0:
                raise ConfigurationError(f"The start page {url} does not exist (status {response.status}).")
            if known is not None:
                frontier.lose(url)
            return
        if response.status == 429 or (response.status == 503 and response.retry_after() is not None):
            raise SourceError(sentence, retry_after=response.retry_after())
        if depth == 0 and response.status in {401, 403}:
            raise CredentialsError(f"{sentence} Check the credentials, and what they may read.")
        self._fail(url, depth, known, sentence, frontier)

    def _fail(self, url: str, depth: int, known: KnownItem | None, sentence: str, frontier: Frontier) -> None:
        """A page that cannot be read now: its document stays, and so does where it led to."""
        if depth == 0:
            raise SourceError(sentence)
        frontier.has_failures = True
        if known is not None:
            frontier.follow(known.memory.get("links", []), depth)
        self._matches.failures[url] = sentence
        self._add(url, None, known.memory if known else {}, None, None, frontier)

    def _arrive(self, url: str, depth: int, response: Response, frontier: Frontier) -> None:
        """What a response holds, after redirects: a page, a feed or sitemap, a file, or nothing that is read."""
        final = markup.normalised(response.url) or url
        if final != url:
            frontier.done.add(mark(final))
            if depth == 0:
                frontier.roots.append(final)
            elif not frontier.is_selected(final) and final not in frontier.roots:
                return
        content_type, _, parameters = response.headers.get("content-type", "").partition(";")
        content_type = content_type.strip().lower()
        memory = {"etag": response.headers.get("etag", "")[:300], "modified": response.headers.get("last-modified", "")}
        kind = kinds.by_content_type(content_type) or kinds.by_name(PurePosixPath(urlsplit(final).path).name)
        if content_type in _HTML or (not content_type and b"<html" in response.body[:1000].lower()):
            charset = parameters.strip().lower().removeprefix("charset=").strip("\"' ") or None
            self._read_page(url, final, depth, markup.read_page(response.body, final, charset), memory, frontier)
        elif content_type in _XML or content_type.endswith("gzip"):
            frontier.follow(frontier.listed(response.body, final)[1], depth)
        elif kind in _FILES:
            self._store(url, final, response.body, content_type, memory | {"file": True}, None, frontier)

    def _read_page(
        self, url: str, final: str, depth: int, page: markup.WebPage, memory: dict[str, Any], frontier: Frontier
    ) -> None:
        frontier.follow(page.links, depth)
        if page.canonical and page.canonical != final and frontier.is_selected(page.canonical):
            frontier.add(page.canonical, depth)
        elif page.is_indexed:
            memory |= {"links": list(page.links)}
            self._store(url, final, page.markup, "text/html", memory, page.title, frontier)

    def _store(
        self,
        url: str,
        final: str,
        content: bytes,
        content_type: str,
        memory: dict[str, Any],
        title: str | None,
        frontier: Frontier,
    ) -> None:
        version = f"sha256:{hashlib.sha256(content).hexdigest()}"
        self._matches.contents[final] = (content, content_type)
        self._add(
            final, version, memory, title, url if url != final else self._moved_from(final, version, frontier), frontier
        )

    def _moved_from(self, url: str, version: str, frontier: Frontier) -> str | None:
        """The address that a new page had before: of a page with its content, which is gone or leads here."""
        if self._access.stored_items.known([url]):
            return None
        for candidate in self._access.stored_items.with_version(version)[:3]:
            try:
                response = self._get(candidate.source_id, None, frontier)
            except OutboundError:
                continue
            if response.status in {404, 410} or markup.normalised(response.url) == url:
                return candidate.source_id
        return None

    def _add(
        self,
        url: str,
        version: str | None,
        memory: Json,
        title: str | None,
        moved_from: str | None,
        frontier: Frontier,
    ) -> None:
        is_page = not memory.get("file")
        self._matches.items.append(
            Item(
                source_id=url,
                path=path_of(url, is_page=is_page),
                version=version,
                title=title,
                content_type="text/html" if is_page else None,
                original_url=url,
                metadata={"title": title} if title else {},
                memory=memory,
                moved_from=moved_from,
            )
        )
        frontier.count()

    def _get(self, url: str, known: KnownItem | None, frontier: Frontier) -> Response:
        headers = {"Accept": _ACCEPT}
        credentials = self._access.credentials
        if credentials is not None and frontier.is_of_a_host(url):
            secret = f"{credentials.username}:{credentials.password}".encode()
            headers["Authorization"] = f"Basic {base64.b64encode(secret).decode()}"
        if known is not None and known.version is not None:
            if known.memory.get("etag"):
                headers["If-None-Match"] = known.memory["etag"]
            elif known.memory.get("modified"):
                headers["If-Modified-Since"] = known.memory["modified"]
        self._robots.wait(url)
        return self._access.browser.get(url, headers=headers, limits=_LIMITS)
