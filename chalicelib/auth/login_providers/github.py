"""GitHub's OAuth web application flow, with PKCE, and the two API calls that identify the user.

GitHub Enterprise Server works the same way; its addresses are settings.
"""

from typing import Any
from urllib.parse import urlencode

from chalicelib.auth.accounts.models import MAX_DISPLAY_NAME_CHARS
from chalicelib.auth.login_providers.models import CallbackQuery, GithubSettings, Person
from chalicelib.auth.login_providers.protocol import (
    LoginAttempt,
    RefusedError,
    UntrustedError,
    normal_email,
    normal_username,
)
from chalicelib.core import outbound

_SCOPES = "read:user user:email"
_API_VERSION = "2022-11-28"


def authorization_url(settings: GithubSettings, attempt: LoginAttempt) -> str:
    """The address of GitHub's login page for this attempt."""
    query_params = {
        "client_id": settings.client_id,
        "redirect_uri": attempt.redirect_uri,
        "scope": _SCOPES,
        "state": attempt.state,
        "code_challenge": attempt.code_challenge,
        "code_challenge_method": "S256",
    }
    return f"{settings.web_url.rstrip('/')}/login/oauth/authorize?{urlencode(query_params)}"


def person(settings: GithubSettings, attempt: LoginAttempt, answer: CallbackQuery) -> Person:
    """The person whom GitHub confirms. Raises RefusedError, UntrustedError and OutboundError like oidc.person()."""
    if answer.error or not answer.code:
        raise RefusedError
    token = _exchange(settings, attempt, answer.code)
    user = _api(settings, token, "/user")
    number, login = (user.get("id"), user.get("login")) if isinstance(user, dict) else (None, None)
    # The number identifies the person. A login name can be given up and taken by another person.
    if not isinstance(number, int) or isinstance(number, bool) or number < 1 or not isinstance(login, str) or not login:
        raise UntrustedError("GitHub did not say who this is.")
    name = user.get("name")
    return Person(
        github_id=number,
        github_username=login[:100],
        email=_verified_primary(_api(settings, token, "/user/emails")),
        username=normal_username(login),
        display_name=(name if isinstance(name, str) and name.strip() else login)[:MAX_DISPLAY_NAME_CHARS],
    )


def _exchange(settings: GithubSettings, attempt: LoginAttempt, code: str) -> str:
    form = {
        "client_id": settings.client_id,
        "client_secret": settings.client_secret.get_secret_value() if settings.client_secret else "",
        "code": code,
        "redirect_uri": attempt.redirect_uri,
        "code_verifier": attempt.code_verifier,
    }
    response = outbound.fetch("POST", f"{settings.web_url.rstrip('/')}/login/oauth/access_token", form=form)
    payload = response.json() if response.status == 200 else None
    if not isinstance(payload, dict):
        raise UntrustedError("GitHub's token endpoint failed.")
    # GitHub reports a bad code as an `error` in a response with status 200.
    token = payload.get("access_token")
    if "error" in payload or not isinstance(token, str) or not token.isascii() or not token.isprintable():
        raise RefusedError
    return token


def _api(settings: GithubSettings, token: str, path: str) -> Any:
    headers = {
        "Accept": "application/vnd.github+json",
        "Authorization": f"Bearer {token}",
        "X-GitHub-Api-Version": _API_VERSION,
    }
    response = outbound.fetch("GET", f"{settings.api_url.rstrip('/')}{path}", headers=headers)
    if response.status in {401, 403, 404}:
        # A person can refuse the scope for addresses. The login then succeeds without an e-mail address.
        return None
    if response.status != 200:
        raise UntrustedError("GitHub's API failed.")
    return response.json()


def _verified_primary(addresses: Any) -> str | None:
    for entry in addresses if isinstance(addresses, list) else []:
        if isinstance(entry, dict) and entry.get("primary") is True and entry.get("verified") is True:
            return normal_email(entry.get("email"))
    return None
