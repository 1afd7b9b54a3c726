"""A project of a tracker as a source: the tickets that changed, and all of them once a day."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from chalicelib.core.texts import storable
from chalicelib.knowledge.connectors.sources import (
    Access,
    CredentialsError,
    CursorExpiredError,
    Fetched,
    Item,
    ItemDeletedError,
    ItemError,
    Json,
    KnownItem,
    Listing,
)
from chalicelib.knowledge.connectors.types import rest
from chalicelib.knowledge.connectors.types.rest import moment
from chalicelib.knowledge.connectors.types.ticket.tickets import Attachment, Issue, LinkingTracker, Tracker
from chalicelib.knowledge.ingestion.extraction import kinds

_ATTACHMENTS = "/attachments/"
# Trackers' clocks and indexes lag: what changed shortly before is listed again.
_OVERLAP = timedelta(minutes=5)
# The files that the texts of one ticket may link to.
_MOST_LINKED = 200
_WHOLE_EVERY = timedelta(hours=24)
# Of the items that no page named, one page looks at so many, and asks for their tickets one by one.
_MOST_UNSEEN = 20


@dataclass(slots=True)
class Project:
    """A project during one invocation."""

    access: Access
    tracker: Tracker
    _tickets: dict[str, Issue] = field(default_factory=dict)
    _attachments: dict[str, Attachment] = field(default_factory=dict)

    def close(self) -> None:
        """Nothing: the spine closes the connections."""

    def page(self, cursor: Json | None, state: Json) -> Listing:
        """The next tickets in the order of their changes."""
        cursor = cursor or self._begin(state)
        if "unseen_after" in cursor:
            return self._missing(cursor)
        changes = self.tracker.changed(cursor["since"], cursor["page"], cursor["seen"])
        tickets = changes.tickets
        self._tickets = {_ticket_id(ticket.id): ticket for ticket in tickets}
        self._attachments.clear()
        known = self.access.stored_items.known(self._tickets)
        items, deleted = list[Item](), list[str]()
        for source_id, ticket in self._tickets.items():
            self._list(source_id, ticket, known.get(source_id), items, deleted)
        times = [time for time in (*(ticket.updated for ticket in tickets), changes.reached) if time]
        newest = max(times, default=cursor["newest"], key=lambda text: _time(text))
        has_listed = bool(cursor.get("has_listed") or items)
        if changes.has_more:
            is_later = changes.reached not in {None, cursor["since"]}
            further = {"page": cursor["page"] + 1, "seen": cursor["seen"] + len(tickets)}
            following = {"since": changes.reached, "page": 1, "seen": 0} if is_later else further
            by_number = not is_later or cursor.get("by_number", False)
            return Listing(
                items=tuple(items),
                deleted=tuple(deleted),
                others=changes.others,
                cursor={**cursor, **following, "newest": newest, "has_listed": has_listed, "by_number": by_number},
            )
        is_whole = bool(cursor["whole"])
        if is_whole and cursor.get("by_number"):
            following = {"newest": newest, "unseen_after": ""}
            return Listing(
                items=tuple(items), deleted=tuple(deleted), others=changes.others, cursor={**cursor, **following}
            )
        return Listing(
            items=tuple(items),
            deleted=tuple(deleted),
            retains_all=not is_whole and not has_listed,
            is_whole=is_whole,
            state={"newest": newest, "whole_at": cursor["started"] if is_whole else state.get("whole_at")},
        )

    def fetch(self, item: Item, known: KnownItem | None, into: Path) -> Fetched:  # noqa: ARG002 — versions are times
        """Write a ticket with its comments, or an attachment."""
        if _ATTACHMENTS in item.source_id:
            return self._fetch_attachment(item, into)
        try:
            ticket = self._tickets.get(item.source_id) or self.tracker.one(str(item.metadata["id"]))
            comments = ticket.comments if ticket.comments is not None else tuple(self.tracker.comments(ticket))
        except rest.UnknownCredentialsError:
            raise
        except CredentialsError as error:
            if self._is_there(item):
                raise
            raise ItemDeletedError("The tracker no longer shows this ticket.") from error
        into.write_text(storable(ticket.markdown(comments)), encoding="utf-8")
        return Fetched(content_type="text/markdown", version=ticket.updated)

    def _missing(self, cursor: Json) -> Listing:
        """The next items that no page named: the tracker is asked for each ticket whether it is there.

        Where more tickets changed at one time than a page has, pages are counted. A ticket that changes meanwhile then
        moves the others up, and one of them is on no page. An attachment that was not named with its ticket is gone;
        one whose ticket was not named is taken to be there while its ticket is.
        """
        unseen = self.access.stored_items.unseen(_MOST_UNSEEN, after=cursor["unseen_after"])
        tickets = {item.source_id.partition(_ATTACHMENTS)[0]: item for item in unseen}
        # In the order of ids, a ticket's attachments follow it: the first ones here may be of the last page's ticket.
        before = cursor.get("present")
        named = self.access.stored_items.seen(tickets)
        present = {
            name for name, item in tickets.items() if name == before or (name not in named and self._is_there(item))
        }
        deleted, retained = list[str](), list[str]()
        for item in unseen:
            (retained if item.source_id.partition(_ATTACHMENTS)[0] in present else deleted).append(item.source_id)
        if len(unseen) < _MOST_UNSEEN:
            left = {"newest": cursor["newest"], "whole_at": cursor["started"]}
            return Listing(deleted=tuple(deleted), retained=tuple(retained), state=left)
        last = unseen[-1].source_id
        ticket = last.partition(_ATTACHMENTS)[0]
        following = {"unseen_after": last, "present": ticket if ticket in present else None}
        return Listing(deleted=tuple(deleted), retained=tuple(retained), cursor={**cursor, **following})

    def _is_there(self, item: Item | KnownItem) -> bool:
        """Whether the project still shows a ticket. One that is refused by itself was withdrawn from the account."""
        try:
            return self.tracker.one(str(item.metadata["id"])).key == item.metadata.get("ticket")
        except rest.UnknownCredentialsError:
            raise
        except (ItemDeletedError, CursorExpiredError, CredentialsError):
            return False

    def _begin(self, state: Json) -> dict[str, Any]:
        now = datetime.now(UTC)
        whole_at = moment(state.get("whole_at"))
        newest = state.get("newest")
        is_whole = self.access.is_manual or newest is None or whole_at is None or now - whole_at > _WHOLE_EVERY
        since = None if is_whole else self._earlier(str(newest))
        return {"since": since, "page": 1, "seen": 0, "newest": newest, "whole": is_whole, "started": now.isoformat()}

    def _earlier(self, text: str) -> str:
        """A tracker's time, some minutes before, in the offset that it was written in."""
        read = moment(text)
        return text if read is None else (read - _OVERLAP).isoformat(timespec="seconds").replace("+00:00", "Z")

    def _list(
        self, source_id: str, ticket: Issue, known: KnownItem | None, items: list[Item], deleted: list[str]
    ) -> None:
        attached = {}
        former = known.memory.get("attachments", []) if known is not None else []
        if self.access.settings.attachments:
            is_same = known is not None and known.version == ticket.updated
            files = self._linked(source_id, ticket, former if is_same else None)
            attached = {f"{source_id}{_ATTACHMENTS}{file.id}": file for file in (*ticket.attachments, *files)}
        deleted += [name for name in former if name not in attached]
        metadata = {"ticket": ticket.key, "id": ticket.id, **ticket.fields}
        items.append(
            Item(
                source_id=source_id,
                path=f"{ticket.key}.md",
                version=ticket.updated,
                title=f"{ticket.key} {ticket.title}",
                content_type="text/markdown",
                original_url=ticket.url,
                authors=(ticket.author,) if ticket.author else (),
                created_at=moment(ticket.created),
                modified_at=moment(ticket.updated),
                metadata=metadata,
                memory={"attachments": sorted(attached)},
            )
        )
        for name, file in attached.items():
            self._attachments[name] = file
            items.append(
                Item(
                    source_id=name,
                    path=f"{ticket.key}/{file.filename}",
                    version=file.id,
                    title=file.filename,
                    content_type=file.content_type,
                    original_url=file.url,
                    authors=(file.author,) if file.author else (),
                    metadata={"ticket": ticket.key, "id": ticket.id},
                    size=file.size,
                )
            )

    def _linked(self, source_id: str, ticket: Issue, former: list[str] | None) -> list[Attachment]:
        """The files that a ticket's texts link to; of a ticket that did not change, those that it linked to before."""
        if not isinstance(self.tracker, LinkingTracker):
            return []
        if former is not None:
            ids = [name.removeprefix(f"{source_id}{_ATTACHMENTS}") for name in former]
            return [self.tracker.file(one) for one in ids]
        try:
            comments = ticket.comments if ticket.comments is not None else tuple(self.tracker.comments(ticket))
        except (ItemDeletedError, CursorExpiredError):
            return []  # it was deleted since it was listed
        self._tickets[source_id] = replace(ticket, comments=comments)
        texts = (ticket.text, *(comment.text for comment in comments))
        ids = list(dict.fromkeys(one for text in texts for one in self.tracker.linked(ticket, text)))
        return [self.tracker.file(one) for one in ids[:_MOST_LINKED]]

    def _fetch_attachment(self, item: Item, into: Path) -> Fetched:
        file = self._attachments.get(item.source_id)
        file_id = item.source_id.partition(_ATTACHMENTS)[2]
        if file is None and isinstance(self.tracker, LinkingTracker):
            file = self.tracker.file(file_id)
        elif file is None:
            ticket = self.tracker.one(str(item.metadata["id"]))
            file = next((each for each in ticket.attachments if each.id == file_id), None)
        if file is None:
            raise ItemDeletedError
        try:
            response = rest.download(
                self.access.browser,
                file.url,
                into,
                name=file.filename,
                check=lambda: self.tracker.changed(None, 1, 0),
            )
        except ItemDeletedError as error:
            if isinstance(self.tracker, LinkingTracker):  # the text still links to it
                raise ItemError(
                    "The tracker does not give this file. GitHub gives none of a private repository."
                ) from error
            raise
        sent = kinds.content_type_of(file.filename, response.headers.get("content-type"))
        return Fetched(content_type=file.content_type or sent, version=file.id)


def _ticket_id(ticket_id: str) -> str:
    return f"ticket:{ticket_id}"


def _time(text: str | None) -> datetime:
    return moment(text) or datetime.fromtimestamp(0, UTC)
