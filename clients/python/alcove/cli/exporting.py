"""`export`: everything that the service stores about a person, or what is the organisation's, as rows and files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import typer
from rich.progress import Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from alcove import ApiError
from alcove.cli.context import CommandError, Context, context_of
from alcove.cli.documents import save_original

FORMAT = {"format": "alcove export", "version": 1}
# The service ends a page earlier where its rows are long.
_PAGE = 1000


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(export)


def export(
    ctx: typer.Context,
    folder: Path = typer.Argument(help="A folder that does not exist yet, or is empty."),
    rows_only: bool = typer.Option(False, "--rows-only", help="Leave out the documents' files."),
    organisation: bool = typer.Option(
        False, "--organisation", help="As an administrator: what is the organisation's, and nothing of people's own."
    ),
) -> None:
    """Write everything that the service stores about you: your rows, and your documents' files."""
    context = context_of(ctx)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise CommandError(f"{folder} is not an empty folder.", 2)
    (folder / "files").mkdir(parents=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    output = context.output
    with Progress(*columns, console=output.progress, disable=output.as_json, transient=True) as progress:
        task = progress.add_task("rows", total=None)
        rows = _write_rows(context, folder / "rows.jsonl", organisation, progress, task)
        files = 0 if rows_only else _write_files(context, folder, rows, progress, task)
    # The last file: without it, the export is not whole.
    written: dict[str, Any] = FORMAT | {
        "of": "organisation" if organisation else "account",
        "rows": rows,
        "files": files,
        "finished_at": datetime.now(UTC).isoformat(),
    }
    (folder / "export.json").write_text(json.dumps(written, indent=2) + "\n", "utf-8")
    context.output.result({"path": str(folder), "rows": rows, "files": files}, f"{rows} rows, {files} files: {folder}")


def _write_rows(context: Context, path: Path, organisation: bool, progress: Progress, task: TaskID) -> int:
    """Write the rows as they come, so that memory holds one page; returns how many."""
    rows = 0
    client = context.client
    with path.open("w", encoding="utf-8") as opened:
        for entry in client.all_items(
            client.export_organisation if organisation else client.export_account, limit=_PAGE
        ):
            opened.write(entry.model_dump_json() + "\n")
            rows += 1
            progress.update(task, description=f"{rows:,} rows, {entry.table}")
    return rows


def _write_files(context: Context, folder: Path, rows: int, progress: Progress, task: TaskID) -> int:
    """Write the files of the exported documents; returns how many."""
    files = 0
    for number, document in _documents(folder / "rows.jsonl"):
        files += _write_file(context, folder / "files", document)
        progress.update(task, description=f"{rows:,} rows, {files:,} files, {number:,} documents looked at")
    return files


def _documents(path: Path) -> Iterator[tuple[int, UUID]]:
    """The written documents that may have a file, each with its number."""
    number = 0
    with path.open(encoding="utf-8") as opened:
        for line in opened:
            entry = json.loads(line)
            if entry["table"] == "documents" and entry["row"]["deleted_at"] is None:
                number += 1
                yield number, UUID(entry["row"]["id"])


def _write_file(context: Context, folder: Path, document: UUID) -> bool:
    """Write the original file of a document; returns whether there is one."""
    try:
        original = context.client.get_document_original(document)
    except ApiError as error:
        if error.status == 404:
            return False
        raise
    save_original(original.url, folder / str(document))
    return True
