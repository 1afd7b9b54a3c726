"""Access tokens of OAuth 2.0: by client credentials, a refresh token, or a signed assertion. They live an hour."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from chalicelib.core.browsing import Browser, Response
from chalicelib.core.outbound import AddressError, OutboundError
from chalicelib.knowledge.connectors.sources import ConfigurationError, CredentialsError, SourceError

_EARLY_SECONDS = 120.0


class RefreshTokens(Protocol):
    """The refresh token of a connector, as it is stored."""

    def current(self) -> str | None:
        """The token that is stored now."""

    def replace(self, new: str) -> None:
        """Store the token that replaced the one that was read last, unless another worker stored one meanwhile."""


@dataclass(slots=True)
class AccessTokens:
    """Puts a valid access token into every request of a browser. `form` is what the token endpoint is asked with.

    A refresh token that the provider replaces is stored at once. One that is refused may have been replaced by another
    worker: the stored one is tried then. An answer that is lost leaves the former token, which Microsoft still takes.
    """

    browser: Browser
    token_url: str
    form: Mapping[str, str]
    stored: RefreshTokens | None = None
    _expires_at: float = 0.0

    def ensure(self) -> None:
        """Get a new token when the present one ends soon. Raises CredentialsError, SourceError."""
        if time.monotonic() < self._expires_at:
            return
        self.browser.headers.pop("Authorization", None)
        response, content = self._ask()
        used = self.form.get("refresh_token")
        if response.status == 400 and used is not None and self.stored is not None:
            current = self.stored.current()
            if current is not None and current != used:
                used, self.form = current, {**self.form, "refresh_token": current}
                response, content = self._ask()
        if response.status in {429, 500, 502, 503, 504}:
            raise SourceError("The login server is busy.", retry_after=response.retry_after())
        if response.status != 200 or "access_token" not in content:
            reason = str(content.get("error", ""))
            raise CredentialsError(f"The login server refuses the credentials ({reason or response.status}).")
        new = content.get("refresh_token")
        if used is not None and isinstance(new, str) and new != used:
            self.form = {**self.form, "refresh_token": new}
            if self.stored is not None:
                self.stored.replace(new)
        self.browser.headers["Authorization"] = f"Bearer {content['access_token']}"
        self._expires_at = time.monotonic() + float(content.get("expires_in", 3600)) - _EARLY_SECONDS

    def _ask(self) -> tuple[Response, dict[str, Any]]:
        try:
            response = self.browser.request("POST", self.token_url, form=self.form)
            content = response.json()
        except AddressError as error:
            raise ConfigurationError(str(error)) from error
        except OutboundError as error:
            raise SourceError(str(error)) from error
        return response, content if isinstance(content, dict) else {}


def service_account_form(key_json: str, scope: str, subject: str | None) -> tuple[str, dict[str, str]]:
    """The token endpoint of a Google service account, and what it is asked with (RFC 7523, Google's OAuth guide).

    Raises CredentialsError for a key that is none.
    """
    from joserfc import jwt
    from joserfc.jwk import RSAKey

    try:
        key = json.loads(key_json)
        private, email, token_url = RSAKey.import_key(key["private_key"]), key["client_email"], key["token_uri"]
    except (ValueError, KeyError, TypeError) as error:
        raise CredentialsError("`service_account` must be the JSON key of a service account.") from error
    now = int(time.time())
    claims = {"iss": email, "scope": scope, "aud": token_url, "iat": now, "exp": now + 3600}
    signed = jwt.encode({"alg": "RS256"}, claims | ({"sub": subject} if subject else {}), private)
    return token_url, {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": signed}
