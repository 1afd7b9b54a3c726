"""`connectors` and `sync`: sources outside whose documents are kept up to date."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any
from uuid import UUID

import typer

from alcove import UNSET
from alcove.cli.context import CommandError, Context, context_of

app = typer.Typer(help="Sources outside whose documents are kept up to date.", no_args_is_help=True)
_COLUMNS = {
    "id": "id",
    "name": "name",
    "type": "type",
    "status": "status",
    "documents": "document_count",
    "error": "error.message",
}
_RUN_COLUMNS = {
    name: name
    for name in ("id", "status", "started_by", "created", "updated", "removed", "unchanged", "failed", "finished_at")
}
_PAUSE = 1.0


def add_to(root: typer.Typer) -> None:
    """Add the commands to the command line."""
    root.add_typer(app, name="connectors")
    root.command("sync")(sync)


def sync(
    ctx: typer.Context,
    connector: str = typer.Argument(help="The connector's id or name."),
    wait: bool = typer.Option(True, help="Wait until the run has ended."),
    allow_removals: bool = typer.Option(False, help="Let this run remove any number of documents."),
) -> None:
    """Bring a connector's documents up to date now."""
    context = context_of(ctx)
    connector_id = _connector_id(context, connector)
    run = context.client.sync_connector(connector_id, allow_removals=allow_removals)
    while wait and run.status in {"pending", "running"}:
        time.sleep(_PAUSE)
        run = context.client.get_sync_run(connector_id, run.id)
    counts = ", ".join(
        f"{getattr(run, name)} {name}" for name in ("created", "updated", "removed", "unchanged", "failed")
    )
    context.output.result(run, f"{run.status}: {counts}" + (f". {run.error.message}" if run.error else ""))
    if run.status in {"failed", "stopped"}:
        raise CommandError(run.error.message if run.error else "The run failed.")


@app.command("list")
def list_connectors(ctx: typer.Context) -> None:
    """List the connectors that you may change."""
    context = context_of(ctx)
    context.output.rows(context.client.all_items(context.client.list_connectors), _COLUMNS)


@app.command("show")
def show_connector(ctx: typer.Context, connector: str) -> None:
    """Show a connector. CONNECTOR is an id or a name."""
    context = context_of(ctx)
    context.output.fields(context.client.get_connector(_connector_id(context, connector)))


@app.command("runs")
def list_runs(ctx: typer.Context, connector: str) -> None:
    """List the runs of a connector, newest first. CONNECTOR is an id or a name."""
    context = context_of(ctx)
    connector_id = _connector_id(context, connector)
    context.output.rows(context.client.all_items(context.client.list_sync_runs, connector_id), _RUN_COLUMNS)


@app.command("create")
def create_connector(
    ctx: typer.Context,
    name: str,
    type: str = typer.Option(help="The kind of source, such as web or git."),  # noqa: A002 — the option's name
    settings: str = typer.Option(help="The settings, as JSON."),
    credentials: Path | None = typer.Option(None, help="A file with the credentials, as JSON."),
    group: str | None = typer.Option(None, help="The id of the group that reads the documents."),
    organisation: bool = typer.Option(False, help="The whole organisation reads the documents."),
    refresh_minutes: int | None = typer.Option(None, help="The minutes between two runs; without it, by hand alone."),
    allow_private_addresses: bool = typer.Option(False, help="The source may be in a private network."),
) -> None:
    """Connect a source."""
    context = context_of(ctx)
    kind: Any = type
    created = context.client.create_connector(
        name=name,
        type=kind,
        settings=_json(settings, "--settings"),
        credentials=_json(credentials.read_text("utf-8"), "--credentials") if credentials else UNSET,
        scope="group" if group else "org" if organisation else "user",
        group_id=group or UNSET,
        refresh_minutes=refresh_minutes or UNSET,
        allow_private_addresses=allow_private_addresses,
    )
    context.output.result(created, f"Connected {created.name}: {created.id}")


@app.command("delete")
def delete_connector(ctx: typer.Context, connector: str) -> None:
    """Delete a connector; its documents stay. CONNECTOR is an id or a name."""
    context = context_of(ctx)
    connector_id = _connector_id(context, connector)
    context.client.delete_connector(connector_id)
    context.output.result({"id": str(connector_id)}, "The connector is deleted. Its documents stay.")


def _connector_id(context: Context, connector: str) -> UUID:
    try:
        return UUID(connector)
    except ValueError:
        pass
    matches = [one for one in context.client.all_items(context.client.list_connectors) if one.name == connector]
    if len(matches) != 1:
        problem = "no connector" if not matches else "more than one connector"
        raise CommandError(f"There is {problem} called {connector}.")
    identity: UUID = matches[0].id
    return identity


def _json(text: str, option: str) -> dict[str, Any]:
    try:
        values = json.loads(text)
    except ValueError as error:
        raise CommandError(f"{option} must be JSON: {error}.") from error
    if not isinstance(values, dict):
        raise CommandError(f"{option} must be a JSON object.")
    return values
