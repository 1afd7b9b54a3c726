"""What the account routes take and give."""

import re
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from chalicelib.core.models import Request, Resource, Text, Timestamp

_EMAIL = re.compile(r"[a-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})*")
_USERNAME = re.compile(r"[a-z0-9][a-z0-9._-]{1,63}")


def _normal(given: object) -> object:
    return given.strip().lower() if isinstance(given, str) and given.isascii() else given


def _email(text: str) -> str:
    if len(text) > 254 or not _EMAIL.fullmatch(text):
        raise ValueError("must be an e-mail address in ASCII (an internationalised domain in its xn-- form)")
    return text


def _username(text: str) -> str:
    if not _USERNAME.fullmatch(text):
        raise ValueError("must be 2 to 64 of a-z, 0-9, '.', '_' and '-', beginning with a letter or digit")
    return text


Email = Annotated[str, BeforeValidator(_normal), AfterValidator(_email)]
Username = Annotated[str, BeforeValidator(_normal), AfterValidator(_username)]
Password = Annotated[Text, Field(min_length=8, max_length=256)]


class Registration(Request):
    """A new local account."""

    email: Email
    password: Password
    username: Username | None = None
    display_name: Annotated[Text, Field(min_length=1, max_length=200)] | None = None


class Login(Request):
    """An e-mail address or a username, and the password."""

    email: Email | None = None
    username: Username | None = None
    password: Annotated[Text, Field(min_length=1, max_length=256)]

    @model_validator(mode="after")
    def _one_name(self) -> "Login":
        if (self.email is None) == (self.username is None):
            raise ValueError("give either email or username")
        return self


class Refresh(Request):
    """A refresh token, which this use spends."""

    refresh_token: Annotated[str, Field(min_length=1, max_length=200)]


class Tokens(Resource):
    """A session's tokens. `expires_in` is the access token's life in seconds."""

    access_token: str
    token_type: str = "Bearer"  # noqa: S105 — the scheme's name, RFC 6750
    expires_in: int
    refresh_token: str


class User(Resource):
    """An account, as its owner or an administrator sees it."""

    id: UUID
    email: str | None
    username: str | None
    display_name: str
    auth_provider: str
    is_admin: bool
    created_at: Timestamp
    last_login_at: Timestamp | None
