"""Accounts over HTTP."""

from chalice.app import Blueprint

from chalicelib.auth import audit, passwords, sessions, users
from chalicelib.auth.models import Login, Refresh, Registration, Tokens, User
from chalicelib.core import db, http
from chalicelib.core.http import Reply, endpoint

routes = Blueprint(__name__)


def _origin() -> sessions.Origin:
    return sessions.Origin(http.client_address(), http.user_agent(), http.request_id())


@routes.route("/auth/register", methods=["POST"], content_types=["*/*"])
@endpoint(auth=False, status=201)
def register(body: Registration) -> Reply[User]:
    """Make a local account. 409 `email_taken` when the e-mail address or username is in use."""
    password_hash = passwords.hash_password(body.password)
    with db.as_nobody() as conn:
        user_id = users.register(conn, body, password_hash, http.client_address(), http.request_id())
    with db.as_user(user_id) as conn:
        return Reply(users.me(conn), headers={"Location": "/me"})


@routes.route("/auth/login", methods=["POST"], content_types=["*/*"])
@endpoint(auth=False)
def login(body: Login) -> Tokens:
    """Open a session. 401 `bad_credentials` whatever was wrong."""
    return sessions.log_in(body, _origin())


@routes.route("/auth/refresh", methods=["POST"], content_types=["*/*"])
@endpoint(auth=False)
def refresh(body: Refresh) -> Tokens:
    """Spend a refresh token for new tokens. Spending one twice ends its session."""
    return sessions.refresh(body.refresh_token)


@routes.route("/auth/logout", methods=["POST"], content_types=["*/*"])
@endpoint()
def logout() -> None:
    """End the session of this access token, at once and on every function."""
    session_id = http.session_id()
    with db.as_caller() as conn:
        sessions.revoke(conn, session_id)
        audit.record(conn, "session.closed", "session", session_id)


@routes.route("/me", methods=["GET"])
@endpoint()
def me() -> User:
    """The caller's own account."""
    with db.as_caller() as conn:
        return users.me(conn)
