"""`login`, `logout`, `whoami`."""

from __future__ import annotations

import typer

from alcove.cli.context import CommandError, client_of, context_of
from alcove.cli.profiles import Profile


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.command()(login)
    app.command()(logout)
    app.command()(whoami)


def login(
    ctx: typer.Context,
    url: str | None = typer.Argument(None, help="The address of the service; by default that of the profile."),
    name: str | None = typer.Option(None, "--name", "-n", help="An e-mail address or a username."),
    password_stdin: bool = typer.Option(False, help="Read the password from standard input, for scripts."),
    with_api_key: bool = typer.Option(False, "--with-api-key", help="Ask for an API key and keep that."),
) -> None:
    """Sign in, and keep the session in a profile. The password is not kept."""
    context = context_of(ctx)
    kept = context.profiles.get(context.name)
    url = url or context.url or (kept[1].url if kept else None)
    if url is None:
        raise CommandError("The address of the service is required: alcove login https://…", 2)
    if with_api_key:
        profile = Profile(url, api_key=_secret("API key", password_stdin))
    else:
        name = name or (kept[1].account if kept and kept[1].account else None) or typer.prompt("E-mail or username")
        with client_of(Profile(url), on_wait=context.output.waiting) as client:
            known = kept[1].device_token if kept and kept[1].url == url else None
            tokens = client.sign_in(name, _secret("Password", password_stdin), device_token=known)
        profile = Profile(url, name, None, tokens.access_token, tokens.refresh_token, tokens.device_token)
    with client_of(profile, on_wait=context.output.waiting) as client:
        user = client.get_me()
    context.profiles.put(context.name, profile)
    context.output.result(user, f"Signed in to {url} as {user.email or user.id}.")


def _secret(what: str, from_stdin: bool) -> str:
    if from_stdin:
        return typer.get_text_stream("stdin").readline().rstrip("\n")
    secret: str = typer.prompt(what, hide_input=True)
    return secret


def logout(ctx: typer.Context) -> None:
    """End the session and forget the profile."""
    context = context_of(ctx)
    found = context.profiles.get(None if context.name == "default" else context.name)
    if found is None:
        raise CommandError("You are not signed in.", 3)
    name, profile = found
    if profile.access_token:
        context.client.sign_out()
    context.profiles.remove(name)
    context.output.result({"profile": name}, f"Signed out of {profile.url}.")


def whoami(ctx: typer.Context) -> None:
    """Show who you are, and at which service."""
    context = context_of(ctx)
    user = context.client.get_me()
    address = context.profile.url if context.profile else ""
    context.output.fields({"url": address} | user.model_dump(mode="json"))
