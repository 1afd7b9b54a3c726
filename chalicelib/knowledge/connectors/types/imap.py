"""Mailboxes over IMAP (RFC 3501): each message of the folders is a document, its attachments are documents below it.

A run lists the numbers of each folder's messages and fetches the new ones. Its version is the `Message-ID`: a message
in another folder, or in a folder that was numbered anew (UIDVALIDITY), keeps its document.
"""

import email.header
import email.parser
import email.policy
import imaplib
import re
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field

from chalicelib.core import outbound
from chalicelib.core.models import Request, Text, matching
from chalicelib.core.outbound import AddressError, UnknownHostError
from chalicelib.knowledge.connectors.sources import (
    MAX_BYTES_IN_MEMORY,
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
    SourceError,
)

_MESSAGES = 200
_TIMEOUT_SECONDS = 30.0
_HEADERS = "BODY.PEEK[HEADER.FIELDS (MESSAGE-ID SUBJECT FROM DATE)]"
_SIZE, _UID = re.compile(rb"RFC822\.SIZE (\d+)"), re.compile(rb"UID (\d+)")

T = TypeVar("T")


class ImapSettings(Request):
    """The server and the folders. `tls` from the first byte on, or `starttls`; `none` only in a private network."""

    host: Annotated[Text, matching(r"^[A-Za-z0-9.-]+$", "must be the name of a server", max_length=253)]
    port: Annotated[int, Field(ge=1, le=65_535)] = 993
    security: Literal["tls", "starttls", "none"] = "tls"
    folders: Annotated[
        list[Annotated[Text, matching(r'^[^"\\\x00-\x1f\x7f]+$', "must be a folder's name", max_length=200)]],
        Field(min_length=1, max_length=50),
    ] = Field(default_factory=lambda: ["INBOX"])


class ImapCredentials(Request):
    """The account's name and password; for most providers a password for applications."""

    username: Annotated[Text, Field(min_length=1, max_length=254)]
    password: Annotated[Text, Field(min_length=1, max_length=500)]


SETTINGS, CREDENTIALS = ImapSettings, ImapCredentials


def connect(access: Access) -> "Mailbox":
    """The mailbox of these settings. Raises ConfigurationError, CredentialsError."""
    if access.credentials is None:
        raise CredentialsError("A mailbox requires a name and a password.")
    if access.settings.security == "none" and not access.browser.allow_private:
        raise ConfigurationError("A password is only sent over TLS.")
    return Mailbox(access)


@dataclass(slots=True)
class Mailbox:
    """A mailbox during one invocation, with one connection."""

    access: Access
    _client: "imaplib.IMAP4 | None" = None
    _selected: tuple[str, str] | None = None
    _numbers: dict[str, list[int]] = field(default_factory=dict)

    def close(self) -> None:
        """Log out."""
        if self._client is not None:
            try:
                self._client.logout()
            except (OSError, imaplib.IMAP4.error):
                self._client.shutdown()

    def page(self, cursor: Json | None, state: Json) -> Listing:  # noqa: ARG002 — every run lists all numbers
        """The next messages of the folders, in the order of their numbers."""
        folders = list(self.access.settings.folders)
        position, after = (cursor["folder"], cursor["after"]) if cursor is not None else (0, 0)
        folder = folders[position]
        validity = self._select(folder)
        if cursor is not None and cursor.get("validity") not in {None, validity}:
            raise CursorExpiredError
        numbers = [number for number in self._all_numbers(folder) if number > after]
        listed, rest = numbers[:_MESSAGES], numbers[_MESSAGES:]
        items = self._items(folder, validity, listed)
        if rest:
            return Listing(items=items, cursor={"folder": position, "after": listed[-1], "validity": validity})
        if position + 1 < len(folders):
            return Listing(items=items, cursor={"folder": position + 1, "after": 0})
        return Listing(items=items, is_whole=True)

    def fetch(self, item: Item, known: KnownItem | None, into: Path) -> Fetched:  # noqa: ARG002 — messages do not change
        """Write a message as it is in the mailbox."""
        folder, validity, number = item.source_id.rsplit(":", 2)
        if self._select(folder) != validity:
            raise ItemDeletedError("The folder was numbered anew.")
        if item.size is not None and item.size > MAX_BYTES_IN_MEMORY:
            raise ItemError(f"The message has {item.size:,} bytes; at most {MAX_BYTES_IN_MEMORY:,} are taken.")
        data = self._ask(lambda client: client.uid("FETCH", number, "(BODY.PEEK[])"))
        parts = [part for part in data if isinstance(part, tuple)]
        if not parts:
            raise ItemDeletedError("The message is not in the folder any more.")
        into.write_bytes(parts[0][1])
        return Fetched(content_type="message/rfc822")

    def _items(self, folder: str, validity: str, numbers: list[int]) -> tuple[Item, ...]:
        names = {number: f"{folder}:{validity}:{number}" for number in numbers}
        known = self.access.stored_items.known(list(names.values()))
        new = [number for number, name in names.items() if name not in known or known[name].version is None]
        described = self._describe(new)
        items = []
        for number, name in names.items():
            stored = known.get(name)
            if stored is not None and number not in described:
                items.append(Item(name, stored.path, stored.version, metadata=stored.metadata, memory=stored.memory))
            elif number in described:
                items.append(self._item(folder, name, number, *described[number]))
        return tuple(items)

    def _item(self, folder: str, name: str, number: int, headers: Any, size: int) -> Item:
        subject = " ".join(str(headers["Subject"] or "").split()) or "Without subject"
        identity = " ".join(str(headers["Message-ID"] or "").split())[:500] or name
        try:
            sent = parsedate_to_datetime(str(headers["Date"]))
        except (ValueError, TypeError):
            sent = None
        if sent is not None and sent.tzinfo is None:
            sent = None
        candidates = self.access.stored_items.with_version(identity)
        moved = next((one.source_id for one in candidates if self._is_elsewhere(one.source_id)), None)
        author = " ".join(str(headers["From"] or "").split())[:200]
        return Item(
            source_id=name,
            path=f"{folder}/{subject[:120].replace('/', ' ')} {number}.eml",
            version=identity,
            title=subject,
            content_type="message/rfc822",
            authors=(author,) if author else (),
            created_at=sent,
            modified_at=sent,
            metadata={"folder": folder, "message_id": identity},
            moved_from=moved,
            size=size,
        )

    def _is_elsewhere(self, source_id: str) -> bool:
        """Whether a known message is no longer where it was: this run does not name it."""
        folder, validity, number = source_id.rsplit(":", 2)
        if folder not in self.access.settings.folders:
            return True
        before = self._selected[0] if self._selected else None
        is_same = self._select(folder) == validity and int(number) in self._all_numbers(folder)
        if before is not None:
            self._select(before)
        return not is_same

    def _describe(self, numbers: list[int]) -> dict[int, tuple[Any, int]]:
        """Headers and sizes of messages, by their numbers."""
        if not numbers:
            return {}
        chosen = ",".join(map(str, numbers))
        data = self._ask(lambda client: client.uid("FETCH", chosen, f"(UID RFC822.SIZE {_HEADERS})"))
        described = {}
        for part in data:
            if isinstance(part, tuple) and (number := _UID.search(part[0])):
                size = _SIZE.search(part[0])
                headers = email.parser.BytesParser(policy=email.policy.default).parsebytes(part[1], headersonly=True)
                described[int(number[1])] = (headers, int(size[1]) if size else 0)
        return described

    def _all_numbers(self, folder: str) -> list[int]:
        """The numbers of the selected folder's messages, asked for once in an invocation."""
        if folder not in self._numbers:
            data = self._ask(lambda client: client.uid("SEARCH", "ALL"))
            self._numbers[folder] = sorted(int(number) for number in (data[0] or b"").split())
        return self._numbers[folder]

    def _select(self, folder: str) -> str:
        """Select a folder for reading; its UIDVALIDITY. Raises ConfigurationError for a folder that is not there."""
        if self._selected is not None and self._selected[0] == folder:
            return self._selected[1]
        client = self._connected()
        status, _ = self._guarded(lambda: client.select(f'"{folder}"', readonly=True))
        if status != "OK":
            raise ConfigurationError(f"The mailbox has no folder {folder}.")
        validity = (client.response("UIDVALIDITY")[1] or [b"0"])[0] or b"0"
        self._selected = (folder, bytes(validity).decode())
        return self._selected[1]

    def _ask(self, question: "Callable[[imaplib.IMAP4], tuple[str, list[Any]]]") -> list[Any]:
        client = self._connected()
        status, data = self._guarded(lambda: question(client))
        if status != "OK":
            raise SourceError("The mail server refuses to list or to send messages.")
        return [part for part in data if part is not None]

    def _connected(self) -> imaplib.IMAP4:
        if self._client is None:
            self._client = client = self._guarded(self._open)
            credentials = self.access.credentials
            try:
                client.login(credentials.username, credentials.password)
            except imaplib.IMAP4.error as error:
                raise CredentialsError("The mail server refuses the name or the password.") from error
        return self._client

    def _open(self) -> imaplib.IMAP4:
        settings, allows_private = self.access.settings, self.access.browser.allow_private
        context = ssl.create_default_context()

        class Plain(imaplib.IMAP4):
            def _create_socket(self, timeout: float | None) -> socket.socket:  # noqa: ARG002 — ours is bounded
                return outbound.connect(self.host, self.port, _TIMEOUT_SECONDS, public=not allows_private)

        class Tls(imaplib.IMAP4_SSL):
            def _create_socket(self, timeout: float | None) -> socket.socket:  # noqa: ARG002 — ours is bounded
                return context.wrap_socket(
                    outbound.connect(self.host, self.port, _TIMEOUT_SECONDS, public=not allows_private),
                    server_hostname=self.host,
                )

        if settings.security == "tls":
            return Tls(settings.host, settings.port, ssl_context=context)
        client = Plain(settings.host, settings.port)
        if settings.security == "starttls":
            client.starttls(context)
        return client

    def _guarded(self, call: "Callable[[], T]") -> T:
        """What a call returns. Raises SourceError for a server that does not answer as it should."""
        try:
            return call()
        except AddressError as error:
            raise ConfigurationError(str(error)) from error
        except (OSError, imaplib.IMAP4.error, UnknownHostError) as error:
            raise SourceError(f"{self.access.settings.host} cannot be asked: {type(error).__name__}.") from error
