"""Git repositories over HTTPS: the files of a branch, each at its path.

A run first asks where the branch stands; nothing else is asked when it did not move. Otherwise it fetches the branch's
last commit alone (shallow), however long the history is, and compares its tree with what is known: the version of a
file is its blob's hash. A file that has another path now, with the same bytes or as the only one of its name, keeps its
document.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Annotated, Any, cast
from urllib.parse import quote, urlsplit

from pydantic import Field

from chalicelib.core.models import Request, Text, matching
from chalicelib.core.outbound import AddressError, check_address
from chalicelib.knowledge.connectors import moves
from chalicelib.knowledge.connectors.sources import (
    MAX_BYTES_IN_MEMORY,
    Access,
    ConfigurationError,
    CredentialsError,
    CursorExpiredError,
    Fetched,
    Item,
    ItemError,
    Json,
    KnownItem,
    Listing,
    SourceError,
)
from chalicelib.knowledge.ingestion.extraction import kinds

if TYPE_CHECKING:
    from dulwich.client import HttpGitClient
    from dulwich.objects import ObjectID
    from dulwich.repo import Repo

_FILES = 500
_MOST_FILES = 200_000
# What one fetch may bring, compressed.
_MOST_BYTES = 1024 * 1024 * 1024
_REGULAR = frozenset({0o100644, 0o100755, 0o100664})
_LARGE_FILE_STORAGE = b"version https://git-lfs.github.com/spec/"

_Pattern = Annotated[Text, Field(min_length=1, max_length=300)]


class GitSettings(Request):
    """The repository, and which of its files. `paths` are folders or files; patterns are compared with whole paths."""

    url: Annotated[
        Text,
        matching(r"^https?://[^\s?#]+$", "must be an address such as https://github.com/acme/docs", max_length=1024),
    ]
    branch: Annotated[Text, matching(r"^[^\s~^:?*\[\\]+$", "must be a branch's name", max_length=200)] | None = None
    paths: Annotated[list[_Pattern], Field(max_length=100)] = Field(default_factory=list)
    include: Annotated[list[_Pattern], Field(max_length=100)] = Field(default_factory=list)
    exclude: Annotated[list[_Pattern], Field(max_length=100)] = Field(default_factory=list)


class GitCredentials(Request):
    """A token that may read the repository. `username` is what the host expects with it; most hosts take any."""

    token: Annotated[Text, Field(min_length=1, max_length=1000)]
    username: Annotated[Text, Field(min_length=1, max_length=200)] = "git"


SETTINGS, CREDENTIALS = GitSettings, GitCredentials


def connect(access: Access) -> "GitRepository":
    """The repository of these settings. Raises ConfigurationError for an address that would show the token."""
    try:
        check_address(access.settings.url)
    except AddressError as error:
        raise ConfigurationError(str(error)) from error
    if (
        access.credentials is not None
        and urlsplit(access.settings.url).scheme == "http"
        and not access.browser.allow_private
    ):
        raise ConfigurationError("A token is only sent to an address that begins with https://.")
    return GitRepository(access)


@dataclass(frozen=True, slots=True)
class _CommitTree:
    """The files of a commit: their blobs and paths by id."""

    commit: str
    blobs: dict[str, bytes]
    paths: dict[str, str]
    author: str
    committed_at: datetime | None
    moved_from: Mapping[str, str]


@dataclass(slots=True)
class GitRepository:
    """A repository during one invocation; what it fetched lies in a temporary folder."""

    access: Access
    _repo: "Repo | None" = None
    _tree: _CommitTree | None = None

    def close(self) -> None:
        """Close the repository's files."""
        if self._repo is not None:
            self._repo.close()

    def page(self, cursor: Json | None, state: Json) -> Listing:
        """The next files of the branch's last commit, in the order of their ids."""
        tip = self._tip()
        if cursor is None and state.get("commit") == tip and state.get("settings") == self._scope():
            return Listing(retains_all=True, state=state)
        if cursor is not None and cursor["commit"] != tip:
            raise CursorExpiredError
        tree = self._fetched(tip)
        after = cursor["after"] if cursor is not None else ""
        file_ids = [file_id for file_id in sorted(tree.blobs) if file_id > after]
        listed, rest = file_ids[:_FILES], file_ids[_FILES:]
        known = self.access.stored_items.known(listed)
        items = tuple(self._item(file_id, tree, known.get(file_id)) for file_id in listed)
        if rest:
            return Listing(items=items, cursor={"commit": tip, "after": listed[-1]})
        return Listing(items=items, is_whole=True, state={"commit": tip, "settings": self._scope()})

    def fetch(self, item: Item, known: KnownItem | None, into: Path) -> Fetched:  # noqa: ARG002 — versions are hashes
        """Write a file's bytes."""
        tree = self._tree or self._fetched(self._tip())
        blob = tree.blobs.get(item.source_id)
        if blob is None or self._repo is None:
            raise ItemError("The file is not in the branch.")
        content: bytes = self._repo[cast("ObjectID", blob)].as_raw_string()
        if len(content) > MAX_BYTES_IN_MEMORY:
            raise ItemError(f"The file has {len(content):,} bytes; at most {MAX_BYTES_IN_MEMORY:,} are taken.")
        if content.startswith(_LARGE_FILE_STORAGE):
            raise ItemError("The file is in Git LFS, which is not read.")
        into.write_bytes(content)
        return Fetched(version=blob.decode(), content_type=kinds.content_type_of(item.source_id, "text/plain"))

    def _scope(self) -> str:
        settings = self.access.settings
        return repr((settings.url, settings.branch, settings.paths, settings.include, settings.exclude))

    def _item(self, file_id: str, tree: _CommitTree, known: KnownItem | None) -> Item:
        version, path = tree.blobs[file_id].decode(), tree.paths[file_id]
        same = known is not None and known.version == version
        metadata = (
            known.metadata if same and known else {"git_repo": self.access.settings.url, "git_commit": tree.commit}
        )
        return Item(
            source_id=file_id,
            path=path,
            version=version,
            original_url=self._address(path),
            authors=(tree.author,) if tree.author else (),
            modified_at=tree.committed_at,
            metadata=metadata,
            moved_from=tree.moved_from.get(file_id),
        )

    def _address(self, path: str) -> str | None:
        """Where people read the file, at hosts whose addresses are known."""
        url = self.access.settings.url.removesuffix("/").removesuffix(".git")
        host = urlsplit(url).hostname or ""
        middle = {"github": "/blob/", "gitlab": "/-/blob/", "bitbucket": "/src/"}
        between = next((part for name, part in middle.items() if name in host), None)
        branch = self.access.settings.branch or "HEAD"
        return None if between is None else f"{url}{between}{quote(branch)}/{quote(path)}"

    def _tip(self) -> str:
        """The commit that the branch stands at."""
        refs = self._ask(lambda client, path: client.get_refs(path).refs)
        branch = self.access.settings.branch
        tip = refs.get(f"refs/heads/{branch}".encode() if branch else b"HEAD")
        if tip is None:
            raise ConfigurationError(
                f"The repository has no branch {branch}." if branch else "The repository is empty, or has no HEAD."
            )
        return str(tip.decode())

    def _fetched(self, tip: str) -> _CommitTree:
        """Fetch a commit, without those before it, and read its tree."""
        from dulwich.repo import Repo

        if self._tree is not None and self._tree.commit == tip:
            return self._tree
        self._repo = repo = Repo.init_bare(str(self.access.directory)) if self._repo is None else self._repo
        self._ask(lambda client, path: client.fetch(path, repo, determine_wants=_only(tip), depth=1))
        commit: Any = repo[cast("ObjectID", tip.encode())]
        blobs, paths = dict[str, bytes](), dict[str, str]()
        for entry in repo.object_store.iter_tree_contents(commit.tree):
            path = (entry.path or b"").decode("utf-8", "replace")
            if entry.mode in _REGULAR and entry.sha is not None and self._is_selected(path):
                file_id = moves.id_of(entry.path or b"", path)
                blobs[file_id], paths[file_id] = bytes(entry.sha), path
            if len(blobs) > _MOST_FILES:
                raise ConfigurationError(
                    f"The repository has more than {_MOST_FILES:,} files. Name folders in `paths`."
                )
        author = commit.author.decode("utf-8", "replace").partition(" <")[0][:200]
        moved = self._moved(blobs)
        self._tree = _CommitTree(tip, blobs, paths, author, _time(commit.commit_time), moved)
        return self._tree

    def _is_selected(self, path: str) -> bool:
        settings = self.access.settings
        folders = [folder.strip("/") for folder in settings.paths]
        if folders and not any(path == folder or path.startswith(f"{folder}/") or not folder for folder in folders):
            return False
        if settings.include and not any(fnmatchcase(path, pattern) for pattern in settings.include):
            return False
        if any(fnmatchcase(path, pattern) for pattern in settings.exclude):
            return False
        return kinds.by_name(PurePosixPath(path).name) not in kinds.WORDLESS | {"archive"}

    def _moved(self, blobs: Mapping[str, bytes]) -> dict[str, str]:
        """New paths, and the former paths of the files that they stand for: by bytes, else by a name of its own."""
        known = {item.source_id: item.version or "" for item in self.access.stored_items.unseen(_MOST_FILES)}
        vanished = {path: version for path, version in known.items() if path not in blobs}
        added = sorted(path for path in blobs if path not in known)
        if not vanished or not added:
            return {}
        seen = self.access.stored_items.seen(added)
        added = [path for path in added if path not in seen]
        moved = moves.paired({path: blobs[path].decode() for path in added}, vanished, several=True)
        left = {path: PurePosixPath(path).name for path in vanished.keys() - set(moved.values())}
        return moved | moves.paired({path: PurePosixPath(path).name for path in added if path not in moved}, left)

    def _ask(self, question: "Callable[[HttpGitClient, str], Any]") -> Any:
        """Ask the host. Raises SourceError, CredentialsError, ConfigurationError."""
        from dulwich.client import HTTPUnauthorized
        from dulwich.errors import GitProtocolError, NotGitRepository
        from urllib3.exceptions import HTTPError

        parts = urlsplit(self.access.settings.url)
        client = _client(self.access, f"{parts.scheme}://{parts.netloc}/")
        try:
            return question(client, parts.path.lstrip("/"))
        except HTTPUnauthorized as error:
            raise CredentialsError("The host refuses the token, or the repository requires one.") from error
        except NotGitRepository as error:
            raise ConfigurationError(
                "The host has no repository at this address, or the token may not read it."
            ) from error
        except (GitProtocolError, HTTPError, OSError, ValueError, AssertionError) as error:
            if " 403 " in f"{error} ":
                raise CredentialsError("The token may not read the repository.") from error
            raise SourceError(f"{parts.hostname} cannot be asked: {type(error).__name__}.") from error


def _time(seconds: int) -> datetime | None:
    """A commit's time; None for one that no calendar has: whoever commits writes any number."""
    with suppress(ValueError, OverflowError, OSError):
        return datetime.fromtimestamp(seconds, UTC)
    return None


def _only(commit: str) -> "Callable[..., list[ObjectID]]":
    """What to fetch: this commit."""
    return lambda refs, depth=None: [cast("ObjectID", commit.encode())]  # noqa: ARG005 — dulwich names them


def _client(access: Access, base_url: str) -> "HttpGitClient":
    """dulwich's client over the connector's connections: their rules hold for it, and what comes back is bounded."""
    from dulwich.client import HttpGitClient
    from dulwich.config import ConfigDict

    class Bounded(HttpGitClient):
        received = 0

        def _http_request(self, *arguments: Any, **options: Any) -> Any:
            response, read = super()._http_request(*arguments, **options)

            def counted(size: int) -> bytes:
                data: bytes = read(size)
                self.received += len(data)
                if self.received > _MOST_BYTES:
                    raise ConfigurationError(f"The repository has more than {_MOST_BYTES // 1024**2} MB in one commit.")
                return data

            return response, counted

    return Bounded(
        base_url,
        dumb=False,
        pool_manager=access.browser.pool(),
        config=ConfigDict(),
        username=access.credentials.username if access.credentials else None,
        password=access.credentials.token if access.credentials else None,
        timeout=60,
        quiet=True,
    )
