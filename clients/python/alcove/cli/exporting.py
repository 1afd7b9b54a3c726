"""`export`: everything that the service stores about a person, as rows and files."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import typer

from alcove import ApiError
from alcove.cli.context import CommandError, Context, context_of
from alcove.cli.documents import save_original

FORMAT = {"format": "alcove export", "version": 1}


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(export)


def export(
    ctx: typer.Context,
    folder: Path = typer.Argument(help="A folder that does not exist yet, or is empty."),
    rows_only: bool = typer.Option(False, "--rows-only", help="Leave out the documents' files."),
) -> None:
    """Write everything that the service stores about you: your rows, and your documents' files."""
    context = context_of(ctx)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise CommandError(f"{folder} is not an empty folder.", 2)
    (folder / "files").mkdir(parents=True)
    rows, documents = _write_rows(context, folder / "rows.jsonl")
    files = 0 if rows_only else sum(_write_file(context, folder / "files", document) for document in documents)
    # The last file: without it, the export is not whole.
    written: dict[str, Any] = FORMAT | {"rows": rows, "files": files, "finished_at": datetime.now(UTC).isoformat()}
    (folder / "export.json").write_text(json.dumps(written, indent=2) + "\n", "utf-8")
    context.output.result({"path": str(folder), "rows": rows, "files": files}, f"{rows} rows, {files} files: {folder}")


def _write_rows(context: Context, path: Path) -> tuple[int, list[UUID]]:
    """Write the rows; returns how many, and the documents that may have a file."""
    rows, documents = 0, []
    with path.open("w", encoding="utf-8") as opened:
        for entry in context.client.all_items(context.client.export_account, limit=100):
            opened.write(entry.model_dump_json() + "\n")
            rows += 1
            if entry.table == "documents" and entry.row["deleted_at"] is None:
                documents.append(UUID(entry.row["id"]))
    return rows, documents


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
