"""Access tokens (JWT, RFC 7519) and refresh tokens.

The signing key is a secret with versions: its current version signs, and every version that Secrets Manager
still stages verifies, so that rotating the key logs nobody out. A token's `kid` is its key's version.
"""

import base64
import hashlib
import json
import secrets
import time
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any
from uuid import UUID

from chalicelib.core import aws, errors
from chalicelib.core.settings import settings

if TYPE_CHECKING:
    from joserfc.jwk import OctKey

ACCESS_SECONDS = 15 * 60
_AUDIENCE = "alcove"
_CLOCK_SKEW_SECONDS = 5
_REFETCH_SECONDS = 30
_ALGORITHM = "HS256"
_MAX_TOKEN_CHARS = 4096


def issue_access_token(user_id: UUID, session_id: UUID) -> str:
    """A signed token that lives ACCESS_SECONDS and speaks for one session of one user."""
    from joserfc import jwt

    now = int(time.time())
    key = _ring().current()
    claims = {
        "iss": _issuer(),
        "aud": _AUDIENCE,
        "sub": str(user_id),
        "sid": str(session_id),
        "jti": secrets.token_urlsafe(16),
        "iat": now,
        "nbf": now,
        "exp": now + ACCESS_SECONDS,
    }
    return jwt.encode({"alg": _ALGORITHM, "typ": "JWT", "kid": key.kid}, claims, key, algorithms=[_ALGORITHM])


def authenticate(token: str) -> UUID:
    """The session that a valid access token speaks for. Raises Unauthorized for any other token.

    Only the signature and the claims are judged here; whether the session still lives, Postgres says.
    """
    try:
        return UUID(_verified_claims(token)["sid"])
    except (ValueError, TypeError, AttributeError) as error:
        raise errors.Unauthorized("The access token is not valid or has expired.") from error


def new_refresh_token() -> tuple[str, bytes]:
    """A new opaque token of 256 bits and the hash under which it is stored."""
    token = secrets.token_urlsafe(32)
    return token, refresh_hash(token)


def refresh_hash(token: str) -> bytes:
    """SHA-256: enough for a secret that is random already."""
    return hashlib.sha256(token.encode()).digest()


def _issuer() -> str:
    return f"alcove/{settings().stage}"


def _verified_claims(token: str) -> dict[str, Any]:
    from joserfc import jwt
    from joserfc.errors import JoseError
    from joserfc.jwk import KeySet

    if len(token) > _MAX_TOKEN_CHARS:
        raise ValueError("too long")
    registry = jwt.JWTClaimsRegistry(
        leeway=_CLOCK_SKEW_SECONDS,
        iss={"essential": True, "value": _issuer()},
        aud={"essential": True, "value": _AUDIENCE},
        sid={"essential": True},
        exp={"essential": True},
        nbf={"essential": True},
        iat={"essential": True},
    )
    try:
        key = _ring().find(_kid(token))
        decoded = jwt.decode(token, KeySet([key]), algorithms=[_ALGORITHM])
        registry.validate(decoded.claims)
    except JoseError as error:
        raise ValueError(str(error)) from error
    return decoded.claims


def _kid(token: str) -> str:
    head = token.split(".", 1)[0]
    try:
        header = json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if not isinstance(header, dict) or not isinstance(header.get("kid"), str):
        raise ValueError("no kid")  # noqa: TRY004 — the caller's token is at fault, not our types
    kid: str = header["kid"]
    return kid


@dataclass(slots=True)
class _KeyRing:
    """The staged versions of the signing secret."""

    keys: dict[str, "OctKey"] = field(default_factory=dict)
    signing: str = ""
    fetched_at: float = -_REFETCH_SECONDS

    def current(self) -> "OctKey":
        if time.monotonic() - self.fetched_at > _REFETCH_SECONDS:
            self._fetch()
        return self.keys[self.signing]

    def find(self, kid: str) -> "OctKey":
        # An unknown key may be newer than this process's copy, but strangers must not make us ask each time.
        if kid not in self.keys and time.monotonic() - self.fetched_at > _REFETCH_SECONDS:
            self._fetch()
        try:
            return self.keys[kid]
        except KeyError:
            raise ValueError("unknown key") from None

    def _fetch(self) -> None:
        from joserfc.jwk import OctKey

        client, secret = aws.secrets(), settings().signing_secret
        stages = client.describe_secret(SecretId=secret)["VersionIdsToStages"]
        for version, labels in stages.items():
            if version not in self.keys:
                text = client.get_secret_value(SecretId=secret, VersionId=version)["SecretString"]
                self.keys[version] = OctKey.import_key(json.loads(text)["k"], {"kid": version, "alg": _ALGORITHM})
            if "AWSCURRENT" in labels:
                self.signing = version
        for gone in self.keys.keys() - stages.keys():
            del self.keys[gone]
        self.fetched_at = time.monotonic()


@cache
def _ring() -> _KeyRing:
    return _KeyRing()
