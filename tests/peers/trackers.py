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
from urllib.parse import quote, urlencode

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
    # Redmine: the account no longer sees it; it was moved to another project, at the same address.
    is_private: bool = False
    is_elsewhere: bool = False


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
    page: int = PAGE
    # A repository whose attachments GitHub shows to people alone.
    is_private: bool = False
    # Files that the server fails at.
    broken: set[str] = field(default_factory=set)
    # What happens after the next answer.
    meanwhile: Callable[[], object] | None = None

    def connection(self) -> tuple[dict[str, Any], dict[str, str]]:
        """The settings and the credentials of a connector of this tracker."""
        system, _, deployment = self.system.partition("-")
        project = {"github": "acme/pumps", "gitlab": "acme/pumps", "jira": "ACME", "redmine": "acme"}[system]
        settings: dict[str, Any] = {"system": system, "url": self.url, "project": project}
        credentials = {"token": TOKEN}
        if deployment:
            settings["deployment"] = deployment
        if deployment == "cloud":
            credentials["username"] = "ada@example.org"
        return settings, credentials

    def write_pull_request(self, number: int) -> None:
        """Create a pull request, which GitHub lists among the issues."""
        self.write(number, f"Change {number}", "It changes a pump.")
        self.tickets[number].is_pull_request = True

    def write(self, number: int, title: str, text: str, comment: str | None = None, **files: bytes) -> None:
        """Create or change a ticket."""
        self.clock += 3600
        ticket = self.tickets.setdefault(number, StoredTicket(number, title, text, 0))
        ticket.title, ticket.text, ticket.updated = title, text, self.clock
        ticket.comments += [comment] if comment else []
        ticket.files |= {name.replace("_", "."): content for name, content in files.items()}

    def file_id(self, ticket: StoredTicket, place: int, name: str) -> str:
        """The id that a ticket's attachment has in the library."""
        return f"{ticket.number:032}/{name}" if self.system == "gitlab" else f"{ticket.number}{place}"

    def text_of(self, ticket: StoredTicket, *, links_at: str) -> str:
        """A ticket's text, where attachments are links in it."""
        links = [f"[{name}]({links_at.format(number=ticket.number, name=name)})" for name in ticket.files]
        return "\n".join([ticket.text, *links])

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
        if request.path.startswith("/acme/pumps/files/"):  # where people read; the token of the API says nothing here
            _, _, _, _, number, name = request.path.split("/", 5)
            is_there = not peer.is_private and name in peer.tickets[int(number)].files
            return PeerResponse(200, peer.tickets[int(number)].files[name]) if is_there else PeerResponse(404)
        if not _may_enter(peer, request):
            return as_json({"message": "Bad credentials"}, 401)
        if request.path.startswith("/files/"):
            _, _, number, name = request.path.split("/", 3)
            if name in peer.broken:
                return PeerResponse(500, b"broken")
            return PeerResponse(200, peer.tickets[int(number)].files[name], {"Content-Type": "text/plain"})
        response = protocols[system](peer, request)
        meanwhile, peer.meanwhile = peer.meanwhile, None
        if meanwhile is not None:
            meanwhile()
        return response

    with serving.serve(answer) as peer.url:
        yield peer


def _may_enter(peer: TrackerPeer, request: PeerRequest) -> bool:
    if peer.system == "gitlab":
        return request.header("PRIVATE-TOKEN") == TOKEN
    if peer.system == "redmine":
        return request.header("X-Redmine-API-Key") == TOKEN
    if peer.system == "jira-cloud":
        return request.token == base64.b64encode(f"ada@example.org:{TOKEN}".encode()).decode()
    schemes = ("Bearer", "token") if peer.system == "github" else ("Bearer",)  # GitHub's own client writes "token"
    return request.header("Authorization") in [f"{scheme} {TOKEN}" for scheme in schemes]


def _paged(peer: TrackerPeer, tickets: list[Any], request: PeerRequest) -> tuple[list[Any], dict[str, str]]:
    """A page, and the headers that say where the next one is (RFC 8288)."""
    page = int(request.query.get("page", "1"))
    listed, has_more = tickets[(page - 1) * peer.page : page * peer.page], page * peer.page < len(tickets)
    links = [("first", 1)] + ([("next", page + 1)] if has_more else [])
    path = quote(request.target.partition("?")[0], safe="/%")
    link = ", ".join(
        f'<{peer.url}{path}?{urlencode({**request.query, "page": number})}>; rel="{name}"' for name, number in links
    )
    return listed, {"Link": link, "X-Next-Page": str(page + 1) if has_more else ""}


def _github(peer: TrackerPeer, request: PeerRequest) -> PeerResponse:
    if comments := re.fullmatch(r"/repos/acme/pumps/issues/(\d+)/comments", request.path):
        commented = peer.tickets[int(comments[1])]
        content: list[Any] = [
            {"id": place, "user": {"login": "grace"}, "created_at": peer.at(commented.updated), "body": text}
            for place, text in enumerate(commented.comments)
        ]
    elif one := re.fullmatch(r"/repos/acme/pumps/issues/(\d+)", request.path):
        ticket = peer.tickets.get(int(one[1]))
        return as_json({"message": "Gone"}, 410) if ticket is None else as_json(_github_issue(peer, ticket))
    elif request.path == "/repos/acme/pumps":
        own = {"id": 1, "name": "pumps", "full_name": "acme/pumps", "url": f"{peer.url}/repos/acme/pumps"}
        return as_json(own | {"owner": {"login": "acme"}})
    elif request.path == "/repos/acme/pumps/issues":
        content = [_github_issue(peer, ticket) for ticket in peer.changed(request.query.get("since"))]
    else:
        return as_json({"message": "Not Found"}, 404)
    items, headers = _paged(peer, content, request)
    return as_json(items, 200, Link=headers["Link"])


def _github_issue(peer: TrackerPeer, ticket: StoredTicket) -> dict[str, Any]:
    issue = {
        "id": ticket.number,
        "number": ticket.number,
        "url": f"{peer.url}/repos/acme/pumps/issues/{ticket.number}",
        "title": ticket.title,
        "body": peer.text_of(ticket, links_at=f"{peer.url}/acme/pumps/files/{{number}}/{{name}}"),
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
    path = request.path.replace("/projects/1", "/projects/acme/pumps")  # a project's number, or its path
    if upload := re.fullmatch(r"/api/v4/projects/acme/pumps/uploads/0{20}(\d{12})/([^/]+)", path):
        return PeerResponse(200, peer.tickets[int(upload[1])].files[upload[2]])
    if commented := re.fullmatch(r"/api/v4/projects/acme/pumps/issues/(\d+)/notes", path):
        ticket = peer.tickets[int(commented[1])]
        content: list[Any] = [{"system": True, "author": {"name": "Bot"}, "created_at": peer.at(0), "body": "changed"}]
        content += [
            {"system": False, "author": {"name": "Grace"}, "created_at": peer.at(ticket.updated), "body": text}
            for text in ticket.comments
        ]
    elif one := re.fullmatch(r"/api/v4/projects/acme/pumps/issues/(\d+)", path):
        match = peer.tickets.get(int(one[1]))
        return as_json({"message": "404 Not found"}, 404) if match is None else as_json(_gitlab_issue(peer, match))
    elif path == "/api/v4/projects/acme/pumps":
        return as_json({"id": 1, "path_with_namespace": "acme/pumps", "web_url": f"{peer.url}/acme/pumps"})
    elif path == "/api/v4/projects/acme/pumps/issues":
        content = [_gitlab_issue(peer, ticket) for ticket in peer.changed(request.query.get("updated_after"))]
    else:
        return as_json({"message": "404 Project Not Found"}, 404)
    items, headers = _paged(peer, content, request)
    return as_json(items, 200, **headers)


def _gitlab_issue(peer: TrackerPeer, ticket: StoredTicket) -> dict[str, Any]:
    return {
        "id": ticket.number + 1000,
        "iid": ticket.number,
        "project_id": 1,
        "title": ticket.title,
        "description": peer.text_of(ticket, links_at="/uploads/{number:032}/{name}"),
        "state": "opened",
        "web_url": f"{peer.url}/acme/pumps/-/issues/{ticket.number}",
        "author": {"name": "Ada"},
        "labels": ["pump"],
        "assignees": [],
        "user_notes_count": len(ticket.comments),
        "created_at": peer.at(0),
        "updated_at": peer.at(ticket.updated),
    }


def _redmine(peer: TrackerPeer, request: PeerRequest) -> PeerResponse:
    if one := re.fullmatch(r"/issues/(\d+)\.json", request.path):
        if int(one[1]) not in peer.tickets:
            return as_json({}, 404)
        ticket = peer.tickets[int(one[1])]
        if ticket.is_private:
            return as_json({}, 403)
        journals = [
            {"user": {"name": "Grace"}, "created_on": peer.at(ticket.updated), "notes": text}
            for text in ticket.comments
        ]
        return as_json({"issue": _redmine_issue(peer, ticket) | {"journals": journals}})
    if request.path != "/issues.json" or request.query.get("project_id") != "acme":
        return as_json({}, 404)
    since = request.query.get("updated_on", "").removeprefix(">=") or None
    chosen = request.query.get("issue_id")
    tickets = [
        ticket
        for ticket in peer.changed(since)
        if chosen in {None, str(ticket.number)} and not (ticket.is_private or ticket.is_elsewhere)
    ]
    offset = int(request.query.get("offset", "0"))
    limit = min(int(request.query.get("limit", "25")), peer.page)
    issues = [_redmine_issue(peer, ticket) for ticket in tickets[offset : offset + limit]]
    return as_json({"issues": issues, "total_count": len(tickets), "offset": offset, "limit": limit})


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
    if one := re.fullmatch(r"/rest/api/2/issue/(\d+)", request.path):
        match = peer.tickets.get(int(one[1]))
        return as_json({"errorMessages": ["no"]}, 404) if match is None else as_json(_jira_issue(peer, match))
    if request.path == "/rest/api/2/serverInfo":
        deployment = "Cloud" if peer.system == "jira-cloud" else "Server"
        return as_json(
            {"baseUrl": peer.url, "version": "9.12.0", "versionNumbers": [9, 12, 0], "deploymentType": deployment}
        )
    if request.path == "/rest/api/2/field":
        names = ("summary", "description", "created", "updated", "attachment", "comment")
        return as_json([{"id": name, "name": name.title(), "clauseNames": [name]} for name in names])
    path = "/rest/api/2/search/jql" if peer.system == "jira-cloud" else "/rest/api/2/search"
    if request.path != path:
        return as_json({"errorMessages": ["no"]}, 404)
    since = re.search(r'updated >= "([^"]+)"', request.query["jql"])
    tickets = peer.changed(f"{since[1].replace(' ', 'T')}:00+02:00" if since else None)
    start = int(request.query.get("nextPageToken") or request.query.get("startAt") or "0")
    issues = [_jira_issue(peer, ticket) for ticket in tickets[start : start + peer.page]]
    is_last = start + peer.page >= len(tickets)
    if peer.system == "jira-cloud":
        more = {} if is_last else {"nextPageToken": str(start + peer.page)}
        return as_json({"issues": issues, "isLast": is_last} | more)
    return as_json({"issues": issues, "startAt": start, "maxResults": peer.page, "total": len(tickets)})


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
                    "self": f"{peer.url}/rest/api/2/attachment/{ticket.number}{position}",
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
