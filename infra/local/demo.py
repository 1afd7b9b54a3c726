"""`make demo`: start the stack, upload real documents, ask, show the cited answers, stop.

Uses the HTTP API and the bucket as any client would. Without arguments it reads this project's own
documentation, as Markdown, PDF and DOCX, and asks two questions that it answers and one that it does not.
"""

from __future__ import annotations

import argparse
import glob
import os
import secrets
import signal
import sys
import tempfile
import textwrap
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markdown import Markdown
from rich.markup import escape
from rich.padding import Padding
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from alcove import ApiError
from chalicelib.ops.updates.clouds import DeployError
from infra import package
from infra.local import emulator, postgres, render, stack
from infra.local.api_session import ApiSession

_ROOT = Path(__file__).parents[2]
_QUESTIONS = (
    ("Whose turn is it in the queue?", True),
    ("What happens when the same bytes are uploaded twice by one owner?", True),
    ("What is the boiling point of liquid nitrogen at sea level?", False),
)
_INGEST_SECONDS = 600
_POLL_SECONDS = 0.2

console = Console(highlight=False, width=None if sys.stdout.isatty() else 110)


@dataclass(frozen=True)
class Answered:
    """What became of one question."""

    answer: dict[str, Any]
    first_event_ms: float
    first_token_ms: float | None
    done_ms: float


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo; 0 when everything that should have answered did."""
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument(
        "--files", default=os.environ.get("FILES", ""), help="files to upload instead of the documentation"
    )
    parser.add_argument("--question", default=os.environ.get("QUESTION", ""), help="the question to ask about them")
    options = parser.parse_args(arguments)
    if options.files and not options.question:
        parser.error('give a question too: make demo FILES="a.pdf b.docx" QUESTION="…"')
    own_files = _expand_files(options.files) if options.files else []
    was_running = bool(emulator.processes_of(_ROOT / ".local" / "aws"))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))  # whatever was started is stopped on the way out
    try:
        info = stack.up()
        with tempfile.TemporaryDirectory(prefix="alcove-demo-") as directory:
            paths = own_files or _documentation(Path(directory))
            questions = [(options.question, None)] if options.question else list(_QUESTIONS)
            return _run(info.api_url, paths, questions)
    except KeyboardInterrupt:
        console.print("\nstopped")
        return 130
    finally:
        if not was_running:
            stack.down()


def _expand_files(patterns: str) -> list[Path]:
    """The files that blank-separated names and patterns mean; a name with blanks works when it exists."""
    if Path(patterns).is_file():
        return [Path(patterns)]
    matches = [Path(name) for pattern in patterns.split() for name in sorted(glob.glob(pattern)) or [pattern]]  # noqa: PTH207 — absolute patterns too
    missing = [str(path) for path in matches if not path.is_file()]
    if missing:
        raise SystemExit(f"error: no such file: {', '.join(missing)}")
    return matches


def _documentation(directory: Path) -> list[Path]:
    """The project's documentation in three formats."""
    pages = sorted([_ROOT / "README.md", *(_ROOT / "docs").glob("*.md")])
    created_ids = []
    for number, page in enumerate(pages):
        text = page.read_text("utf-8")
        if number % 3 == 1:
            created_ids.append(directory / f"{page.stem}.pdf")
            render.to_pdf(text, created_ids[-1], page.stem)
        elif number % 3 == 2:
            created_ids.append(directory / f"{page.stem}.docx")
            render.to_docx(text, created_ids[-1], page.stem)
        else:
            created_ids.append(page)
    return created_ids


def _run(api_url: str, paths: Sequence[Path], questions: Sequence[tuple[str, bool | None]]) -> int:
    user = ApiSession.register(api_url, f"demo-{secrets.token_hex(6)}@example.org", secrets.token_urlsafe(16))
    console.print(f"\n[bold]Uploading {len(paths)} documents[/] to the bucket, which tells the ingest queue")
    documents = _upload(user, paths)
    finished = _wait(user, documents)
    searchable = _report(finished)
    if not searchable:
        console.print("\nNothing became searchable, so there is nothing to ask.")
        return 1
    conversation = user.json("POST", "/conversations", {})["id"]
    as_expected = True
    for question, expected in questions:
        answered = _ask(user, conversation, question)
        if expected is not None and bool(answered.answer["sources"]) != expected:
            as_expected = False
            console.print("[red]This is not what the demo expects.[/]")
    user.json("DELETE", "/me")  # the demo's account, with its documents and its conversation
    user.close()
    return 0 if as_expected else 1


def _upload(user: ApiSession, paths: Sequence[Path]) -> dict[str, dict[str, Any]]:
    documents = {}
    started = time.perf_counter()
    for path in paths:
        try:
            document = user.upload_json(path)
        except ApiError as error:
            console.print(f"  [red]✗[/] {escape(path.name)}: {escape(str(error))}")
            continue
        documents[document["id"]] = document
    console.print(f"  {len(documents)} uploaded in {time.perf_counter() - started:.1f} s")
    return documents


def _wait(user: ApiSession, documents: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """Poll until every document is completed or failed, showing progress."""
    columns = (TextColumn("  {task.description:<44.44}"), BarColumn(24), MofNCompleteColumn(), TimeElapsedColumn())
    finished: dict[str, dict[str, Any]] = {}
    deadline = time.monotonic() + _INGEST_SECONDS
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        bars = {
            identity: progress.add_task(escape(document["filename"]), total=None)
            for identity, document in documents.items()
        }
        while len(finished) < len(documents) and time.monotonic() < deadline:
            # In pages: a request for each document would soon be too many.
            for listed in user.all_items(user.list_documents, limit=100):
                document = listed.model_dump(mode="json")
                bar = bars[document["id"]]
                progress.update(bar, completed=document["chunks_done"], total=document["chunks_total"])
                if document["status"] in {"completed", "failed"}:
                    finished[document["id"]] = document
                    progress.update(bar, completed=1, total=1)
            time.sleep(_POLL_SECONDS)
    if len(finished) < len(documents):
        raise SystemExit(f"{len(documents) - len(finished)} documents were not ingested within {_INGEST_SECONDS} s")
    return [finished[identity] for identity in documents]


def _report(documents: Sequence[dict[str, Any]]) -> int:
    searchable = 0
    for document in documents:
        name = escape(document["filename"])
        if document["status"] == "completed":
            searchable += 1
            chunks_text = "1 chunk" if document["chunk_count"] == 1 else f"{document['chunk_count']} chunks"
            console.print(f"  [green]✓[/] {name}: {chunks_text}")
        else:
            console.print(f"  [yellow]✗[/] {name}: {document['error']['code']}: {escape(document['error']['message'])}")
    return searchable


def _ask(user: ApiSession, conversation: str, question: str) -> Answered:
    console.print(f"\n[bold]{escape(question)}[/]")
    started = time.perf_counter()
    job = user.enqueue(conversation, question)["job"]
    first_event = first_token = None
    for event in user.events(job["id"]):
        elapsed = (time.perf_counter() - started) * 1000
        first_event = first_event or elapsed
        if event.name == "token":
            first_token = first_token or elapsed
        elif event.name == "error":
            raise SystemExit(f"the job failed: {event.data['message']}")
    done = (time.perf_counter() - started) * 1000
    messages = user.json("GET", f"/conversations/{conversation}/messages?limit=100")["items"]
    answer = next(message for message in messages if message["parent_message_id"] == job["message_id"])
    console.print(Padding(Markdown(answer["content"]), (0, 2)))
    for source in answer["sources"]:
        console.print(_citation(source))
    times = f"first event {first_event or 0:.0f} ms, first words {first_token or 0:.0f} ms, whole answer {done:.0f} ms"
    console.print(f"  [dim]{times}[/]")
    return Answered(answer, first_event or 0, first_token, done)


def _citation(source: dict[str, Any]) -> str:
    number, title = escape(f"[{source['number']}]"), escape(source["title"])
    page = f", page {source['page']}" if source["page"] else ""
    section = escape(f" ({source['section']})") if source["section"] else ""
    quote = escape(textwrap.shorten(" ".join(source["quote"].split()), 160))
    return f"  [cyan]{number}[/] {title}{page}{section}: “{quote}”"


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (package.PackageError, DeployError, postgres.PostgresError, emulator.EmulatorError) as failure:
        sys.exit(f"error: {failure}")
