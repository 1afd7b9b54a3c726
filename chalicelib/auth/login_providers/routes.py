"""Login providers and anonymous use over HTTP."""

from http.cookies import CookieError, SimpleCookie

from chalicelib.auth.login_providers import anonymous, providers
from chalicelib.auth.login_providers.models import (
    AccountUpgrade,
    AnonymousLogin,
    CallbackQuery,
    LoginProviders,
    LoginStart,
    StartQuery,
)
from chalicelib.auth.login_providers.protocol import LIFETIME_SECONDS, is_secret, new_secret
from chalicelib.auth.sessions.models import Tokens
from chalicelib.core import errors, identity, request
from chalicelib.core.http import Reply, Routes

routes = Routes(__name__)

# The prefix binds the cookie to this host, to https and to no path (RFC 6265bis, section 4.1.3.2).
COOKIE = "__Host-alcove-login"


LOGIN_SECRET_HEADER = "x-login-secret"  # noqa: S105 — a header's name


@routes.get("/auth/providers", auth=False)
def list_login_providers() -> LoginProviders:
    """The available login providers, and the name of the deployment."""
    return providers.available()


@routes.post("/auth/anonymous", auth=False, limit="anonymous")
def log_in_anonymously(body: AnonymousLogin) -> Tokens:
    """Open a session without an account. The same `client_id` is the same user. 403 `anonymous_off`."""
    return anonymous.open_session(body.client_id, request.origin())


@routes.post("/auth/anonymous/upgrade", scope="account", limit="login")
def upgrade_anonymous_user(body: AccountUpgrade) -> Tokens:
    """Turn an anonymous user into an account, with all its data.

    `register` creates a local account; `login` moves the data into an existing account. For an account of another
    provider, begin that provider's login with the anonymous access token. 409 `not_anonymous`.
    """
    if body.register_ is not None:
        return anonymous.register(body.register_, request.origin())
    if body.login is not None:
        return anonymous.log_in(body.login, request.session_id(), request.origin())
    raise errors.Unprocessable


@routes.get("/auth/github/start", auth="optional", scope="account", limit="provider_login")
def start_github_login(query: StartQuery) -> Reply[LoginStart]:
    """Begin a login with GitHub: a redirect to GitHub (302), or its address with `mode=json`.

    With an access token, the login belongs to that user: an anonymous user becomes the account, another user's account
    is linked, which requires a recent login (403 `recent_login_required`).
    """
    return _start("github", query)


@routes.get("/auth/oidc/start", auth="optional", scope="account", limit="provider_login")
def start_oidc_login(query: StartQuery) -> Reply[LoginStart]:
    """Begin a login with the OpenID provider: a redirect to it (302), or its address with `mode=json`.

    With an access token, the login belongs to that user: an anonymous user becomes the account, another user's account
    is linked, which requires a recent login (403 `recent_login_required`).
    """
    return _start("oidc", query)


@routes.get("/auth/github/callback", auth=False, limit="provider_login")
def finish_github_login(query: CallbackQuery) -> Reply[Tokens | None]:
    """Finish a login with GitHub. 400 `login_state_invalid` in another browser, and for a second use.

    A login that began with `return_to` ends there (302), with `refresh_token` or `error`, and `state`, in the fragment.
    """
    return _finish("github", query)


@routes.get("/auth/oidc/callback", auth=False, limit="provider_login")
def finish_oidc_login(query: CallbackQuery) -> Reply[Tokens | None]:
    """Finish a login with the OpenID provider. 400 `login_state_invalid` in another browser, and for a second use.

    A login that began with `return_to` ends there (302), with `refresh_token` or `error`, and `state`, in the fragment.
    """
    return _finish("oidc", query)


@routes.delete("/me/login-providers/{login_provider}", scope="account", proof=True)
def unlink_login_provider(login_provider: providers.Name) -> None:
    """End the link of the caller's account to a login provider, and every other session of the caller.

    409 `last_login_way` when the account could not log in any more.
    """
    with identity.as_caller() as conn:
        providers.unlink(conn, login_provider, request.session_id(), request.origin())


def _start(name: providers.Name, query: StartQuery) -> Reply[LoginStart]:
    in_json = query.mode == "json"
    existing_secret = None if in_json else _cookie()
    secret = existing_secret if existing_secret is not None and is_secret(existing_secret) else new_secret()
    address = providers.start(name, query, secret)
    started = LoginStart(
        authorization_url=address, login_secret=secret if in_json else None, expires_in=LIFETIME_SECONDS
    )
    if in_json:
        return Reply(started)
    cookie = f"{COOKIE}={secret}; Path=/; Max-Age={LIFETIME_SECONDS}; HttpOnly; Secure; SameSite=Lax"
    return Reply(started, status=302, headers={"Location": address, "Set-Cookie": cookie})


def _finish(name: providers.Name, query: CallbackQuery) -> Reply[Tokens | None]:
    finished = providers.finish(name, query, request.header(LOGIN_SECRET_HEADER) or _cookie(), request.origin())
    if isinstance(finished, str):
        return Reply(None, status=302, headers={"Location": finished})
    return Reply(finished)


def _cookie() -> str | None:
    try:
        morsel = SimpleCookie(request.header("cookie") or "").get(COOKIE)
    except CookieError:
        return None
    return morsel.value if morsel else None
