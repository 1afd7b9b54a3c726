"""Trackers by their published REST references: GitHub, GitLab, Jira Cloud and Data Center, Redmine.

All of them have one set of tickets.

Lists are paged as each of them does it, with 2 tickets a page. `limited` requests are answered with 429 first.
"""

import base64
import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.peers import serving
from tests.peers.serving import PeerRequest, PeerResponse, as_json

PAGE = 2
TOKEN = "token-0123456789"
_START = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class StoredTicket:
    """A ticket of the tracker; `updated` counts seconds since the tracker's first day."""

    number: int
    title: str
    text: str
    updated: int
    comments: list[str] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    is_pull_request: bool = False


@dataclass
class TrackerPeer:
    """The tracker and its requests by path."""

    system: str
    tickets: dict[int, StoredTicket] = field(default_factory=dict)
    requests: "Counter[str]" = field(default_factory=Counter)
    url: str = ""
    clock: int = 0
    status: int = 200
    limited: int = 0

    def write(self, number: int, title: str, text: str, comment: str | None = None, **files: bytes) -> None:
        """Create or change a ticket."""
        self.clock += 3600
        ticket = self.tickets.setdefault(number, StoredTicket(number, title, text, 0))
        ticket.title, ticket.text, ticket.updated = title, text, self.clock
        ticket.comments += [comment] if comment else []
        ticket.files |= {name.replace("_", "."): content for name, content in files.items()}

    def at(self, seconds: int) -> str:
        """A time as the tracker writes it."""
        moment = _START + timedelta(seconds=seconds)
        if self.system.startswith("jira"):
            return (moment + timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M:%S.000+0200")
        return moment.strftime("%Y-%m-%dT%H:%M:%SZ")

    def changed(self, since: str | None) -> list[StoredTicket]:
        """The tickets that changed at a time or later, oldest change first."""
        least = 0.0
        if since:
            least = (datetime.fromisoformat(since) - _START).total_seconds()
        return sorted(
            (ticket for ticket in self.tickets.values() if ticket.updated >= least), key=lambda one: one.updated
        )


@contextmanager
def serve(system: str) -> Iterator[TrackerPeer]:
    """A tracker: `github`, `gitlab`, `redmine`, `jira-cloud` or `jira-server`."""
    peer = TrackerPeer(system)
    protocols: dict[str, Callable[[TrackerPeer, PeerRequest], PeerResponse]] = {
        "github": _github,
        "gitlab": _gitlab,
        "redmine": _redmine,
        "jira-cloud": _jira,
        "jira-server": _jira,
    }

    def answer(request: PeerRequest) -> PeerResponse:
        peer.requests[request.path] += 1
        if peer.status != 200:
            return as_json({"message": "no"}, peer.status)
        if peer.limited:
            peer.limited -= 1
            return as_json({"message": "slow down"}, 429, Retry_After="0")
        if not _may_enter(peer, request):
            return as_json({"message": "Bad credentials"}, 401)
        if request.path.startswith("/files/"):
            _, _, number, name = request.path.split("/", 3)
            return PeerResponse(200, peer.tickets[int(number)].files[name], {"Content-Type": "text/plain"})
        return protocols[system](peer, request)

    with serving.serve(answer) as peer.url:
        yield peer


def _may_enter(peer: TrackerPeer, request: PeerRequest) -> bool:
    if peer.system == "gitlab":
        return request.header("PRIVATE-TOKEN") == TOKEN
    if peer.system == "redmine":
        return request.header("X-Redmine-API-Key") == TOKEN
    if peer.system == "jira-cloud":
        return request.token == base64.b64encode(f"ada@example.org:{TOKEN}".encode()).decode()
    return request.header("Authorization") == f"Bearer {TOKEN}"


def _paged(tickets: list[Any], request: PeerRequest) -> tuple[list[Any], bool, int]:
    page = int(request.query.get("page", "1"))
    return tickets[(page - 1) * PAGE : page * PAGE], page * PAGE < len(tickets), page


def _github(peer: TrackerPeer, request: PeerRequest) -> PeerResponse:
    if comments := re.fullmatch(r"/repos/acme/pumps/issues/(\d+)/comments", request.path):
        ticket = peer.tickets[int(comments[1])]
        content: list[Any] = [
            {"user": {"login": "grace"}, "created_at": peer.at(ticket.updated), "body": text}
            for text in ticket.comments
        ]
    elif request.path == "/repos/acme/pumps/issues":
        content = [_github_issue(peer, ticket) for ticket in peer.changed(request.query.get("since"))]
    else:
        return as_json({"message": "Not Found"}, 404)
    items, has_more, page = _paged(content, request)
    link = f'<{peer.url}{request.path}?page={page + 1}>; rel="next", <{peer.url}{request.path}?page=1>; rel="first"'
    return as_json(items, 200, **({"Link": link} if has_more else {}))


def _github_issue(peer: TrackerPeer, ticket: StoredTicket) -> dict[str, Any]:
    issue = {
        "number": ticket.number,
        "title": ticket.title,
        "body": ticket.text,
        "state": "open",
        "html_url": f"{peer.url}/acme/pumps/issues/{ticket.number}",
        "user": {"login": "ada"},
        "labels": [{"name": "pump"}],
        "assignees": [],
        "comments": len(ticket.comments),
        "created_at": peer.at(0),
        "updated_at": peer.at(ticket.updated),
    }
    return issue | ({"pull_request": {}} if ticket.is_pull_request else {})


def _gitlab(peer: TrackerPeer, request: PeerRequest) -> PeerResponse:
    if commented := re.fullmatch(r"/api/v4/projects/acme/pumps/issues/(\d+)/notes", request.path):
        ticket = peer.tickets[int(commented[1])]
        content: list[Any] = [{"system": True, "author": {"name": "Bot"}, "created_at": peer.at(0), "body": "changed"}]
        content += [
            {"system": False, "author": {"name": "Grace"}, "created_at": peer.at(ticket.updated), "body": text}
            for text in ticket.comments
        ]
    elif request.path == "/api/v4/projects/acme/pumps/issues":
        content = [
            {
                "iid": ticket.number,
                "title": ticket.title,
                "description": ticket.text,
                "state": "opened",
                "web_url": f"{peer.url}/acme/pumps/-/issues/{ticket.number}",
                "author": {"name": "Ada"},
                "labels": ["pump"],
                "assignees": [],
                "user_notes_count": len(ticket.comments),
                "created_at": peer.at(0),
                "updated_at": peer.at(ticket.updated),
            }
            for ticket in peer.changed(request.query.get("updated_after"))
        ]
    else:
        return as_json({"message": "404 Project Not Found"}, 404)
    items, has_more, page = _paged(content, request)
    return as_json(items, 200, **{"X-Next-Page": str(page + 1) if has_more else ""})


def _redmine(peer: TrackerPeer, request: PeerRequest) -> PeerResponse:
    if one := re.fullmatch(r"/issues/(\d+)\.json", request.path):
        ticket = peer.tickets[int(one[1])]
        journals = [
            {"user": {"name": "Grace"}, "created_on": peer.at(ticket.updated), "notes": text}
            for text in ticket.comments
        ]
        return as_json({"issue": _redmine_issue(peer, ticket) | {"journals": journals}})
    if request.path != "/issues.json" or request.query.get("project_id") != "acme":
        return as_json({}, 404)
    since = request.query.get("updated_on", "").removeprefix(">=") or None
    tickets = peer.changed(since)
    offset = int(request.query.get("offset", "0"))
    issues = [_redmine_issue(peer, ticket) for ticket in tickets[offset : offset + PAGE]]
    return as_json({"issues": issues, "total_count": len(tickets), "offset": offset, "limit": PAGE})


def _redmine_issue(peer: TrackerPeer, ticket: StoredTicket) -> dict[str, Any]:
    return {
        "id": ticket.number,
        "subject": ticket.title,
        "description": ticket.text,
        "status": {"name": "New"},
        "author": {"name": "Ada"},
        "created_on": peer.at(0),
        "updated_on": peer.at(ticket.updated),
        "attachments": [
            {
                "id": f"{ticket.number}{position}",
                "filename": name,
                "filesize": len(content),
                "content_type": "text/plain",
                "content_url": f"{peer.url}/files/{ticket.number}/{name}",
            }
            for position, (name, content) in enumerate(ticket.files.items())
        ],
    }


def _jira(peer: TrackerPeer, request: PeerRequest) -> PeerResponse:
    if comments := re.fullmatch(r"/rest/api/2/issue/(\d+)/comment", request.path):
        ticket = peer.tickets[int(comments[1])]
        content = [
            {"author": {"displayName": "Grace"}, "created": peer.at(ticket.updated), "body": text}
            for text in ticket.comments
        ]
        return as_json({"comments": content, "total": len(content), "startAt": 0})
    path = "/rest/api/2/search/jql" if peer.system == "jira-cloud" else "/rest/api/2/search"
    if request.path != path:
        return as_json({"errorMessages": ["no"]}, 404)
    since = re.search(r'updated >= "([^"]+)"', request.query["jql"])
    tickets = peer.changed(f"{since[1].replace(' ', 'T')}:00+02:00" if since else None)
    start = int(request.query.get("nextPageToken") or request.query.get("startAt") or "0")
    issues = [_jira_issue(peer, ticket) for ticket in tickets[start : start + PAGE]]
    is_last = start + PAGE >= len(tickets)
    if peer.system == "jira-cloud":
        more = {} if is_last else {"nextPageToken": str(start + PAGE)}
        return as_json({"issues": issues, "isLast": is_last} | more)
    return as_json({"issues": issues, "startAt": start, "maxResults": PAGE, "total": len(tickets)})


def _jira_issue(peer: TrackerPeer, ticket: StoredTicket) -> dict[str, Any]:
    return {
        "id": str(ticket.number),
        "key": f"ACME-{ticket.number}",
        "fields": {
            "summary": ticket.title,
            "description": ticket.text,
            "status": {"name": "Open"},
            "issuetype": {"name": "Bug"},
            "labels": ["pump"],
            "reporter": {"displayName": "Ada"},
            "created": peer.at(0),
            "updated": peer.at(ticket.updated),
            "attachment": [
                {
                    "id": f"{ticket.number}{position}",
                    "filename": name,
                    "mimeType": "text/plain",
                    "size": len(content),
                    "content": f"{peer.url}/files/{ticket.number}/{name}",
                }
                for position, (name, content) in enumerate(ticket.files.items())
            ],
        },
    }
