"""`ask` and `search`."""

from __future__ import annotations

import sys
from typing import Any, Literal
from uuid import UUID

import typer
from rich.live import Live
from rich.markdown import Markdown
from rich.text import Text

from alcove import UNSET, Answer, models
from alcove.cli.context import CommandError, Context, context_of
from alcove.cli.output import Output, visible
from alcove.cli.profiles import locked, read_json, state_directory, write_private

_LAST = "conversation.json"
_STAGES = {"retrieval": "reading", "thinking": "thinking", "tool_call": "using a tool"}


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.command()(ask)
    app.command()(search)


def ask(
    ctx: typer.Context,
    question: str | None = typer.Argument(None, help="The question; without it, the text of standard input."),
    conversation: UUID | None = typer.Option(None, "--conversation", "-c", help="Ask in this conversation."),
    follow: bool = typer.Option(False, "--follow", "-f", help="Ask in the conversation of the last question."),
    model: str | None = typer.Option(None, help="The language model, by the name of `alcove admin llms`."),
    pipeline: str | None = typer.Option(None, help="qa or agent."),
) -> None:
    """Ask a question, and show the answer with its sources while it is made."""
    context = context_of(ctx)
    question = question or sys.stdin.read().strip()
    if not question:
        raise CommandError("A question is required.", 2)
    if follow and conversation is None:
        conversation = _last(context)
    options = {name: value for name, value in (("model", model), ("pipeline", pipeline)) if value is not None}
    answer = context.client.ask(question, conversation_id=conversation, **options)
    _remember(context, answer.conversation_id)
    try:
        message = _show(context.output, answer)
    except KeyboardInterrupt:
        answer.cancel()
        raise
    if context.output.as_json:
        context.output.result(message)
    else:
        _sources(context.output, message)


def _show(output: Output, answer: Answer) -> models.Message:
    """Print the answer as it grows; returns it as it is stored."""
    if output.as_json or not output.console.is_terminal:
        message = answer.message()
        if not output.as_json:
            output.console.print(visible(message.content), markup=False)
        return message
    text, stage = "", "waiting"
    with Live(console=output.console, refresh_per_second=8, vertical_overflow="visible") as live:
        for event in answer.events():
            if event.name == "token":
                text += event.data["text"]
            elif event.name == "meta":
                text = "" if event.data.get("restart") else text
                stage = event.data.get("status") or stage
            stage = _STAGES.get(event.name, stage)
            live.update(Markdown(visible(text)) if text else Text(f"{stage} …", style="dim"))
            if event.is_last:
                return answer.message_of(event)
    return answer.message()


def _sources(output: Output, message: models.Message) -> None:
    for source in message.sources:
        page = f", page {source.page}" if source.page else ""
        output.say(f"\n[{source.number}] {source.title}{page}")
        output.note(f"    “{source.quote}”")


def _last(context: Context) -> UUID:
    stored = read_json(state_directory() / _LAST)
    if context.client.url not in stored:
        raise CommandError("There is no question to follow yet.", 2)
    return UUID(stored[context.client.url])


def _remember(context: Context, conversation: UUID) -> None:
    path = state_directory() / _LAST
    with locked(path):
        write_private(path, read_json(path) | {context.client.url: str(conversation)})


def search(
    ctx: typer.Context,
    query: str = typer.Argument(help="Words or a question."),
    mode: Literal["hybrid", "semantic", "lexical"] | None = typer.Option(None, help="hybrid, semantic or lexical."),
    limit: int | None = typer.Option(None, min=1, help="How many chunks at most."),
    tag: list[UUID] | None = typer.Option(None, help="Only documents with one of these tags, by id."),
    repository: list[UUID] | None = typer.Option(None, help="Only documents of these repositories, by id."),
    document: list[UUID] | None = typer.Option(None, help="Only these documents, by id."),
    explain: bool = typer.Option(False, help="Say why each chunk has its rank."),
) -> None:
    """Search, and show the chunks with their scores."""
    context = context_of(ctx)
    named: dict[str, Any] = {"tags": tag, "repositories": repository, "documents": document}
    filters = models.SearchFilters(**{name: value for name, value in named.items() if value})
    result = context.client.search_documents(
        query=query, mode=mode or UNSET, top_k=limit or UNSET, explain=explain, filters=filters
    )
    if context.output.as_json:
        return context.output.result(result)
    if not result.items:
        context.output.note("Nothing found.")
    for number, hit in enumerate(result.items, 1):
        place = f", page {hit.page}" if hit.page else ""
        context.output.say(f"{number}. {hit.title}{place}  {hit.score:.3f}")
        context.output.note(_shortened(hit.text))
        if hit.explanation is not None:
            context.output.note(hit.explanation.model_dump_json(exclude_none=True))
    return None


def _shortened(text: str, longest: int = 300) -> str:
    text = " ".join(text.split())
    return text if len(text) <= longest else text[: longest - 1].rsplit(" ", 1)[0] + " …"
