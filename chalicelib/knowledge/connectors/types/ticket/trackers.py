"""The trackers' REST APIs, by their published references: GitHub, GitLab, Jira Cloud and Data Center, Redmine.

One module because a tracker is twenty lines that only make sense beside the others.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote, unquote, urlencode, urlsplit

from chalicelib.knowledge.connectors.sources import Access, ItemDeletedError
from chalicelib.knowledge.connectors.types import rest
from chalicelib.knowledge.connectors.types.rest import moment
from chalicelib.knowledge.connectors.types.ticket.tickets import Attachment, Comment, Issue, TicketPage, Tracker

_GITHUB = "https://api.github.com"
_PAGE = 100
# Where files are links in texts, the comments of a page's changed tickets are read with it.
_LINKED_PAGE = 50
_GITHUB_FILES = re.compile(r"https?://[\w.:-]+/(?:user-attachments/files|[\w.-]+/[\w.-]+/files)/\d+/[\w.%-]{1,255}")
_GITLAB_FILES = re.compile(r"/uploads/([0-9a-f]{32})/([^\s()<>\"'/?#]{1,255})")
# What may stand before an address in a text, and the longest part of an address before "/uploads/".
_BEFORE, _LONGEST_PLACE = re.compile(r"[\s()<>\"'\[\]|]"), 1_000
_NO_NAME = re.compile(r"\.{0,2}|.*[\x00-\x1f\x7f/\\].*", re.DOTALL)


def of(access: Access) -> Tracker:
    """The tracker of a connector's settings, whose browser sends the credentials. Raises ConfigurationError."""
    settings, credentials = access.settings, access.credentials
    token = credentials.token if credentials else None
    if settings.system == "github":
        base = rest.log_in(access.browser, settings.url or _GITHUB, "Authorization", token and f"Bearer {token}")
        access.browser.headers |= {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
        return GitHub(access, base)
    if settings.system == "gitlab":
        base = rest.log_in(access.browser, settings.url or "https://gitlab.com", "PRIVATE-TOKEN", token)
        return GitLab(access, base)
    if settings.system == "redmine":
        return Redmine(access, rest.log_in(access.browser, settings.url, "X-Redmine-API-Key", token))
    login = rest.atlassian_login(credentials)
    return Jira(access, rest.log_in(access.browser, settings.url, "Authorization", login))


@dataclass(frozen=True, slots=True)
class _Api:
    access: Access
    base: str

    @property
    def project(self) -> str:
        """The project's name, key or path."""
        return str(self.access.settings.project)

    def get(self, path: str, parameters: Mapping[str, object] | None = None) -> rest.ApiReply:
        """A GET; see rest.get()."""
        query = (
            f"?{urlencode({name: value for name, value in parameters.items() if value is not None})}"
            if parameters
            else ""
        )
        return rest.get(self.access.browser, f"{self.base}{path}{query}")


class GitHub(_Api):
    """docs.github.com, REST API: issues. Pull requests are issues too, and are left out.

    The API lists no attachments: texts link to them, at the address where people read the issues. Of a private
    repository GitHub shows them to people alone.
    """

    def changed(self, since: str | None, page: int, seen: int) -> TicketPage:  # noqa: ARG002 — by pages
        """A page of issues, perhaps of pull requests alone; see Tracker."""
        parameters = {"state": "all", "sort": "updated", "direction": "asc", "per_page": _LINKED_PAGE, "since": since}
        reply = self.get(f"/repos/{quote(self.project)}/issues", {**parameters, "page": page})
        issues = [self._ticket(issue) for issue in reply.content if "pull_request" not in issue]
        reached = reply.content[-1]["updated_at"] if reply.content else None
        return TicketPage(issues, reply.has_next and bool(reply.content), reached, len(reply.content) - len(issues))

    def comments(self, ticket: Issue) -> Iterator[Comment]:
        """An issue's comments."""
        page = 1
        while True:
            reply = self.get(
                f"/repos/{quote(self.project)}/issues/{ticket.id}/comments", {"per_page": _PAGE, "page": page}
            )
            for comment in reply.content:
                yield Comment(_login(comment.get("user")), comment["created_at"], comment.get("body") or "")
            if not reply.has_next:
                return
            page += 1

    def one(self, ticket_id: str) -> Issue:
        """One issue."""
        return self._ticket(self.get(f"/repos/{quote(self.project)}/issues/{quote(ticket_id)}").content)

    def linked(self, ticket: Issue, text: str) -> Iterator[str]:  # noqa: ARG002 — the project is in the address
        """The files that a text links to: uploaded ones, at the address of the issues."""
        for match in _GITHUB_FILES.finditer(text):
            web = urlsplit(match[0])
            if (
                f"{web.scheme}://{web.netloc}" == self._web
                and web.path.startswith(("/user-attachments/files/", f"/{self.project}/files/"))
                and not _NO_NAME.fullmatch(unquote(web.path.rpartition("/")[2]))
            ):
                yield web.path

    def file(self, file_id: str) -> Attachment:
        """A linked file, by the path of its address."""
        return Attachment(file_id, unquote(file_id.rpartition("/")[2]), f"{self._web}{file_id}")

    @property
    def _web(self) -> str:
        """Where people read issues: github.com, or the server whose API ends with /api/v3."""
        return "https://github.com" if self.base == _GITHUB else self.base.removesuffix("/api/v3")

    def _ticket(self, issue: Any) -> Issue:
        fields = {
            "Status": issue["state"],
            "Labels": ", ".join(_name(label) for label in issue.get("labels", [])),
            "Assignees": ", ".join(_login(user) for user in issue.get("assignees") or []),
        }
        return Issue(
            id=str(issue["number"]),
            key=f"{self.project.rpartition('/')[2]}#{issue['number']}",
            title=issue["title"],
            text=issue.get("body") or "",
            url=issue["html_url"],
            updated=issue["updated_at"],
            created=issue["created_at"],
            author=_login(issue.get("user")),
            fields={name: value for name, value in fields.items() if value},
            comments=None if issue.get("comments") else (),
        )


class GitLab(_Api):
    """docs.gitlab.com, REST API v4: issues and their notes, and the project's uploads that their texts link to."""

    def changed(self, since: str | None, page: int, seen: int) -> TicketPage:  # noqa: ARG002 — by pages
        """A page of issues; see Tracker."""
        parameters = {
            "order_by": "updated_at",
            "sort": "asc",
            "per_page": _LINKED_PAGE,
            "page": page,
            "scope": "all",
            "updated_after": since,
        }
        reply = self.get(f"{self._path}/issues", parameters)
        issues = [self._ticket(issue) for issue in reply.content]
        return _changes(issues, bool(reply.headers.get("x-next-page")) or reply.has_next)

    def comments(self, ticket: Issue) -> Iterator[Comment]:
        """An issue's notes, without those that GitLab itself writes."""
        page = 1
        while True:
            parameters = {"sort": "asc", "order_by": "created_at", "per_page": _PAGE, "page": page}
            reply = self.get(f"{self._path}/issues/{ticket.id}/notes", parameters)
            for note in reply.content:
                if not note.get("system"):
                    yield Comment(_name(note.get("author")), note["created_at"], note.get("body") or "")
            if not (reply.headers.get("x-next-page") or reply.has_next):
                return
            page += 1

    def one(self, ticket_id: str) -> Issue:
        """One issue."""
        return self._ticket(self.get(f"{self._path}/issues/{quote(ticket_id)}").content)

    def linked(self, ticket: Issue, text: str) -> Iterator[str]:
        """The project's uploads that a text links to: secret and name."""
        for match in _GITLAB_FILES.finditer(text):
            place = _BEFORE.split(text[max(0, match.start() - _LONGEST_PLACE) : match.start()])[-1]
            name = unquote(match[2])
            if place in ticket.places and not _NO_NAME.fullmatch(name):
                yield f"{match[1]}/{name}"

    def file(self, file_id: str) -> Attachment:
        """An upload, by its secret and name (GitLab 17.4)."""
        secret, _, name = file_id.partition("/")
        return Attachment(file_id, name, f"{self.base}{self._path}/uploads/{secret}/{quote(name, safe='')}")

    @property
    def _path(self) -> str:
        return f"/api/v4/projects/{quote(self.project, safe='')}"

    def _ticket(self, issue: Any) -> Issue:
        fields = {
            "Status": issue["state"],
            "Labels": ", ".join(issue.get("labels", [])),
            "Assignees": ", ".join(_name(user) for user in issue.get("assignees") or []),
        }
        return Issue(
            id=str(issue["iid"]),
            key=f"{self.project.rpartition('/')[2]}#{issue['iid']}",
            title=issue["title"],
            text=issue.get("description") or "",
            url=issue["web_url"],
            updated=issue["updated_at"],
            created=issue["created_at"],
            author=_name(issue.get("author")),
            fields={name: value for name, value in fields.items() if value},
            comments=None if issue.get("user_notes_count", 1) else (),
            places=self._places(issue),
        )

    def _places(self, issue: Any) -> frozenset[str]:
        """What the addresses of the project's uploads begin with; nothing: they are relative to the project."""
        web, number = issue["web_url"].partition("/-/")[0], f"/-/project/{issue['project_id']}"
        return frozenset({"", web, number, f"{self.base}{number}"})


class Redmine(_Api):
    """redmine.org, REST API: issues with journals and attachments."""

    def changed(self, since: str | None, page: int, seen: int) -> TicketPage:  # noqa: ARG002 — by offset
        """A page of issues; see Tracker."""
        parameters = {
            "project_id": self.project,
            "status_id": "*",
            "sort": "updated_on:asc,id:asc",
            "include": "attachments",
            "offset": seen,
            "limit": _PAGE,
            "updated_on": since and f">={since}",
        }
        content = self.get("/issues.json", parameters).content
        issues = [self._ticket(issue) for issue in content["issues"]]
        return _changes(issues, seen + len(issues) < content["total_count"])

    def comments(self, ticket: Issue) -> Iterator[Comment]:
        """The notes of an issue's journals."""
        content = self.get(f"/issues/{ticket.id}.json", {"include": "journals"}).content["issue"]
        for journal in content.get("journals", []):
            if journal.get("notes"):
                yield Comment(_name(journal.get("user")), journal["created_on"], journal["notes"])

    def one(self, ticket_id: str) -> Issue:
        """One issue, out of the project's list: an issue has one address, whichever project it is moved to."""
        parameters = {"project_id": self.project, "status_id": "*", "issue_id": ticket_id, "include": "attachments"}
        for issue in self.get("/issues.json", parameters).content["issues"]:
            if str(issue["id"]) == ticket_id:
                return self._ticket(issue)
        raise ItemDeletedError("The project does not show this issue.")

    def _ticket(self, issue: Any) -> Issue:
        named = ("status", "tracker", "priority", "assigned_to", "fixed_version", "category")
        titles = ("Status", "Tracker", "Priority", "Assignee", "Version", "Category")
        fields = {title: _name(issue.get(name)) for name, title in zip(named, titles, strict=True)}
        return Issue(
            id=str(issue["id"]),
            key=f"#{issue['id']}",
            title=issue["subject"],
            text=issue.get("description") or "",
            url=f"{self.base}/issues/{issue['id']}",
            updated=issue["updated_on"],
            created=issue["created_on"],
            author=_name(issue.get("author")),
            fields={name: value for name, value in fields.items() if value},
            attachments=tuple(
                Attachment(
                    str(file["id"]),
                    file["filename"],
                    file["content_url"],
                    file.get("content_type"),
                    file.get("filesize"),
                    _name(file.get("author")),
                )
                for file in issue.get("attachments", [])
            ),
        )


class Jira(_Api):
    """developer.atlassian.com: search by JQL. Cloud pages by tokens (`/search/jql`), Data Center by offsets.

    JQL reads times in the account's time zone, which is also that of the times in answers: the minutes of an answer's
    time are sent back as they came.
    """

    def changed(self, since: str | None, page: int, seen: int) -> TicketPage:
        """A page of issues; see Tracker. Every page begins at the last one's newest change."""
        condition = f'project = "{self.project}"'
        if since and (read := moment(since)) is not None:
            condition += f' AND updated >= "{read:%Y-%m-%d %H:%M}"'
        fields = "summary,description,status,issuetype,priority,labels,assignee,reporter,created,updated,attachment"
        parameters: dict[str, object] = {
            "jql": f"{condition} ORDER BY updated ASC, key ASC",
            "fields": fields,
            "maxResults": _PAGE,
        }
        if self._is_cloud:
            content = self._at_page(parameters, page)
            has_more = bool(content.get("nextPageToken")) and not content.get("isLast", False)
        else:
            content = self.get("/rest/api/2/search", parameters | {"startAt": seen}).content
            has_more = seen + len(content["issues"]) < content["total"]
        issues = [self._ticket(issue) for issue in content["issues"]]
        changes = _changes(issues, has_more)
        read = moment(changes.reached)
        # JQL compares minutes.
        return changes if read is None else replace(changes, reached=read.replace(second=0, microsecond=0).isoformat())

    def comments(self, ticket: Issue) -> Iterator[Comment]:
        """An issue's comments."""
        start = 0
        while True:
            content = self.get(
                f"/rest/api/2/issue/{ticket.id}/comment", {"startAt": start, "maxResults": _PAGE, "orderBy": "created"}
            ).content
            for comment in content["comments"]:
                yield Comment(_name(comment.get("author")), comment["created"], _text(comment.get("body")))
            start += len(content["comments"])
            if not content["comments"] or start >= content["total"]:
                return

    def one(self, ticket_id: str) -> Issue:
        """One issue."""
        return self._ticket(self.get(f"/rest/api/2/issue/{quote(ticket_id)}").content)

    @property
    def _is_cloud(self) -> bool:
        chosen = self.access.settings.deployment
        return chosen == "cloud" or (chosen is None and (urlsplit(self.base).hostname or "").endswith(".atlassian.net"))

    def _at_page(self, parameters: dict[str, object], page: int) -> Any:
        """A page of Cloud's search: several changes of one minute are more than one page seldom."""
        content = self.get("/rest/api/2/search/jql", parameters).content
        for _ in range(page - 1):
            content = self.get(
                "/rest/api/2/search/jql", parameters | {"nextPageToken": content["nextPageToken"]}
            ).content
        return content

    def _ticket(self, issue: Any) -> Issue:
        values = issue["fields"]
        named = {"Status": "status", "Type": "issuetype", "Priority": "priority", "Assignee": "assignee"}
        fields = {title: _name(values.get(name)) for title, name in named.items()}
        fields["Labels"] = ", ".join(values.get("labels") or [])
        return Issue(
            id=str(issue["id"]),
            key=issue["key"],
            title=values.get("summary") or "",
            text=_text(values.get("description")),
            url=f"{self.base}/browse/{issue['key']}",
            updated=values["updated"],
            created=values["created"],
            author=_name(values.get("reporter")),
            fields={name: value for name, value in fields.items() if value},
            attachments=tuple(
                Attachment(
                    str(file["id"]),
                    file["filename"],
                    file["content"],
                    file.get("mimeType"),
                    file.get("size"),
                    _name(file.get("author")),
                )
                for file in values.get("attachment") or []
            ),
        )


def _changes(issues: list[Issue], has_more: bool) -> TicketPage:
    return TicketPage(issues, has_more and bool(issues), issues[-1].updated if issues else None)


def _login(user: Any) -> str:
    return str(user.get("login", "")) if user else ""


def _name(entry: Any) -> str:
    """The name of a person, a label or a state."""
    if not isinstance(entry, dict):
        return str(entry or "")
    return str(entry.get("displayName") or entry.get("name") or entry.get("username") or "")


def _text(body: Any) -> str:
    """A text; of Atlassian's document format, the words of its nodes."""
    if isinstance(body, str) or body is None:
        return body or ""
    parts, waiting = [], [body]
    while waiting:
        node = waiting.pop()
        parts.append(str(node.get("text", "")))
        if node.get("type") in {"paragraph", "heading", "listItem", "codeBlock"}:
            parts.append("\n")
        waiting += reversed(node.get("content", []))
    return "".join(parts)
