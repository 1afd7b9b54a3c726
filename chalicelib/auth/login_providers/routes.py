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
from chalicelib.auth.sessions import credentials
from chalicelib.auth.sessions.models import Tokens
from chalicelib.core import errors, http, identity
from chalicelib.core.http import Reply, Routes

routes = Routes(__name__)

# The prefix binds the cookie to this host, to https and to no path (RFC 6265bis, section 4.1.3.2).
COOKIE = "__Host-alcove-login"


LOGIN_SECRET_HEADER = "x-login-secret"  # noqa: S105 — a header's name


@routes.get("/auth/providers", auth=False)
def list_login_providers() -> LoginProviders:
    """The ways to log in that are open."""
    return LoginProviders(items=providers.available())


@routes.post("/auth/anonymous", auth=False, limit="anonymous")
def log_in_anonymously(body: AnonymousLogin) -> Tokens:
    """Open a session without an account. The same `client_id` is the same user. 403 `anonymous_off` when closed."""
    return anonymous.open_session(body.client_id, http.origin())


@routes.post("/auth/anonymous/upgrade", scope="account", limit="login")
def upgrade_anonymous_user(body: AccountUpgrade) -> Tokens:
    """Go on as an account, with everything that the anonymous user has.

    `register` makes the caller a new local account; `login` moves what it has into an existing one. To go on as an
    account of another provider, begin that provider's login with the anonymous access token. 409 `not_anonymous`.
    """
    if body.register_ is not None:
        return anonymous.register(body.register_, http.origin())
    if body.login is not None:
        return anonymous.log_in(body.login, http.session_id(), http.origin())
    raise errors.Unprocessable


@routes.get("/auth/github/start", auth=False, limit="provider_login")
def start_github_login(query: StartQuery) -> Reply[LoginStart]:
    """Begin logging in with GitHub: redirects there (302), or says where to go (`mode=json`).

    Sent with an access token, the login will belong to that user: an anonymous one becomes the account, another is
    linked.
    """
    return _start("github", query)


@routes.get("/auth/oidc/start", auth=False, limit="provider_login")
def start_oidc_login(query: StartQuery) -> Reply[LoginStart]:
    """Begin logging in with the OpenID provider: redirects there (302), or says where to go (`mode=json`).

    Sent with an access token, the login will belong to that user: an anonymous one becomes the account, another is
    linked.
    """
    return _start("oidc", query)


@routes.get("/auth/github/callback", auth=False, limit="provider_login")
def finish_github_login(query: CallbackQuery) -> Tokens:
    """Finish logging in with GitHub. 400 `login_state_invalid` in another browser, and the second time."""
    return _finish("github", query)


@routes.get("/auth/oidc/callback", auth=False, limit="provider_login")
def finish_oidc_login(query: CallbackQuery) -> Tokens:
    """Finish logging in with the OpenID provider. 400 `login_state_invalid` in another browser, and the second time."""
    return _finish("oidc", query)


def _start(name: providers.Name, query: StartQuery) -> Reply[LoginStart]:
    _optional_sign_in()
    in_json = query.mode == "json"
    existing_secret = None if in_json else _cookie()
    secret = existing_secret if existing_secret is not None and is_secret(existing_secret) else new_secret()
    address = providers.start(name, query.redirect_uri, secret)
    started = LoginStart(
        authorization_url=address, login_secret=secret if in_json else None, expires_in=LIFETIME_SECONDS
    )
    if in_json:
        return Reply(started)
    cookie = f"{COOKIE}={secret}; Path=/; Max-Age={LIFETIME_SECONDS}; HttpOnly; Secure; SameSite=Lax"
    return Reply(started, status=302, headers={"Location": address, "Set-Cookie": cookie})


def _finish(name: providers.Name, query: CallbackQuery) -> Tokens:
    return providers.finish(name, query, http.header(LOGIN_SECRET_HEADER) or _cookie(), http.origin())


def _cookie() -> str | None:
    try:
        morsel = SimpleCookie(http.header("cookie") or "").get(COOKIE)
    except CookieError:
        return None
    return morsel.value if morsel else None


def _optional_sign_in() -> None:
    """Take the caller's access token where one is sent though none is needed. Raises Unauthorized for a bad one."""
    authorization, request = http.header("authorization"), identity.caller.get()
    if authorization is None or request is None:
        return
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer":
        raise errors.Unauthorized
    request.credential, request.scope = credentials.authenticate(token.strip()), "account"
