"""A bare Git repository served over HTTP by Git's own http-backend."""

import base64
import io
import os
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from dulwich import porcelain
from dulwich.objects import Blob
from dulwich.repo import Repo

from tests.peers import serving


@dataclass
class Repository:
    """A working copy and the bare repository that is served; `requests` counts requests by their last part."""

    folder: Path
    url: str = ""
    token: str | None = None
    requests: "Counter[str]" = field(default_factory=Counter)
    is_down: bool = False
    # The hashes of files' bytes, by path.
    blobs: dict[str, str] = field(default_factory=dict)

    def commit(
        self,
        files: dict[str, str | bytes | None],
        author: str = "Ada Lovelace <ada@example.org>",
        at: float | None = None,
    ) -> str:
        """Write, or with None delete, files; commit and push them, `at` seconds. Returns the commit."""
        work = self.folder / "work"
        for path, content in files.items():
            target = work / path
            if content is None:
                target.unlink()
            else:
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content if isinstance(content, bytes) else content.encode())
        porcelain.add(str(work), [str(work / path) for path, content in files.items() if content is not None])
        removed = [str(work / path) for path, content in files.items() if content is None]
        if removed:
            porcelain.remove(str(work), removed)
        created = porcelain.commit(
            str(work), message=b"Change", author=author.encode(), committer=author.encode(), commit_timestamp=at
        )
        for path in (path for path, content in files.items() if content is not None):
            self.blobs[path] = Blob.from_string((work / path).read_bytes()).id.decode()
        self.push("main")
        return created.decode()

    def push(self, branch: str) -> None:
        """Let a branch of the served repository stand at the last commit."""
        porcelain.push(
            str(self.folder / "work"),
            str(self.folder / "bare.git"),
            f"refs/heads/main:refs/heads/{branch}",
            force=True,
            outstream=io.BytesIO(),
            errstream=io.BytesIO(),
        )

    def forget(self, path: str) -> None:
        """Lose the bytes of a file of former commits: whoever asks for the history gets none."""
        with Repo(str(self.folder / "bare.git")) as bare:
            missing = self.blobs[path]
            stored = bare.object_store
            remaining = [(stored[name], None) for name in stored if name.decode() != missing]
            for pack in stored.packs:
                pack.close()
            shutil.rmtree(self.folder / "bare.git" / "objects" / "pack")
            (self.folder / "bare.git" / "objects" / "pack").mkdir()
        with Repo(str(self.folder / "bare.git")) as bare:
            bare.object_store.add_objects(remaining)
        (self.folder / "bare.git" / "objects" / missing[:2] / missing[2:]).unlink(missing_ok=True)


@contextmanager
def serve(folder: Path) -> Iterator[Repository]:
    """A repository with the branch main, at http://127.0.0.1:…/manuals.git."""
    repository = Repository(folder)
    (folder / "work").mkdir()
    porcelain.init(str(folder / "work"))
    (folder / "work" / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    bare = Repo.init_bare(str(folder / "bare.git"), mkdir=True)
    (folder / "bare.git" / "HEAD").write_text("ref: refs/heads/main\n")
    bare.close()

    with serving.serve(lambda request: _answer(repository, request)) as url:
        repository.url = f"{url}/manuals.git"
        yield repository


def _answer(repository: Repository, request: serving.PeerRequest) -> serving.PeerResponse:
    """What git http-backend answers, as a CGI program (git-http-backend's manual)."""
    repository.requests[request.path.rpartition("/")[2]] += 1
    if repository.is_down:
        return serving.PeerResponse(503, b"down")
    secret = base64.b64encode(f"git:{repository.token}".encode()).decode()
    if repository.token is not None and request.token != secret:
        return serving.PeerResponse(401, b"who are you?", {"WWW-Authenticate": "Basic"})
    environment = os.environ | {
        "GIT_PROJECT_ROOT": str(repository.folder),
        "GIT_HTTP_EXPORT_ALL": "1",
        "PATH_INFO": request.path.replace("/manuals.git", "/bare.git"),
        "QUERY_STRING": request.target.partition("?")[2],
        "REQUEST_METHOD": request.method,
        "CONTENT_TYPE": request.header("Content-Type", ""),
        "CONTENT_LENGTH": str(len(request.body)),
        "HTTP_GIT_PROTOCOL": request.header("Git-Protocol", ""),
        "HTTP_CONTENT_ENCODING": request.header("Content-Encoding", ""),
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "safe.directory",
        "GIT_CONFIG_VALUE_0": "*",
    }
    done = subprocess.run(["git", "http-backend"], input=request.body, env=environment, capture_output=True, check=True)
    head, _, content = done.stdout.partition(b"\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in head.decode().splitlines())
    status = int(headers.pop("Status", "200").split()[0])
    return serving.PeerResponse(status, content, headers)
