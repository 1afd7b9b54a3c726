"""What the account routes take and give."""

import re
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field, StringConstraints, model_validator

from chalicelib.core.models import STORABLE, Changes, Page, PageQuery, Request, Resource, Text, Timestamp

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
DisplayName = Annotated[Text, StringConstraints(min_length=1, max_length=200, pattern=r"\S")]
Name = Annotated[Text, StringConstraints(min_length=1, max_length=100, pattern=r"\S")]
KeyScope = Literal["read", "write", "chat", "admin"]
Role = Literal["member", "editor", "admin"]


class Registration(Request):
    """A new local account."""

    email: Email
    password: Password
    username: Username | None = None
    display_name: DisplayName | None = None


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


class ProfileChanges(Changes):
    """Changes of one's own account. A null `username` takes it back."""

    _nullable = frozenset({"username"})

    display_name: DisplayName | None = None
    username: Username | None = None


class PasswordChange(Request):
    """A new password, and the present one as proof."""

    current_password: Annotated[Text, Field(min_length=1, max_length=256)]
    new_password: Password


class Session(Resource):
    """One login. `current` marks the one that asks."""

    id: UUID
    ip_address: str | None
    user_agent: str | None
    created_at: Timestamp
    last_activity_at: Timestamp
    expires_at: Timestamp
    current: bool


class SessionPage(Page):
    """One page of a list."""

    items: list[Session]


class NewApiKey(Request):
    """A key for programs. `admin` is for administrators' keys."""

    name: Name
    scopes: Annotated[frozenset[KeyScope], Field(min_length=1, max_length=4)]
    expires_in_days: Annotated[int, Field(ge=1, le=730)] = 90


class ApiKey(Resource):
    """An API key, without the key: `prefix` is how it begins."""

    id: UUID
    name: str
    prefix: str
    scopes: list[KeyScope]
    expires_at: Timestamp
    last_used_at: Timestamp | None
    created_at: Timestamp


class ApiKeyPage(Page):
    """One page of a list."""

    items: list[ApiKey]


class NewlyMadeApiKey(ApiKey):
    """An API key with the key itself, which is shown this once."""

    key: str


class NewUser(Request):
    """An account made by an administrator. Without a password it logs in through a provider only."""

    email: Email
    username: Username | None = None
    display_name: DisplayName | None = None
    password: Password | None = None
    is_admin: bool = False


class ManagedUser(User):
    """An account as an administrator sees it. Of a full queue it gets `queue_weight` turns for another's one."""

    is_active: bool
    failed_logins: int
    locked_until: Timestamp | None
    login_count: int
    queue_weight: int
    updated_at: Timestamp


class ManagedUserPage(Page):
    """One page of a list."""

    items: list[ManagedUser]


class UserQuery(PageQuery):
    """Which accounts to list. `q` finds e-mail addresses and names, misspelt ones too."""

    q: Annotated[Text, Field(min_length=1, max_length=200)] | None = None
    is_active: bool | None = None


class UserChanges(Changes):
    """An administrator's changes of an account. A new password ends its sessions."""

    display_name: DisplayName | None = None
    is_active: bool | None = None
    is_admin: bool | None = None
    queue_weight: Annotated[int, Field(ge=1, le=10)] | None = None
    password: Password | None = None


class AuditEntry(Resource):
    """What was done by whom to which thing, when and from where."""

    id: UUID
    user_id: UUID | None
    action: str
    entity_type: str | None
    entity_id: UUID | None
    details: dict[str, object]
    ip_address: str | None
    request_id: str | None
    created_at: Timestamp


class AuditEntryPage(Page):
    """One page of a list."""

    items: list[AuditEntry]


class AuditQuery(PageQuery):
    """Which entries to list; all that are given must hold. `from` is inclusive, `to` is not."""

    user_id: UUID | None = None
    action: Annotated[Text, Field(max_length=100)] | None = None
    entity_type: Annotated[Text, Field(max_length=100)] | None = None
    entity_id: UUID | None = None
    since: AwareDatetime | None = Field(default=None, alias="from")
    until: AwareDatetime | None = Field(default=None, alias="to")


class NewGroup(Request):
    """A group, or its new name."""

    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), STORABLE]


class Group(Resource):
    """A group. `role` is the caller's own in it."""

    id: UUID
    name: str
    role: Role | None
    created_at: Timestamp
    updated_at: Timestamp


class GroupPage(Page):
    """One page of a list."""

    items: list[Group]


class MemberRole(Request):
    """What a member may do: read; write documents (`editor`); and also manage the group (`admin`)."""

    role: Role = "member"


class Member(Resource):
    """A member of a group."""

    user_id: UUID
    display_name: str
    username: str | None
    role: Role
    created_at: Timestamp

    @property
    def id(self) -> UUID:
        """What pages of members are cut by."""
        return self.user_id


class MemberPage(Page):
    """One page of a list."""

    items: list[Member]


class ExportQuery(Request):
    """`?limit=` (1 to 1000) and `?cursor=` (a `next_cursor` of the same export)."""

    limit: int = Field(default=200, ge=1, le=1000)
    cursor: str | None = Field(default=None, max_length=1000)


class ExportedRow(Resource):
    """A row of a table, as docs/schema.md describes it."""

    table: str
    row: dict[str, Any]


class ExportPage(Page):
    """One page of an export: tables in alphabetical order. A page may hold fewer rows than asked for."""

    items: list[ExportedRow]
