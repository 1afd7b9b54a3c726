"""What Confluence has, as both of its APIs give it, and the document that a page becomes."""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from html import escape
from typing import Literal, Protocol

from chalicelib.knowledge.connectors.types.confluence import storage_format

Kind = Literal["page", "blogpost"]


@dataclass(frozen=True, slots=True)
class Space:
    """A space. The API of Cloud addresses it by its id, that of Data Center by its key."""

    id: str
    key: str
    name: str


@dataclass(frozen=True, slots=True)
class WikiPage:
    """A page or a blog post, without its text. `number` is that of its version.

    `ancestors` are the titles of what it is below, the topmost first. `is_restricted`: Confluence shows it, or one of
    its ancestors, to some people alone, or shows the account not all of its ancestors.
    """

    id: str
    kind: Kind
    title: str
    number: int
    url: str
    ancestors: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    is_restricted: bool = True
    authors: tuple[str, ...] = ()
    created_at: datetime | None = None
    modified_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class WikiFile:
    """An attachment. `link` is what Wiki.file_url() needs to know of it besides its ids."""

    id: str
    title: str
    version: str
    link: str
    content_type: str | None = None
    size: int | None = None
    author: str = ""
    modified_at: datetime | None = None


@dataclass(slots=True)
class Children:
    """What hangs at a page: its comments, replies among them, with their versions, and its attachments."""

    comments: dict[str, str] = field(default_factory=dict)
    files: list[WikiFile] = field(default_factory=list)

    def version_of(self, page: WikiPage) -> str:
        """What is the same while the page's document is: a comment or a label changes no version of a page."""
        mark = hashlib.sha256(repr((page.labels, sorted(self.comments.items()))).encode()).hexdigest()
        return f"{page.number}.{mark[:16]}"


@dataclass(frozen=True, slots=True)
class WikiComment:
    """A comment or a reply. `selection` is the part of the page that it is about. `markup` is in storage format."""

    author: str
    written_at: str
    markup: str
    selection: str = ""


@dataclass(frozen=True, slots=True)
class PageBody:
    """A page's title and text, in storage format."""

    title: str
    markup: str


class Wiki(Protocol):
    """A site of Confluence. Everything here raises SourceError."""

    def spaces(self) -> list[Space]:
        """The spaces of the settings. Raises ConfigurationError when one is not there."""

    def page(self, space: Space, kind: Kind, position: str | None) -> tuple[list[WikiPage], str | None]:
        """The pages at a position of a space's list, the first ones with None, and the position behind them.

        Raises CursorExpiredError.
        """

    def one(self, kind: Kind, page_id: str) -> WikiPage | None:
        """One page of the settings' spaces; None for one that is not there any more."""

    def children(self, page_ids: Collection[str]) -> Mapping[str, Children]:
        """What hangs at these pages, by the search's index: what was added a moment ago may be missing."""

    def file_ids(self, kind: Kind, page_id: str) -> set[str]:
        """The ids of a page's attachments, by the page itself. Raises ItemDeletedError."""

    def text(self, kind: Kind, page_id: str) -> PageBody:
        """A page's text. Raises ItemDeletedError."""

    def comments(self, kind: Kind, page_id: str, number: int | None) -> list[WikiComment]:
        """A page's comments with their replies. `number` is how many there are, if that is known."""

    def names(self, people: Collection[str]) -> Mapping[str, str]:
        """What people are called, by their ids in storage format; without those that the account does not see."""

    def file_url(self, page_id: str, file_id: str, link: str) -> str:
        """Where an attachment's bytes are. Raises ItemError."""


def document(
    text: PageBody, facts: Mapping[str, str], comments: Sequence[WikiComment], names: Mapping[str, str]
) -> str:
    """A page with its comments, as HTML."""
    title = escape(text.title)
    lines = [
        f"<!doctype html><html><head><meta charset='utf-8'><title>{title}</title></head><body><h1>{title}</h1><ul>"
    ]
    lines += [f"<li>{name}: {escape(value)}</li>" for name, value in facts.items() if value]
    lines += ["</ul>", storage_format.html(text.markup, names)]
    if comments:
        lines.append("<h2>Comments</h2>")
    for comment in comments:
        lines.append(f"<h3>{escape(comment.author)} ({escape(comment.written_at)})</h3>")
        if comment.selection:
            lines.append(f"<blockquote>{escape(comment.selection)}</blockquote>")
        lines.append(storage_format.html(comment.markup, names))
    return "\n".join([*lines, "</body></html>"])
