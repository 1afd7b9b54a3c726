"""OneDrive and SharePoint: the delta of a drive (Microsoft Graph, learn.microsoft.com).

The first delta is the whole drive; its link gives what changed since. A folder's new name or place moves everything
below it, which a delta does not name: such a run begins anew, and so does one whose link Microsoft has forgotten (410).
Where readers are mirrored, so do one in which a folder has other readers, and the first one of a day.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote, urlsplit

from pydantic import Field, model_validator

from chalicelib.core.models import Request, Text, matching
from chalicelib.knowledge.connectors.sources import (
    Access,
    ConfigurationError,
    CredentialsError,
    CursorExpiredError,
    Fetched,
    Item,
    Json,
    KnownItem,
    Listing,
)
from chalicelib.knowledge.connectors.types import Consent, rest
from chalicelib.knowledge.connectors.types.folders import Folders, is_old, mark
from chalicelib.knowledge.connectors.types.graph_readers import GraphReaders
from chalicelib.knowledge.connectors.types.rest import moment
from chalicelib.knowledge.connectors.types.tokens import AccessTokens
from chalicelib.knowledge.ingestion.extraction import kinds

# Changed permissions are changes, too; of what inherits them, the folder is named (Graph, "scan guidance").
_SHARING = "deltashowsharingchanges, hierarchicalsharing"
ADDRESS = matching(r"^https?://[^\s?#]+$", "must be an address", max_length=500)
GRAPH, MICROSOFT_LOGIN = "https://graph.microsoft.com/v1.0", "https://login.microsoftonline.com"

GraphId = Annotated[Text, matching(r"^[A-Za-z0-9!_.,@-]+$", "must be an id of Microsoft Graph", max_length=300)]


class OnedriveSettings(Request):
    """Which drive: a user's, a site's document library, or a drive by its id; and which of its folders."""

    tenant: GraphId
    user: GraphId | None = None
    site: GraphId | None = None
    drive: GraphId | None = None
    folder: GraphId | None = None
    # Where readers are mirrored: a SharePoint group of the site, by its name → the id of the Entra group that it has.
    site_groups: Annotated[dict[Annotated[Text, Field(max_length=255)], GraphId], Field(max_length=50)] = Field(
        default_factory=dict
    )
    # Microsoft's national clouds have addresses of their own.
    url: Annotated[Text, ADDRESS] = GRAPH
    login_url: Annotated[Text, ADDRESS] = MICROSOFT_LOGIN

    @model_validator(mode="after")
    def _names_a_drive(self) -> "OnedriveSettings":
        if sum(name is not None for name in (self.user, self.site, self.drive)) != 1:
            raise ValueError("exactly one of `user`, `site` and `drive` is required")
        return self


class OnedriveCredentials(Request):
    """The application's id and secret at Microsoft Entra; with a refresh token it stands for the user who gave it."""

    client_id: Annotated[Text, Field(min_length=1, max_length=200)]
    client_secret: Annotated[Text, Field(min_length=1, max_length=500)]
    refresh_token: Annotated[Text, Field(max_length=5_000)] | None = None


SETTINGS, CREDENTIALS, NAMES_READERS = OnedriveSettings, OnedriveCredentials, True


def connect(access: Access) -> "OneDrive":
    """The drive of these settings. Raises CredentialsError."""
    tokens, settings = microsoft_tokens(access), access.settings
    return OneDrive(access, tokens, GraphReaders(access.browser, tokens, settings.url, settings.site_groups))


def consent(settings: OnedriveSettings, mirrors_readers: bool) -> Consent:
    """Microsoft's consent, for reading alone, also while the user is away (learn.microsoft.com, authorization code)."""
    scope = "offline_access Files.Read" if settings.user is not None else "offline_access Files.Read.All"
    if mirrors_readers:
        scope += " GroupMember.Read.All User.Read.All"
    base = f"{settings.login_url.rstrip('/')}/{quote(settings.tenant)}/oauth2/v2.0"
    return Consent(f"{base}/authorize", f"{base}/token", scope)


def microsoft_tokens(access: Access) -> AccessTokens:
    """Tokens for Microsoft Graph: of the application, or of the user whose refresh token it has."""
    settings, credentials = access.settings, access.credentials
    if credentials is None:
        raise CredentialsError("Microsoft Graph requires credentials.")
    graph = urlsplit(settings.url)
    form = {
        "client_id": credentials.client_id,
        "client_secret": credentials.client_secret,
        "grant_type": "client_credentials",
        "scope": f"{graph.scheme}://{graph.netloc}/.default",
    }
    if credentials.refresh_token is not None:
        form |= {"grant_type": "refresh_token", "refresh_token": credentials.refresh_token}
    access.browser.home = settings.url
    token_url = f"{settings.login_url.rstrip('/')}/{quote(settings.tenant)}/oauth2/v2.0/token"
    return AccessTokens(access.browser, token_url, form, access.refresh_tokens)


@dataclass(slots=True)
class OneDrive:
    """A drive during one invocation."""

    access: Access
    tokens: AccessTokens
    readers: GraphReaders

    def close(self) -> None:
        """Nothing: the spine closes the connections."""

    def page(self, cursor: Json | None, state: Json) -> Listing:
        """The next page of a delta; without a link, of the whole drive."""
        if cursor is None and state.get("link") and self.access.mirrors_readers and is_old(state.get("whole_at")):
            raise CursorExpiredError
        is_whole = bool(cursor["whole"]) if cursor is not None else not state.get("link")
        whole_at = datetime.now(UTC).isoformat() if is_whole and cursor is None else (cursor or state).get("whole_at")
        position = cursor if cursor is not None else state
        folders = Folders.of({"folders": position.get("folders")}, self._roots())
        link = position.get("link") or self._first()
        if not link.startswith(self.access.settings.url):
            raise ConfigurationError("Microsoft Graph names a page at another address.")
        content = self._get(link)
        items, deleted = list[Item](), list[str]()
        # The last word about an item counts (Graph: "driveItem: delta").
        latest = {_key(entry["id"]): entry for entry in content["value"]}
        named = self._readers_of(latest.values())
        for entry in sorted(latest.values(), key=lambda entry: "file" in entry):
            self._read(entry, folders, items, deleted, named, is_whole=is_whole)
        following = content.get("@odata.nextLink")
        stored = folders.as_json()
        if following:
            return Listing(
                items=tuple(items),
                deleted=tuple(deleted),
                others=len(content["value"]) - len(items) - len(deleted),
                cursor={"link": following, "whole": is_whole, "folders": stored, "whole_at": whole_at},
            )
        retains = not (is_whole or items or deleted or cursor)
        remembered = folders.stored()
        # Without its folders a file's place is unknown: the next run then lists the whole drive.
        left = {"link": content["@odata.deltaLink"], "folders": remembered, "whole_at": whole_at}
        left = {} if remembered is None else left
        return Listing(items=tuple(items), deleted=tuple(deleted), retains_all=retains, is_whole=is_whole, state=left)

    def members(self, group: str) -> Collection[str]:
        """The addresses of a group's members. Raises ItemError, SourceError."""
        return self.readers.members(group)

    def fetch(self, item: Item, known: KnownItem | None, into: Path) -> Fetched:  # noqa: ARG002 — tags are compared
        """Download a file; Graph redirects to where its bytes are."""
        self.tokens.ensure()
        drive, name = quote(str(item.metadata["drive"])), quote(str(item.metadata["id"]))
        url = f"{self.access.settings.url}/drives/{drive}/items/{name}/content"
        check = lambda: self._get(self._first())  # noqa: E731
        response = rest.download(self.access.browser, url, into, name=item.path, check=check)
        return Fetched(content_type=kinds.content_type_of(item.path, response.headers.get("content-type")))

    def _readers_of(self, entries: Iterable[Any]) -> dict[str, frozenset[str] | None]:
        """The readers of files and folders, where they are mirrored."""
        by_drive: dict[str, list[str]] = {}
        for entry in entries:
            if self.access.mirrors_readers and "deleted" not in entry:
                by_drive.setdefault(_drive(entry), []).append(entry["id"])
        named: dict[str, frozenset[str] | None] = {}
        for drive, ids in by_drive.items():
            named |= self.readers.of(drive, ids)
        return named

    def _read(
        self,
        entry: Any,
        folders: Folders,
        items: list[Item],
        deleted: list[str],
        named: Mapping[str, frozenset[str] | None],
        *,
        is_whole: bool,
    ) -> None:
        identity, parent = _key(entry["id"]), _key((entry.get("parentReference") or {}).get("id"))
        if "folder" in entry or "root" in entry or identity in folders.known:
            is_known = identity in folders.known
            is_moved = "deleted" in entry
            if not is_moved:
                name = "" if "root" in entry else entry.get("name", "")
                read_by = mark(named.get(entry["id"])) if self.access.mirrors_readers else ""
                is_new = folders.put(identity, name, parent, read_by)
                is_moved = is_known and is_new
            if is_moved and not is_whole:
                raise CursorExpiredError  # what is below it moved, is gone, or has other readers
            return
        if "deleted" in entry:
            deleted.append(identity)
            return
        path = folders.path(entry["name"], parent)
        kind = kinds.by_name(entry["name"])
        if "file" not in entry or path is None or kind in kinds.WORDLESS or not entry.get("size"):
            deleted.append(identity)
            return
        author = (entry.get("createdBy") or {}).get("user", {}).get("displayName")
        items.append(
            Item(
                source_id=identity,
                path=path.lstrip("/"),
                version=entry.get("cTag") or entry.get("eTag"),
                title=entry["name"],
                content_type=entry["file"].get("mimeType"),
                original_url=entry.get("webUrl"),
                authors=(author,) if author else (),
                created_at=moment(entry.get("createdDateTime")),
                modified_at=moment(entry.get("lastModifiedDateTime")),
                metadata={"drive": _drive(entry), "id": entry["id"]},
                size=entry.get("size"),
                readers=named.get(entry["id"]),
            )
        )

    def _roots(self) -> tuple[str, ...]:
        return (_key(self.access.settings.folder),) if self.access.settings.folder else ()

    def _first(self) -> str:
        settings = self.access.settings
        named = (("users", settings.user, "/drive"), ("sites", settings.site, "/drive"), ("drives", settings.drive, ""))
        kind, name, suffix = next(entry for entry in named if entry[1] is not None)
        return f"{settings.url}/{kind}/{quote(str(name))}{suffix}/root/delta"

    def _get(self, url: str) -> Any:
        self.tokens.ensure()
        headers = {"Prefer": _SHARING} if self.access.mirrors_readers else {}
        return rest.get(self.access.browser, url, headers=headers).content


def _key(identity: object) -> str:
    """An item's id as it is known here: Graph writes ids of personal drives in capitals or in small letters."""
    return str(identity or "").upper()


def _drive(entry: Any) -> str:
    return str((entry.get("parentReference") or {}).get("driveId", ""))
