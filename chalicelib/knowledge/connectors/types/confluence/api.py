"""What the APIs of Confluence Cloud and Data Center have in common: logins, the search by CQL, read restrictions."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

from chalicelib.knowledge.connectors.sources import (
    Access,
    CredentialsError,
    CursorExpiredError,
    ItemDeletedError,
    SourceError,
)
from chalicelib.knowledge.connectors.types import rest
from chalicelib.knowledge.connectors.types.confluence import ConfluenceSettings
from chalicelib.knowledge.connectors.types.confluence.contents import Children, WikiFile
from chalicelib.knowledge.connectors.types.rest import moment

# What one request lists, and the ids that one question names. Confluence may give less.
PAGE = 100
READERS = "restrictions.read.restrictions.user,restrictions.read.restrictions.group"


def is_cloud(settings: ConfluenceSettings) -> bool:
    """Whether the settings are those of a site of Confluence Cloud."""
    host = urlsplit(settings.url).hostname or ""
    by_address = host.endswith(".atlassian.net") or host == "api.atlassian.com"
    return settings.deployment == "cloud" or (settings.deployment is None and by_address)


def log_in(access: Access) -> str:
    """Where the APIs' paths begin; there the browser then sends the credentials. Raises ConfigurationError."""
    base = rest.log_in(access.browser, access.settings.url, "Authorization", rest.atlassian_login(access.credentials))
    return f"{base}/wiki" if is_cloud(access.settings) and not base.endswith("/wiki") else base


@dataclass(slots=True)
class Api:
    """An API of a site. `base` is where its paths begin."""

    access: Access
    base: str
    # Whether Confluence shows a page or a folder to some people alone, by its id: asked for once in an invocation.
    _restricted: dict[str, bool] = field(default_factory=dict)
    _names: dict[str, str] = field(default_factory=dict)

    def get(self, path: str, parameters: Mapping[str, object] | None = None) -> Any:
        """The JSON at a path; see rest.get()."""
        named = {name: value for name, value in (parameters or {}).items() if value is not None}
        query = f"?{urlencode(named, safe=',')}" if named else ""
        return rest.get(self.access.browser, f"{self.base}{path}{query}").content

    def find(self, path: str, parameters: Mapping[str, object] | None = None) -> Any:
        """The JSON at a path; None where there is nothing, or nothing that the account may see."""
        try:
            return self.get(path, parameters)
        except rest.UnknownCredentialsError:
            raise
        except (ItemDeletedError, CursorExpiredError, CredentialsError):
            return None

    def every(self, path: str, parameters: Mapping[str, object]) -> Iterator[Any]:
        """The results of a list, page after page."""
        following: Mapping[str, object] | None = parameters
        while following is not None:
            content = self.get(path, following)
            yield from content["results"]
            behind = following_query(content)
            if behind == following:
                raise SourceError("Confluence names the same page of a list again and again.")
            following = behind

    def search(self, cql: str, expand: str) -> Iterator[Any]:
        """What a question in CQL finds, with what is expanded of it."""
        return self.every("/rest/api/content/search", {"cql": cql, "expand": expand, "limit": PAGE})

    def children(self, page_ids: Collection[str]) -> Mapping[str, Children]:
        """What hangs at these pages; see Wiki."""
        result = {page_id: Children() for page_id in page_ids}
        if not result:
            return result
        kinds = "comment, attachment" if self.access.settings.attachments else "comment"
        cql = f"container in ({', '.join(result)}) and type in ({kinds})"
        for entry in self.search(cql, "version,container"):
            parent = result.get(str(entry["container"]["id"]))
            if parent is None:
                continue
            if entry["type"] == "comment":
                parent.comments[str(entry["id"])] = str(entry["version"]["number"])
            else:
                parent.files.append(_file(entry, self.link_of(entry)))
        return result

    def link_of(self, entry: Any) -> str:  # noqa: ARG002 — for those who override it
        """What file_url() needs to know of an attachment besides its ids."""
        return ""

    def is_restricted(self, content_id: str) -> bool:
        """Whether Confluence shows this page or folder itself to some people alone, and the settings mind that.

        Raises CredentialsError where it shows a page to the account, and not who else may read it: a token that lost
        this right must not empty the connector.
        """
        if self.access.settings.include_restricted:
            return False
        if content_id not in self._restricted:
            self._restricted[content_id] = self._read_restriction(content_id)
        return self._restricted[content_id]

    def _read_restriction(self, content_id: str) -> bool:
        path = f"/rest/api/content/{quote(content_id)}/restriction/byOperation/read"
        try:
            answer = self.get(path, {"expand": "restrictions.user,restrictions.group"})
        except rest.UnknownCredentialsError:
            raise
        except (ItemDeletedError, CursorExpiredError):
            return True
        except CredentialsError as error:
            raise CredentialsError(
                "Confluence shows a page to the account, and not who may read it. The account or its token requires "
                "the right to read restrictions."
            ) from error
        return _has_readers(answer["restrictions"])

    def note_restriction(self, entry: Any) -> None:
        """Take the read restriction that was expanded of an entry, if it was."""
        read = (entry.get("restrictions") or {}).get("read") or {}
        if "user" in read.get("restrictions", {}) and "group" in read["restrictions"]:
            self._restricted[str(entry["id"])] = _has_readers(read["restrictions"])


def following_query(content: Any) -> dict[str, object] | None:
    """The parameters of the page that follows in a list; None behind the last one. The rest of the link is ours."""
    link = (content.get("_links") or {}).get("next")
    if not link:
        return None
    return {name: values[-1] for name, values in parse_qs(urlsplit(str(link)).query, keep_blank_values=True).items()}


def labels_of(entry: Any) -> tuple[str, ...]:
    """The labels that were expanded of an entry, sorted."""
    results = ((entry.get("metadata") or {}).get("labels") or {}).get("results", [])
    return tuple(sorted(str(label["name"]) for label in results))


def _has_readers(restrictions: Any) -> bool:
    return bool(restrictions["user"]["results"] or restrictions["group"]["results"])


def _file(entry: Any, link: str) -> WikiFile:
    """An attachment as both APIs list it."""
    details = {**(entry.get("metadata") or {}), **(entry.get("extensions") or {})}
    version = entry["version"]
    return WikiFile(
        id=str(entry["id"]),
        title=str(entry["title"]),
        version=str(version["number"]),
        link=link,
        content_type=details.get("mediaType"),
        size=details.get("fileSize"),
        author=str((version.get("by") or {}).get("displayName") or ""),
        modified_at=moment(version.get("when")),
    )
