"""What every provider's login has in common: one attempt, its secrets, and how it may fail.

The browser keeps one random secret in a cookie (or the client keeps it). State goes through the provider; the PKCE
verifier and the nonce are derived from both, so nothing that could finish a login is stored here.
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
    """The provider does not vouch for anybody: the person said no, or the code is not good."""


class UntrustedError(Exception):
    """What the provider said cannot be believed or understood. The message says why, without secrets."""


@dataclass(frozen=True, slots=True)
class LoginAttempt:
    """One login that a provider is asked about."""

    state: str
    browser_secret: str
    redirect_uri: str

    @property
    def nonce(self) -> str:
        """What the ID token must repeat."""
        return self._derived(b"nonce")

    @property
    def code_verifier(self) -> str:
        """RFC 7636: 43 characters that only whoever began the login can show."""
        return self._derived(b"code_verifier")

    @property
    def code_challenge(self) -> str:
        """The verifier's SHA-256 (method S256)."""
        return _base64url(hashlib.sha256(self.code_verifier.encode()).digest())

    @property
    def state_hash(self) -> bytes:
        """Under which the attempt is noted."""
        return _hash(self.state)

    @property
    def browser_hash(self) -> bytes:
        """What the finishing browser's secret must hash to."""
        return _hash(self.browser_secret)

    def _derived(self, purpose: bytes) -> str:
        message = purpose + b"\0" + self.state.encode()
        return _base64url(hmac.digest(self.browser_secret.encode(), message, "sha256"))


def new_secret() -> str:
    """256 random bits in base64url."""
    return secrets.token_urlsafe(32)


def is_secret(text: str | None) -> bool:
    """Whether `text` has the form that new_secret() gives."""
    return text is not None and _SECRET.fullmatch(text) is not None


def normal_email(value: object) -> str | None:
    """An e-mail address as accounts store it, or None when it is not one they take."""
    return _normal(_email, value)


def normal_username(value: object) -> str | None:
    """A username as accounts store it, or None when it is not one they take."""
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
