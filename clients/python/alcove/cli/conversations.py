"""`conversations`: list, export and delete conversations."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Literal
from uuid import UUID

import typer

from alcove import UNSET
from alcove.cli.context import context_of

app = typer.Typer(help="List, export and delete conversations.", no_args_is_help=True)


@app.command("list")
def list_(ctx: typer.Context, q: str | None = typer.Option(None, help="Words of a title.")) -> None:
    """List your conversations, the last active first."""
    context = context_of(ctx)
    found = context.client.all_items(context.client.list_conversations, q=q or UNSET)
    context.output.rows(found, {"id": "id", "title": "title", "messages": "message_count", "last": "last_message_at"})


@app.command()
def export(
    ctx: typer.Context,
    conversation: UUID,
    path: Path | None = typer.Argument(None, help="The file to write; by default one with its title, here."),
    format: Literal["markdown", "html", "docx"] = typer.Option("markdown"),  # noqa: A002 — the option's name
) -> None:
    """Write a conversation with its sources into a file."""
    context = context_of(ctx)
    exported = context.client.export_conversation(conversation, format=format)
    # The name is made of the title, which others may have written: it names no folder.
    target = path or Path(Path(exported.file_name).name)
    content = exported.content
    target.write_bytes(base64.b64decode(content) if exported.encoding == "base64" else content.encode())
    context.output.result({"path": str(target)}, f"Written: {target}")


@app.command()
def delete(ctx: typer.Context, conversations: list[UUID]) -> None:
    """Delete conversations. They can be restored for 30 days."""
    context = context_of(ctx)
    for conversation in conversations:
        context.client.delete_conversation(conversation)
    context.output.result({"deleted": [str(one) for one in conversations]}, f"{len(conversations)} deleted.")
