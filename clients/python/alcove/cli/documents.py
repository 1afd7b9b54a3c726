"""`docs`: list, show, download, archive, delete and restore documents."""

from __future__ import annotations

from pathlib import Path
from typing import Literal
from uuid import UUID

import httpx
import typer

from alcove import UNSET
from alcove.cli.context import context_of

app = typer.Typer(help="List, show, download, archive, delete and restore documents.", no_args_is_help=True)
_COLUMNS = {"id": "id", "title": "title", "status": "status", "chunks": "chunk_count", "scope": "scope"}


@app.command("list")
def list_(
    ctx: typer.Context,
    q: str | None = typer.Option(None, help="Part of a name; misspelt names are found too."),
    status: Literal["pending", "processing", "completed", "failed"] | None = typer.Option(None),
    tag: UUID | None = typer.Option(None, help="Only with this tag, by id."),
    repository: UUID | None = typer.Option(None, help="Only of this repository, by id."),
    archived: bool = typer.Option(False, help="Archived documents instead."),
    deleted: bool = typer.Option(False, help="Deleted documents that can be restored instead."),
) -> None:
    """List your documents and those that you can read, newest first."""
    context = context_of(ctx)
    found = context.client.all_items(
        context.client.list_documents,
        q=q or UNSET,
        status=status or UNSET,
        tag=tag or UNSET,
        repository=repository or UNSET,
        archived=True if archived else UNSET,
        deleted=True if deleted else UNSET,
    )
    context.output.rows(found, _COLUMNS)


@app.command()
def show(ctx: typer.Context, document: UUID) -> None:
    """Show a document's fields."""
    context = context_of(ctx)
    context.output.fields(context.client.get_document(document))


@app.command()
def download(
    ctx: typer.Context,
    document: UUID,
    path: Path | None = typer.Argument(None, help="The file to write; by default one with the document's name, here."),
) -> None:
    """Write the original file of a document."""
    context = context_of(ctx)
    found = context.client.get_document(document)
    original = context.client.get_document_original(document)
    # The name is another person's text: it names no folder.
    target = path or Path(Path(found.filename or f"{document}.txt").name)
    save_original(original.url, target)
    context.output.result({"path": str(target), "bytes": target.stat().st_size}, f"Written: {target}")


def save_original(url: str, target: Path) -> None:
    """Write the file at `url`, a document's original, to `target`, which exists when all of it has come."""
    partial = target.with_name(target.name + ".partial")
    # The fragment is for a viewer.
    with httpx.stream("GET", url.partition("#")[0], timeout=60) as response, partial.open("wb") as opened:
        response.raise_for_status()
        for part in response.iter_bytes():
            opened.write(part)
    partial.replace(target)


@app.command()
def delete(ctx: typer.Context, documents: list[UUID]) -> None:
    """Delete documents. They can be restored for 30 days."""
    context = context_of(ctx)
    for document in documents:
        context.client.delete_document(document)
    context.output.result({"deleted": [str(one) for one in documents]}, f"{len(documents)} deleted.")


@app.command()
def restore(ctx: typer.Context, documents: list[UUID]) -> None:
    """Restore deleted documents."""
    context = context_of(ctx)
    restored = [context.client.restore_document(document) for document in documents]
    context.output.result(restored, f"{len(restored)} restored.")


@app.command()
def archive(
    ctx: typer.Context, documents: list[UUID], undo: bool = typer.Option(False, help="Take them out of the archive.")
) -> None:
    """Archive documents: searches do not find them."""
    context = context_of(ctx)
    changed = [context.client.update_document(document, is_archived=not undo) for document in documents]
    context.output.result(changed, f"{len(changed)} {'taken out of the archive' if undo else 'archived'}.")


@app.command()
def reindex(ctx: typer.Context, documents: list[UUID]) -> None:
    """Extract and embed documents again."""
    context = context_of(ctx)
    for document in documents:
        context.client.reindex_document(document)
    context.output.result({"reindexed": [str(one) for one in documents]}, f"{len(documents)} queued.")
