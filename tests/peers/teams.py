"""Microsoft Graph's channel messages by their published reference: deltas of messages and replies, with 2 a page."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.peers import serving
from tests.peers.serving import PeerRequest, PeerResponse, as_json

PAGE = 2


@dataclass
class TeamPeer:
    """A team: messages by channel and id, and each channel's changes in their order."""

    messages: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    changes: dict[str, list[str]] = field(default_factory=dict)
    requests: "Counter[str]" = field(default_factory=Counter)
    url: str = ""
    members: dict[str, list[str]] = field(default_factory=dict)
    clock: int = 0
    generation: int = 0

    def write(self, channel: str, message_id: str, text: str, reply_to: str | None = None) -> None:
        """A message, or a reply."""
        self.clock += 1
        at = f"2026-01-01T{self.clock // 60:02}:{self.clock % 60:02}:00Z"
        created = self.messages.setdefault(channel, {}).get(message_id, {}).get("createdDateTime", at)
        self.messages[channel][message_id] = {
            "id": message_id,
            "replyToId": reply_to,
            "messageType": "message",
            "createdDateTime": created,
            "lastModifiedDateTime": at,
            "deletedDateTime": None,
            "from": {"user": {"displayName": "Ada Lovelace"}},
            "body": {"contentType": "html", "content": f"<div>{text}</div>"},
            "webUrl": f"https://teams.microsoft.com/l/message/{channel}/{message_id}",
        }
        self.changes.setdefault(channel, []).append(message_id)

    def delete(self, channel: str, message_id: str) -> None:
        """Delete a message, which Teams goes on listing as deleted."""
        self.messages[channel][message_id]["deletedDateTime"] = "2026-01-02T00:00:00Z"
        self.changes[channel].append(message_id)

    def connection(self) -> tuple[dict[str, Any], dict[str, str]]:
        """The settings and the credentials of a connector of this team."""
        settings = {"tenant": "acme", "team": "t1", "url": f"{self.url}/v1.0", "login_url": self.url}
        return settings, {"client_id": "c", "client_secret": "secret-0123456789"}


@contextmanager
def serve() -> Iterator[TeamPeer]:
    """The team `t1`."""
    peer = TeamPeer()
    with serving.serve(lambda request: _answer(peer, request)) as peer.url:
        yield peer


def _answer(peer: TeamPeer, request: PeerRequest) -> PeerResponse:
    peer.requests[request.path] += 1
    if request.path.endswith("/.well-known/openid-configuration"):
        return serving.microsoft_login(request)
    if request.path.endswith("/token"):
        return as_json({"access_token": "access", "expires_in": 3600, "token_type": "Bearer"})
    if request.header("Authorization") != "Bearer access":
        return as_json({"error": {"code": "InvalidAuthenticationToken"}}, 401)
    parts = request.path.removeprefix("/v1.0/teams/t1/channels").strip("/").split("/")
    if parts == [""]:
        return as_json({"value": [{"id": name, "displayName": name.title()} for name in peer.messages]})
    channel = parts[0]
    if parts[1:] == ["allMembers"]:
        return as_json({"value": [_member(one) for one in peer.members.get(channel, [])]})
    if parts[2:] in (["delta"], ["delta()"]):
        return _delta(peer, channel, request)
    message = peer.messages[channel].get(parts[2])
    if message is None:
        return as_json({"error": {"code": "NotFound"}}, 404)
    if parts[3:] != ["replies"]:
        return as_json(message)
    replies = [one for one in peer.messages[channel].values() if one["replyToId"] == parts[2]]
    start = int(request.query.get("skip", "0"))
    more = {"@odata.nextLink": f"{peer.url}{request.path}?skip={start + PAGE}"} if start + PAGE < len(replies) else {}
    return as_json({"value": replies[start : start + PAGE]} | more)


def _member(address: str) -> dict[str, Any]:
    return {
        "@odata.type": "#microsoft.graph.aadUserConversationMember",
        "id": address,
        "email": address,
        "roles": [],
    }


def _delta(peer: TeamPeer, channel: str, request: PeerRequest) -> PeerResponse:
    generation, _, position = request.query.get("token", f"{peer.generation}-0").partition("-")
    if int(generation) != peer.generation:
        return as_json({"error": {"code": "syncStateNotFound"}}, 410)
    start = int(position)
    changed = list(dict.fromkeys(peer.changes[channel][start : start + PAGE]))
    end = min(start + PAGE, len(peer.changes[channel]))
    link = "nextLink" if end < len(peer.changes[channel]) else "deltaLink"
    return as_json(
        {
            "value": [peer.messages[channel][one] for one in changed],
            f"@odata.{link}": f"{peer.url}{request.path}?token={peer.generation}-{end}",
        }
    )
