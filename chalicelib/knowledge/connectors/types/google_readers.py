"""Who reads files of Google Drive: their permissions, and the members of groups (Drive API v3, Directory API v1).

A permission by link alone names nobody: whoever has the link is not known. So does one for a published view.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from chalicelib.knowledge.connectors import readers
from chalicelib.knowledge.connectors.sources import CredentialsError, ItemDeletedError, ItemError

MEMBER_SCOPE = "https://www.googleapis.com/auth/admin.directory.group.member.readonly"
_PERMISSION = "id,type,emailAddress,domain,allowFileDiscovery,deleted,view"
FIELDS = f"permissionIds,permissions({_PERMISSION})"
_MOST_PAGES = 1_000

# A GET of an API: path and parameters → the JSON that it answers with.
Get = Callable[[str, dict[str, object]], Any]


@dataclass(slots=True)
class GoogleReaders:
    """The readers of files, asked for through `get`.

    Files of shared drives are listed with the ids of their permissions alone. An id stands for the same person or group
    on every file (Drive API, "Permission"), so most files need no question of their own.
    """

    get: Get
    _known: dict[str, frozenset[str]] = field(default_factory=dict)

    def of(self, file: Any) -> frozenset[str] | None:
        """The readers of a file as it was listed; None when Google does not tell. Raises SourceError."""
        if "permissions" in file:
            return _union(_principals(permission) for permission in file["permissions"])
        ids = file.get("permissionIds")
        if ids is None:
            return None
        if all(one in self._known for one in ids):
            return _union(self._known[one] for one in ids)
        return self._ask(str(file["id"]))

    def _ask(self, file_id: str) -> frozenset[str] | None:
        result, token = list[frozenset[str]](), None
        for _ in range(_MOST_PAGES):
            parameters = {
                "fields": f"nextPageToken,permissions({_PERMISSION})",
                "pageSize": 100,
                "supportsAllDrives": "true",
                "pageToken": token,
            }
            try:
                content = self.get(f"/drive/v3/files/{quote(file_id)}/permissions", parameters)
            except (CredentialsError, ItemDeletedError):
                return None
            for permission in content.get("permissions", []):
                result.append(_principals(permission))
                if permission["type"] in {"user", "group"} and not permission.get("view"):
                    self._known[permission["id"]] = result[-1]
            token = content.get("nextPageToken")
            if not token:
                return _union(result)
        return None


def members(get: Get, group: str) -> Collection[str]:
    """The addresses of a group's members, those of its groups among them. Raises ItemError, SourceError."""
    result, token = list[str](), None
    for _ in range(_MOST_PAGES):
        parameters = {"includeDerivedMembership": "true", "maxResults": 200, "pageToken": token}
        try:
            content = get(f"/admin/directory/v1/groups/{quote(group)}/members", parameters)
        except ItemDeletedError:
            return ()
        except CredentialsError as error:
            raise ItemError(f"Google does not tell the members of {group}.") from error
        result += [
            str(one["email"]) for one in content.get("members", []) if one.get("type") == "USER" and "email" in one
        ]
        token = content.get("nextPageToken")
        if not token:
            break
    return result


def _principals(permission: Any) -> frozenset[str]:
    """Whom a permission names."""
    kind, is_listed = permission["type"], permission.get("allowFileDiscovery")
    if permission.get("deleted") or permission.get("view"):
        return frozenset()
    if kind == "user":
        return readers.person(permission.get("emailAddress"))
    if kind == "group" and permission.get("emailAddress"):
        return frozenset({readers.group(str(permission["emailAddress"]).lower())})
    if kind == "domain" and is_listed and permission.get("domain"):
        return frozenset({readers.domain(str(permission["domain"]))})
    return frozenset({readers.EVERYONE}) if kind == "anyone" and is_listed else frozenset()


def _union(sets: Any) -> frozenset[str]:
    return frozenset[str]().union(*sets)
