"""Google Drive: a whole listing once, then the changes since (Drive API v3, developers.google.com).

Documents, sheets and slides of Google are exported as Office files. A shortcut stands for the file that it leads to. A
folder's new name or place moves everything below it, which the changes do not name: such a run lists everything again.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote, urlencode

from pydantic import Field, model_validator

from chalicelib.core.browsing import TooBigError
from chalicelib.core.models import Request, Text, matching
from chalicelib.core.outbound import ResponseLimits
from chalicelib.knowledge.connectors.sources import (
    MAX_ITEM_BYTES,
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
from chalicelib.knowledge.connectors.types import Consent, rest
from chalicelib.knowledge.connectors.types.folders import Folders
from chalicelib.knowledge.connectors.types.ticket.tickets import moment
from chalicelib.knowledge.connectors.types.tokens import AccessTokens, service_account_form
from chalicelib.knowledge.ingestion.extraction import kinds

_SCOPE = "https://www.googleapis.com/auth/drive.readonly"
_GOOGLE = "application/vnd.google-apps."
_FOLDER, _SHORTCUT = f"{_GOOGLE}folder", f"{_GOOGLE}shortcut"
# Google's own kinds of files, and the kind and ending that they are exported as.
_EXPORTS = {
    f"{_GOOGLE}document": ("docx", ".docx"),
    f"{_GOOGLE}spreadsheet": ("xlsx", ".xlsx"),
    f"{_GOOGLE}presentation": ("pptx", ".pptx"),
}
_FIELDS = (
    "id,name,mimeType,md5Checksum,modifiedTime,createdTime,size,parents,trashed,webViewLink,owners(displayName),"
    "shortcutDetails(targetId,targetMimeType)"
)
_PAGE = 200
_LOGIN = "https://oauth2.googleapis.com/token"
_LIMITS = ResponseLimits(read_seconds=30, total_seconds=60, max_bytes=MAX_ITEM_BYTES)

_ADDRESS = matching(r"^https?://[^\s?#]+$", "must be an address", max_length=500)
_Id = Annotated[Text, matching(r"^[A-Za-z0-9_-]+$", "must be an id of Google Drive", max_length=200)]


class GoogleDriveSettings(Request):
    """Which files: those below folders, of a shared drive, or everything that the account sees."""

    folders: Annotated[list[_Id], Field(max_length=50)] = Field(default_factory=list)
    shared_drive: _Id | None = None
    # Whom a service account with domain-wide delegation stands for.
    subject: Annotated[Text, Field(max_length=254)] | None = None
    url: Annotated[Text, _ADDRESS] = "https://www.googleapis.com"
    authorize_url: Annotated[Text, _ADDRESS] = "https://accounts.google.com/o/oauth2/v2/auth"
    token_url: Annotated[Text, _ADDRESS] = _LOGIN


class GoogleDriveCredentials(Request):
    """The JSON key of a service account, or an OAuth client; its refresh token comes with a user's consent."""

    service_account: Annotated[Text, Field(max_length=20_000)] | None = None
    client_id: Annotated[Text, Field(max_length=500)] | None = None
    client_secret: Annotated[Text, Field(max_length=500)] | None = None
    refresh_token: Annotated[Text, Field(max_length=5_000)] | None = None

    @model_validator(mode="after")
    def _is_one_way(self) -> "GoogleDriveCredentials":
        if (self.service_account is None) == (None in (self.client_id, self.client_secret)):
            raise ValueError("either `service_account`, or `client_id` and `client_secret` are required")
        return self


SETTINGS, CREDENTIALS = GoogleDriveSettings, GoogleDriveCredentials


def consent(settings: GoogleDriveSettings) -> Consent:
    """Google's consent, for reading alone, also while the user is away (developers.google.com, OAuth 2.0)."""
    away = (("access_type", "offline"), ("prompt", "consent"))
    return Consent(settings.authorize_url, settings.token_url, _SCOPE, away)


def connect(access: Access) -> "GoogleDrive":
    """The drive of these settings. Raises CredentialsError."""
    credentials = access.credentials
    if credentials is None:
        raise CredentialsError("Google Drive requires credentials.")
    if credentials.service_account is not None:
        token_url, form = service_account_form(credentials.service_account, _SCOPE, access.settings.subject)
    else:
        if credentials.refresh_token is None:
            raise CredentialsError("Nobody has consented yet: begin at `/connectors/{id}/authorization`.")
        token_url = access.settings.token_url
        form = {
            "grant_type": "refresh_token",
            "client_id": credentials.client_id,
            "client_secret": credentials.client_secret,
            "refresh_token": credentials.refresh_token,
        }
    return GoogleDrive(access, AccessTokens(access.browser, token_url, form))


@dataclass(slots=True)
class GoogleDrive:
    """A drive during one invocation."""

    access: Access
    tokens: AccessTokens
    _folders: Folders | None = field(default=None)

    def close(self) -> None:
        """Nothing: the spine closes the connections."""

    def page(self, cursor: Json | None, state: Json) -> Listing:
        """The next files of a whole listing, or the next changes."""
        if cursor is None and state.get("changes"):
            cursor = {"changes": state["changes"], "folders": state.get("folders")}
        if cursor is not None and "changes" in cursor:
            return self._changes(cursor)
        return self._files(cursor)

    def fetch(self, item: Item, known: KnownItem | None, into: Path) -> Fetched:  # noqa: ARG002 — versions are compared
        """Download or export a file."""
        mime = str(item.metadata["mime"])
        target = quote(str(item.metadata["target"]))
        path = f"/drive/v3/files/{target}?alt=media&supportsAllDrives=true"
        if mime in _EXPORTS:
            exported_type = kinds.KINDS[_EXPORTS[mime][0]].content_type
            path = f"/drive/v3/files/{target}/export?{urlencode({'mimeType': exported_type})}"
        self.tokens.ensure()
        try:
            rest.request(self.access.browser, "GET", f"{self.access.settings.url}{path}", into=into, limits=_LIMITS)
        except TooBigError as error:
            raise ItemError(str(error)) from error
        except CredentialsError as error:
            raise ItemError("Google does not let this file be downloaded.") from error
        kind = _EXPORTS[mime][0] if mime in _EXPORTS else None
        return Fetched(content_type=kinds.KINDS[kind].content_type if kind else mime)

    def _files(self, cursor: Json | None) -> Listing:
        """A page of all files. Changes count from before the listing, so that none is missed."""
        token = None
        if cursor is None:
            start = self._get("/drive/v3/changes/startPageToken", self._drive())["startPageToken"]
        else:
            start, token = cursor["start"], cursor["token"]
        folders = self._all_folders()
        parameters = {
            "q": f"trashed = false and mimeType != '{_FOLDER}'",
            "pageSize": _PAGE,
            "fields": f"nextPageToken,files({_FIELDS})",
            "pageToken": token,
            "corpora": "drive" if self.access.settings.shared_drive else "user",
        }
        content = self._get("/drive/v3/files", {**self._drive(), **parameters})
        items = tuple(item for file in content.get("files", []) if (item := self._item(file, folders)) is not None)
        if content.get("nextPageToken"):
            return Listing(items=items, cursor={"start": start, "token": content["nextPageToken"]})
        return Listing(items=items, is_whole=True, state={"changes": start, "folders": folders.stored()})

    def _changes(self, cursor: Json) -> Listing:
        is_complete = cursor.get("folders") is not None
        folders = Folders.of(cursor, self.access.settings.folders) if is_complete else self._all_folders()
        parameters = {
            "pageToken": cursor["changes"],
            "pageSize": _PAGE,
            "includeRemoved": "true",
            "fields": f"nextPageToken,newStartPageToken,changes(fileId,removed,file({_FIELDS}))",
        }
        content = self._get("/drive/v3/changes", {**self._drive(), **parameters})
        items, deleted = list[Item](), list[str]()
        for change in content.get("changes", []):
            file = change.get("file") or {}
            is_folder = file.get("mimeType") == _FOLDER or change["fileId"] in folders.known
            if is_folder and (not is_complete or self._moves(change, file, folders)):
                raise CursorExpiredError  # what is below it moved too
            if is_folder:
                continue
            item = None if change.get("removed") or file.get("trashed") else self._item(file, folders)
            if item is None:
                deleted.append(change["fileId"])
            else:
                items.append(item)
        retains = not items and not deleted and not content.get("nextPageToken")
        if content.get("nextPageToken"):
            following = {"changes": content["nextPageToken"], "folders": cursor.get("folders")}
            return Listing(items=tuple(items), deleted=tuple(deleted), cursor=following)
        state = {"changes": content["newStartPageToken"], "folders": folders.stored()}
        return Listing(items=tuple(items), deleted=tuple(deleted), retains_all=retains, state=state)

    def _moves(self, change: Any, file: Any, folders: Folders) -> bool:
        """Whether a folder's change moves files: a folder that is new to us has none that we know."""
        if change.get("removed") or file.get("trashed"):
            return True
        is_known = change["fileId"] in folders.known
        return folders.put(change["fileId"], file["name"], _parent(file)) and (is_known or bool(folders.roots))

    def _item(self, file: Any, folders: Folders) -> Item | None:
        """A file as an item; None for one that is not read, or not where we read."""
        target, mime, version = file["id"], file["mimeType"], file.get("md5Checksum")
        if mime == _SHORTCUT:
            details = file.get("shortcutDetails") or {}
            target, mime = details.get("targetId", ""), details.get("targetMimeType", "")
            if not target or mime in {_FOLDER, _SHORTCUT}:
                return None
            version = self._version_of(target)
        if mime.startswith(_GOOGLE) and mime not in _EXPORTS:
            return None
        path = folders.path(file["name"], _parent(file))
        kind = kinds.by_content_type(mime) or kinds.by_name(file["name"])
        if path is None or version == "" or kind in kinds.WORDLESS:
            return None
        ending = _EXPORTS[mime][1] if mime in _EXPORTS else ""
        return Item(
            source_id=file["id"],
            path=path if path.endswith(ending) else f"{path}{ending}",
            version=version or file["modifiedTime"],
            title=file["name"],
            content_type=mime,
            original_url=file.get("webViewLink"),
            authors=tuple(owner["displayName"] for owner in file.get("owners", []) if owner.get("displayName")),
            created_at=moment(file.get("createdTime")),
            modified_at=moment(file.get("modifiedTime")),
            metadata={"mime": mime, "target": target},
        )

    def _version_of(self, target: str) -> str:
        """The version of a shortcut's target; empty for one that the account does not see."""
        try:
            file = self._get(
                f"/drive/v3/files/{quote(target)}",
                {"fields": "md5Checksum,modifiedTime,trashed", "supportsAllDrives": "true"},
            )
        except ItemDeletedError:
            return ""
        return "" if file.get("trashed") else str(file.get("md5Checksum") or file["modifiedTime"])

    def _all_folders(self) -> Folders:
        """Every folder, once in an invocation."""
        if self._folders is not None:
            return self._folders
        folders, token = Folders(self.access.settings.folders), None
        while True:
            parameters = {
                "q": f"trashed = false and mimeType = '{_FOLDER}'",
                "pageSize": 1000,
                "fields": "nextPageToken,files(id,name,parents)",
                "pageToken": token,
                "corpora": "drive" if self.access.settings.shared_drive else "user",
            }
            content = self._get("/drive/v3/files", {**self._drive(), **parameters})
            for folder in content.get("files", []):
                folders.put(folder["id"], folder["name"], _parent(folder))
            token = content.get("nextPageToken")
            if not token:
                self._folders = folders
                return folders

    def _drive(self) -> dict[str, object]:
        shared = self.access.settings.shared_drive
        return {"supportsAllDrives": "true", "includeItemsFromAllDrives": "true"} | (
            {"driveId": shared} if shared else {}
        )

    def _get(self, path: str, parameters: dict[str, object]) -> Any:
        self.tokens.ensure()
        query = urlencode({name: value for name, value in parameters.items() if value is not None})
        return rest.get(self.access.browser, f"{self.access.settings.url}{path}?{query}").content


def _parent(file: Any) -> str:
    return str((file.get("parents") or [""])[0])
