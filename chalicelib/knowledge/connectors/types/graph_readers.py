"""Who reads items of OneDrive and SharePoint: their permissions, and the members of groups (Microsoft Graph).

A sharing link names those who used it by name (`grantedToIdentitiesV2`); one for the organisation or for anybody names
nobody. Graph does not tell the members of SharePoint's own groups, such as a site's "Members": the settings say which
group of Microsoft Entra such a one stands for, or its members do not see the document.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from chalicelib.core.browsing import Browser
from chalicelib.knowledge.connectors import readers
from chalicelib.knowledge.connectors.sources import CredentialsError, ItemDeletedError, ItemError, SourceError
from chalicelib.knowledge.connectors.types import rest
from chalicelib.knowledge.connectors.types.tokens import AccessTokens

# Graph takes this many requests in one (learn.microsoft.com, "JSON batching").
_BATCH = 20
_MOST_PAGES = 1_000
_NAMES = "mail,userPrincipalName"


@dataclass(slots=True)
class GraphReaders:
    """The readers of items of drives, asked for at `url`. `site_groups`: a site's group, by name → the Entra group."""

    browser: Browser
    tokens: AccessTokens
    url: str
    site_groups: Mapping[str, str]
    _addresses: dict[str, frozenset[str]] = field(default_factory=dict)

    def of(self, drive: str, items: Sequence[str]) -> dict[str, frozenset[str] | None]:
        """The readers of these items; None where Graph does not tell. Raises SourceError."""
        result: dict[str, frozenset[str] | None] = {}
        for start in range(0, len(items), _BATCH):
            some = items[start : start + _BATCH]
            paths = {item: f"/drives/{quote(drive)}/items/{quote(item)}/permissions" for item in some}
            for item, content in self._batch(paths).items():
                result[item] = None if content is None else self._principals(self._all(content))
        return result

    def members(self, group: str) -> Collection[str]:
        """The addresses of a group's members, those of its groups among them. Raises ItemError, SourceError."""
        path = f"/groups/{quote(group)}/transitiveMembers/microsoft.graph.user?$select={_NAMES}&$top=999"
        try:
            return [address for user in self._all(self._get(f"{self.url}{path}")) if (address := _address(user))]
        except ItemDeletedError:
            return ()
        except CredentialsError as error:
            raise ItemError("Microsoft does not tell the members of a group.") from error

    def _batch(self, paths: Mapping[str, str]) -> dict[str, Any]:
        """What Graph answers to each request; None for what is refused, or is not there."""
        self.tokens.ensure()
        requests = [{"id": str(number), "method": "GET", "url": path} for number, path in enumerate(paths.values())]
        response = rest.request(self.browser, "POST", f"{self.url}/$batch", document={"requests": requests})
        answers = {answer["id"]: answer for answer in response.json()["responses"]}
        result: dict[str, Any] = {}
        for number, item in enumerate(paths):
            answer = answers[str(number)]
            if answer["status"] >= 500 or answer["status"] == 429:
                pause = str(
                    {name.lower(): value for name, value in answer.get("headers", {}).items()}.get("retry-after")
                )
                raise SourceError(
                    "Microsoft Graph is busy.",
                    retry_after=float(pause) if pause.replace(".", "", 1).isdigit() else None,
                )
            result[item] = answer["body"] if answer["status"] == 200 else None
        return result

    def _all(self, content: Any) -> Iterable[Any]:
        for _ in range(_MOST_PAGES):
            yield from content["value"]
            following = content.get("@odata.nextLink", "")
            if not following.startswith(self.url):
                return
            content = self._get(following)

    def _principals(self, permissions: Iterable[Any]) -> frozenset[str]:
        result = frozenset[str]()
        for permission in permissions:
            granted = permission.get("grantedToV2") or {}
            named = [granted, *(permission.get("grantedToIdentitiesV2") or [])]
            for identity in named:
                result |= self._principal(identity)
        return result

    def _principal(self, identity: Any) -> frozenset[str]:
        """The person or group of an identity set (Graph: sharePointIdentitySet)."""
        if (group := identity.get("group")) and group.get("id"):
            return frozenset({readers.group(str(group["id"]))})
        if (user := identity.get("user")) and (user.get("email") or user.get("id")):
            return readers.person(user.get("email")) or self._person(str(user["id"]))
        if (site_user := identity.get("siteUser")) and (named := readers.person(site_user.get("email"))):
            return named
        if (site_group := identity.get("siteGroup")) is not None:
            entra = self.site_groups.get(str(site_group.get("displayName", "")))
            return frozenset({readers.group(entra)}) if entra else frozenset()
        return frozenset()

    def _person(self, user_id: str) -> frozenset[str]:
        """A user whose address a permission does not have; nobody when Graph does not tell."""
        if user_id not in self._addresses:
            try:
                user = self._get(f"{self.url}/users/{quote(user_id)}?$select={_NAMES}")
                self._addresses[user_id] = readers.person(_address(user))
            except (ItemDeletedError, CredentialsError):
                self._addresses[user_id] = frozenset()
        return self._addresses[user_id]

    def _get(self, url: str) -> Any:
        self.tokens.ensure()
        return rest.get(self.browser, url).content


def _address(user: Any) -> str:
    return str(user.get("mail") or user.get("userPrincipalName") or "")
