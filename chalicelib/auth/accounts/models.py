"""Requests and responses of the routes of accounts."""

import re
from typing import Annotated, ClassVar, Literal
from uuid import UUID

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, model_validator

from chalicelib.auth.mail.models import Language
from chalicelib.core.models import Changes, PageQuery, Request, Resource, Shape, Text, Timestamp

_EMAIL = re.compile(r"[a-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})*")


_USERNAME = re.compile(r"[a-z0-9][a-z0-9._-]{1,63}")


def _normal(value: object) -> object:
    return value.strip().lower() if isinstance(value, str) and value.isascii() else value


def _email(text: str) -> str:
    if len(text) > 254 or not _EMAIL.fullmatch(text):
        raise ValueError("must be an e-mail address, such as me@example.org")
    return text


def _username(text: str) -> str:
    if not _USERNAME.fullmatch(text):
        raise ValueError(
            "must have 2 to 64 of the characters a-z, 0-9, '.', '_', '-', and begin with a letter or digit"
        )
    return text


Email = Annotated[str, BeforeValidator(_normal), AfterValidator(_email)]


Username = Annotated[str, BeforeValidator(_normal), AfterValidator(_username)]


Password = Annotated[Text, Field(min_length=8, max_length=256)]


MAX_DISPLAY_NAME_CHARS = 200
DisplayName = Annotated[Text, StringConstraints(min_length=1, max_length=MAX_DISPLAY_NAME_CHARS, pattern=r"\S")]


class Registration(Request):
    """A new local account. `language` is that of the e-mail that asks to confirm the address."""

    email: Email
    password: Password
    username: Username | None = None
    display_name: DisplayName | None = None
    language: Language | None = None


class User(Resource):
    """An account, as its owner or an administrator sees it.

    `email_verified`: a login provider, an administrator or a link that was sent there vouches for the address. Who
    registers only claims it. `awaits_verification`: nobody can log in before.
    """

    id: UUID
    email: str | None
    email_verified: bool
    username: str | None
    display_name: str
    auth_provider: str
    is_admin: bool
    awaits_verification: bool
    created_at: Timestamp
    last_login_at: Timestamp | None


class LinkedLoginProvider(Resource):
    """A way in which the account can log in, and the account's name there. `local` is the password."""

    name: Literal["local", "github", "oidc"]
    account: str | None


class LoginWays(Resource):
    """How an account can log in; nobody can while `login_providers` is empty.

    `second_factor`: a login by password also requires a code.
    """

    login_providers: list[LinkedLoginProvider]
    second_factor: bool


class Me(User, LoginWays):
    """The caller's own account."""


class ProfileChanges(Changes):
    """Changes of the caller's own account. A null `username` removes it."""

    _nullable = frozenset({"username"})

    display_name: DisplayName | None = None
    username: Username | None = None


class PasswordChange(Request):
    """A new password, and the current one as proof. API keys end too, unless `keep_api_keys` is true."""

    current_password: Annotated[Text, Field(min_length=1, max_length=256)]
    new_password: Password
    keep_api_keys: bool = False


class NewUser(Request):
    """An account that an administrator creates.

    Without a password, it is for the person whom a login provider confirms with this address; or an administrator sets
    a password later.
    """

    email: Email
    username: Username | None = None
    display_name: DisplayName | None = None
    password: Password | None = None
    is_admin: bool = False


class ManagedUser(User, LoginWays):
    """An account as an administrator sees it. In a full queue, it gets `queue_weight` turns for one of weight 1."""

    is_active: bool
    delete_after: Timestamp | None
    failed_logins: int
    locked_until: Timestamp | None
    login_count: int
    queue_weight: int
    updated_at: Timestamp


class UserQuery(PageQuery):
    """A filter of accounts. `q` finds e-mail addresses and names, also misspelt ones."""

    q: Annotated[Text, Field(min_length=1, max_length=200)] | None = None
    is_active: bool | None = None


class UserChanges(Changes):
    """An administrator's changes of an account.

    A new password and a deactivation end its sessions and, unless `keep_api_keys` is true, its API keys.
    """

    display_name: DisplayName | None = None
    is_active: bool | None = None
    is_admin: bool | None = None
    queue_weight: Annotated[int, Field(ge=1, le=10)] | None = None
    password: Password | None = None
    keep_api_keys: bool = False


class Holdings(Resource):
    """What an account holds, in numbers alone.

    `groups_without_other_administrator`: groups that nobody else administers, but administrators of the service.
    """

    private_documents: int
    private_bytes: int
    shared_documents: int
    repositories: int
    connectors: int
    conversations: int
    memories: int
    api_keys: int
    invitations: int
    groups_without_other_administrator: int


class Heir(Request):
    """The user who gets the documents."""

    heir_id: UUID


class PersonQuery(Request):
    """The whole verified e-mail address, or the whole username, of a person to find."""

    _shapes: ClassVar = {
        "PersonByEmail": Shape(
            "A person by the verified e-mail address.", frozenset({"email"}), frozenset({"username"})
        ),
        "PersonByUsername": Shape("A person by the username.", frozenset({"username"}), frozenset({"email"})),
    }

    email: Email | None = None
    username: Username | None = None

    @model_validator(mode="after")
    def _one_name(self) -> "PersonQuery":
        if (self.email is None) == (self.username is None):
            raise ValueError("either `email` or `username` is required, not both")
        return self


class PersonMatch(Resource):
    """A person who can be added to a group."""

    user_id: UUID
    display_name: str
    username: str | None
