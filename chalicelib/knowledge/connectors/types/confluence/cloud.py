"""Confluence Cloud: REST API v2, with the search and the read restrictions of v1, which v2 lacks.

developer.atlassian.com/cloud/confluence/rest/v2. Lists page by cursors: what is added or deleted meanwhile hides no
page.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from chalicelib.knowledge.connectors.sources import (
    ConfigurationError,
    CredentialsError,
    CursorExpiredError,
    ItemDeletedError,
)
from chalicelib.knowledge.connectors.types import rest
from chalicelib.knowledge.connectors.types.confluence.api import PAGE, READERS, Api, following_query, labels_of
from chalicelib.knowledge.connectors.types.confluence.contents import Kind, PageBody, Space, WikiComment, WikiPage
from chalicelib.knowledge.connectors.types.rest import moment

_LISTS = {
    "page": "pages",
    "blogpost": "blogposts",
    "folder": "folders",
    "whiteboard": "whiteboards",
    "database": "databases",
    "embed": "embeds",
}


@dataclass(frozen=True, slots=True)
class _Node:
    """A page, or a folder, as the place of what is below it. `parent` is its type and id."""

    title: str
    parent: tuple[str, str] | None


@dataclass(slots=True)
class ConfluenceCloud(Api):
    """A site of Confluence Cloud."""

    # By id; None for what the account does not see. An invocation reads each one once.
    _nodes: dict[str, _Node | None] = field(default_factory=dict)
    # The ids of the settings' spaces.
    _chosen: set[str] = field(default_factory=set)

    def spaces(self) -> list[Space]:
        """The spaces of the settings; see Wiki."""
        keys = list(dict.fromkeys(self.access.settings.spaces))
        entries = self.every("/api/v2/spaces", {"keys": ",".join(keys), "status": "current", "limit": PAGE})
        by_key = {entry["key"]: Space(str(entry["id"]), str(entry["key"]), str(entry["name"])) for entry in entries}
        missing = [key for key in keys if key not in by_key]
        if missing:
            raise ConfigurationError(
                f"The account sees no space with the key {missing[0]}, or the space is archived. Check the credentials."
            )
        return [by_key[key] for key in keys]

    def page(self, space: Space, kind: Kind, position: str | None) -> tuple[list[WikiPage], str | None]:
        """A page of a space's list; see Wiki."""
        parameters = {"limit": PAGE, "status": "current", "sort": "id", "cursor": position}
        try:
            content = self.get(f"/api/v2/spaces/{quote(space.id)}/{_LISTS[kind]}", parameters)
        except rest.BadRequestError as error:
            if position is not None and "cursor" in error.explanation.lower():
                raise CursorExpiredError(str(error)) from error
            raise
        behind = following_query(content)
        return self._pages(kind, content), None if behind is None else str(behind["cursor"])

    def one(self, kind: Kind, page_id: str) -> WikiPage | None:
        """One page; see Wiki."""
        entry = self.find(f"/api/v2/{_LISTS[kind]}/{quote(page_id)}")
        if entry is None or entry["status"] != "current":
            return None
        self._chosen = self._chosen or {space.id for space in self.spaces()}
        if str(entry["spaceId"]) not in self._chosen:
            return None
        return self._pages(kind, {"results": [entry], "_links": entry["_links"]})[0]

    def file_ids(self, kind: Kind, page_id: str) -> set[str]:
        """The ids of a page's attachments; see Wiki."""
        path = f"/api/v2/{_LISTS[kind]}/{quote(page_id)}/attachments"
        return {str(entry["id"]) for entry in self.every(path, {"limit": PAGE, "status": "current"})}

    def text(self, kind: Kind, page_id: str) -> PageBody:
        """A page's text; see Wiki."""
        entry = self.get(f"/api/v2/{_LISTS[kind]}/{quote(page_id)}", {"body-format": "storage"})
        if entry["status"] != "current":
            raise ItemDeletedError("The page was archived or deleted.")
        return PageBody(str(entry["title"]), str(entry["body"]["storage"]["value"]))

    def comments(self, kind: Kind, page_id: str, number: int | None) -> list[WikiComment]:
        """A page's comments; see Wiki. Replies are asked for one by one, unless the first ones are all there are."""
        if number == 0:
            return []
        parameters = {"body-format": "storage", "limit": PAGE}
        entries = list[tuple[str, Any]]()
        for form in ("footer-comments", "inline-comments"):
            path = f"/api/v2/{_LISTS[kind]}/{quote(page_id)}/{form}"
            entries += [(form, entry) for entry in self.every(path, parameters)]
        if number is None or len(entries) < number:
            waiting = list(entries)
            while waiting:
                form, parent = waiting.pop()
                replies = self.every(f"/api/v2/{form}/{quote(str(parent['id']))}/children", parameters)
                below = [(form, entry) for entry in replies]
                waiting += below
                entries += below
        entries.sort(key=lambda one: (str(one[1]["version"]["createdAt"]), str(one[1]["id"])))
        names = self.names({str(entry["version"]["authorId"]) for _, entry in entries})
        return [_comment(entry, names) for _, entry in entries]

    def names(self, people: Collection[str]) -> Mapping[str, str]:
        """What people are called; see Wiki."""
        unknown = sorted(set(people) - self._names.keys() - {""})
        for start in range(0, len(unknown), PAGE):
            part = unknown[start : start + PAGE]
            self._names |= dict.fromkeys(part, "")
            self._names |= {str(one["accountId"]): str(one.get("displayName") or "") for one in self._profiles(part)}
        return {one: self._names[one] for one in people if self._names.get(one)}

    def _profiles(self, people: list[str]) -> list[Any]:
        """What the site tells of people; nothing where the account may not see profiles."""
        try:
            content = rest.post(self.access.browser, f"{self.base}/api/v2/users-bulk", {"accountIds": people}).content
        except rest.UnknownCredentialsError:
            raise
        except (CredentialsError, ItemDeletedError):
            return []
        entries: list[Any] = content["results"]
        return entries

    def file_url(self, page_id: str, file_id: str, link: str) -> str:  # noqa: ARG002 — by the ids
        """Where an attachment's bytes are; see Wiki."""
        return f"{self.base}/rest/api/content/{quote(page_id)}/child/attachment/{quote(file_id)}/download"

    def _pages(self, kind: Kind, content: Any) -> list[WikiPage]:
        """A list's pages, with what other questions say of them: ancestors, labels, restrictions, authors."""
        entries = content["results"]
        for entry in entries:
            self._note(entry)
        self._read_ancestors([parent for entry in entries if (parent := _parent(entry))])
        places = {str(entry["id"]): self._ancestors(entry) for entry in entries}
        labels = self._read_restrictions(places)
        people = {str(entry.get("authorId") or "") for entry in entries}
        people |= {str(entry["version"].get("authorId") or "") for entry in entries}
        names = self.names(people)
        pages = []
        for entry in entries:
            page_id = str(entry["id"])
            above = places[page_id]
            nodes = [self._nodes[one] for one in above or ()]
            authors = (names.get(str(one)) for one in (entry.get("authorId"), entry["version"].get("authorId")))
            pages.append(
                WikiPage(
                    id=page_id,
                    kind=kind,
                    title=str(entry["title"]),
                    number=int(entry["version"]["number"]),
                    url=f"{content['_links']['base']}{entry['_links']['webui']}",
                    ancestors=tuple(node.title for node in nodes if node is not None),
                    labels=labels.get(page_id, ()),
                    is_restricted=above is None or any(map(self.is_restricted, (page_id, *above))),
                    authors=tuple(dict.fromkeys(name for name in authors if name)),
                    created_at=moment(entry.get("createdAt")),
                    modified_at=moment(entry["version"].get("createdAt")),
                )
            )
        return pages

    def _note(self, entry: Any) -> None:
        self._nodes[str(entry["id"])] = _Node(str(entry["title"]), _parent(entry))

    def _read_ancestors(self, above: Iterable[tuple[str, str]]) -> None:
        """Read what these ids, and then their parents, are, up to the top of the space: pages in one question each."""
        waiting = {node_id: kind for kind, node_id in above if node_id not in self._nodes}
        while waiting:
            self._nodes |= dict.fromkeys(waiting)
            entries, pages = list[Any](), [node_id for node_id, kind in waiting.items() if kind == "page"]
            for start in range(0, len(pages), PAGE):
                part = ",".join(pages[start : start + PAGE])
                entries += self.every("/api/v2/pages", {"id": part, "limit": PAGE})
            for node_id, kind in waiting.items():
                if kind != "page" and (entry := self.find(f"/api/v2/{_LISTS[kind]}/{quote(node_id)}")) is not None:
                    entries.append(entry)
            for entry in entries:
                self._note(entry)
            parents = (parent for entry in entries if (parent := _parent(entry)))
            waiting = {node_id: kind for kind, node_id in parents if node_id not in self._nodes}

    def _ancestors(self, entry: Any) -> list[str] | None:
        """The ids of what an entry is below, the topmost first; None when the account does not see all of them."""
        result, parent = list[str](), _parent(entry)
        while parent is not None:
            node = self._nodes.get(parent[1])
            if node is None or parent[1] in result:
                return None
            result.append(parent[1])
            parent = node.parent
        return result[::-1]

    def _read_restrictions(self, places: Mapping[str, list[str] | None]) -> dict[str, tuple[str, ...]]:
        """Read the restrictions of pages anew, and those of their ancestors once; returns the labels of the pages.

        The search knows no new page for a moment: is_restricted() asks for those one by one.
        """
        above = {one for ancestors in places.values() for one in ancestors or ()}
        for page_id in places:
            self._restricted.pop(page_id, None)
        ids = [*places, *sorted(above - places.keys() - self._restricted.keys())]
        labels = {}
        for start in range(0, len(ids), PAGE):
            cql = f"id in ({', '.join(ids[start : start + PAGE])})"
            for entry in self.search(cql, f"metadata.labels,{READERS}"):
                self.note_restriction(entry)
                labels[str(entry["id"])] = labels_of(entry)
        return labels


def _parent(entry: Any) -> tuple[str, str] | None:
    """The type and id of what an entry is right below."""
    if entry.get("parentId") is None:
        return None
    kind = str(entry.get("parentType") or "page")
    return (kind if kind in _LISTS else "page"), str(entry["parentId"])


def _comment(entry: Any, names: Mapping[str, str]) -> WikiComment:
    return WikiComment(
        author=names.get(str(entry["version"].get("authorId")), ""),
        written_at=str(entry["version"]["createdAt"]),
        markup=str(entry["body"]["storage"]["value"]),
        selection=str((entry.get("properties") or {}).get("inlineOriginalSelection") or ""),
    )
