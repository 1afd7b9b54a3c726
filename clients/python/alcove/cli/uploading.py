"""`upload`: files and folders, several at a time, with progress; what is there already is left out."""

from __future__ import annotations

import hashlib
import json
import mimetypes
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from alcove import AlcoveError, ApiError, models
from alcove.cli.context import CommandError, Context, context_of
from alcove.cli.profiles import locked, read_json, state_directory, write_private

Outcome = Literal["uploaded", "replaced", "unchanged", "failed"]
_HASHED_BYTES = 1 << 20


@dataclass(frozen=True)
class Sent:
    """What is remembered of a file: its hash, its document, and whether its bytes arrived."""

    sha256: str
    document_id: str
    arrived: bool


@dataclass(frozen=True)
class Result:
    """What became of a file."""

    path: str
    outcome: Outcome
    document_id: str | None = None
    status: str | None = None
    chunks: int | None = None
    error: str | None = None


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(upload)


def upload(
    ctx: typer.Context,
    paths: list[str] = typer.Argument(help="Files, folders (with all below them) and patterns such as 'docs/*.pdf'."),
    repository: str | None = typer.Option(
        None, "--repository", "-r", help="Put the documents at their paths in this repository, made if it is missing."
    ),
    group: UUID | None = typer.Option(None, help="The group that reads the documents, by id."),
    organisation: bool = typer.Option(False, help="Everybody in the organisation reads the documents."),
    concurrency: int = typer.Option(4, min=1, max=16, help="Files that are sent at once."),
    wait_: bool = typer.Option(True, "--wait/--no-wait", help="Wait until the documents can be searched."),
    again: bool = typer.Option(False, "--again", help="Upload what has not changed since too."),
    timeout: float = typer.Option(1800, min=1, help="Seconds to wait for one document."),
) -> None:
    """Upload files; a file that changed replaces its document, one that did not is left out.

    An interrupted upload goes on where it stopped when the command runs again.
    """
    context = context_of(ctx)
    files = list(find(paths))
    if group is not None and organisation:
        raise CommandError("--group and --organisation exclude each other.", 2)
    fields: dict[str, Any] = {"scope": "group", "group_id": group} if group else {}
    fields = {"scope": "org"} if organisation else fields
    folder = _repository(context, repository, fields) if repository else None
    work = _Work(context, fields, folder, again, timeout if wait_ else None)
    results = _in_turns(work, files, concurrency)
    _report(context, results)


def find(paths: Iterable[str]) -> Iterator[tuple[Path, str]]:
    """The files that paths, folders and patterns mean, each once, with its path in a repository. Hidden ones are
    left out. CommandError for a path that is not there.
    """
    seen: set[Path] = set()
    for name in paths:
        path = Path(name)
        matches = [path] if path.exists() else sorted(_glob(name))
        if not matches:
            raise CommandError(f"There is no file {name}.", 2)
        for match in matches:
            base = match.parent if match.is_file() else match
            for file in [match] if match.is_file() else sorted(match.rglob("*")):
                relative = file.relative_to(base)
                hidden = any(part.startswith(".") for part in relative.parts)
                if file.is_file() and not hidden and file.resolve() not in seen:
                    seen.add(file.resolve())
                    yield file, relative.as_posix()


def _glob(pattern: str) -> Iterator[Path]:
    path = Path(pattern)
    return Path(path.anchor or ".").glob(str(path.relative_to(path.anchor)))


def _repository(context: Context, name: str, fields: dict[str, Any]) -> UUID:
    for found in context.client.all_items(context.client.list_repositories, q=name):
        if found.name == name:
            kept: UUID = found.id
            return kept
    return context.client.create_repository(name=name, **fields).id


class _Work:
    """One upload of many files."""

    def __init__(
        self, context: Context, fields: dict[str, Any], repository: UUID | None, again: bool, wait_seconds: float | None
    ) -> None:
        self.client = context.client
        self.output = context.output
        self.fields, self.repository, self.again, self.wait_seconds = fields, repository, again, wait_seconds
        url = context.profile.url if context.profile else ""
        account = str(self.client.get_me().id)
        self.memory = Memory(f"{url} {account} {json.dumps(fields, sort_keys=True, default=str)}")

    def do(self, file: Path, relative: str) -> Result:
        """Upload one file."""
        try:
            outcome, document = self._send(file)
            if self.repository is not None and outcome != "unchanged":
                self.client.add_repository_document(self.repository, document.id, path=relative)
            if self.wait_seconds is not None:
                document = self.client.wait_for_document(document.id, timeout=self.wait_seconds)
        except (AlcoveError, OSError) as error:
            return Result(str(file), "failed", error=str(error))
        failed = document.status == "failed"
        return Result(
            str(file),
            "failed" if failed else outcome,
            str(document.id),
            document.status,
            document.chunk_count,
            document.error.message if document.error and failed else None,
        )

    def _send(self, file: Path) -> tuple[Outcome, models.Document]:
        digest = _hash(file)
        known = self.memory.get(file)
        document = self._existing(known)
        if document is not None and known == Sent(digest, str(document.id), arrived=False):
            resumed = self._resumed(document, file)
            if resumed:
                self.memory.put(file, Sent(digest, str(document.id), arrived=True))
                return "uploaded", document
        if document is not None and known == Sent(digest, str(document.id), arrived=True) and not self.again:
            return "unchanged", document
        if document is None:
            announced = self.client.create_document(**announcement(file), **self.fields)
        else:
            announced = self.client.replace_document_content(document.id, **announcement(file))
        self.memory.put(file, Sent(digest, str(announced.id), arrived=False))
        self.client.send_file(announced, file)
        self.memory.put(file, Sent(digest, str(announced.id), arrived=True))
        return ("uploaded" if document is None else "replaced"), announced

    def _resumed(self, document: models.Document, file: Path) -> bool:
        """Go on with an upload in parts that was interrupted; returns whether there was one."""
        try:
            if not self.client.get_document_parts(document.id).arrived:
                return False
        except ApiError as error:
            if error.status == 404:
                return False
            raise
        self.client.send_parts(document.id, file)
        return True

    def _existing(self, known: Sent | None) -> models.Document | None:
        if known is None:
            return None
        try:
            document = self.client.get_document(known.document_id)
        except ApiError as error:
            if error.status == 404:
                return None
            raise
        return None if document.deleted_at else document


def announcement(file: Path) -> dict[str, Any]:
    """What announces the bytes of a file."""
    content_type = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    return {"filename": file.name, "content_type": content_type, "size_bytes": file.stat().st_size}


class Memory:
    """What was sent, in one file for each service, account and audience."""

    def __init__(self, key: str) -> None:
        name = hashlib.sha256(key.encode()).hexdigest()[:32]
        self._path = state_directory() / f"uploads-{name}.json"
        self._lock = threading.Lock()

    def get(self, file: Path) -> Sent | None:
        """What is remembered of a file."""
        found = read_json(self._path).get(str(file.resolve()))
        return Sent(**found) if found else None

    def put(self, file: Path, sent: Sent) -> None:
        """Remember a file."""
        with self._lock, locked(self._path):
            write_private(self._path, read_json(self._path) | {str(file.resolve()): asdict(sent)})


def _hash(file: Path) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as opened:
        while part := opened.read(_HASHED_BYTES):
            digest.update(part)
    return digest.hexdigest()


def _in_turns(work: _Work, files: list[tuple[Path, str]], concurrency: int) -> list[Result]:
    """Every file's result in the order of the files; a line of progress while it lasts."""
    results: dict[Path, Result] = {}
    columns = (TextColumn("{task.description}"), BarColumn(24), MofNCompleteColumn(), TimeElapsedColumn())
    progress = Progress(*columns, console=work.output.progress, disable=work.output.as_json, transient=True)
    pool = ThreadPoolExecutor(concurrency)
    try:
        with progress:
            bar = progress.add_task("uploading", total=len(files))
            running: dict[Future[Result], Path] = {pool.submit(work.do, *file): file[0] for file in files}
            while running:
                for done in wait(running, return_when=FIRST_COMPLETED).done:
                    results[running.pop(done)] = done.result()
                    progress.advance(bar)
    finally:
        pool.shutdown(cancel_futures=True)
    return [results[file] for file, _ in files]


def _report(context: Context, results: list[Result]) -> None:
    output = context.output
    counts: dict[str, int] = {}
    for result in results:
        counts[result.outcome] = counts.get(result.outcome, 0) + 1
    if output.as_json:
        output.result({"counts": counts, "files": [asdict(result) for result in results]})
    else:
        for result in results:
            if result.outcome == "failed":
                output.say(f"failed  {result.path}: {result.error}")
        output.say(", ".join(f"{count} {outcome}" for outcome, count in counts.items()) or "There are no files.")
    if counts.get("failed"):
        raise typer.Exit(1)
