"""Google Drive's API v3 and Microsoft Graph's drives by their published references, over one tree of files.

Pages have 2 entries. `forget()` makes every token and link that was given out so far unknown, as both services do.
"""

import base64
import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.peers import serving
from tests.peers.serving import PeerRequest, PeerResponse, as_json
from tests.peers.sharing import Grantee, Sharing

PAGE = 2
SECRET = "client-secret-0123456789"
_FOLDER = "application/vnd.google-apps.folder"


@dataclass
class Node:
    """A file or, without content, a folder. `version` counts its changes, `content_version` those of its bytes."""

    id: str
    name: str
    parent: str
    content: bytes | None
    mime: str = "text/plain"
    version: int = 1
    content_version: int = 1
    target: str | None = None


@dataclass
class DrivePeer:
    """The drive: its nodes by id, and the ids of changes in their order."""

    nodes: dict[str, Node] = field(default_factory=dict)
    changes: list[str] = field(default_factory=list)
    requests: "Counter[str]" = field(default_factory=Counter)
    downloads: int = 0
    url: str = ""
    generation: int = 0
    status: int = 200
    limited: int = 0
    page: int = PAGE
    is_locked: bool = False
    listed_at_most: int | None = None
    # A login page in place of every file, an answer of another form in place of every list, a list without an end (of
    # folders: True, of files: False), files that the server fails at, that it lists and does not have, and that it
    # refuses with 401.
    has_login_page: bool = False
    other_form: Any = None
    is_endless: bool | None = None
    broken: set[str] = field(default_factory=set)
    missing: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)
    sharing: Sharing = field(default_factory=Sharing)
    # A shared drive of Google lists the ids of permissions alone.
    is_shared_drive: bool = False
    # A login server that replaces refresh tokens: those that it takes, the newest last. The one before the newest is
    # taken until the newest is used, because an answer may be lost.
    rotating: list[str] = field(default_factory=list)
    dropped_answers: int = 0
    revoked: list[str] = field(default_factory=list)
    consents: dict[str, dict[str, str]] = field(default_factory=dict)
    refreshed_with: str | None = None
    # How many more files it gives before it asks for a pause of ten minutes; the user's consent is gone; what happens
    # when the next file is asked for.
    quota: int | None = None
    is_revoked: bool = False
    meanwhile: Callable[[], object] | None = None

    def connection(self, kind: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """The settings and the credentials of a connector of this drive, a `google_drive` or a `onedrive`."""
        credentials = {"client_id": "c", "client_secret": SECRET, "refresh_token": "r"}
        if kind == "onedrive":
            settings = {"tenant": "acme", "drive": "d1", "url": f"{self.url}/v1.0", "login_url": self.url}
            return settings, credentials
        settings = {"url": self.url, "directory_url": self.url, "authorize_url": f"{self.url}/authorize"}
        return settings | {name: f"{self.url}/{name[:-4]}" for name in ("token_url", "revoke_url")}, credentials

    def put(self, node_id: str, name: str, text: str | None = None, parent: str = "root", **more: Any) -> None:
        """Create or change a file; without a text, a folder, or a file's name and place."""
        former = self.nodes.get(node_id)
        content = text.encode() if text is not None else former.content if former else None
        node = Node(node_id, name, parent, content, **more)
        if former is not None:
            node.version = former.version + 1
            node.content_version = former.content_version + (content != former.content)
        self.nodes[node_id] = node
        self.changes.append(node_id)

    def delete(self, node_id: str) -> None:
        """Delete a node."""
        del self.nodes[node_id]
        self.changes.append(node_id)

    def grant(self, node_id: str, *grantees: Grantee) -> None:
        """Grant on a file or a folder exactly this; only the node itself is among the changes."""
        self.sharing.grants[node_id] = set(grantees)
        self.changes.append(node_id)

    @property
    def parents(self) -> dict[str, str]:
        """Every node's parent."""
        return {node.id: node.parent for node in self.nodes.values()}

    def consent(self, query: dict[str, str]) -> str:
        """The user consents at the page with this query; the code that comes back."""
        code = f"code-{len(self.consents)}"
        self.consents[code] = query
        return code

    def forget(self) -> None:
        """Forget every token."""
        self.generation += 1

    def token(self, position: int) -> str:
        """A token for the changes from a position on."""
        return f"{self.generation}-{position}"

    def position(self, token: str) -> int | None:
        """The position of a token, or None when it is forgotten."""
        generation, _, position = token.partition("-")
        return int(position) if generation == str(self.generation) else None


@contextmanager
def serve() -> Iterator[DrivePeer]:
    """A drive that both APIs show."""
    peer = DrivePeer()
    with serving.serve(lambda request: _answer(peer, request)) as peer.url:
        yield peer


def _answer(peer: DrivePeer, request: PeerRequest) -> PeerResponse:
    peer.requests[request.path] += 1
    if request.path.endswith("/.well-known/openid-configuration"):
        return serving.microsoft_login(request)
    if request.path.endswith("/token") or request.path == "/revoke":
        return _log_in(peer, request)
    if request.path.startswith("/bytes/"):  # without a token, as Microsoft's links have their own
        return _bytes(peer, peer.nodes[request.path.removeprefix("/bytes/")])
    if request.header("Authorization") != "Bearer access" or peer.is_revoked:
        return as_json({"error": {"code": 401}}, 401)
    if peer.status != 200:
        return as_json({"error": {"code": peer.status}}, peer.status)
    if peer.other_form is not None:
        return as_json(peer.other_form)
    if peer.limited:
        peer.limited -= 1
        return as_json({"error": {"code": 429}}, 429, Retry_After="0")
    if request.path.startswith("/admin/directory"):
        return _google_members(peer, request)
    return _google(peer, request) if request.path.startswith("/drive/v3") else _graph(peer, request)


def _log_in(peer: DrivePeer, request: PeerRequest) -> PeerResponse:
    """Tokens, and the end of a consent."""
    if request.path == "/revoke":
        if peer.status != 200:
            return as_json({"error": "temporarily_unavailable"}, peer.status)
        peer.revoked.append(request.form["token"])
        return as_json({})
    if request.form.get("grant_type") == "authorization_code":
        return _exchange(peer, request.form)
    peer.refreshed_with = request.form.get("refresh_token")
    if peer.rotating:
        return _rotate(peer, str(peer.refreshed_with))
    is_known = request.form.get("client_secret") == SECRET or "assertion" in request.form
    if peer.is_locked or peer.is_revoked or not is_known:
        return as_json({"error": "invalid_grant"}, 400)
    return as_json({"access_token": "access", "expires_in": 3600, "token_type": "Bearer"})


def _bytes(peer: DrivePeer, node: Node) -> PeerResponse:
    if peer.quota is not None:
        if peer.quota == 0:
            return as_json({"error": {"code": 429}}, 429, Retry_After="600")
        peer.quota -= 1
    peer.downloads += 1
    meanwhile, peer.meanwhile = peer.meanwhile, None
    if meanwhile is not None:
        meanwhile()
    if node.id in peer.broken:
        return PeerResponse(500, b"broken")
    if node.id in peer.missing:
        return as_json({"error": {"code": 404}}, 404)
    if peer.has_login_page:
        return PeerResponse(200, b"<html><form>Log in</form></html>", {"Content-Type": "text/html; charset=utf-8"})
    return PeerResponse(200, node.content or b"", {"Content-Type": node.mime})


def _refusal(peer: DrivePeer, node: Node) -> PeerResponse | None:
    return as_json({"error": {"code": 401}}, 401) if node.id in peer.refused else None


def _google_members(peer: DrivePeer, request: PeerRequest) -> PeerResponse:
    group = request.path.split("/")[5]
    if group in peer.sharing.secret_groups:
        return as_json({"error": {"code": 403, "errors": [{"reason": "forbidden"}]}}, 403)
    if group not in peer.sharing.groups:
        return as_json({"error": {"code": 404}}, 404)
    addresses = sorted(peer.sharing.members(group))
    start = int(request.query.get("pageToken", "0"))
    members = [{"email": one, "type": "USER", "status": "ACTIVE"} for one in addresses[start : start + peer.page]]
    more = {"nextPageToken": str(start + peer.page)} if start + peer.page < len(addresses) else {}
    return as_json({"members": members} | more)


def _rotate(peer: DrivePeer, token: str) -> PeerResponse:
    if token not in peer.rotating:
        return as_json({"error": "invalid_grant"}, 400)
    new = f"{peer.rotating[-1]}+"
    peer.rotating = [token, new]
    if peer.dropped_answers:
        peer.dropped_answers -= 1
        return as_json({"error": "lost"}, 503)
    return as_json({"access_token": "access", "refresh_token": new, "expires_in": 3600})


def _exchange(peer: DrivePeer, form: dict[str, str]) -> PeerResponse:
    """A refresh token for a code, once, to the client that shows the verifier (RFC 6749, RFC 7636)."""
    query = peer.consents.get(form["code"])
    digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
    challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
    is_right = query is not None and query["code_challenge"] == challenge
    if not is_right or form["client_secret"] != SECRET:
        return as_json({"error": "invalid_grant"}, 400)
    del peer.consents[form["code"]]
    return as_json({"access_token": "access", "refresh_token": "refresh-of-the-user", "expires_in": 3600})


def _google(peer: DrivePeer, request: PeerRequest) -> PeerResponse:
    path = request.path.removeprefix("/drive/v3")
    if path == "/changes/startPageToken":
        return as_json({"startPageToken": peer.token(len(peer.changes))})
    if path == "/changes":
        position = peer.position(request.query["pageToken"])
        if position is None:
            return as_json({"error": {"code": 410}}, 410)
        changed = peer.changes[position : position + peer.page]
        entries = [
            {"fileId": one, "removed": one not in peer.nodes}
            | ({"file": _google_file(peer, peer.nodes[one])} if one in peer.nodes else {})
            for one in changed
        ]
        end = position + len(changed)
        more = {"nextPageToken": peer.token(end)} if end < len(peer.changes) else {"newStartPageToken": peer.token(end)}
        return as_json({"changes": entries} | more)
    if path == "/files":
        is_for_folders = f"mimeType = '{_FOLDER}'" in request.query["q"]
        files = [node for node in peer.nodes.values() if (node.content is None) == is_for_folders][
            : peer.listed_at_most
        ]
        start = int(request.query.get("pageToken", "0"))
        if peer.is_endless is not None and peer.is_endless == is_for_folders:
            again = [_google_file(peer, node) for node in files[: peer.page]]
            return as_json({"files": again, "nextPageToken": str(start + peer.page)})
        content: dict[str, Any] = {"files": [_google_file(peer, node) for node in files[start : start + peer.page]]}
        return as_json(content | ({"nextPageToken": str(start + peer.page)} if start + peer.page < len(files) else {}))
    node = peer.nodes.get(path.split("/")[2])
    if node is None:
        return as_json({"error": {"code": 404}}, 404)
    if path.endswith("/export") or request.query.get("alt") == "media":
        return _refusal(peer, node) or _bytes(peer, node)
    if path.endswith("/permissions"):
        if node.id in peer.sharing.secret:
            return as_json({"error": {"code": 403}}, 403)
        return as_json({"permissions": peer.sharing.google(node.id, peer.parents)})
    return as_json(_google_file(peer, node))


def _google_file(peer: DrivePeer, node: Node) -> dict[str, Any]:
    file: dict[str, Any] = {
        "id": node.id,
        "name": node.name,
        "mimeType": _FOLDER if node.content is None else node.mime,
        "parents": [node.parent],
        "modifiedTime": f"2026-01-01T00:{node.version:02}:00.000Z",
        "createdTime": "2026-01-01T00:00:00.000Z",
        "trashed": False,
        "webViewLink": f"https://drive.google.com/file/d/{node.id}/view",
        "owners": [{"displayName": "Ada Lovelace"}],
    }
    permissions = peer.sharing.google(node.id, peer.parents)
    if node.id not in peer.sharing.secret:
        name, listed = ("permissionIds", [one["id"] for one in permissions])
        file |= {name: listed} if peer.is_shared_drive else {"permissions": permissions}
    if node.target is not None:
        return file | {
            "mimeType": "application/vnd.google-apps.shortcut",
            "shortcutDetails": {"targetId": node.target, "targetMimeType": "text/plain"},
        }
    if node.content is not None and not node.mime.startswith("application/vnd.google-apps."):
        file |= {"md5Checksum": hashlib.md5(node.content).hexdigest(), "size": str(len(node.content))}
    return file


def _graph(peer: DrivePeer, request: PeerRequest) -> PeerResponse:
    if request.path == "/v1.0/$batch":
        return _graph_batch(peer, json.loads(request.body)["requests"])
    if request.path.startswith("/v1.0/users/"):
        return as_json({"mail": None, "userPrincipalName": request.path.split("/")[3]})
    if request.path.startswith("/v1.0/groups/"):
        return _graph_members(peer, request)
    if request.path in {"/v1.0/drives/d1/root/delta", "/v1.0/drives/d1/items/root/delta()"}:
        return _graph_delta(peer, request)
    return _graph_node(peer, request)


def _graph_delta(peer: DrivePeer, request: PeerRequest) -> PeerResponse:
    """The whole drive, or what changed since a link; Microsoft's own client spells the address in another way."""
    token = request.query.get("token", "")
    if token.startswith("all-"):
        start, base = (int(part) for part in token.removeprefix("all-").split("."))
    elif token:
        return _graph_changes(peer, token)
    else:
        start, base = 0, len(peer.changes)
    nodes = list(peer.nodes.values())[: peer.listed_at_most]
    entries = [_graph_item(node) for node in nodes[start : start + peer.page]]
    if start == 0:
        entries.insert(
            0, {"id": "root", "name": "root", "root": {}, "folder": {}, "parentReference": {"driveId": "d1"}}
        )
    if start + peer.page < len(nodes):
        return _graph_page(peer, entries, "nextLink", f"all-{start + peer.page}.{base}")
    return _graph_page(peer, entries, "deltaLink", peer.token(base))


def _graph_node(peer: DrivePeer, request: PeerRequest) -> PeerResponse:
    node = peer.nodes.get(request.path.split("/")[5])
    if node is None:
        return as_json({"error": {"code": "itemNotFound"}}, 404)
    if request.path.endswith("/permissions"):
        return as_json({"value": peer.sharing.graph(node.id, peer.parents)})
    return _refusal(peer, node) or PeerResponse(302, b"", {"Location": f"{peer.url}/bytes/{node.id}"})


def _graph_batch(peer: DrivePeer, requests: list[Any]) -> PeerResponse:
    """The answers of a batch, in another order than they were asked for."""
    if len(requests) > 20:
        return as_json({"error": {"code": "BadRequest"}}, 400)
    answers = []
    for one in requests:
        node_id = one["url"].split("/")[4]
        if node_id in peer.sharing.secret:
            answers.append({"id": one["id"], "status": 403, "headers": {}, "body": {"error": {"code": "accessDenied"}}})
            continue
        content = {"value": peer.sharing.graph(node_id, peer.parents)}
        answers.append({"id": one["id"], "status": 200, "headers": {}, "body": content})
    return as_json({"responses": answers[::-1]})


def _graph_members(peer: DrivePeer, request: PeerRequest) -> PeerResponse:
    group = request.path.split("/")[3]
    if group in peer.sharing.secret_groups:
        return as_json({"error": {"code": "Authorization_RequestDenied"}}, 403)
    if group not in peer.sharing.groups:
        return as_json({"error": {"code": "Request_ResourceNotFound"}}, 404)
    addresses = sorted(peer.sharing.members(group))
    start = int(request.query.get("skip", "0"))
    users = [{"mail": one, "userPrincipalName": f"x-{one}"} for one in addresses[start : start + peer.page]]
    following = f"{peer.url}{request.path}?skip={start + peer.page}"
    return as_json({"value": users} | ({"@odata.nextLink": following} if start + peer.page < len(addresses) else {}))


def _graph_changes(peer: DrivePeer, token: str) -> PeerResponse:
    position = peer.position(token)
    if position is None:
        return as_json({"error": {"code": "resyncRequired"}}, 410)
    changed = peer.changes[position : position + peer.page]
    entries: list[dict[str, Any]] = [
        _graph_item(peer.nodes[one]) if one in peer.nodes else {"id": one, "deleted": {"state": "deleted"}}
        for one in changed
    ]
    end = position + len(changed)
    return _graph_page(peer, entries, "nextLink" if end < len(peer.changes) else "deltaLink", peer.token(end))


def _graph_page(peer: DrivePeer, entries: list[Any], link: str, token: str) -> PeerResponse:
    return as_json({"value": entries, f"@odata.{link}": f"{peer.url}/v1.0/drives/d1/root/delta?token={token}"})


def _graph_item(node: Node) -> dict[str, Any]:
    item: dict[str, Any] = {
        "id": node.id,
        "name": node.name,
        "eTag": f"e{node.version}",
        "cTag": f"c{node.content_version}",
        "parentReference": {"id": node.parent, "driveId": "d1"},
        "createdDateTime": "2026-01-01T00:00:00Z",
        "lastModifiedDateTime": f"2026-01-01T00:{node.version:02}:00Z",
        "createdBy": {"user": {"displayName": "Ada Lovelace"}},
        "webUrl": f"https://acme.sharepoint.com/{node.id}",
    }
    if node.content is None:
        return item | {"folder": {"childCount": 1}}
    return item | {"file": {"mimeType": node.mime}, "size": len(node.content)}
