"""`admin`: users, settings, models, the queue and the audit log, for administrators."""

from __future__ import annotations

import json
import sys
import time
from typing import Any, Literal
from uuid import UUID

import typer

from alcove import UNSET
from alcove.cli.context import CommandError, Context, context_of

app = typer.Typer(help="Users, settings, models, queue and audit log, for administrators.", no_args_is_help=True)
users = typer.Typer(help="Accounts.", no_args_is_help=True)
settings = typer.Typer(help="Settings of the service.", no_args_is_help=True)
app.add_typer(users, name="users")
app.add_typer(settings, name="settings")


@users.command("list")
def list_users(ctx: typer.Context, q: str | None = typer.Option(None, help="Part of a name or address.")) -> None:
    """List accounts, newest first."""
    context = context_of(ctx)
    found = context.client.all_items(context.client.list_users, q=q or UNSET)
    columns = {"id": "id", "email": "email", "username": "username", "admin": "is_admin", "active": "is_active"}
    context.output.rows(found, columns)


@users.command("create")
def create_user(
    ctx: typer.Context,
    email: str,
    username: str | None = typer.Option(None),
    admin: bool = typer.Option(False, help="Make an administrator."),
) -> None:
    """Create an account; its password is asked for."""
    context = context_of(ctx)
    password = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    user = context.client.create_user(email=email, username=username or UNSET, password=password, is_admin=admin)
    context.output.result(user, f"Created {user.email}: {user.id}")


@users.command("deactivate")
def deactivate_user(ctx: typer.Context, user: str) -> None:
    """End an account's sessions at once, and let it log in no more. USER is an id or an e-mail address."""
    _set_active(ctx, user, False)


@users.command("activate")
def activate_user(ctx: typer.Context, user: str) -> None:
    """Let a deactivated account log in again. USER is an id or an e-mail address."""
    _set_active(ctx, user, True)


def _set_active(ctx: typer.Context, user: str, active: bool) -> None:
    context = context_of(ctx)
    changed = context.client.update_user(_user_id(context, user), is_active=active)
    context.output.result(changed, f"{changed.email} is {'active' if active else 'deactivated'}.")


@users.command("unlock")
def unlock_user(ctx: typer.Context, user: str) -> None:
    """Let an account that was locked after wrong passwords log in. USER is an id or an e-mail address."""
    context = context_of(ctx)
    changed = context.client.unlock_user(_user_id(context, user))
    context.output.result(changed, f"{changed.email} can log in.")


def _user_id(context: Context, user: str) -> UUID:
    try:
        return UUID(user)
    except ValueError:
        pass
    for found in context.client.all_items(context.client.list_users, q=user):
        if user.casefold() in {(found.email or "").casefold(), (found.username or "").casefold()}:
            identity: UUID = found.id
            return identity
    raise CommandError(f"There is no account {user}.")


@app.command()
def invite(
    ctx: typer.Context,
    email: str | None = typer.Argument(None, help="Who is invited; without an address, whoever has the link."),
    admin: bool = typer.Option(False, help="Make an administrator."),
    send: bool = typer.Option(False, help="Send the link by e-mail instead of showing it."),
) -> None:
    """Invite somebody; the link is shown once."""
    context = context_of(ctx)
    created = context.client.create_invitation(email=email or UNSET, is_admin=admin, send=send)
    sent = "The invitation is sent." if send else f"Hand over: {created.url or created.token}"
    context.output.result(created, sent)


@app.command()
def usage(
    ctx: typer.Context,
    by: Literal["user", "group", "model", "day"] = typer.Option("user", help="What the rows are."),
) -> None:
    """Show questions, tokens and costs, in numbers."""
    context = context_of(ctx)
    columns = {by: "label", "answers": "answers", "cost in USD": "cost_usd", "failed": "failed_questions"}
    context.output.rows(context.client.get_usage_report(by=by).items, columns)


@settings.command("show")
def show_settings(ctx: typer.Context) -> None:
    """Show the value of each setting and the level that it comes from."""
    context = context_of(ctx)
    context.output.fields(context.client.get_effective_config())


@settings.command("set")
def set_settings(
    ctx: typer.Context,
    changes: list[str] = typer.Argument(help="name=value; the value is JSON, or text. null removes a setting."),
) -> None:
    """Change settings for everybody."""
    context = context_of(ctx)
    named: dict[str, Any] = {}
    for change in changes:
        name, equals, value = change.partition("=")
        if not equals:
            raise CommandError(f"{change} is not of the form name=value.", 2)
        named[name] = _value(value)
    try:
        changed = context.client.update_dynamic_config(**named)
    except TypeError:
        sentence = f"There is no such setting: {', '.join(named)}. `alcove admin settings show` lists them."
        raise CommandError(sentence, 2) from None
    context.output.fields(changed)


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


@app.command()
def llms(ctx: typer.Context) -> None:
    """List the language models."""
    context = context_of(ctx)
    columns = {"id": "id", "name": "name", "provider": "provider", "model": "model", "default": "is_default"}
    context.output.rows(context.client.all_items(context.client.list_llms), columns)


_WAIT_SECONDS = 2.0


@app.command("use-embedding-model")
def use_embedding_model(
    ctx: typer.Context,
    model: str,
    url: str | None = typer.Option(None, help="The server's address; by default the model is part of the deployment."),
    key_stdin: bool = typer.Option(False, help="Read the server's key from standard input."),
    query_prefix: str | None = typer.Option(None, help="What a server's model expects before a query: 'query: '."),
    document_prefix: str | None = typer.Option(None, help="What it expects before a text: 'passage: '."),
    wait: bool = typer.Option(True, help="Wait until searches use the model."),
) -> None:
    """Embed every document with MODEL, and search with it from then on."""
    context = context_of(ctx)
    known = [
        each for each in context.client.list_embedding_models().items if (each.model, each.base_url) == (model, url)
    ]
    if url is not None and not typer.confirm(f"{url} will receive the text of every document. Go on?"):
        raise CommandError("Nothing was changed.", 1)
    chosen = (
        known[0]
        if known
        else context.client.create_embedding_model(
            name=model if url is None else f"{model} at {url}",
            provider="builtin" if url is None else "openai",
            model=model,
            base_url=url or UNSET,
            api_key=sys.stdin.readline().strip() if key_stdin else UNSET,
            query_prefix=UNSET if query_prefix is None else query_prefix,
            document_prefix=UNSET if document_prefix is None else document_prefix,
        )
    )
    if chosen.status == "inactive":
        chosen = context.client.activate_embedding_model(chosen.id, sends_private_documents=url is not None)
    while wait and chosen.status == "preparing":
        if chosen.progress is not None:
            context.output.note(f"{chosen.progress.chunks_done} of {chosen.progress.chunks_total} chunks")
        time.sleep(_WAIT_SECONDS)
        chosen = context.client.get_embedding_model(chosen.id)
        if chosen.status == "preparing" and chosen.error is not None:
            raise CommandError(f"The model cannot take over: {chosen.error.message}", 1)
    context.output.result(chosen, f"{chosen.model} is {chosen.status}.")


@app.command()
def queue(ctx: typer.Context) -> None:
    """Show how many jobs wait and run."""
    context = context_of(ctx)
    context.output.fields(context.client.get_queue_statistics())


@app.command()
def audit(
    ctx: typer.Context,
    action: str | None = typer.Option(None, help="Only this action."),
    user: UUID | None = typer.Option(None, help="Only what this user did, by id."),
    limit: int = typer.Option(50, min=1, help="How many entries at most."),
) -> None:
    """Show the audit log, newest first."""
    context = context_of(ctx)
    found = context.client.all_items(context.client.list_audit_logs, action=action or UNSET, user_id=user or UNSET)
    columns = {"when": "created_at", "who": "user_id", "action": "action", "what": "entity_type", "id": "entity_id"}
    context.output.rows((entry for entry, _ in zip(found, range(limit), strict=False)), columns)
