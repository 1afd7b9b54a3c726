"""Tickets as every tracker gives them, and the document that a ticket becomes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable


@dataclass(frozen=True, slots=True)
class Comment:
    """What somebody wrote about a ticket."""

    author: str
    written_at: str
    text: str


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file at a ticket. `id` is the tracker's; of a file that the text links to, what its address is made of."""

    id: str
    filename: str
    url: str
    content_type: str | None = None
    size: int | None = None
    author: str = ""


@dataclass(frozen=True, slots=True)
class Issue:
    """A ticket. `id` addresses it at the tracker, `key` is what people call it, `updated` is the tracker's own text."""

    id: str
    key: str
    title: str
    text: str
    url: str
    updated: str
    created: str
    author: str
    fields: dict[str, str] = field(default_factory=dict)
    attachments: tuple[Attachment, ...] = ()
    comments: tuple[Comment, ...] | None = None
    # The beginnings of addresses of the project's uploads, at a tracker whose texts link to them.
    places: frozenset[str] = frozenset()

    def markdown(self, comments: Sequence[Comment]) -> str:
        """The ticket's document."""
        facts = {"Author": self.author, "Created": self.created, **self.fields}
        lines = [f"# {self.key} {self.title}", "", *(f"- {name}: {value}" for name, value in facts.items() if value)]
        lines += ["", self.text.strip(), ""]
        if comments:
            lines += ["## Comments", ""]
        for comment in comments:
            lines += [f"### {comment.author} ({comment.written_at})", "", comment.text.strip(), ""]
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class TicketPage:
    """A page of the tickets that changed.

    `others` counts what the page has besides tickets. `reached` is the time of the page's last change, theirs included:
    as changed() takes it, as exactly as the tracker compares it.
    """

    tickets: list[Issue]
    has_more: bool
    reached: str | None
    others: int = 0


class Tracker(Protocol):
    """One project of one tracker."""

    def changed(self, since: str | None, page: int, seen: int) -> TicketPage:
        """A page of the tickets that changed at `since` or later, oldest change first.

        `page` counts pages from 1, and `seen` the tickets on the pages before: what the tracker pages by.

        Raises SourceError.
        """

    def comments(self, ticket: Issue) -> Iterator[Comment]:
        """A ticket's comments, oldest first. Raises SourceError, ItemDeletedError."""

    def one(self, ticket_id: str) -> Issue:
        """One ticket of the project. Raises SourceError; ItemDeletedError where the project does not show it."""


@runtime_checkable
class LinkingTracker(Tracker, Protocol):
    """A tracker that lists no attachments: they are links in texts."""

    def linked(self, ticket: Issue, text: str) -> Iterator[str]:
        """The ids of the files that a text of a ticket links to."""

    def file(self, file_id: str) -> Attachment:
        """The linked file with this id."""
