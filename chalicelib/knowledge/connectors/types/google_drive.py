"""Google Drive: a whole listing once, then the changes since (Drive API v3, developers.google.com).

Documents, sheets and slides of Google are exported as Office files. A shortcut stands for the file that it leads to. A
folder's new name or place moves everything below it, which the changes do not name: such a run lists everything again.
So does one in which a folder has other readers, and the first one of a day, where readers are mirrored.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from chalicelib.knowledge.connectors.sources import (
    Access,
    CursorExpiredError,
    Fetched,
    Item,
    ItemDeletedError,
    Json,
    KnownItem,
    Listing,
)
from chalicelib.knowledge.connectors.types import google_accounts, google_readers, rest
from chalicelib.knowledge.connectors.types.folders import Folders, is_old, mark
from chalicelib.knowledge.connectors.types.google_accounts import GoogleDriveCredentials, GoogleDriveSettings
from chalicelib.knowledge.connectors.types.google_readers import GoogleReaders
from chalicelib.knowledge.connectors.types.rest import moment
from chalicelib.knowledge.connectors.types.tokens import AccessTokens
from chalicelib.knowledge.ingestion.extraction import kinds

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

SETTINGS, CREDENTIALS, NAMES_READERS = GoogleDriveSettings, GoogleDriveCredentials, True
consent = google_accounts.consent


def connect(access: Access) -> "GoogleDrive":
    """The drive of these settings. Raises CredentialsError."""
    return GoogleDrive(access, google_accounts.tokens(access))


@dataclass(slots=True)
class GoogleDrive:
    """A drive during one invocation."""

    access: Access
    tokens: AccessTokens
    _folders: Folders | None = field(default=None)
    _readers: GoogleReaders = field(init=False)

    def __post_init__(self) -> None:
        self._readers = GoogleReaders(self._get)

    def close(self) -> None:
        """Nothing: the spine closes the connections."""

    def page(self, cursor: Json | None, state: Json) -> Listing:
        """The next files of a whole listing, or the next changes."""
        if cursor is None and state.get("changes"):
            if self.access.mirrors_readers and is_old(state.get("whole_at")):
                raise CursorExpiredError
            cursor = {name: state.get(name) for name in ("changes", "folders", "whole_at")}
        if cursor is not None and "changes" in cursor:
            return self._changes(cursor)
        return self._files(cursor)

    def members(self, group: str) -> Collection[str]:
        """The addresses of a group's members. Raises ItemError, SourceError."""
        return google_readers.members(self._get_members, group)

    def fetch(self, item: Item, known: KnownItem | None, into: Path) -> Fetched:  # noqa: ARG002 — versions are compared
        """Download or export a file."""
        mime = str(item.metadata["mime"])
        target = quote(str(item.metadata["target"]))
        path = f"/drive/v3/files/{target}?alt=media&supportsAllDrives=true"
        if mime in _EXPORTS:
            exported_type = kinds.KINDS[_EXPORTS[mime][0]].content_type
            path = f"/drive/v3/files/{target}/export?{urlencode({'mimeType': exported_type})}"
        self.tokens.ensure()
        check = lambda: self._get("/drive/v3/changes/startPageToken", self._drive())  # noqa: E731
        url = f"{self.access.settings.url}{path}"
        rest.download(self.access.browser, url, into, name=item.path, check=check)
        kind = _EXPORTS[mime][0] if mime in _EXPORTS else None
        return Fetched(content_type=kinds.KINDS[kind].content_type if kind else mime)

    def _files(self, cursor: Json | None) -> Listing:
        """A page of all files. Changes count from before the listing, so that none is missed."""
        token = None
        if cursor is None:
            start = self._get("/drive/v3/changes/startPageToken", self._drive())["startPageToken"]
            started = datetime.now(UTC).isoformat()
        else:
            start, token, started = cursor["start"], cursor["token"], cursor["started"]
        folders = self._all_folders()
        parameters = {
            "q": f"trashed = false and mimeType != '{_FOLDER}'",
            "pageSize": _PAGE,
            "fields": f"nextPageToken,files({self._fields()})",
            "pageToken": token,
            "corpora": "drive" if self.access.settings.shared_drive else "user",
        }
        content = self._get("/drive/v3/files", {**self._drive(), **parameters})
        files = content.get("files", [])
        items = tuple(item for file in files if (item := self._item(file, folders)) is not None)
        if content.get("nextPageToken"):
            following = {"start": start, "token": content["nextPageToken"], "started": started}
            return Listing(items=items, others=len(files) - len(items), cursor=following)
        state = {"changes": start, "folders": folders.stored(), "whole_at": started}
        return Listing(items=items, is_whole=True, state=state)

    def _changes(self, cursor: Json) -> Listing:
        is_complete = cursor.get("folders") is not None
        folders = Folders.of(cursor, self.access.settings.folders) if is_complete else self._all_folders()
        parameters = {
            "pageToken": cursor["changes"],
            "pageSize": _PAGE,
            "includeRemoved": "true",
            "fields": f"nextPageToken,newStartPageToken,changes(changeType,fileId,removed,file({self._fields()}))",
        }
        content = self._get("/drive/v3/changes", {**self._drive(), **parameters})
        items, deleted = list[Item](), list[str]()
        # The last word about a file counts.
        latest = {change.get("fileId"): change for change in content.get("changes", [])}
        for change in latest.values():
            if change.get("changeType") == "drive":  # the shared drive itself: its name, or its members
                if self.access.mirrors_readers:
                    raise CursorExpiredError
                continue
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
            following = {**cursor, "changes": content["nextPageToken"]}
            others = len(content.get("changes", [])) - len(items) - len(deleted)
            return Listing(items=tuple(items), deleted=tuple(deleted), others=others, cursor=following)
        state = {**cursor, "changes": content["newStartPageToken"], "folders": folders.stored()}
        return Listing(items=tuple(items), deleted=tuple(deleted), retains_all=retains, state=state)

    def _moves(self, change: Any, file: Any, folders: Folders) -> bool:
        """Whether a folder's change moves files: a folder that is new to us has none that we know."""
        if change.get("removed") or file.get("trashed"):
            return True
        is_known = change["fileId"] in folders.known
        is_new = folders.put(change["fileId"], file["name"], _parent(file), self._mark(file))
        return is_new and (is_known or bool(folders.roots))

    def _item(self, file: Any, folders: Folders) -> Item | None:
        """A file as an item; None for one that is not read, or not where we read."""
        target, mime, version, read = file["id"], file["mimeType"], file.get("md5Checksum"), file
        if mime == _SHORTCUT:
            details = file.get("shortcutDetails") or {}
            target, mime = details.get("targetId", ""), details.get("targetMimeType", "")
            if not target or mime in {_FOLDER, _SHORTCUT}:
                return None
            version, read = self._target(target)
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
            size=int(file["size"]) if file.get("size") and target == file["id"] else None,
            readers=self._readers.of(read) if self.access.mirrors_readers else None,
        )

    def _target(self, target: str) -> tuple[str, Any]:
        """The version of a shortcut's target, and the target; an empty one for what the account does not see."""
        try:
            file = self._get(
                f"/drive/v3/files/{quote(target)}", {"fields": self._fields(), "supportsAllDrives": "true"}
            )
        except ItemDeletedError:
            return "", {}
        return "" if file.get("trashed") else str(file.get("md5Checksum") or file["modifiedTime"]), file

    def _all_folders(self) -> Folders:
        """Every folder, once in an invocation."""
        if self._folders is not None:
            return self._folders
        folders, token = Folders(self.access.settings.folders), None
        while True:
            parameters = {
                "q": f"trashed = false and mimeType = '{_FOLDER}'",
                "pageSize": 1000,
                "fields": f"nextPageToken,files(id,name,parents{self._reader_fields()})",
                "pageToken": token,
                "corpora": "drive" if self.access.settings.shared_drive else "user",
            }
            content = self._get("/drive/v3/files", {**self._drive(), **parameters})
            for folder in content.get("files", []):
                folders.put(folder["id"], folder["name"], _parent(folder), self._mark(folder))
            token = content.get("nextPageToken")
            if not token:
                self._folders = folders
                return folders

    def _drive(self) -> dict[str, object]:
        shared = self.access.settings.shared_drive
        return {"supportsAllDrives": "true", "includeItemsFromAllDrives": "true"} | (
            {"driveId": shared} if shared else {}
        )

    def _fields(self) -> str:
        return f"{_FIELDS}{self._reader_fields()}"

    def _reader_fields(self) -> str:
        return f",{google_readers.FIELDS}" if self.access.mirrors_readers else ""

    def _mark(self, folder: Any) -> str:
        return mark(self._readers.of(folder)) if self.access.mirrors_readers else ""

    def _get(self, path: str, parameters: dict[str, object]) -> Any:
        return self._ask(self.access.settings.url, path, parameters)

    def _get_members(self, path: str, parameters: dict[str, object]) -> Any:
        return self._ask(self.access.settings.directory_url, path, parameters)

    def _ask(self, url: str, path: str, parameters: dict[str, object]) -> Any:
        self.tokens.ensure()
        query = urlencode({name: value for name, value in parameters.items() if value is not None})
        return rest.get(self.access.browser, f"{url}{path}?{query}").content


def _parent(file: Any) -> str:
    return str((file.get("parents") or [""])[0])
