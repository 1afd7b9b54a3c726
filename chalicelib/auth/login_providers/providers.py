"""Login through GitHub or an OpenID provider.

    start()    the browser goes to the provider, with a state whose hash is stored
    finish()   the same browser returns, once, within ten minutes, and gets a session

A provider is on when the environment names its secret. The secret is read again every five minutes: a changed secret
requires no deploy.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, Literal, NoReturn, TypeVar
from urllib.parse import urlencode
from uuid import UUID

from pydantic import ValidationError

from chalicelib.auth.login_providers import github, oidc
from chalicelib.auth.login_providers.models import (
    CallbackQuery,
    GithubSettings,
    LoginProvider,
    LoginProviders,
    OidcSettings,
    Person,
    StartQuery,
)
from chalicelib.auth.login_providers.protocol import LoginAttempt, RefusedError, UntrustedError, new_secret
from chalicelib.auth.sessions import tokens
from chalicelib.auth.sessions.models import Tokens
from chalicelib.core import aws, errors, identity, process, request, rows, sql
from chalicelib.core.identity import SessionId, UserId
from chalicelib.core.log import logger
from chalicelib.core.outbound import OutboundError
from chalicelib.core.request import Origin
from chalicelib.core.settings import settings

if TYPE_CHECKING:
    from chalicelib.core.connection import Conn

Name = Literal["github", "oidc"]
Configured = TypeVar("Configured", OidcSettings, GithubSettings)

queries = sql.load(__file__)

_REREAD_SECONDS = 300
_CONSOLE = "/console"  # the path of the service's own page (ops/routes.py)
_OTHERS: dict[Name, str] = {"github": "GitHub", "oidc": "Single sign-on"}


@dataclass(frozen=True, slots=True)
class _LoginProvider(Generic[Configured]):
    """A provider with its settings, as the flow uses it."""

    name: Name
    settings: Configured
    authorization_url: Callable[[Configured, LoginAttempt], str]
    person: Callable[[Configured, LoginAttempt, CallbackQuery], Person]


@dataclass(frozen=True, slots=True)
class _Started:
    """A login that began: its attempt, the user who was signed in, and the page that gets the session."""

    attempt: LoginAttempt
    present: UUID | None
    front_end: str | None
    front_end_state: str | None


@dataclass(slots=True)
class _Remembered:
    """A secret's text, and when it was read."""

    text: str = ""
    read_at: float = field(default=-_REREAD_SECONDS)


_remembered: dict[str, _Remembered] = {}
process.on_forget(_remembered.clear)


def available() -> LoginProviders:
    """The available login providers, the local one first."""
    deployment_name, anonymous_allowed = identity.ask(queries.deployment, {}, again=True) or ("", False)
    providers = [LoginProvider(name="local", title="E-mail address or username", start_path="/auth/login")]
    if anonymous_allowed:
        providers.append(LoginProvider(name="anonymous", title="Without an account", start_path="/auth/anonymous"))
    for name, title in _OTHERS.items():
        try:
            title = _login_provider(name).settings.title or title
        except errors.Problem:
            continue  # off, or its secret is not usable, which is logged; the other providers stay available
        providers.append(LoginProvider(name=name, title=title, start_path=f"/auth/{name}/start"))
    return LoginProviders(deployment_name=deployment_name, items=providers)


def _front_ends(registered: list[str]) -> list[str]:
    """The pages that may get a session: the registered ones, and the service's own console."""
    base = request.base_url()
    return [*registered, f"{base}{_CONSOLE}"] if base else registered


def start(name: Name, query: StartQuery, browser_secret: str) -> str:
    """Begin a login; returns the provider's address that the browser opens.

    When the current request carries a credential, the login belongs to that user. Raises NotFound
    (provider_off), BadRequest (redirect_uri_refused), BadGateway (provider_failed), Forbidden (recent_login_required)
    when the caller has an account and the session no recent proof.
    """
    login_provider = _login_provider(name)
    uris = login_provider.settings.redirect_uris
    if query.redirect_uri is not None and query.redirect_uri not in uris:
        raise errors.BadRequest(code="redirect_uri_refused")
    if query.return_to is not None and query.return_to not in _front_ends(login_provider.settings.front_ends):
        raise errors.BadRequest("`return_to` must be one of the provider's `front_ends`.", code="redirect_uri_refused")
    attempt = LoginAttempt(new_secret(), browser_secret, query.redirect_uri or uris[0])
    try:
        address: str = login_provider.authorization_url(login_provider.settings, attempt)
    except (UntrustedError, OutboundError) as error:
        _fail(name, error)
    params = {
        "state_hash": attempt.state_hash,
        "browser_hash": attempt.browser_hash,
        "provider": name,
        "redirect_uri": attempt.redirect_uri,
        "front_end": query.return_to,
        "front_end_state": query.state,
    }
    if identity.carries_credential():
        with identity.as_caller() as conn:
            if not rows.value(conn, queries.start, params | {"session_id": request.session_id()}):
                raise errors.Forbidden(code="recent_login_required")
    else:
        identity.ask(queries.start, params | {"session_id": None}, again=False)
    return address


def unlink(conn: "Conn", name: Name, session_id: SessionId, origin: Origin) -> None:
    """End the link of the caller's account to a provider, and the caller's other sessions.

    Raises NotFound, Conflict (last_login_way) for an account that could not log in any more.
    """
    params = {"provider": name, "session_id": session_id, "ip_address": origin.ip_address}
    outcome = rows.value(conn, queries.unlink, params | {"request_id": origin.request_id})
    if outcome == "not_linked":
        raise errors.NotFound
    if outcome == "last_login_way":
        raise errors.Conflict(code="last_login_way")


def finish(name: Name, answer: CallbackQuery, browser_secret: str | None, origin: Origin) -> Tokens | str:
    """Open a session for the person whom the provider confirms: its tokens, or where the browser goes with them.

    A front end gets the session's refresh token in its address's fragment, which no server sees, and exchanges it at
    once: each can be used once. A login that fails, or that the person cancels, returns to it with the error's code.

    Raises BadRequest (login_state_invalid) for a login that another browser began, or that is finished already; without
    a front end Unauthorized (provider_refused), BadGateway (provider_failed), Conflict (email_taken).
    """
    login_provider = _login_provider(name)
    started = _consume_attempt(name, answer.state, browser_secret)
    if started.front_end is None:
        return _finish(login_provider, started, answer, origin)
    try:
        fragment = {"refresh_token": _finish(login_provider, started, answer, origin).refresh_token}
    except errors.Problem as problem:
        fragment = {"error": problem.code}
    if started.front_end_state is not None:
        fragment["state"] = started.front_end_state
    return f"{started.front_end}#{urlencode(fragment)}"


def _finish(login_provider: _LoginProvider[Any], started: _Started, answer: CallbackQuery, origin: Origin) -> Tokens:
    name = login_provider.name
    try:
        person = login_provider.person(login_provider.settings, started.attempt, answer)
    except RefusedError as error:
        raise errors.Unauthorized(code="provider_refused") from error
    except (UntrustedError, OutboundError) as error:
        _fail(name, error)
    return _open(name, person, started.present, login_provider.settings.create_accounts, origin)


def _consume_attempt(name: Name, state: str, browser_secret: str | None) -> _Started:
    attempt = LoginAttempt(state, browser_secret or "", "")
    params = {"state_hash": attempt.state_hash, "browser_hash": attempt.browser_hash, "provider": name}
    row = identity.ask(queries.consume, params, again=False)
    if row is None:
        raise errors.BadRequest(code="login_state_invalid")
    redirect_uri, *others = row
    return _Started(LoginAttempt(state, attempt.browser_secret, redirect_uri), *others)


def _open(name: Name, person: Person, present: UUID | None, create: bool, origin: Origin) -> Tokens:
    import psycopg
    from psycopg.types.json import Jsonb

    refresh_token, refresh_hash = tokens.new_refresh_token()
    params = {
        "provider": name,
        "person": Jsonb(person.model_dump() | {"create": create}),
        "present": present,
        "refresh_hash": refresh_hash,
        "ip_address": origin.ip_address,
        "user_agent": origin.user_agent,
        "request_id": origin.request_id,
    }
    try:
        opened = identity.ask(queries.finish, params, again=False)
    except psycopg.errors.UniqueViolation as error:
        raise errors.Conflict(
            "An account with this e-mail address exists. Log in to it, and begin this login with its access token.",
            code="email_taken",
        ) from error
    if opened is None:
        raise errors.Unauthorized(code="provider_refused")
    session_id, user_id = opened
    return tokens.for_session(SessionId(session_id), UserId(user_id), refresh_token)


def _fail(name: Name, error: Exception) -> NoReturn:
    logger().warning("provider failed", provider=name, reason=str(error))
    raise errors.BadGateway(str(error), code="provider_failed") from error


def _login_provider(name: Name) -> _LoginProvider[Any]:
    if name == "oidc":
        return _LoginProvider(name, _read(OidcSettings, settings().oidc_secret), oidc.authorization_url, oidc.person)
    return _LoginProvider(
        name, _read(GithubSettings, settings().github_secret), github.authorization_url, github.person
    )


def _read(kind: type[Configured], secret: str) -> Configured:
    if not secret:
        raise errors.NotFound(code="provider_off")
    remembered = _remembered.setdefault(secret, _Remembered())
    if time.monotonic() - remembered.read_at >= _REREAD_SECONDS:
        remembered.text = aws.secrets().get_secret_value(SecretId=secret)["SecretString"]
        remembered.read_at = time.monotonic()
    try:
        return kind.model_validate(json.loads(remembered.text))
    except ValueError as error:
        # The message itself may quote the secret: it is not logged.
        remembered.read_at = -_REREAD_SECONDS
        details = error.errors(include_input=False) if isinstance(error, ValidationError) else []
        fields = [".".join(map(str, detail["loc"])) for detail in details]
        logger().error("a login provider's secret is not valid; see docs/providers.md", provider_fields=fields)
        raise errors.Problem("The provider's settings are not valid. The log has the reason.") from None
