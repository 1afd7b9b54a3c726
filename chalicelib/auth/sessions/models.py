"""Requests and responses of the routes of sessions and API keys."""

from typing import Annotated, ClassVar, Literal
from uuid import UUID

from pydantic import Field, model_validator

from chalicelib.auth.accounts.models import Email, Username
from chalicelib.auth.groups.models import Name
from chalicelib.auth.second_factors.models import Code
from chalicelib.core.metadata import ShortMetadata, ShownMetadata
from chalicelib.core.models import Request, Resource, Shape, Text, Timestamp, matching

DEVICE_TOKEN = "^[A-Za-z0-9_-]{43}$"  # noqa: S105 — a pattern

KeyScope = Literal["read", "write", "chat", "admin", "metrics"]


class LoginRequest(Request):
    """An e-mail address or a username, the password, and the token that an earlier login left on this device.

    `code` is for an account with a second factor: what its app shows, or a recovery code.
    """

    _shapes: ClassVar = {
        "LoginByEmail": Shape(
            "A login by the account's e-mail address.", frozenset({"email"}), frozenset({"username"})
        ),
        "LoginByUsername": Shape("A login by the account's username.", frozenset({"username"}), frozenset({"email"})),
    }

    email: Email | None = None
    username: Username | None = None
    password: Annotated[Text, Field(min_length=1, max_length=256)]
    device_token: Annotated[str, matching(DEVICE_TOKEN, "must be a device token as a login returns it")] | None = None
    code: Code | None = None

    @model_validator(mode="after")
    def _one_name(self) -> "LoginRequest":
        if (self.email is None) == (self.username is None):
            raise ValueError("either `email` or `username` is required, not both")
        return self


class RefreshRequest(Request):
    """A refresh token. Each can be used once, and for 30 seconds more by a request that is repeated."""

    refresh_token: Annotated[str, Field(min_length=1, max_length=200)]


class Tokens(Resource):
    """The tokens of a session. `expires_in` is the lifetime of the access token in seconds.

    `device_token` comes with a login by password. A client keeps it, also after a logout, and sends it with the next
    login: strangers who guess at the account's password cannot lock out a known device. It opens nothing by itself.
    """

    access_token: str
    token_type: str = "Bearer"  # noqa: S105 — the scheme's name, RFC 6750
    expires_in: int
    refresh_token: str
    device_token: str | None = None


class Ticket(Resource):
    """A ticket for one request, for one minute, without the header `Authorization`."""

    ticket: str
    url: str
    expires_at: Timestamp


class Session(Resource):
    """One login. `current` marks the session of this request; `authenticated_at` is its last proof of who is there."""

    id: UUID
    ip_address: str | None
    user_agent: str | None
    created_at: Timestamp
    last_activity_at: Timestamp
    authenticated_at: Timestamp
    expires_at: Timestamp
    data: ShownMetadata
    current: bool


class SessionData(Request):
    """What a client keeps with its session, in place of what it kept before."""

    data: ShortMetadata


class PasswordProof(Request):
    """The caller's password, and a code of the second factor if the account has one, as a proof of who is there."""

    password: Annotated[Text, Field(min_length=1, max_length=256)]
    code: Code | None = None


class SessionProof(Resource):
    """Until when the session may do what requires a recent login."""

    expires_at: Timestamp


class LogoutQuery(Request):
    """`?keep_api_keys=true` keeps the caller's API keys."""

    keep_api_keys: bool = False


class NewApiKey(Request):
    """An API key for programs. The scope `admin` is for administrators only. Null `expires_in_days` means never, which
    administrators can allow.
    """

    name: Name
    scopes: Annotated[frozenset[KeyScope], Field(min_length=1, max_length=5)]
    expires_in_days: Annotated[int, Field(ge=1, le=730)] | None = 90


class ApiKey(Resource):
    """An API key, without the key itself: `prefix` is its beginning."""

    id: UUID
    name: str
    prefix: str
    scopes: list[KeyScope]
    expires_at: Timestamp | None
    last_used_at: Timestamp | None
    created_at: Timestamp


class CreatedApiKey(ApiKey):
    """An API key with the key itself, which no other response contains."""

    key: str
