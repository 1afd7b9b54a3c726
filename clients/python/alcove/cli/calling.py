"""`api`: any operation of the service, for what has no command of its own."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import typer

from alcove.cli.context import CommandError, Context, context_of
from alcove.transport import Request, request


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("api")(api)


def api(
    ctx: typer.Context,
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"],
    path: str = typer.Argument(help="The path as docs/api.md has it, such as /tags."),
    fields: list[str] = typer.Argument(
        None,
        help="name=value: parameters of GET and DELETE, fields of other bodies. The value is JSON, or text.",
    ),
    input_file: Path | None = typer.Option(None, "--input", help="A file with the body as JSON; - for standard input."),
    every: bool = typer.Option(False, "--all", help="Every page of a list, one item a line."),
) -> None:
    """Call an operation, and print its response as it is."""
    context = context_of(ctx)
    named = dict(_field(text) for text in fields or ())
    if method in {"GET", "DELETE"}:
        prepared = request(method, path, query=named)
    else:
        prepared = request(method, path, body=_body(input_file) | named)
    if every:
        for item in _items(context, prepared):
            typer.echo(json.dumps(item, ensure_ascii=False))
        return
    response = context.client.send(prepared)
    if not response.content:
        return
    is_json = "json" in response.headers.get("Content-Type", "")
    typer.echo(json.dumps(response.json(), ensure_ascii=False, indent=2) if is_json else response.text)


def _field(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise CommandError(f"{text} is not of the form name=value.", 2)
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _body(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        body = json.loads(sys.stdin.read() if str(path) == "-" else path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise CommandError(f"{path} cannot be read as JSON: {error}", 2) from error
    if not isinstance(body, dict):
        raise CommandError(f"{path} does not hold one JSON object.", 2)
    return body


def _items(context: Context, first: Request) -> Iterator[Any]:
    following = first
    while True:
        page = context.client.send(following).json()
        if not isinstance(page, dict) or "items" not in page:
            raise CommandError(f"{first.path} is no list; leave out --all.", 2)
        yield from page["items"]
        if page.get("next_cursor") is None:
            return
        following = replace(first, query=(*first.query, ("cursor", page["next_cursor"])))
