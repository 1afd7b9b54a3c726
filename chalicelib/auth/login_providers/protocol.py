"""The parts that all providers' logins share: a login attempt, its secrets, and its failures.

The browser keeps one random secret in a cookie (or the client keeps it). The state goes through the provider. The PKCE
verifier and the nonce are derived from both: nothing that could finish a login is stored here.
"""

import base64
import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass

from pydantic import ConfigDict, TypeAdapter, ValidationError

from chalicelib.auth.accounts.models import Email, Username

LIFETIME_SECONDS = 600
_SECRET = re.compile(r"[A-Za-z0-9_-]{43}")
_DEFERRED = ConfigDict(defer_build=True)
_email = TypeAdapter[str](Email, config=_DEFERRED)
_username = TypeAdapter[str](Username, config=_DEFERRED)


class RefusedError(Exception):
    """The provider confirms no person: the person declined, or the code is not valid."""


class UntrustedError(Exception):
    """The provider's answer cannot be trusted or understood. The message gives the reason, without secrets."""


@dataclass(frozen=True, slots=True)
class LoginAttempt:
    """One login through a provider."""

    state: str
    browser_secret: str
    redirect_uri: str

    @property
    def nonce(self) -> str:
        """The nonce that the ID token must repeat."""
        return self._derived(b"nonce")

    @property
    def code_verifier(self) -> str:
        """The code verifier (RFC 7636): 43 characters that only the browser that began the login can derive."""
        return self._derived(b"code_verifier")

    @property
    def code_challenge(self) -> str:
        """The verifier's SHA-256 (method S256)."""
        return _base64url(hashlib.sha256(self.code_verifier.encode()).digest())

    @property
    def state_hash(self) -> bytes:
        """The hash under which the attempt is stored."""
        return _hash(self.state)

    @property
    def browser_hash(self) -> bytes:
        """The hash of the browser's secret, which the browser must have when it finishes the login."""
        return _hash(self.browser_secret)

    def _derived(self, purpose: bytes) -> str:
        message = purpose + b"\0" + self.state.encode()
        return _base64url(hmac.digest(self.browser_secret.encode(), message, "sha256"))


def new_secret() -> str:
    """256 random bits in base64url."""
    return secrets.token_urlsafe(32)


def is_secret(text: str | None) -> bool:
    """Whether `text` has the form of a result of new_secret()."""
    return text is not None and _SECRET.fullmatch(text) is not None


def normal_email(value: object) -> str | None:
    """An e-mail address as accounts store it, or None for one that accounts do not accept."""
    return _normal(_email, value)


def normal_username(value: object) -> str | None:
    """A username as accounts store it, or None for one that accounts do not accept."""
    return _normal(_username, value)


def _normal(kind: TypeAdapter[str], value: object) -> str | None:
    try:
        return kind.validate_python(value, strict=True)
    except ValidationError:
        return None


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
