"""Requests and responses of the routes that recover an account."""

from typing import Annotated, Literal

from pydantic import Field

from chalicelib.auth.accounts.models import Email, Password
from chalicelib.auth.mail import tokens
from chalicelib.auth.mail.models import Language
from chalicelib.core.models import Request, Resource, Text, Timestamp, matching

LinkToken = Annotated[str, matching(tokens.PATTERN, "must be the code of a link that was sent")]


class MailRequest(Request):
    """An address that may have an account, and the language of the e-mail."""

    email: Email
    language: Language | None = None


class Verification(Request):
    """The code of a link that was sent, and the account's password, so that nobody vouches for another's account."""

    token: LinkToken
    password: Annotated[Text, Field(min_length=1, max_length=256)]


class PasswordReset(Request):
    """The code of a link that was sent, and the new password. API keys end too, unless `keep_api_keys` is true."""

    token: LinkToken
    new_password: Password
    keep_api_keys: bool = False


class Link(Request):
    """The code of a link that was sent."""

    token: LinkToken


class NewEmail(Request):
    """The address that the account is to get, and the language of the e-mails."""

    email: Email
    language: Language | None = None


class EmailChange(Resource):
    """A change of address that has begun. `old_email` is null when the former address need not confirm."""

    new_email: str
    new_confirmed_at: Timestamp | None
    old_email: str | None
    old_confirmed_at: Timestamp | None
    created_at: Timestamp
    expires_at: Timestamp


class ConfirmedEmail(Resource):
    """What a confirmation did: the address is changed, or the other address must confirm too."""

    status: Literal["waiting", "changed"]
