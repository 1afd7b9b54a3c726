"""Confluence by Atlassian's published references: Cloud (REST v2, and v1's search and restrictions) and Data Center.

developer.atlassian.com/cloud/confluence/rest/v2, developer.atlassian.com/server/confluence/rest. Both show one set of
spaces. Lists have 2 entries a page, by cursors in v2 and counted in v1. The search has an index of its own:
what is `unindexed` is not in it. `limited` requests are answered with 429 first.
"""

import base64
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode

from tests.peers import serving
from tests.peers.serving import PeerRequest, PeerResponse, as_json

PAGE = 2
TOKEN, ACCOUNT = "token-0123456789", "ada@example.org"
PEOPLE = {"a1": "Ada Lovelace", "g1": "Grace Hopper"}
_START = datetime(2026, 1, 1, tzinfo=UTC)
_PLURALS = {"page": "pages", "blogpost": "blogposts", "folder": "folders"}


@dataclass
class StoredComment:
    """A comment, or a reply to one. `selection`: the words of the page that it is about."""

    id: str
    text: str
    parent: str | None = None
    selection: str = ""
    number: int = 1


@dataclass
class StoredFile:
    """An attachment of a page."""

    id: str
    name: str
    content: bytes
    number: int = 1


@dataclass
class StoredPage:
    """A page, a blog post, or a folder of Cloud. `readers`: it is restricted to them."""

    id: str
    kind: str
    space: str
    title: str
    markup: str
    parent: str | None
    number: int = 1
    status: str = "current"
    labels: list[str] = field(default_factory=list)
    readers: list[str] = field(default_factory=list)
    comments: list[StoredComment] = field(default_factory=list)
    files: dict[str, StoredFile] = field(default_factory=dict)


@dataclass
class ConfluencePeer:
    """The site and its requests by path."""

    deployment: str
    spaces: dict[str, str] = field(default_factory=lambda: {"ENG": "Engineering"})
    pages: dict[str, StoredPage] = field(default_factory=dict)
    requests: "Counter[str]" = field(default_factory=Counter)
    url: str = ""
    status: int = 200
    limited: int = 0
    page: int = PAGE
    # Ids that the search does not know yet, pages at whose texts the server fails, pages that the account may not see.
    unindexed: set[str] = field(default_factory=set)
    broken: set[str] = field(default_factory=set)
    hidden: set[str] = field(default_factory=set)
    # Paths that the account may not ask for.
    refused: set[str] = field(default_factory=set)
    # Ids that a counted list counts and does not name: the account does not see them.
    unnamed: set[str] = field(default_factory=set)
    # A list ends after so many entries, as if it were whole.
    listed_at_most: int | None = None
    # What answers have instead of their content.
    other_form: object = None
    # What happens after the next answer; and before every one, with its path.
    meanwhile: Callable[[], object] | None = None
    before: Callable[[str], object] = str
    _cursors: int = 0
    _ids: int = 100

    def connection(self, *spaces: str, **more: Any) -> tuple[dict[str, Any], dict[str, str]]:
        """The settings and the credentials of a connector of this site."""
        settings = {"url": self.url, "spaces": list(spaces) or ["ENG"], "deployment": self.deployment, **more}
        return settings, {"token": TOKEN} | ({"username": ACCOUNT} if self.deployment == "cloud" else {})

    def write(self, page_id: str, title: str, markup: str = "", parent: str | None = None, **more: Any) -> StoredPage:
        """Create or change a page."""
        page = self.pages.get(page_id)
        if page is None:
            page = StoredPage(page_id, more.pop("kind", "page"), more.pop("space", "ENG"), title, markup, parent, 0)
            self.pages = self.pages | {page_id: page}  # a server's thread may be listing them
        page.title, page.markup, page.number = title, markup, page.number + 1
        for name, value in more.items():
            setattr(page, name, value)
        return page

    def comment(self, page_id: str, text: str, parent: str | None = None, selection: str = "") -> StoredComment:
        """Comment on a page, or answer a comment."""
        created = StoredComment(self._next_id(), text, parent, selection)
        self.pages[page_id].comments = [*self.pages[page_id].comments, created]
        return created

    def attach(self, page_id: str, name: str, content: bytes) -> StoredFile:
        """Attach a file to a page, or a new version of it."""
        files = self.pages[page_id].files
        if name in files:
            files[name].content, files[name].number = content, files[name].number + 1
            return files[name]
        created = StoredFile(f"att{self._next_id()}", name, content)
        self.pages[page_id].files = files | {name: created}
        return created

    def forget(self) -> None:
        """Accept no cursor that was given out so far."""
        self._cursors += 1

    def at(self, seconds: int) -> str:
        """A time as the site writes it."""
        moment = _START + timedelta(hours=seconds)
        if self.deployment == "cloud":
            return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")
        return (moment + timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M:%S.000+02:00")

    def visible(self, kind: str | None = None, space: str | None = None) -> list[StoredPage]:
        """What the account sees, by ids."""
        return sorted(
            (
                page
                for page in self.pages.values()
                if page.status == "current"
                and page.id not in self.hidden
                and (kind is None or page.kind == kind)
                and (space is None or page.space == space)
            ),
            key=lambda page: int(page.id),
        )

    @property
    def base(self) -> str:
        """Where the APIs' paths begin."""
        return f"{self.url}/wiki" if self.deployment == "cloud" else self.url

    def _next_id(self) -> str:
        self._ids += 1
        return str(self._ids)


@contextmanager
def serve(deployment: str) -> Iterator[ConfluencePeer]:
    """A site: `cloud` or `server`."""
    peer = ConfluencePeer(deployment)

    def answer(request: PeerRequest) -> PeerResponse:
        peer.requests[request.path] += 1
        peer.before(request.path)
        if peer.status != 200:
            return as_json({"message": "no"}, peer.status)
        if peer.limited:
            peer.limited -= 1
            return as_json({"message": "slow down"}, 429, Retry_After="0")
        if request.path.startswith("/media/"):  # where Cloud has its files; the address itself is the right to read
            return PeerResponse(200, peer.pages[request.path.split("/")[2]].files[request.query["name"]].content)
        if not _may_enter(peer, request):
            return as_json({"message": "Unauthorized"}, 401)
        if request.path in peer.refused:
            return as_json({"message": "Forbidden"}, 403)
        if peer.other_form is not None:
            return as_json(peer.other_form)
        prefix = "/wiki" if deployment == "cloud" else ""
        path = request.path.removeprefix(prefix) if request.path.startswith(prefix) else ""
        own = _v2 if deployment == "cloud" else _v1
        response = _content(peer, path, request) or own(peer, path, request)
        meanwhile, peer.meanwhile = peer.meanwhile, None
        if meanwhile is not None:
            meanwhile()
        return response or as_json({"message": "Not Found"}, 404)

    with serving.serve(answer) as peer.url:
        yield peer


def _may_enter(peer: ConfluencePeer, request: PeerRequest) -> bool:
    if peer.deployment == "cloud":
        return request.token == base64.b64encode(f"{ACCOUNT}:{TOKEN}".encode()).decode()
    return request.header("Authorization") == f"Bearer {TOKEN}"


def _content(peer: ConfluencePeer, path: str, request: PeerRequest) -> PeerResponse | None:
    """What v1 has on both: the search, and read restrictions; and the bytes of attachments."""
    if path == "/rest/api/content/search":
        return _search(peer, request)
    if one := re.fullmatch(r"/rest/api/content/(\d+)/restriction/byOperation/read", path):
        page = _seen(peer, one[1])
        return as_json(_read(page, request.query.get("expand", ""))) if page else None
    if one := re.fullmatch(r"/rest/api/content/(\d+)/restriction/byOperation", path):
        page = _seen(peer, one[1])
        return as_json({"read": _read(page, "restrictions.user,restrictions.group")}) if page else None
    if one := re.fullmatch(r"/rest/api/content/(\d+)/child/attachment/(att\d+)/download", path):
        page = _seen(peer, one[1])
        file = next((each for each in page.files.values() if each.id == one[2]), None) if page else None
        place = f"{peer.url}/media/{one[1]}?{urlencode({'name': file.name})}" if file else ""
        return PeerResponse(302, b"", {"Location": place}) if file else None
    return None


def _seen(peer: ConfluencePeer, page_id: str) -> StoredPage | None:
    page = peer.pages.get(page_id)
    return page if page is not None and page.id not in peer.hidden else None


def _read(page: StoredPage, expand: str) -> dict[str, Any]:
    """A read restriction, as far as it is expanded."""
    known = [{"type": "known", "accountId": one, "displayName": PEOPLE.get(one, one)} for one in page.readers]
    lists = {"user": known, "group": []}
    restrictions = {
        name: {"results": entries, "start": 0, "limit": 200, "size": len(entries)}
        for name, entries in lists.items()
        if f"restrictions.{name}" in expand
    }
    return {"operation": "read", "restrictions": restrictions, "_expandable": {"content": ""}}


def _search(peer: ConfluencePeer, request: PeerRequest) -> PeerResponse:
    """Content by CQL: `id in`, `container in`, `type in`, `space =`, joined by `and`."""
    cql, expand = request.query["cql"], request.query.get("expand", "")
    conditions = {match[1]: set(re.split(r",\s*", match[2])) for match in re.finditer(r"(\w+) in \(([^)]*)\)", cql)}
    conditions |= {match[1]: {match[2]} for match in re.finditer(r'(\w+) ?= ?"?(\w+)"?', cql)}
    entries = []
    for page in peer.visible():
        parts: list[tuple[str, str, dict[str, Any]]] = [(page.id, page.kind, _v1_page(peer, page, expand))]
        parts += [(one.id, "comment", _v1_comment(peer, page, one, expand)) for one in page.comments]
        parts += [(one.id, "attachment", _v1_file(peer, page, one, expand)) for one in page.files.values()]
        for own_id, kind, entry in parts:
            values = {
                "id": own_id,
                "type": kind,
                "space": page.space,
                "container": "" if own_id == page.id else page.id,
            }
            if own_id not in peer.unindexed and all(values[name] in chosen for name, chosen in conditions.items()):
                entries.append(entry)
    return _counted(peer, entries, request, "/rest/api/content/search")


def _counted(peer: ConfluencePeer, entries: list[Any], request: PeerRequest, path: str) -> PeerResponse:
    """A page of a list of v1."""
    start, limit = int(request.query.get("start", "0")), min(int(request.query.get("limit", "25")), peer.page)
    listed = [entry for entry in entries[start : start + limit] if entry["id"] not in peer.unnamed]
    links = {"base": peer.base, "context": "/wiki" if peer.deployment == "cloud" else "", "self": f"{peer.base}{path}"}
    if start + limit < len(entries):
        links["next"] = f"{path}?{urlencode({**request.query, 'limit': limit, 'start': start + limit})}"
    return as_json({"results": listed, "start": start, "limit": limit, "size": len(listed), "_links": links})


def _by_cursor(peer: ConfluencePeer, entries: list[Any], request: PeerRequest, path: str) -> PeerResponse:
    """A page of a list of v2, behind the entry that the cursor names."""
    edition, _, after = request.query.get("cursor", "").partition("-")
    if edition and edition != str(peer._cursors):
        error = {"status": 400, "code": "INVALID_REQUEST_PARAMETER", "title": "Provided cursor is not valid."}
        return as_json({"errors": [error]}, 400)
    remaining = [entry for entry in entries if not after or _number(entry["id"]) > int(after)]
    limit = min(int(request.query.get("limit", "25")), peer.page)
    listed, links, headers = remaining[:limit], {"base": peer.base}, {}
    if len(remaining) > limit:
        cursor = f"{peer._cursors}-{_number(listed[-1]['id'])}"
        links["next"] = f"/wiki{path}?{urlencode({**request.query, 'cursor': cursor})}"
        headers["Link"] = f'<{links["next"]}>; rel="next"'
    return as_json({"results": listed, "_links": links}, 200, **headers)


def _number(entry_id: str) -> int:
    return int(entry_id.removeprefix("att"))


def _v2(peer: ConfluencePeer, path: str, request: PeerRequest) -> PeerResponse | None:
    query = request.query
    body_format = query.get("body-format", "")
    if one := re.fullmatch(r"/api/v2/(pages|blogposts|folders)/(\d+)", path):
        page = _seen(peer, one[2])
        if page is not None and page.id in peer.broken:
            return as_json({}, 500)
        return as_json(_v2_page(peer, page, body_format)) if page and _PLURALS[page.kind] == one[1] else None
    if one := re.fullmatch(r"/api/v2/(pages|blogposts)/(\d+)/([a-z-]+)", path):
        page = _seen(peer, one[2])
        return _v2_below(peer, page, one[3], request, path) if page else None
    if one := re.fullmatch(r"/api/v2/(footer|inline)-comments/(\d+)/children", path):
        of_page = next((page for page in peer.visible() if one[2] in {each.id for each in page.comments}), None)
        if of_page is None:
            return None
        replies = [each for each in of_page.comments if each.parent == one[2]]
        return _by_cursor(peer, [_v2_comment(peer, of_page, each, query) for each in replies], request, path)
    return _v2_list(peer, path, request, body_format)


def _v2_list(peer: ConfluencePeer, path: str, request: PeerRequest, body_format: str) -> PeerResponse | None:
    """Lists of people, spaces, and pages."""
    query = request.query
    if path == "/api/v2/users-bulk":
        ids = re.findall(r'"(\w+)"', request.body.decode())[1:]
        people = [{"accountId": one, "displayName": PEOPLE[one], "email": ""} for one in ids if one in PEOPLE]
        return as_json({"results": people, "_links": {"base": peer.base}})
    if path == "/api/v2/spaces":
        keys = query["keys"].split(",") if "keys" in query else list(peer.spaces)
        spaces = [
            {"id": _space_id(peer, key), "key": key, "name": peer.spaces[key], "type": "global", "status": "current"}
            for key in keys
            if key in peer.spaces
        ]
        return _by_cursor(peer, spaces, request, path)
    if path == "/api/v2/pages":
        chosen = query["id"].split(",") if "id" in query else list(peer.pages)
        space = next((key for key in peer.spaces if _space_id(peer, key) == query.get("space-id")), None)
        pages = [page for page in peer.visible("page", space) if page.id in chosen]
        return _by_cursor(peer, [_v2_page(peer, page, body_format) for page in pages], request, path)
    if one := re.fullmatch(r"/api/v2/spaces/(\d+)/(page|blogpost)s", path):
        key = next((key for key in peer.spaces if _space_id(peer, key) == one[1]), None)
        pages = peer.visible(one[2], key)[: peer.listed_at_most]
        if query.get("status") != "current":  # Cloud lists archived pages too, unless it is told not to
            pages += [page for page in peer.pages.values() if page.status == "archived"]
        return _by_cursor(peer, [_v2_page(peer, page, body_format) for page in pages], request, path) if key else None
    return None


def _v2_below(
    peer: ConfluencePeer, page: StoredPage, what: str, request: PeerRequest, path: str
) -> PeerResponse | None:
    if what == "attachments":
        files: Iterable[Any] = (_v2_file(peer, page, file) for file in page.files.values())
        return _by_cursor(peer, sorted(files, key=lambda file: _number(file["id"])), request, path)
    if what == "labels":
        labels = [{"id": str(place), "name": name, "prefix": "global"} for place, name in enumerate(page.labels, 1)]
        return _by_cursor(peer, labels, request, path)
    if what in {"footer-comments", "inline-comments"}:
        roots = [one for one in page.comments if one.parent is None and bool(one.selection) == (what[0] == "i")]
        return _by_cursor(peer, [_v2_comment(peer, page, one, request.query) for one in roots], request, path)
    return None


def _space_id(peer: ConfluencePeer, key: str) -> str:
    return str(9000 + list(peer.spaces).index(key))


def _v2_page(peer: ConfluencePeer, page: StoredPage, body_format: str) -> dict[str, Any]:
    above = peer.pages.get(page.parent or "")
    entry: dict[str, Any] = {
        "id": page.id,
        "status": page.status,
        "title": page.title,
        "spaceId": _space_id(peer, page.space),
        "parentId": page.parent,
        "parentType": above and above.kind,
        "authorId": "a1",
        "createdAt": peer.at(0),
        "version": {"createdAt": peer.at(page.number), "number": page.number, "authorId": "g1", "minorEdit": False},
        "body": {},
        "_links": {"webui": f"/spaces/{page.space}/pages/{page.id}", "base": peer.base},
    }
    if body_format == "storage":
        entry["body"] = {"storage": {"representation": "storage", "value": page.markup}}
    return entry


def _v2_comment(
    peer: ConfluencePeer, page: StoredPage, comment: StoredComment, query: dict[str, str]
) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "id": comment.id,
        "status": "current",
        "title": f"Re: {page.title}",
        "pageId": page.id,
        "version": {"createdAt": peer.at(int(comment.id)), "number": comment.number, "authorId": "g1"},
        "body": {},
        "_links": {"webui": f"/spaces/{page.space}/pages/{page.id}?focusedCommentId={comment.id}"},
    }
    if query.get("body-format") == "storage":
        entry["body"] = {"storage": {"representation": "storage", "value": comment.text}}
    if comment.selection:
        entry["properties"] = {"inlineOriginalSelection": comment.selection, "inlineMarkerRef": comment.id}
    return entry


def _v2_file(peer: ConfluencePeer, page: StoredPage, file: StoredFile) -> dict[str, Any]:
    return {
        "id": file.id,
        "status": "current",
        "title": file.name,
        "pageId": page.id,
        "mediaType": "text/plain",
        "fileSize": len(file.content),
        "downloadLink": f"/download/attachments/{page.id}/{quote(file.name)}?version={file.number}",
        "version": {"createdAt": peer.at(file.number), "number": file.number, "authorId": "g1"},
    }


def _v1(peer: ConfluencePeer, path: str, request: PeerRequest) -> PeerResponse | None:
    query = request.query
    if one := re.fullmatch(r"/rest/api/space/([\w~]+)", path):
        key = one[1]
        space: dict[str, Any] | None = None
        if key in peer.spaces:
            space = {"id": int(_space_id(peer, key)), "key": key, "name": peer.spaces[key]}
        return as_json(space | {"type": "global", "_links": {"base": peer.base}}) if space else None
    if path == "/rest/api/user":
        name = PEOPLE.get(query.get("key", ""))
        return as_json({"type": "known", "userKey": query["key"], "displayName": name}) if name else None
    if path == "/rest/api/content":
        pages = peer.visible(query.get("type", "page"), query["spaceKey"])[: peer.listed_at_most]
        listed = [_v1_page(peer, page, query.get("expand", "")) for page in pages]
        return _counted(peer, listed, request, path) if query["spaceKey"] in peer.spaces else None
    if one := re.fullmatch(r"/download/attachments/(\d+)/([^/]+)", path):
        page = _seen(peer, one[1])
        return PeerResponse(200, page.files[one[2]].content) if page and one[2] in page.files else None
    if one := re.fullmatch(r"/rest/api/content/(\d+)(?:/child/(comment|attachment))?", path):
        page = _seen(peer, one[1])
        return _v1_one(peer, page, one[2], request, path) if page and page.status == "current" else None
    return None


def _v1_one(
    peer: ConfluencePeer, page: StoredPage, below: str | None, request: PeerRequest, path: str
) -> PeerResponse | None:
    """A page, its comments, or its attachments."""
    expand = request.query.get("expand", "")
    if page.id in peer.broken:
        return as_json({}, 500)
    if below == "attachment":
        return _counted(peer, [_v1_file(peer, page, file, expand) for file in page.files.values()], request, path)
    if below == "comment":
        every = request.query.get("depth") == "all"
        comments = [each for each in page.comments if every or each.parent is None]
        return _counted(peer, [_v1_comment(peer, page, each, expand) for each in comments], request, path)
    entry = _v1_page(peer, page, expand)
    return as_json(entry | {"_links": entry["_links"] | {"base": peer.base}})


def _v1_page(peer: ConfluencePeer, page: StoredPage, expand: str) -> dict[str, Any]:
    """A page with what is expanded of it, and of its ancestors."""
    expanded = expand.split(",")
    entry: dict[str, Any] = {
        "id": page.id,
        "type": page.kind,
        "status": page.status,
        "title": page.title,
        "_links": {
            "webui": f"/pages/viewpage.action?pageId={page.id}",
            "self": f"{peer.base}/rest/api/content/{page.id}",
        },
        "_expandable": {"children": f"/rest/api/content/{page.id}/child"},
    }
    if "space" in expanded:
        entry["space"] = {"id": int(_space_id(peer, page.space)), "key": page.space, "name": peer.spaces[page.space]}
    if "version" in expanded:
        entry["version"] = _version(peer, page.number)
    if "history" in expanded:
        entry["history"] = {"createdBy": {"displayName": PEOPLE["a1"]}, "createdDate": peer.at(0), "latest": True}
    if "metadata.labels" in expanded:
        labels = [{"prefix": "global", "name": name, "id": str(place)} for place, name in enumerate(page.labels)]
        entry["metadata"] = {"labels": {"results": labels, "start": 0, "limit": 200, "size": len(labels)}}
    if "body.storage" in expanded:
        entry["body"] = {"storage": {"representation": "storage", "value": page.markup}}
    if "restrictions.read.restrictions" in expand.replace("ancestors.restrictions", ""):
        entry["restrictions"] = {"read": _read(page, expand)}
    if "ancestors" in expanded:
        below = ",".join(name.removeprefix("ancestors.") for name in expanded if name.startswith("ancestors."))
        entry["ancestors"] = [_v1_page(peer, one, below) for one in _above(peer, page)]
    return entry


def _above(peer: ConfluencePeer, page: StoredPage) -> list[StoredPage]:
    result: list[StoredPage] = []
    while page.parent is not None:
        page = peer.pages[page.parent]
        result.insert(0, page)
    return result


def _version(peer: ConfluencePeer, number: int) -> dict[str, Any]:
    return {"by": {"displayName": PEOPLE["g1"]}, "when": peer.at(number), "number": number, "minorEdit": False}


def _v1_comment(peer: ConfluencePeer, page: StoredPage, comment: StoredComment, expand: str) -> dict[str, Any]:
    expanded = expand.split(",")
    entry: dict[str, Any] = {"id": comment.id, "type": "comment", "status": "current", "title": f"Re: {page.title}"}
    if "version" in expanded:
        entry["version"] = _version(peer, comment.number)
    if "container" in expanded:
        entry["container"] = {"id": page.id, "type": page.kind, "title": page.title}
    if "history" in expanded:
        entry["history"] = {"createdBy": {"displayName": PEOPLE["g1"]}, "createdDate": peer.at(int(comment.id))}
    if "body.storage" in expanded:
        entry["body"] = {"storage": {"representation": "storage", "value": comment.text}}
    if "extensions.inlineProperties" in expanded and comment.selection:
        entry["extensions"] = {"location": "inline", "inlineProperties": {"originalSelection": comment.selection}}
    return entry


def _v1_file(peer: ConfluencePeer, page: StoredPage, file: StoredFile, expand: str) -> dict[str, Any]:
    expanded = expand.split(",")
    place = f"/download/attachments/{page.id}/{quote(file.name)}?version={file.number}&api=v2"
    entry: dict[str, Any] = {
        "id": file.id,
        "type": "attachment",
        "status": "current",
        "title": file.name,
        "metadata": {"mediaType": "text/plain"},
        "extensions": {"mediaType": "text/plain", "fileSize": len(file.content), "comment": ""},
        "_links": {"webui": f"/pages/viewpageattachments.action?pageId={page.id}", "download": place},
    }
    if "version" in expanded:
        entry["version"] = _version(peer, file.number)
    if "container" in expanded:
        entry["container"] = {"id": page.id, "type": page.kind, "title": page.title}
    return entry
