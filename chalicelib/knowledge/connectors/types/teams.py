"""Microsoft Teams: the threads of a team's channels (Microsoft Graph, learn.microsoft.com).

A thread is one document: its first message and the replies. Each channel has a delta of its messages; one that
Microsoft has forgotten (410) begins anew. A delta reaches back some months only, so nothing is removed because it was
not listed: a thread goes when Teams says that its first message was deleted, and with its channel. Files of channels
lie in SharePoint.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

from pydantic import Field

from chalicelib.core.models import Request, Text
from chalicelib.core.texts import storable
from chalicelib.knowledge.connectors import readers
from chalicelib.knowledge.connectors.sources import (
    Access,
    ConfigurationError,
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
from chalicelib.knowledge.connectors.types.onedrive import (
    ADDRESS,
    GRAPH,
    MICROSOFT_LOGIN,
    GraphId,
    OnedriveCredentials,
    microsoft_tokens,
)
from chalicelib.knowledge.connectors.types.rest import moment
from chalicelib.knowledge.connectors.types.tokens import AccessTokens

# The threads of channels that are gone go in pages of so many at most.
_MOST_THREADS = 200


class TeamsSettings(Request):
    """The team, and which of its channels: all that the application sees, or those named here."""

    tenant: GraphId
    team: GraphId
    channels: Annotated[list[Annotated[Text, Field(min_length=1, max_length=200)]], Field(max_length=100)] = Field(
        default_factory=list
    )
    url: Annotated[Text, ADDRESS] = GRAPH
    login_url: Annotated[Text, ADDRESS] = MICROSOFT_LOGIN


SETTINGS, CREDENTIALS, NAMES_READERS = TeamsSettings, OnedriveCredentials, True


def connect(access: Access) -> "Team":
    """The team of these settings. Raises CredentialsError."""
    return Team(access, microsoft_tokens(access))


@dataclass(slots=True)
class Team:
    """A team during one invocation."""

    access: Access
    tokens: AccessTokens

    def close(self) -> None:
        """Nothing: the spine closes the connections."""

    def page(self, cursor: Json | None, state: Json) -> Listing:
        """The next messages of the channels' deltas, one channel after the other."""
        cursor = cursor or {"channels": self._channels(), "links": {}, "link": None, "is_new": False}
        channels: list[list[str]] = list(cursor["channels"])
        if not channels:
            if "after" in cursor:
                return self._of_former_channels(cursor)
            return Listing(retains_all=True, state={"links": cursor["links"]})
        identity, name = channels[0]
        former = (state.get("links") or {}).get(identity)
        link = cursor["link"] or former or f"{self._team()}/channels/{quote(identity)}/messages/delta"
        if not link.startswith(self.access.settings.url):
            raise ConfigurationError("Microsoft Graph names a page at another address.")
        content = self._get(link)
        items, deleted = self._threads(content["value"], identity, name)
        links, following = dict(cursor["links"]), content.get("@odata.nextLink")
        if not following:
            links[identity] = content["@odata.deltaLink"]
            channels = channels[1:]
        is_new = bool(cursor["is_new"] or items or deleted)
        after: dict[str, Any] = {"channels": channels, "links": links, "link": following, "is_new": is_new}
        known = set(state.get("links") or {})
        may_have_former = not known or bool(known - set(links))
        if not channels and may_have_former:
            after["after"] = ""
        if channels or may_have_former:
            others = len(content["value"]) - len(items) - len(deleted)
            return Listing(items=items, deleted=deleted, others=others, cursor=after)
        return Listing(items=items, deleted=deleted, retains_all=not is_new, state={"links": links})

    def _of_former_channels(self, cursor: Json) -> Listing:
        """The next known threads of channels that the team no longer has, or that are no longer chosen.

        Only the last page leaves a state: until then, the next run finds the former channels in the present one.
        """
        present = [f"{channel}/" for channel in cursor["links"]]
        unseen = self.access.stored_items.unseen(_MOST_THREADS, after=cursor["after"], outside=present)
        deleted = tuple(item.source_id for item in unseen)
        if len(unseen) == _MOST_THREADS:
            return Listing(deleted=deleted, cursor={**cursor, "is_new": True, "after": deleted[-1]})
        return Listing(deleted=deleted, retains_all=not (cursor["is_new"] or deleted), state={"links": cursor["links"]})

    def members(self, group: str) -> Collection[str]:
        """The addresses of a channel's members; those of a shared channel include other teams'."""
        result, following = list[str](), f"{self._team()}/channels/{quote(group)}/allMembers"
        try:
            while following:
                content = self._get(following)
                result += [str(one["email"]) for one in content["value"] if one.get("email")]
                following = content.get("@odata.nextLink", "")
        except ItemDeletedError:
            return ()
        except CredentialsError as error:
            raise ItemError("Teams does not tell the members of a channel.") from error
        return result

    def fetch(self, item: Item, known: KnownItem | None, into: Path) -> Fetched:  # noqa: ARG002 — versions are times
        """Write a thread: its first message and every reply."""
        message = (
            f"{self._team()}/channels/{quote(str(item.metadata['channel_id']))}/messages/{item.metadata['thread']}"
        )
        first = self._get(message)
        if first.get("deletedDateTime"):
            raise ItemDeletedError("The thread was deleted.")
        replies, following = list[Any](), f"{message}/replies?$top=50"
        while following:
            content = self._get(following)
            replies += [reply for reply in content["value"] if not reply.get("deletedDateTime")]
            following = content.get("@odata.nextLink", "")
        replies.sort(key=lambda reply: str(reply["createdDateTime"]))
        title = _subject(first)
        lines = [f"# {title}", "", *_lines(first)]
        for reply in replies:
            lines += _lines(reply)
        into.write_text(storable("\n".join(lines)), encoding="utf-8")
        metadata = {**item.metadata, "replies": len(replies)}
        created = str(first["createdDateTime"])[:10]
        path = f"{item.metadata['channel']}/{created} {title[:80].replace('/', ' ')} {item.metadata['thread']}.md"
        return Fetched(content_type="text/markdown", title=title, metadata=metadata, path=path)

    def _channels(self) -> list[list[str]]:
        """The ids and names of the channels that are read."""
        content = self._get(f"{self._team()}/channels")
        chosen = set(self.access.settings.channels)
        listed = [[str(one["id"]), str(one["displayName"])] for one in content["value"]]
        selected = [entry for entry in listed if not chosen or chosen & set(entry)]
        if chosen and len(selected) < len(chosen):
            raise ConfigurationError("The team lacks one of the channels, or the application does not see it.")
        return selected

    def _threads(self, messages: list[Any], channel: str, name: str) -> tuple[tuple[Item, ...], tuple[str, ...]]:
        """The threads that these messages and replies belong to, and those that were deleted."""
        newest: dict[str, tuple[datetime, Any]] = {}
        deleted: list[str] = []
        for message in messages:
            thread = str(message.get("replyToId") or message["id"])
            if message.get("deletedDateTime") and not message.get("replyToId"):
                deleted.append(f"{channel}/{thread}")
                continue
            if message.get("messageType", "message") != "message":
                continue
            changed = moment(message.get("lastModifiedDateTime") or message["createdDateTime"]) or datetime.now(UTC)
            if thread not in newest or newest[thread][0] < changed:
                newest[thread] = (changed, message)
        known = self.access.stored_items.known([f"{channel}/{thread}" for thread in newest])
        items = []
        for thread, (changed, message) in newest.items():
            source_id = f"{channel}/{thread}"
            stored = known.get(source_id)
            version = changed.isoformat()
            if stored is not None and stored.version is not None and stored.version >= version:
                version = stored.version  # a message of the thread that was read with a later one
            items.append(
                Item(
                    source_id=source_id,
                    path=stored.path if stored else f"{name}/{thread}.md",
                    version=version,
                    content_type="text/markdown",
                    original_url=message.get("webUrl"),
                    authors=(_author(message),) if _author(message) else (),
                    modified_at=changed,
                    metadata=stored.metadata if stored else {"channel": name, "channel_id": channel, "thread": thread},
                    readers=frozenset({readers.group(channel)}),
                )
            )
        return tuple(items), tuple(deleted)

    def _team(self) -> str:
        return f"{self.access.settings.url}/teams/{quote(self.access.settings.team)}"

    def _get(self, url: str) -> Any:
        self.tokens.ensure()
        try:
            return rest.get(self.access.browser, url).content
        except CursorExpiredError:
            raise CursorExpiredError("Microsoft has forgotten the delta of a channel.") from None


def _subject(message: Any) -> str:
    """A thread's subject, or the first words of its first message."""
    return " ".join(str(message.get("subject") or _words(message)).split())[:200] or "Thread"


def _lines(message: Any) -> list[str]:
    return [f"## {_author(message) or 'Somebody'} ({message['createdDateTime']})", "", _words(message), ""]


def _author(message: Any) -> str:
    sender = message.get("from") or {}
    return str(((sender.get("user") or sender.get("application")) or {}).get("displayName") or "")


def _words(message: Any) -> str:
    """The text of a message; Teams writes HTML."""
    body = message.get("body") or {}
    content = str(body.get("content") or "")
    if body.get("contentType") != "html":
        return content
    from selectolax.lexbor import LexborHTMLParser

    tree = LexborHTMLParser(content.replace("\x00", ""))
    return tree.body.text(separator="\n", strip=True) if tree.body is not None else ""
