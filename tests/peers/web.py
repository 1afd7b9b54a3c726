"""A web server: pages with ETags and conditional requests (RFC 9110, 13), redirects and failures that a test sets."""

import hashlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.peers import serving


@dataclass
class Page:
    """What the server has at a path; `failure` is a status that it answers with instead."""

    body: bytes
    content_type: str = "text/html; charset=utf-8"
    headers: dict[str, str] = field(default_factory=dict)
    status: int = 200


@dataclass
class Site:
    """The server's pages, and what was request of it."""

    pages: dict[str, Page] = field(default_factory=dict)
    requests: "Counter[tuple[str, int]]" = field(default_factory=Counter)
    credentials: str | None = None
    url: str = ""

    def put(self, path: str, html: str, **headers: str) -> None:
        """A page of HTML."""
        self.pages[path] = Page(html.encode(), headers=headers)

    def fail(self, path: str, status: int, **headers: str) -> None:
        """A path that answers with an error."""
        self.pages[path] = Page(
            b"no", headers={name.replace("_", "-"): value for name, value in headers.items()}, status=status
        )

    def redirect(self, path: str, to: str) -> None:
        """A path that has moved for good."""
        self.pages[path] = Page(b"", headers={"Location": to}, status=301)

    def forget(self) -> None:
        """Forget what was request."""
        self.requests.clear()

    def downloads(self) -> int:
        """How many bodies were sent, robots.txt and sitemaps apart."""
        return sum(
            count
            for (path, status), count in self.requests.items()
            if status == 200 and path not in {"/robots.txt", "/sitemap.xml"}
        )


@contextmanager
def serve() -> Iterator[Site]:
    """A server on this machine."""
    site = Site()

    def answer(request: serving.PeerRequest) -> serving.PeerResponse:
        response = _answer(site, request)
        site.requests[request.target, response.status] += 1
        return response

    with serving.serve(answer) as site.url:
        yield site


def _answer(site: Site, request: serving.PeerRequest) -> serving.PeerResponse:
    page = site.pages.get(request.target)
    if page is None:
        return serving.PeerResponse(404, b"not found")
    if site.credentials is not None and request.header("Authorization") != site.credentials:
        return serving.PeerResponse(401, b"who are you?", {"WWW-Authenticate": "Basic"})
    etag = f'"{hashlib.sha256(page.body).hexdigest()[:16]}"'
    if page.status == 200 and request.header("If-None-Match") == etag:
        return serving.PeerResponse(304, headers={"ETag": etag})
    own = {"ETag": etag, "Content-Type": page.content_type} if page.status == 200 else {}
    return serving.PeerResponse(page.status, page.body, own | page.headers)
