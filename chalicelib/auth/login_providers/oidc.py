"""OpenID Connect: authorization code with PKCE, state and nonce, for every provider with a discovery document.

OpenID Connect Core 1.0 and Discovery 1.0, RFC 6749, RFC 7636 (S256), RFC 9207. Metadata and keys are cached. An unknown
key is fetched again, at most once in REFETCH_SECONDS.
"""

import hmac
import threading
import time
from base64 import b64encode
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode, urlsplit

from pydantic import ValidationError

from chalicelib.auth.accounts.models import MAX_DISPLAY_NAME_CHARS
from chalicelib.auth.login_providers.models import CallbackQuery, MappedGroup, OidcSettings, Person
from chalicelib.auth.login_providers.protocol import (
    LoginAttempt,
    RefusedError,
    UntrustedError,
    normal_email,
    normal_username,
)
from chalicelib.auth.sessions import jws
from chalicelib.core import outbound, process

if TYPE_CHECKING:
    from joserfc.jwk import Key

REFETCH_SECONDS = 30
_METADATA_SECONDS = 3600
_CLOCK_SKEW_SECONDS = 60
_MAX_GROUPS = 500
_MAX_SUBJECT_CHARS = 255


@dataclass(slots=True)
class _Issuer:
    """The provider's published metadata and keys."""

    url: str
    metadata: dict[str, Any] = field(default_factory=dict)
    keys: list["Key"] = field(default_factory=list)
    metadata_at: float = -_METADATA_SECONDS
    keys_at: float = -_METADATA_SECONDS
    lock: threading.Lock = field(default_factory=threading.Lock)

    def endpoint(self, name: str) -> str:
        """An address from the metadata. Raises UntrustedError when it is missing or not encrypted."""
        claim_value = self._described().get(name)
        if not isinstance(claim_value, str):
            raise UntrustedError(f"The provider's metadata has no {name}.")
        return outbound.check_url(claim_value)

    def metadata_value(self, name: str) -> Any:
        """A value from the metadata, or None."""
        return self._described().get(name)

    def verify(self, token: str) -> bytes:
        """The payload of a token that one of the issuer's keys signed. Raises InvalidTokenError."""
        if time.monotonic() - self.keys_at >= _METADATA_SECONDS:
            self._fetch_keys()
        try:
            return jws.verify(token, self.keys, jws.ASYMMETRIC)
        except jws.UnknownKeyError:
            if time.monotonic() - self.keys_at < REFETCH_SECONDS:
                raise
        self._fetch_keys()
        return jws.verify(token, self.keys, jws.ASYMMETRIC)

    def _described(self) -> dict[str, Any]:
        with self.lock:
            if time.monotonic() - self.metadata_at >= _METADATA_SECONDS:
                self.metadata = self._fetch(f"{self.url.rstrip('/')}/.well-known/openid-configuration")
                if self.metadata.get("issuer") != self.url:
                    self.metadata = {}
                    raise UntrustedError("The provider's metadata is another issuer's.")
                self.metadata_at = time.monotonic()
            return self.metadata

    def _fetch_keys(self) -> None:
        keys = jws.import_keys(self._fetch(self.endpoint("jwks_uri")))
        with self.lock:
            self.keys, self.keys_at = keys, time.monotonic()

    def _fetch(self, url: str) -> dict[str, Any]:
        answer = outbound.fetch("GET", url)
        claim_value = answer.json() if answer.status == 200 else None
        if not isinstance(claim_value, dict):
            raise UntrustedError("The provider's metadata cannot be read.")
        return claim_value


@process.cached
def _issuer(url: str) -> _Issuer:
    return _Issuer(url)


def authorization_url(settings: OidcSettings, attempt: LoginAttempt) -> str:
    """The address of the provider's login page for this attempt."""
    scopes = ["openid", *(scope for scope in settings.scopes if scope != "openid")]
    query_params = {
        "response_type": "code",
        "client_id": settings.client_id,
        "redirect_uri": attempt.redirect_uri,
        "scope": " ".join(scopes),
        "state": attempt.state,
        "nonce": attempt.nonce,
        "code_challenge": attempt.code_challenge,
        "code_challenge_method": "S256",
    }
    endpoint = _issuer(settings.issuer).endpoint("authorization_endpoint")
    return f"{endpoint}{'&' if urlsplit(endpoint).query else '?'}{urlencode(query_params)}"


def person(settings: OidcSettings, attempt: LoginAttempt, answer: CallbackQuery) -> Person:
    """The person whom the provider confirms, from the parameters of its redirect.

    Raises RefusedError when the provider refuses, UntrustedError when its answer cannot be trusted, OutboundError when
    it cannot be reached.
    """
    issuer = _issuer(settings.issuer)
    if answer.iss != settings.issuer and (
        answer.iss is not None or issuer.metadata_value("authorization_response_iss_parameter_supported")
    ):
        raise UntrustedError("The answer comes from another issuer (RFC 9207).")
    if answer.error or not answer.code:
        raise RefusedError
    tokens = _exchange(settings, issuer, attempt, answer.code)
    claims = _identity_claims(settings, issuer, attempt.nonce, tokens)
    if settings.userinfo:
        claims = _userinfo(issuer, tokens, claims) | claims
    return _person(settings, claims)


def _exchange(settings: OidcSettings, issuer: _Issuer, attempt: LoginAttempt, code: str) -> dict[str, Any]:
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": attempt.redirect_uri,
        "client_id": settings.client_id,
        "code_verifier": attempt.code_verifier,
    }
    headers = {}
    if settings.client_secret is not None:
        secret = settings.client_secret.get_secret_value()
        methods = issuer.metadata_value("token_endpoint_auth_methods_supported")
        if isinstance(methods, list) and "client_secret_basic" not in methods:
            form["client_secret"] = secret
        else:
            # RFC 6749, section 2.3.1: both are form-encoded before they are joined.
            pair = f"{quote(settings.client_id, safe='')}:{quote(secret, safe='')}"
            headers["Authorization"] = f"Basic {b64encode(pair.encode()).decode()}"
    response = outbound.fetch("POST", issuer.endpoint("token_endpoint"), headers=headers, form=form)
    if 400 <= response.status < 500:
        raise RefusedError
    tokens = response.json() if response.status == 200 else None
    if not isinstance(tokens, dict):
        raise UntrustedError("The provider's token endpoint failed.")
    return tokens


def _identity_claims(settings: OidcSettings, issuer: _Issuer, nonce: str, tokens: dict[str, Any]) -> dict[str, Any]:
    """The ID token's claims, verified as in OpenID Connect Core 1.0, section 3.1.3.7."""
    token = tokens.get("id_token")
    if not isinstance(token, str):
        raise UntrustedError("The provider sent no ID token.")
    try:
        claims = jws.claims(issuer.verify(token))
        check_claims(claims, settings.issuer, settings.client_id, nonce)
    except jws.InvalidTokenError as error:
        raise UntrustedError(f"The ID token is not acceptable: {error}.") from error
    return claims


def check_claims(claims: dict[str, Any], issuer: str, client_id: str, nonce: str) -> None:
    """Raise InvalidTokenError unless an ID token with these claims is for this client, now, and for this login."""
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    if claims.get("iss") != issuer:
        raise jws.InvalidTokenError("it has another issuer")
    if client_id not in audiences:
        raise jws.InvalidTokenError("it is for another audience")
    if claims.get("azp", client_id) != client_id or (len(audiences) > 1 and "azp" not in claims):
        raise jws.InvalidTokenError("it was issued to another party")
    _check_times(claims)
    claimed_nonce = claims.get("nonce")
    if not isinstance(claimed_nonce, str) or not hmac.compare_digest(claimed_nonce.encode(), nonce.encode()):
        raise jws.InvalidTokenError("it is not of this login")
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= _MAX_SUBJECT_CHARS or "\x00" in subject:
        raise jws.InvalidTokenError("it has no subject")


def _check_times(claims: dict[str, Any]) -> None:
    now = time.time()
    expires, issued, begins = _moment(claims, "exp"), _moment(claims, "iat"), _moment(claims, "nbf", 0)
    if expires <= now - _CLOCK_SKEW_SECONDS:
        raise jws.InvalidTokenError("it has expired")
    if max(issued, begins) > now + _CLOCK_SKEW_SECONDS:
        raise jws.InvalidTokenError("it is not valid yet")


def _moment(claims: dict[str, Any], name: str, otherwise: float | None = None) -> float:
    claim_value = claims.get(name, otherwise)
    if isinstance(claim_value, bool) or not isinstance(claim_value, int | float):
        raise jws.InvalidTokenError(f"its {name} is not a time")
    return claim_value


def _userinfo(issuer: _Issuer, tokens: dict[str, Any], claims: dict[str, Any]) -> dict[str, Any]:
    token = tokens.get("access_token")
    if not isinstance(token, str) or not token.isascii() or not token.isprintable():
        raise UntrustedError("The provider sent no access token.")
    endpoint = issuer.endpoint("userinfo_endpoint")
    response = outbound.fetch("GET", endpoint, headers={"Authorization": f"Bearer {token}"})
    claim_value = response.json() if response.status == 200 else None
    # Section 5.3.4: a different subject means that the tokens were exchanged.
    if not isinstance(claim_value, dict) or claim_value.get("sub") != claims["sub"]:
        raise UntrustedError("The provider's userinfo is not about the same person.")
    return claim_value


def _person(settings: OidcSettings, claims: dict[str, Any]) -> Person:
    email = normal_email(claims.get("email"))
    verified = settings.trust_email or claims.get("email_verified") in {True, "true"}
    preferred = claims.get("preferred_username")
    names = (claims.get("name"), preferred, claims["sub"])
    try:
        return Person(
            issuer=settings.issuer,
            subject=claims["sub"],
            email=email if verified else None,
            username=normal_username(preferred),
            display_name=next(name for name in names if isinstance(name, str) and name.strip())[
                :MAX_DISPLAY_NAME_CHARS
            ],
            groups=_groups(settings, claims),
            administrator=_is_administrator(settings, claims),
        )
    except ValidationError as error:
        raise UntrustedError("The provider's claims cannot be stored.") from error


def _groups(settings: OidcSettings, claims: dict[str, Any]) -> list[MappedGroup] | None:
    """The groups in the claim, under their names in Alcove. None when claims do not decide groups."""
    if settings.groups_claim is None:
        return None
    values = _words(claims, settings.groups_claim)
    if settings.groups is None:
        return [MappedGroup(name=value) for value in values]
    return [settings.groups[value] for value in values if value in settings.groups]


def _is_administrator(settings: OidcSettings, claims: dict[str, Any]) -> bool | None:
    """Whether a role in the claims makes the user an administrator. None when claims do not decide that."""
    if settings.roles_claim is None or not settings.admin_roles:
        return None
    return bool(set(settings.admin_roles) & set(_words(claims, settings.roles_claim)))


def _words(claims: dict[str, Any], path: str) -> list[str]:
    """The strings of a claim. `realm_access.roles` is `roles` in `realm_access`, unless a claim has that name."""
    claim_value: Any = claims.get(path)
    if claim_value is None and "." in path:
        claim_value = claims
        for step in path.split("."):
            claim_value = claim_value.get(step) if isinstance(claim_value, dict) else None
    values = [claim_value] if isinstance(claim_value, str) else claim_value if isinstance(claim_value, list) else []
    words = sorted(
        {value for value in values if isinstance(value, str) and 0 < len(value) <= 200 and "\x00" not in value}
    )
    if len(words) > _MAX_GROUPS:
        raise UntrustedError(f"The provider sent more than {_MAX_GROUPS} values of {path}.")
    return words
