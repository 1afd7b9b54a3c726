"""Vendors' own client libraries, against the servers of tests/peers: what each one reads there, printed as JSON.

The first argument names the server: google, graph, github, gitlab, redmine, jira-cloud, jira-server, confluence-cloud
or confluence-server. URL is its address.
"""

# mypy: ignore-errors

import asyncio
import json
import os
import sys
from datetime import UTC, datetime
from typing import Any

URL = os.environ.get("URL", "")
TOKEN, SECRET = os.environ.get("TOKEN", ""), os.environ.get("SECRET", "")
SINCE = datetime(2026, 1, 1, 3, tzinfo=UTC)


def google() -> dict[str, Any]:
    """google-api-python-client with google-auth: a refresh token, listings, changes, exports, permissions, groups."""
    from google.oauth2 import service_account
    from google.oauth2.credentials import Credentials
    from googleapiclient.discovery import build
    from googleapiclient.errors import HttpError

    credentials = Credentials(None, refresh_token="r", token_uri=f"{URL}/token", client_id="c", client_secret=SECRET)
    drive = build(
        "drive",
        "v3",
        credentials=credentials,
        client_options={"api_endpoint": f"{URL}/drive/v3/"},
        static_discovery=True,
    )

    def every(resource: Any, request: Any, key: str) -> list[Any]:
        result = []
        while request is not None:
            page = request.execute(num_retries=3)
            result += page.get(key, [])
            request = resource.list_next(request, page)
        return result

    fields = "nextPageToken,files(id,name,mimeType,md5Checksum,parents,size,permissions)"
    query = "trashed = false and mimeType != 'application/vnd.google-apps.folder'"
    files = every(drive.files(), drive.files().list(q=query, fields=fields, pageSize=2), "files")
    changes = every(drive.changes(), drive.changes().list(pageToken=os.environ["CHANGES"], pageSize=2), "changes")
    try:
        drive.changes().list(pageToken="forgotten-0").execute()
        forgotten = 200
    except HttpError as error:
        forgotten = error.status_code
    directory = build(
        "admin", "directory_v1", credentials=credentials, client_options={"api_endpoint": URL}, static_discovery=True
    )
    members = directory.members().list(groupKey="pumps", includeDerivedMembership=True)
    account = service_account.Credentials.from_service_account_info(
        json.loads(os.environ["ACCOUNT"]), scopes=["https://www.googleapis.com/auth/drive.readonly"]
    )
    as_account = build(
        "drive", "v3", credentials=account, client_options={"api_endpoint": f"{URL}/drive/v3/"}, static_discovery=True
    )
    return {
        "start": drive.changes().getStartPageToken().execute()["startPageToken"],
        "files": {file["id"]: file["name"] for file in files},
        "changes": [change["fileId"] for change in changes],
        "removed": [change["fileId"] for change in changes if change["removed"]],
        "bytes": drive.files().get_media(fileId="a").execute().decode(),
        "exported": drive.files().export_media(fileId="doc", mimeType="text/plain").execute().decode(),
        "permissions": [one["emailAddress"] for one in drive.permissions().list(fileId="a").execute()["permissions"]],
        "members": [one["email"] for one in every(directory.members(), members, "members")],
        "forgotten": forgotten,
        "account": as_account.changes().getStartPageToken().execute()["startPageToken"],
    }


async def graph() -> dict[str, Any]:
    """msal for the token, msgraph-sdk for drives, groups and channels."""
    import msal
    import requests
    from kiota_abstractions.api_error import APIError
    from kiota_abstractions.authentication import (
        AccessTokenProvider,
        AllowedHostsValidator,
        BaseBearerTokenAuthenticationProvider,
    )
    from msgraph import GraphRequestAdapter, GraphServiceClient

    class Login(requests.Session):
        """Microsoft's login server has another address here, without TLS, which msal insists on."""

        def request(self, method: str, url: str, *arguments: Any, **options: Any) -> Any:  # type: ignore[override]
            return super().request(method, url.replace("https://login.microsoftonline.com", URL), *arguments, **options)

    application = msal.ConfidentialClientApplication(
        "c",
        client_credential=SECRET,
        authority="https://login.microsoftonline.com/acme",
        instance_discovery=False,
        http_client=Login(),
    )
    acquired = application.acquire_token_for_client(["https://graph.microsoft.com/.default"])

    class Tokens(AccessTokenProvider):
        async def get_authorization_token(self, uri: str, additional_authentication_context: Any = None) -> str:
            return str(acquired["access_token"])

        def get_allowed_hosts_validator(self) -> AllowedHostsValidator:
            return AllowedHostsValidator(["127.0.0.1"])

    adapter = GraphRequestAdapter(BaseBearerTokenAuthenticationProvider(Tokens()))
    adapter.base_url = f"{URL}/v1.0"
    client = GraphServiceClient(request_adapter=adapter)
    if os.environ["PART"] == "team":
        return await _team(client)
    drive = client.drives.by_drive_id("d1")
    delta = drive.items.by_drive_item_id("root").delta
    page, entries = await delta.get(), []
    while True:
        entries += page.value
        if not page.odata_next_link:
            break
        page = await delta.with_url(page.odata_next_link).get()
    changes = await delta.with_url(os.environ["CHANGES"]).get()
    try:
        await delta.with_url(f"{URL}/v1.0/drives/d1/root/delta?token=forgotten-0").get()
        forgotten = 200
    except APIError as error:
        forgotten = error.response_status_code
    item = drive.items.by_drive_item_id("a")
    granted = (await item.permissions.get()).value
    group = client.groups.by_group_id("pumps").transitive_members.graph_user
    result = await group.get()
    members = [one.mail for one in result.value]
    while result.odata_next_link:
        result = await group.with_url(result.odata_next_link).get()
        members += [one.mail for one in result.value]
    return {
        "files": {entry.id: entry.name for entry in entries if entry.file},
        "folders": [entry.id for entry in entries if entry.folder],
        "delta": page.odata_delta_link,
        "changes": [entry.id for entry in changes.value],
        "removed": [entry.id for entry in changes.value if entry.deleted],
        "forgotten": forgotten,
        "bytes": (await item.content.get()).decode(),
        "permissions": [one.granted_to_v2.user.display_name for one in granted if one.granted_to_v2],
        "members": members,
    }


async def _team(client: Any) -> dict[str, Any]:
    team = client.teams.by_team_id("t1")
    channels = (await team.channels.get()).value
    channel = team.channels.by_channel_id("pumps")
    delta = channel.messages.delta
    page, messages = await delta.get(), []
    while True:
        messages += page.value
        if not page.odata_next_link:
            break
        page = await delta.with_url(page.odata_next_link).get()
    replies = (await channel.messages.by_chat_message_id("1").replies.get()).value
    return {
        "channels": [one.id for one in channels],
        "messages": {one.id: one.body.content for one in messages},
        "replies": [one.id for one in replies],
        "members": [one.email for one in (await channel.all_members.get()).value],
    }


def github() -> dict[str, Any]:
    """PyGithub."""
    from github import Auth, Github

    client = Github(auth=Auth.Token(TOKEN), base_url=URL, retry=None)
    repository = client.get_repo("acme/pumps")
    chosen = {"state": "all", "sort": "updated", "direction": "asc"}
    every = list(repository.get_issues(**chosen))
    return {
        "tickets": {one.number: one.title for one in every if one.pull_request is None},
        "since": [one.number for one in repository.get_issues(since=SINCE, **chosen)],
        "comments": [comment.body for comment in repository.get_issue(2).get_comments()],
        "texts": [one.body for one in every],
    }


def gitlab() -> dict[str, Any]:
    """python-gitlab."""
    from gitlab import Gitlab

    client = Gitlab(URL, private_token=TOKEN)
    project = client.projects.get("acme/pumps")
    chosen = {"order_by": "updated_at", "sort": "asc", "scope": "all", "iterator": True}
    upload = client.http_get(f"/projects/acme%2Fpumps/uploads/{3:032}/report.txt", raw=True)
    return {
        "tickets": {one.iid: one.title for one in project.issues.list(**chosen)},
        "since": [one.iid for one in project.issues.list(updated_after=SINCE.isoformat(), **chosen)],
        "comments": [note.body for note in project.issues.get(2).notes.list(iterator=True) if not note.system],
        "file": upload.text,
    }


def redmine() -> dict[str, Any]:
    """python-redmine."""
    from redminelib import Redmine

    client = Redmine(URL, key=TOKEN)
    chosen = {"project_id": "acme", "status_id": "*", "sort": "updated_on:asc", "include": ["attachments"]}
    every = list(client.issue.filter(**chosen))
    with_file = next(one for one in every if one.id == 3)
    one = client.issue.get(2, include=["journals", "attachments"])
    return {
        "tickets": {one.id: one.subject for one in every},
        "since": [one.id for one in client.issue.filter(updated_on=f">={SINCE:%Y-%m-%dT%H:%M:%SZ}", **chosen)],
        "comments": [journal.notes for journal in one.journals],
        "file": b"".join(next(iter(with_file.attachments)).download().iter_content()).decode(),
    }


def jira() -> dict[str, Any]:
    """jira."""
    from jira import JIRA

    is_cloud = sys.argv[1] == "jira-cloud"
    account = {"basic_auth": ("ada@example.org", TOKEN)} if is_cloud else {"token_auth": TOKEN}
    client = JIRA(server=URL, max_retries=0, **account)
    query = "project = ACME ORDER BY updated ASC"
    every = client.search_issues(query, maxResults=0)
    changed = client.search_issues(
        'project = ACME AND updated >= "2026-01-01 05:00" ORDER BY updated ASC', maxResults=0
    )
    attached = next(one for one in every if one.key == "ACME-3").fields.attachment
    return {
        "tickets": {int(one.id): one.fields.summary for one in every},
        "since": [int(one.id) for one in changed],
        "comments": [comment.body for comment in client.comments("2")],
        "file": attached[0].get().decode(),
    }


def confluence() -> dict[str, Any]:
    """atlassian-python-api: its client of Cloud's v2 with the search of v1, and its client of Data Center."""
    return _confluence_cloud() if sys.argv[1] == "confluence-cloud" else _confluence_data_center()


def _confluence_cloud() -> dict[str, Any]:
    from atlassian import ConfluenceV2

    client = ConfluenceV2(f"{URL}/wiki", username="ada@example.org", password=TOKEN, cloud=True)
    (space,) = client.get_spaces(keys="ENG", limit=2)
    pages = client.get_pages(space_id=space["id"], limit=2, sort="id")
    (comment,) = client.get_page_footer_comments("3", body_format="storage", limit=2)
    (reply,) = client.get_comment_children_v2(comment["id"], **{"body-format": "storage"})["results"]
    (file,) = client.get("rest/api/content/search", params={"cql": "container in (3) and type in (attachment)"})[
        "results"
    ]
    return {
        "pages": {page["id"]: page["title"] for page in pages},
        "parents": {page["id"]: page["parentId"] for page in pages},
        "text": client.get_page_by_id("3", body_format="storage")["body"]["storage"]["value"],
        "labels": [label["name"] for label in client.get_page_labels("3")],
        "comments": [one["body"]["storage"]["value"] for one in (comment, reply)],
        "file": client.get(
            f"rest/api/content/3/child/attachment/{file['id']}/download", not_json_response=True
        ).decode(),
        "restricted": _readers(client.get("rest/api/content/2/restriction/byOperation")),
    }


def _confluence_data_center() -> dict[str, Any]:
    from atlassian import Confluence

    client = Confluence(URL, token=TOKEN, cloud=False)
    expand = "history,space,version,ancestors"
    pages = list(client.get_all_pages_from_space_as_generator("ENG", limit=2, expand=expand))
    comments = client.get_page_comments("3", expand="body.storage,version,history", depth="all")["results"]
    (file,) = client.get_attachments_from_content("3", expand="version")["results"]
    return {
        "pages": {page["id"]: page["title"] for page in pages},
        "parents": {page["id"]: next((one["id"] for one in page["ancestors"][::-1]), None) for page in pages},
        "text": client.get_page_by_id("3", expand="body.storage")["body"]["storage"]["value"],
        "labels": [
            one["name"] for one in client.get_page_by_id("3", expand="metadata.labels")["metadata"]["labels"]["results"]
        ],
        "comments": [one["body"]["storage"]["value"] for one in comments],
        "file": client.get(file["_links"]["download"], not_json_response=True).decode(),
        "restricted": _readers(client.get_all_restrictions_for_content("2")),
    }


def _readers(restrictions: Any) -> list[str]:
    return [one["displayName"] for one in restrictions["read"]["restrictions"]["user"]["results"]]


if __name__ == "__main__":
    read = globals()[sys.argv[1].partition("-")[0]]
    result = read()
    print(json.dumps(asyncio.run(result) if asyncio.iscoroutine(result) else result))
