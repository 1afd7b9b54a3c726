"""Where a crawl stands and how far it may go: addresses to visit, addresses that were visited, the settings' bounds."""

import base64
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import unquote, urlsplit

from chalicelib.knowledge.connectors.sources import Json
from chalicelib.knowledge.connectors.types.web import WebSettings, markup

# Endings of what is never read: no request is made for it.
_PICTURES = {"png", "jpg", "jpeg", "gif", "svg", "webp", "ico", "bmp", "mp3", "mp4", "webm", "avi"}
_PARTS = {"css", "js", "mjs", "map", "woff", "woff2", "ttf", "eot"}
_SKIPPED = _PICTURES | _PARTS | {"zip", "gz", "exe", "dmg", "iso"}
# A page with this depth is only asked whether it still exists.
CHECKED_DEPTH = 1_000
# The addresses that wait are stored with each page of the listing.
_MOST_CHARS = 2_000_000


def mark(url: str) -> bytes:
    """A short mark of an address that was visited."""
    return hashlib.sha256(url.encode("utf-8", "surrogateescape")).digest()[:8]


@dataclass(slots=True)
class Frontier:
    """The addresses to visit, each with its depth; marks of those that were visited or wait.

    `roots` are the start pages, and where they redirect to. `missing` are known pages that are gone, or have moved.
    `is_cut`: the site has more pages than are taken.
    """

    settings: WebSettings
    roots: list[str]
    queue: list[tuple[str, int]]
    done: set[bytes]
    stored: int = 0
    has_failures: bool = False
    is_checking: bool = False
    is_cut: bool = False
    missing: list[str] = field(default_factory=list)
    _waiting_chars: int = field(init=False)
    _missing_chars: int = field(init=False)

    def __post_init__(self) -> None:
        self._waiting_chars = sum(len(url) for url, _ in self.queue)
        self._missing_chars = sum(len(url) for url in self.missing)

    @classmethod
    def at(cls, cursor: Json, settings: WebSettings) -> "Frontier":
        """The frontier of a cursor."""
        marks = base64.b64decode(cursor["done"])
        return cls(
            settings,
            list(cursor["roots"]),
            [(url, depth) for url, depth in cursor["queue"]],
            {marks[start : start + 8] for start in range(0, len(marks), 8)},
            cursor["stored"],
            cursor["failures"],
            cursor["checking"],
            cursor["cut"],
            list(cursor["missing"]),
        )

    def cursor(self) -> dict[str, Any]:
        """The frontier as JSON."""
        return {
            "roots": self.roots,
            "queue": self.queue,
            "done": base64.b64encode(b"".join(sorted(self.done))).decode(),
            "stored": self.stored,
            "failures": self.has_failures,
            "checking": self.is_checking,
            "cut": self.is_cut,
            "missing": self.missing,
        }

    def add(self, url: str, depth: int) -> bool:
        """Have an address visited, once. False: there is no room for it, and what is left out now is not gone."""
        own = mark(url)
        if own in self.done:
            return True
        is_full = len(self.queue) >= self.settings.max_pages * 3 or self._waiting_chars + len(url) > _MOST_CHARS
        if is_full and depth > 0:
            self.has_failures = True
            return False
        self.done.add(own)
        self.queue.append((url, depth))
        self._waiting_chars += len(url)
        return True

    def take(self, amount: int) -> list[tuple[str, int]]:
        """Take the next addresses out of the queue."""
        taken, self.queue = self.queue[:amount], self.queue[amount:]
        self._waiting_chars -= sum(len(url) for url, _ in taken)
        return taken

    def put_back(self, taken: list[tuple[str, int]]) -> None:
        """Have addresses that were taken visited next."""
        self.queue = taken + self.queue
        self._waiting_chars += sum(len(url) for url, _ in taken)

    def lose(self, url: str) -> None:
        """A known page is gone; beyond the room for such addresses, the next run finds it again."""
        if self._missing_chars + len(url) <= _MOST_CHARS // 4:
            self.missing.append(url)
            self._missing_chars += len(url)

    def follow(self, links: Iterable[str], depth: int) -> None:
        """Have the wanted ones of a page's links visited, as deep as the settings permit."""
        if depth >= self.settings.max_depth or self.is_checking:
            return
        for url in links:
            if self.is_selected(url):
                self.add(url, depth + 1)

    def listed(self, data: bytes, url: str) -> tuple[str, list[str]]:
        """What a feed or sitemap lists, and its kind; what a broken one listed before counts as failed, not as gone."""
        kind, links = markup.read_xml(data, url)
        self.has_failures = self.has_failures or kind == markup.BROKEN
        return kind, links

    def count(self) -> None:
        """Another page was stored; beyond the most pages, the crawl ends."""
        self.stored += 1
        if self.stored >= self.settings.max_pages and self.queue and not self.is_checking:
            self.take(len(self.queue))
            self.is_cut = True

    def is_selected(self, url: str) -> bool:
        """Whether an address is within the settings' bounds."""
        parts = urlsplit(url)
        if parts.path.rpartition(".")[2].lower() in _SKIPPED:
            return False
        if any(fnmatchcase(url, pattern) for pattern in self.settings.exclude):
            return False
        if self.settings.include:
            return self.is_of_a_host(url) and any(fnmatchcase(url, pattern) for pattern in self.settings.include)
        return any(_is_below(root, url) for root in self.roots)

    def is_of_a_host(self, url: str) -> bool:
        """Whether an address is on the host of a start page."""
        return any(urlsplit(root).netloc == urlsplit(url).netloc for root in self.roots)


def origin(url: str) -> str:
    """The scheme and host of an address."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def path_of(url: str, *, is_page: bool) -> str:
    """The path of an address in the connector's repository, which begins with its host."""
    parts = urlsplit(url)
    name = unquote(parts.path, errors="replace").lstrip("/")
    name = f"{name}index" if not name or name.endswith("/") else name
    name += f"?{parts.query}" if parts.query else ""
    if is_page and not name.lower().endswith((".html", ".htm", ".xhtml")):
        name += ".html"
    return f"{parts.netloc}/{name}"


def _is_below(root: str, url: str) -> bool:
    """Whether `url` is on the host of a start page, in its folder or below."""
    one, other = urlsplit(root), urlsplit(url)
    folder = one.path[: one.path.rfind("/") + 1] or "/"
    return one.netloc == other.netloc and other.path.startswith(folder)
