"""What every command gets: the client of the chosen profile, and where to print."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import typer

from alcove import Alcove, ApiError, Tokens, __version__
from alcove.cli.output import Output
from alcove.cli.profiles import Profile, Profiles

LOCAL = "local"
_LOCAL_STACK = Path(".local/stack.json")
_NOT_SIGNED_IN = "You are not signed in. Run `alcove login URL` first."


class CommandError(Exception):
    """A command cannot do what it was asked; the message says why and what to do."""

    def __init__(self, message: str, status: int = 1) -> None:
        super().__init__(message)
        self.status = status


class Context:
    """The profile of a command. The client is made on first use, so that `--help` requires none."""

    def __init__(self, output: Output) -> None:
        self.output = output
        self.profiles = Profiles()
        self._name: str | None = None
        self._url: str | None = None
        self._api_key: str | None = None
        self._client: Alcove | None = None
        self.profile: Profile | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._client is not None:
            self._client.close()

    def choose(self, name: str | None, url: str | None, api_key: str | None) -> None:
        """What the options and the environment say; what they leave open comes from the profiles."""
        self._name, self._url, self._api_key = name, url, api_key

    @property
    def name(self) -> str:
        """The name of the profile that the options choose."""
        return self._name or "default"

    @property
    def url(self) -> str | None:
        """The address that the options name."""
        return self._url

    @property
    def client(self) -> Alcove:
        """The client of the chosen profile. CommandError without one."""
        if self._client is None:
            self._client = self._connect()
        return self._client

    def _connect(self) -> Alcove:
        if self._api_key:
            kept = self.profiles.get(self._name)
            url = self._url or (kept[1].url if kept else None)
            if url is None:
                raise CommandError("The address of the service is required with an API key: --url or ALCOVE_URL.", 2)
            self.profile = Profile(url, api_key=self._api_key)
            return client_of(self.profile, on_wait=self.output.waiting)
        found = self.profiles.get(self._name)
        if self._url is None and (self._name == LOCAL or (self._name is None and found is None)):
            return self._local_stack()
        if found is None:
            raise CommandError(_NOT_SIGNED_IN, 3)
        name, kept_profile = found
        return self._open(name, replace(kept_profile, url=self._url) if self._url else kept_profile)

    def _open(self, name: str, profile: Profile) -> Alcove:
        def keep(tokens: Tokens) -> None:
            renewed = replace(
                profile,
                access_token=tokens.access_token,
                refresh_token=tokens.refresh_token,
                device_token=tokens.device_token,
            )
            self.profiles.put(name, renewed, last=name != LOCAL)

        self.profile = profile
        return client_of(profile, keep, self.output.waiting)

    def _local_stack(self) -> Alcove:
        """The stack that `make up` started in this folder, as its first administrator."""
        if not _LOCAL_STACK.is_file():
            raise CommandError(_NOT_SIGNED_IN, 3)
        stack: dict[str, Any] = json.loads(_LOCAL_STACK.read_text("utf-8"))
        url, administrator = stack["api_url"], stack["administrator"]
        found = self.profiles.get(LOCAL)
        if found is not None and found[1].url == url:
            client = self._open(*found)
            with suppress(ApiError):
                client.get_me()
                return client
        client = self._open(LOCAL, Profile(url, administrator["email"]))
        client.sign_in(administrator["email"], administrator["password"])
        self.output.note(f"Signed in to the local stack as {administrator['email']}.")
        return client


def client_of(profile: Profile, on_tokens: Any = None, on_wait: Any = None) -> Alcove:
    """A client with what a profile holds."""
    tokens = Tokens(profile.access_token, profile.refresh_token, profile.device_token) if profile.access_token else None
    agent = f"alcove-cli/{__version__}"
    return Alcove(
        profile.url, api_key=profile.api_key, tokens=tokens, on_tokens=on_tokens, on_wait=on_wait, user_agent=agent
    )


def context_of(ctx: typer.Context) -> Context:
    """The Context of a command."""
    context: Context = ctx.obj
    return context
