"""What a type of connector is: how one kind of source lists its items and gives their bytes.

    # chalicelib/knowledge/connectors/types/git.py
    SETTINGS = GitSettings          # the model of what a person configures
    CREDENTIALS = GitCredentials    # the model of what is sealed; leave it out for a source without
    def connect(access: Access) -> ItemSource: ...

A type is a module of the package `types` and a line in its registry. The spine (syncing.py) does the rest: which items
are new, changed, moved or gone, documents, the cursor, time, failures, the guard against removals.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from chalicelib.core.browsing import Browser
from chalicelib.knowledge.documents.sizes import MAX_UPLOAD_BYTES, SINGLE_UPLOAD_BYTES

if TYPE_CHECKING:
    from chalicelib.knowledge.connectors.types.tokens import RefreshTokens

# A cursor, a state, an item's memory: JSON that the spine stores and gives back as it is.
Json = Mapping[str, Any]

# Of what is written to a file as it comes, and of what a type has in memory. The setting max_upload_mb may allow less.
MAX_ITEM_BYTES = MAX_UPLOAD_BYTES
MAX_BYTES_IN_MEMORY = SINGLE_UPLOAD_BYTES


class SourceError(Exception):
    """The source cannot be read now. The message is a sentence for the connector's owner, without secrets.

    `retry_after` is in seconds: the source names it, or None.
    """

    code = "source_unavailable"

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class CredentialsError(SourceError):
    """The source refuses the credentials, or they do not permit what is configured: only a person can mend that."""

    code = "credentials_refused"


class ConfigurationError(SourceError):
    """What the settings name does not exist at the source: only a person can mend that."""

    code = "source_not_found"


class CursorExpiredError(Exception):
    """The source no longer accepts the cursor or the state: the run begins anew, with a whole listing."""


class ItemError(Exception):
    """One item cannot be read; the others can. The message is a sentence."""


class ItemDeletedError(Exception):
    """The item that was listed is no longer at the source."""


# What Python raises in a type that reads an answer of another shape than the source's API has.
UNEXPECTED = (KeyError, IndexError, TypeError, AttributeError, ValueError)


def not_understood(error: Exception) -> str:
    """What people read of such an answer."""
    return f"The source's answer was not understood ({type(error).__name__})."


@dataclass(frozen=True, slots=True)
class Item:
    """An item as the source lists it.

    `version` is the same while the bytes are the same; None when only fetching tells. `memory` is given back with the
    known item in later runs. `moved_from` is the `source_id` that it had before, where ids are places. `readers` are
    the principals (readers.py) that may read it at the source; None when the source does not tell.
    """

    source_id: str
    path: str
    version: str | None = None
    title: str | None = None
    content_type: str | None = None
    original_url: str | None = None
    authors: tuple[str, ...] = ()
    created_at: datetime | None = None
    modified_at: datetime | None = None
    metadata: Json = field(default_factory=dict)
    memory: Json = field(default_factory=dict)
    moved_from: str | None = None
    size: int | None = None
    readers: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class KnownItem:
    """An item as the last run stored it. `version` is None while its bytes are not there."""

    source_id: str
    version: str | None
    path: str
    memory: Json
    metadata: Json


@dataclass(frozen=True, slots=True)
class Fetched:
    """An item's bytes, now in the file that fetch() was given; what it knows better than the listing.

    `version` replaces that of the listing. `is_unchanged`: the source says that they are those of the known version,
    and the file was not written.
    """

    content_type: str | None = None
    version: str | None = None
    title: str | None = None
    original_url: str | None = None
    path: str | None = None
    memory: Json | None = None
    modified_at: datetime | None = None
    metadata: Json | None = None
    is_unchanged: bool = False


@dataclass(frozen=True, slots=True)
class Listing:
    """A page of a source's listing.

    `cursor` is where the next page begins; None on the last page. `deleted` are items that the source removed.
    The last page may say `is_whole`: what no page of this run named is gone; and `state`, where the next run begins.
    `retained` are items that are as they were, which the page does not repeat; `retains_all`: every known item is.
    `others` counts what the source's page has besides, such as folders and files that are not selected.
    `withheld` are items that the source shows to some people alone, and that the connector must not show to everybody
    of its space: they go at once, if they are here, and whatever the connector permits to be removed.
    """

    items: tuple[Item, ...] = ()
    deleted: tuple[str, ...] = ()
    retained: tuple[str, ...] = ()
    withheld: tuple[str, ...] = ()
    retains_all: bool = False
    others: int = 0
    cursor: Json | None = None
    is_whole: bool = False
    state: Json | None = None


class KnownItems(Protocol):
    """What the connector has stored already."""

    def known(self, source_ids: Collection[str]) -> dict[str, KnownItem]:
        """The known ones of these items."""

    def with_version(self, version: str) -> list[KnownItem]:
        """Known items that have this version, at most ten: one of them may have moved."""

    def unseen(self, limit: int, *, after: str = "", outside: Collection[str] = ()) -> list[KnownItem]:
        """Known items that no page of this run named yet, by their ids: the first ones behind the id `after`.

        Those whose ids begin with one of `outside` are left out.
        """

    def seen(self, source_ids: Collection[str]) -> set[str]:
        """Those of these items that a page of this run named already."""


@dataclass(frozen=True, slots=True)
class Access:
    """What a type works with: the settings and credentials of one connector, and what it may call.

    `directory` is an empty folder, which is deleted after the invocation. `is_manual`: a person asked for this run.
    `mirrors_readers`: items are listed with their readers. `refresh_tokens` stores the one that a provider replaces.
    """

    settings: Any
    credentials: Any
    browser: Browser
    stored_items: KnownItems
    directory: Path
    is_manual: bool = False
    mirrors_readers: bool = False
    refresh_tokens: "RefreshTokens | None" = None


class ItemSource(Protocol):
    """One connector's source during one invocation."""

    def page(self, cursor: Json | None, state: Json) -> Listing:
        """The page at `cursor`; the first one of a run with None. `state` is what the last completed run left.

        Raises SourceError.
        """

    def close(self) -> None:
        """Let go of files and connections."""

    def fetch(self, item: Item, known: KnownItem | None, into: Path) -> Fetched:
        """Write the item's bytes to `into`. `known` has the version that is stored, for a conditional request.

        Raises ItemError, ItemDeletedError, SourceError.
        """


class ReadersSource(ItemSource, Protocol):
    """A source that also names who may read its items."""

    def members(self, group: str) -> Collection[str]:
        """The e-mail addresses of a group's members, by the group's id at the source; none for a group that is gone.

        Raises ItemError for a group whose members the source does not tell, SourceError.
        """
