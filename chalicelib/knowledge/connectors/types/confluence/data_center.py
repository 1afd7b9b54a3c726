"""Confluence Data Center (Server): its REST API, developer.atlassian.com/server/confluence/rest.

Lists are counted: a page that is deleted while a space is listed moves those behind it up, and one of them is on no
page of the list. Pages that no list named are therefore asked for (spaces.py).
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from chalicelib.knowledge.connectors.sources import ConfigurationError, ItemError
from chalicelib.knowledge.connectors.types.confluence.api import PAGE, READERS, Api, following_query, labels_of
from chalicelib.knowledge.connectors.types.confluence.contents import Kind, PageBody, Space, WikiComment, WikiPage
from chalicelib.knowledge.connectors.types.rest import moment

_ABOVE = ",".join(f"ancestors.{name}" for name in READERS.split(","))
_EXPAND = f"version,history,space,ancestors,metadata.labels,{READERS},{_ABOVE}"


@dataclass(slots=True)
class ConfluenceDataCenter(Api):
    """A site of Confluence Data Center."""

    def spaces(self) -> list[Space]:
        """The spaces of the settings; see Wiki."""
        result = []
        for key in dict.fromkeys(self.access.settings.spaces):
            entry = self.find(f"/rest/api/space/{quote(key)}")
            if entry is None or str(entry.get("status", "current")).lower() != "current":
                raise ConfigurationError(
                    f"The account sees no space with the key {key}, or the space is archived. Check the credentials."
                )
            result.append(Space(str(entry["id"]), str(entry["key"]), str(entry["name"])))
        return result

    def page(self, space: Space, kind: Kind, position: str | None) -> tuple[list[WikiPage], str | None]:
        """A page of a space's list; see Wiki."""
        parameters = {"spaceKey": space.key, "type": kind, "status": "current", "expand": _EXPAND, "limit": PAGE}
        content = self.get("/rest/api/content", {**parameters, "start": int(position or 0)})
        base = str(content["_links"]["base"])
        pages = [self._page(kind, entry, base) for entry in content["results"]]
        following = following_query(content)
        # By the link: a page of the list has fewer entries, or none, where the account does not see them all.
        return pages, None if following is None else str(following["start"])

    def one(self, kind: Kind, page_id: str) -> WikiPage | None:
        """One page; see Wiki."""
        entry = self.find(f"/rest/api/content/{quote(page_id)}", {"status": "current", "expand": _EXPAND})
        chosen = {key.casefold() for key in self.access.settings.spaces}  # Data Center finds `eng` for ENG
        if entry is None or entry["type"] != kind or str(entry["space"]["key"]).casefold() not in chosen:
            return None
        return self._page(kind, entry, str(entry["_links"]["base"]))

    def file_ids(self, kind: Kind, page_id: str) -> set[str]:  # noqa: ARG002 — as Cloud's
        """The ids of a page's attachments; see Wiki."""
        path = f"/rest/api/content/{quote(page_id)}/child/attachment"
        return {str(entry["id"]) for entry in self.every(path, {"limit": PAGE})}

    def text(self, kind: Kind, page_id: str) -> PageBody:  # noqa: ARG002 — as Cloud's
        """A page's text; see Wiki."""
        entry = self.get(f"/rest/api/content/{quote(page_id)}", {"status": "current", "expand": "body.storage"})
        return PageBody(str(entry["title"]), str(entry["body"]["storage"]["value"]))

    def comments(self, kind: Kind, page_id: str, number: int | None) -> list[WikiComment]:  # noqa: ARG002 — as Cloud's
        """A page's comments; see Wiki."""
        if number == 0:
            return []
        parameters = {
            "depth": "all",
            "expand": "body.storage,version,history,extensions.inlineProperties",
            "limit": PAGE,
        }
        entries = list(self.every(f"/rest/api/content/{quote(page_id)}/child/comment", parameters))
        entries.sort(key=lambda entry: (str(entry["history"]["createdDate"]), str(entry["id"])))
        return [_comment(entry) for entry in entries]

    def names(self, people: Collection[str]) -> Mapping[str, str]:
        """What people are called; see Wiki. There is no question for several of them."""
        for one in sorted(set(people) - self._names.keys()):
            entry = self.find("/rest/api/user", {"key": one}) or self.find("/rest/api/user", {"username": one}) or {}
            self._names[one] = str(entry.get("displayName") or "")
        return {one: self._names[one] for one in people if self._names[one]}

    def link_of(self, entry: Any) -> str:
        """Where the bytes of an attachment are, below the site's address."""
        return str(entry["_links"]["download"])

    def file_url(self, page_id: str, file_id: str, link: str) -> str:  # noqa: ARG002 — by the link
        """Where an attachment's bytes are; see Wiki."""
        if not link.startswith("/"):
            raise ItemError("Confluence does not tell where this file is.")
        return f"{self.base}{link}"

    def _page(self, kind: Kind, entry: Any, base: str) -> WikiPage:
        for one in (entry, *entry["ancestors"]):
            self.note_restriction(one)
        version, history = entry["version"], entry["history"]
        authors = ((one or {}).get("displayName") for one in (history.get("createdBy"), version.get("by")))
        return WikiPage(
            id=str(entry["id"]),
            kind=kind,
            title=str(entry["title"]),
            number=int(version["number"]),
            url=f"{base}{entry['_links']['webui']}",
            ancestors=tuple(str(one["title"]) for one in entry["ancestors"]),
            labels=labels_of(entry),
            is_restricted=any(self.is_restricted(str(one["id"])) for one in (entry, *entry["ancestors"])),
            authors=tuple(dict.fromkeys(str(name) for name in authors if name)),
            created_at=moment(history.get("createdDate")),
            modified_at=moment(version.get("when")),
        )


def _comment(entry: Any) -> WikiComment:
    extensions = entry.get("extensions") or {}
    return WikiComment(
        author=str((entry["history"].get("createdBy") or {}).get("displayName") or ""),
        written_at=str(entry["history"]["createdDate"]),
        markup=str(entry["body"]["storage"]["value"]),
        selection=str((extensions.get("inlineProperties") or {}).get("originalSelection") or ""),
    )
