"""`eval`: ask a set of questions through the service, and measure the answers."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any
from uuid import UUID

import typer

from alcove import UNSET, models
from alcove.cli.context import CommandError, Context, context_of

app = typer.Typer(help="Evaluations: sets of questions, runs, reports, comparisons.", no_args_is_help=True)

_WAIT_SECONDS = 2.0
_MEASURES = ("recall", "mrr", "words", "citation_precision", "abstention", "failures", "cost_usd", "milliseconds")


@app.command("import")
def import_questions(
    ctx: typer.Context,
    path: Path,
    name: str | None = typer.Option(None, help="The set's name; by default the file's or the folder's."),
) -> None:
    """Make a set of questions from a JSON Lines file, or from the folder of a BEIR collection."""
    context = context_of(ctx)
    if not path.exists():
        raise CommandError(f"{path} does not exist.", 2)
    created = context.client.create_eval_set(name=name or path.stem)
    if path.is_dir():
        queries, qrels = path / "queries.jsonl", path / "qrels" / "test.tsv"
        for required in (queries, qrels):
            if not required.is_file():
                raise CommandError(f"{required} does not exist: this is no BEIR collection.", 2)
        body: dict[str, Any] = {
            "format": "beir",
            "queries": queries.read_text("utf-8"),
            "qrels": qrels.read_text("utf-8"),
        }
    else:
        body = {"format": "jsonl", "content": path.read_text("utf-8")}
    added = context.client.import_eval_questions(created.id, **body)
    for unknown in added.unknown_documents:
        context.output.note(f"No document is named {unknown}.")
    context.output.result(created, f"Imported {added.questions} questions: {created.id}")


@app.command("sets")
def list_sets(ctx: typer.Context) -> None:
    """List sets of questions."""
    context = context_of(ctx)
    found = context.client.all_items(context.client.list_eval_sets)
    context.output.rows(found, {"id": "id", "name": "name", "questions": "question_count"})


@app.command("run")
def run(
    ctx: typer.Context,
    set_id: UUID,
    name: str | None = typer.Option(None, help="The run's name; by default the set's."),
    setting: list[str] = typer.Option([], help="A setting of the run, NAME=VALUE; the value is JSON or text."),
    budget: float = typer.Option(1.0, help="What the answers may cost, in US dollars; 0 for no limit."),
    wait: bool = typer.Option(True, help="Wait for the end, and print the report."),
) -> None:
    """Ask every question of a set, and measure the answers."""
    context = context_of(ctx)
    settings = dict(_setting(entry) for entry in setting)
    started = context.client.create_eval_run(
        set_id=set_id,
        name=name or UNSET,
        settings=models.ConversationSettings.model_validate(settings) if settings else UNSET,
        budget_usd=budget,
    )
    while wait and started.status == "running":
        time.sleep(_WAIT_SECONDS)
        started = context.client.advance_eval_run(started.id)
        context.output.note(f"{started.finished_count} of {started.question_count} answered")
    _report(context, started)


@app.command("schedule")
def schedule(
    ctx: typer.Context,
    set_id: UUID,
    cron: str = typer.Argument(help="When to run: five fields in UTC, such as '0 3 * * 1'."),
    name: str | None = typer.Option(None, help="The runs' name; by default the set's."),
    setting: list[str] = typer.Option([], help="A setting of the runs, NAME=VALUE; the value is JSON or text."),
    budget: float = typer.Option(1.0, help="What the answers of each run may cost, in US dollars; 0 for no limit."),
) -> None:
    """Run a set again and again, at the times of a cron expression."""
    context = context_of(ctx)
    settings = dict(_setting(entry) for entry in setting)
    created = context.client.create_eval_schedule(
        set_id=set_id,
        schedule=cron,
        name=name or UNSET,
        settings=models.ConversationSettings.model_validate(settings) if settings else UNSET,
        budget_usd=budget,
    )
    context.output.result(created, f"The first run of {created.id} starts at {created.next_run_at:%Y-%m-%d %H:%M} UTC.")


@app.command("schedules")
def list_schedules(ctx: typer.Context) -> None:
    """List schedules with their next times and last runs."""
    context = context_of(ctx)
    found = context.client.all_items(context.client.list_eval_schedules)
    columns = {"id": "id", "name": "name", "schedule": "schedule", "next": "next_run_at", "last run": "last_run_id"}
    context.output.rows(found, columns)


@app.command("report")
def report(ctx: typer.Context, run_id: UUID) -> None:
    """Print what a run measured, with 95 % intervals."""
    context = context_of(ctx)
    _report(context, context.client.get_eval_run(run_id))


@app.command("compare")
def compare(ctx: typer.Context, run_id: UUID, other: UUID) -> None:
    """Print how much more a run measures than another one, over the questions of both."""
    context = context_of(ctx)
    comparison = context.client.compare_eval_runs(run_id, other)
    context.output.result(comparison, _table(comparison.differences, signed=True))


def _setting(entry: str) -> tuple[str, Any]:
    name, equals, value = entry.partition("=")
    if not equals:
        raise CommandError(f"`{entry}` is no setting: write NAME=VALUE.", 2)
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _report(context: Context, finished: models.EvalRun) -> None:
    head = f"{finished.name} ({finished.id}): {finished.status}, {finished.finished_count} of {finished.question_count}"
    lines = [head, *([finished.reason] if finished.reason else []), _table(finished.measures)]
    context.output.result(finished, "\n".join(lines))


def _table(measured: Any, *, signed: bool = False) -> str:
    values = measured if isinstance(measured, dict) else measured.model_dump()
    sign = "+" if signed else ""
    lines = []
    for name in _MEASURES:
        if value := values.get(name):
            entry = value if isinstance(value, dict) else value.model_dump()
            lines.append(
                f"  {name:20} {entry['mean']:{sign}.4g}  [{entry['low']:{sign}.4g}, {entry['high']:{sign}.4g}]"
                f"  n={entry['questions']}"
            )
    return "\n".join(lines)
