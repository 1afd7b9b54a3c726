"""Requests and responses of the routes of login providers, and the secrets that configure a provider."""

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, StringConstraints, model_validator

from chalicelib.auth.accounts.models import Registration
from chalicelib.auth.sessions.models import LoginRequest
from chalicelib.core.models import Request, Resource, Shape, Text, matching
from chalicelib.core.outbound import OutboundError, check_url

Word = Annotated[str, StringConstraints(min_length=1, max_length=200)]


_FEWEST_DISTINCT = 8


def _url(text: str) -> str:
    try:
        return check_url(text)
    except OutboundError as error:
        raise ValueError(str(error)) from error


def _redirect(text: str) -> str:
    """RFC 6749, section 3.1.2: absolute, without a fragment. Apps may have a scheme of their own (RFC 8252)."""
    if "#" in text or ":" not in text:
        raise ValueError("must be an absolute address without a fragment")
    return text


def _random(text: str) -> str:
    if len(set(text)) < _FEWEST_DISTINCT:
        raise ValueError("must be random: it is the only proof of identity")
    return text


Url = Annotated[str, StringConstraints(max_length=2048), AfterValidator(_url)]


Redirect = Annotated[str, StringConstraints(min_length=1, max_length=2048), AfterValidator(_redirect)]


class _Secret(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class _Client(_Secret):
    client_id: Word
    client_secret: SecretStr | None = None
    # The first is the default; a client may name another one of these, exactly.
    redirect_uris: Annotated[list[Redirect], Field(min_length=1, max_length=20)]
    # The pages that a login may hand its session to; a client names one of these, exactly.
    front_ends: Annotated[list[Redirect], Field(max_length=20)] = []
    title: Word | None = None
    # Whether the first login of a new person creates an account.
    create_accounts: bool = True


class MappedGroup(_Secret):
    """The group and the role that a value of the groups claim gives."""

    name: Word
    role: Literal["member", "editor", "admin"] = "member"


class OidcSettings(_Client):
    """The secret that ALCOVE_OIDC_SECRET names. docs/providers.md describes each field."""

    issuer: Url
    scopes: Annotated[list[Word], Field(max_length=20)] = ["openid", "email", "profile"]
    userinfo: bool = False
    trust_email: bool = False
    groups_claim: Word | None = None
    groups: dict[Word, MappedGroup] | None = None
    roles_claim: Word | None = None
    admin_roles: Annotated[list[Word], Field(max_length=20)] = []


class GithubSettings(_Client):
    """The secret that ALCOVE_GITHUB_SECRET names. The addresses differ for GitHub Enterprise Server."""

    web_url: Url = "https://github.com"
    api_url: Url = "https://api.github.com"


class AnonymousLogin(Request):
    """A random secret that the client generates and stores, for example 32 random bytes in base64url."""

    client_id: Annotated[
        str,
        matching(
            r"^[A-Za-z0-9._~-]{22,128}$", "must have 22 to 128 of the characters A-Z, a-z, 0-9, '.', '_', '~', '-'"
        ),
        AfterValidator(_random),
    ]


class AccountUpgrade(Request):
    """The account that an anonymous user becomes: a new local one, or an existing one."""

    _shapes: ClassVar = {
        "UpgradeByRegistration": Shape(
            "The anonymous user becomes a new account.", frozenset({"register"}), frozenset({"login"})
        ),
        "UpgradeByLogin": Shape(
            "Everything of the anonymous user moves to an existing account.",
            frozenset({"login"}),
            frozenset({"register"}),
        ),
    }

    register_: Annotated[Registration | None, Field(alias="register")] = None
    login: LoginRequest | None = None

    @model_validator(mode="after")
    def _one_way(self) -> "AccountUpgrade":
        if (self.register_ is None) == (self.login is None):
            raise ValueError("either `register` or `login` is required, not both")
        return self


class StartQuery(Request):
    """`redirect_uri` and `return_to` must be in the provider's settings. `mode=json` is for clients without cookies."""

    redirect_uri: Annotated[str, Field(max_length=2048)] | None = None
    mode: Literal["redirect", "json"] = "redirect"
    return_to: Annotated[Text, Field(max_length=2048)] | None = None
    state: Annotated[Text, Field(max_length=200)] | None = None

    @model_validator(mode="after")
    def _browser_returns(self) -> "StartQuery":
        if self.return_to is not None and self.mode == "json":
            raise ValueError("`return_to` is not allowed when `mode` is `json`")
        return self


class CallbackQuery(BaseModel):
    """The provider's parameters of the redirect address (RFC 6749, 4.1.2; RFC 9207). Others are ignored."""

    model_config = ConfigDict(extra="ignore", defer_build=True)

    state: Annotated[str, Field(max_length=200)]
    code: Annotated[str, Field(max_length=4096)] | None = None
    error: Annotated[str, Field(max_length=200)] | None = None
    iss: Annotated[str, Field(max_length=2048)] | None = None


class LoginStart(Resource):
    """The address to open. In JSON mode, send `login_secret` as `X-Login-Secret` to the callback."""

    authorization_url: str
    login_secret: str | None = None
    expires_in: int


class LoginProvider(Resource):
    """A login provider that is available."""

    name: Literal["local", "anonymous", "github", "oidc"]
    title: str
    start_path: str


class LoginProviders(Resource):
    """Every login provider that is available, and the name of the deployment that a person logs in to."""

    deployment_name: str
    items: list[LoginProvider]


class Person(BaseModel):
    """A person whom a provider confirms, as finish_provider_login() in the database reads it."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    issuer: str | None = None
    subject: str | None = None
    github_id: int | None = None
    github_username: str | None = None
    email: str | None = None
    username: str | None = None
    display_name: Text
    groups: list[MappedGroup] | None = None
    administrator: bool | None = None
