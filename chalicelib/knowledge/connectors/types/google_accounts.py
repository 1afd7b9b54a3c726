"""How a connector of Google Drive logs in: with a service account, or with the consent of a user."""

from typing import Annotated

from pydantic import Field, model_validator

from chalicelib.core.models import Request, Text, matching
from chalicelib.knowledge.connectors.sources import Access, CredentialsError
from chalicelib.knowledge.connectors.types import Consent
from chalicelib.knowledge.connectors.types.google_readers import MEMBER_SCOPE
from chalicelib.knowledge.connectors.types.tokens import AccessTokens, service_account_form

_SCOPE = "https://www.googleapis.com/auth/drive.readonly"
_LOGIN = "https://oauth2.googleapis.com/token"
_ADDRESS = matching(r"^https?://[^\s?#]+$", "must be an address", max_length=500)
_Id = Annotated[Text, matching(r"^[A-Za-z0-9_-]+$", "must be an id of Google Drive", max_length=200)]


class GoogleDriveSettings(Request):
    """Which files: those below folders, of a shared drive, or everything that the account sees."""

    folders: Annotated[list[_Id], Field(max_length=50)] = Field(default_factory=list)
    shared_drive: _Id | None = None
    # Whom a service account with domain-wide delegation stands for.
    subject: Annotated[Text, Field(max_length=254)] | None = None
    url: Annotated[Text, _ADDRESS] = "https://www.googleapis.com"
    directory_url: Annotated[Text, _ADDRESS] = "https://admin.googleapis.com"
    authorize_url: Annotated[Text, _ADDRESS] = "https://accounts.google.com/o/oauth2/v2/auth"
    token_url: Annotated[Text, _ADDRESS] = _LOGIN
    revoke_url: Annotated[Text, _ADDRESS] = "https://oauth2.googleapis.com/revoke"


class GoogleDriveCredentials(Request):
    """The JSON key of a service account, or an OAuth client; its refresh token comes with a user's consent."""

    service_account: Annotated[Text, Field(max_length=20_000)] | None = None
    client_id: Annotated[Text, Field(max_length=500)] | None = None
    client_secret: Annotated[Text, Field(max_length=500)] | None = None
    refresh_token: Annotated[Text, Field(max_length=5_000)] | None = None

    @model_validator(mode="after")
    def _is_one_way(self) -> "GoogleDriveCredentials":
        if (self.service_account is None) == (None in (self.client_id, self.client_secret)):
            raise ValueError("either `service_account`, or `client_id` and `client_secret` are required")
        return self


def consent(settings: GoogleDriveSettings, mirrors_readers: bool) -> Consent:
    """Google's consent, for reading alone, also while the user is away (developers.google.com, OAuth 2.0)."""
    away = (("access_type", "offline"), ("prompt", "consent"))
    return Consent(settings.authorize_url, settings.token_url, _scope(mirrors_readers), away, settings.revoke_url)


def tokens(access: Access) -> AccessTokens:
    """Tokens for Google's APIs. Raises CredentialsError."""
    credentials = access.credentials
    if credentials is None:
        raise CredentialsError("Google Drive requires credentials.")
    if credentials.service_account is not None:
        scope = _scope(access.mirrors_readers)
        token_url, form = service_account_form(credentials.service_account, scope, access.settings.subject)
        return AccessTokens(access.browser, token_url, form)
    if credentials.refresh_token is None:
        raise CredentialsError("Nobody has consented yet: begin at `/connectors/{id}/authorization`.")
    form = {
        "grant_type": "refresh_token",
        "client_id": credentials.client_id,
        "client_secret": credentials.client_secret,
        "refresh_token": credentials.refresh_token,
    }
    return AccessTokens(access.browser, access.settings.token_url, form, access.refresh_tokens)


def _scope(mirrors_readers: bool) -> str:
    return f"{_SCOPE} {MEMBER_SCOPE}" if mirrors_readers else _SCOPE
