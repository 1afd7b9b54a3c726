"""Access tokens (JWT, RFC 7519) and refresh tokens.

The signing key is a secret with versions. The current version signs, and every version that Secrets Manager still
stages verifies: a rotation ends no session. A token's `kid` is its key's version. A new version signs only when it is
old enough for every other process to find it, and the version before signs until then. Secrets Manager stages two
versions, the current and the previous one: the interval of rotations must be longer than the lifetime of a token.
"""

import hashlib
import hmac
import json
import secrets
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID

from chalicelib.auth.sessions import jws
from chalicelib.auth.sessions.models import Tokens
from chalicelib.core import aws, errors, process
from chalicelib.core.identity import SessionId, UserId
from chalicelib.core.log import logger
from chalicelib.core.settings import settings

if TYPE_CHECKING:
    from joserfc.jwk import OctKey

ACCESS_SECONDS = 15 * 60
_AUDIENCE = "alcove"
_CLOCK_SKEW_SECONDS = 5
_REFETCH_SECONDS = 30
# Older than the oldest copy of the versions in any process: from then on, every process can verify with it.
_SIGNS_AFTER_SECONDS = 60
_ALGORITHM = "HS256"
_MAX_TOKEN_CHARS = 4096
# Separates the keys that are derived from one secret: a fingerprint is never a signature.
_FINGERPRINTS = b"alcove fingerprints"


def issue_access_token(user_id: UserId, session_id: SessionId) -> str:
    """A signed token for one session of one user, valid for ACCESS_SECONDS."""
    return sign({"sub": str(user_id), "sid": str(session_id)}, _AUDIENCE, ACCESS_SECONDS)


def sign(claims: dict[str, str], audience: str, seconds: int) -> str:
    """A signed token with these claims, for `audience`, valid for so many seconds."""
    from joserfc import jwt

    now = int(time.time())
    key = _ring().current()
    whole = {
        "iss": _issuer(),
        "aud": audience,
        **claims,
        "jti": secrets.token_urlsafe(16),
        "iat": now,
        "nbf": now,
        "exp": now + seconds,
    }
    return jwt.encode({"alg": _ALGORITHM, "typ": "JWT", "kid": key.kid}, whole, key, algorithms=[_ALGORITHM])


def for_session(session_id: SessionId, user_id: UserId, refresh_token: str) -> Tokens:
    """The tokens of a session: a new access token, and the refresh token whose hash the session stores."""
    return Tokens(
        access_token=issue_access_token(user_id, session_id), expires_in=ACCESS_SECONDS, refresh_token=refresh_token
    )


def authenticate(token: str) -> SessionId:
    """The session of a valid access token. Raises Unauthorized for any other token.

    Only the signature and the claims are checked here; Postgres checks whether the session is still active.
    """
    try:
        return SessionId(UUID(verified_claims(token, _AUDIENCE)["sid"]))
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise errors.Unauthorized("The access token is not valid or has expired.") from error


def new_refresh_token() -> tuple[str, bytes]:
    """A new opaque token of 256 bits and the hash under which it is stored."""
    token = secrets.token_urlsafe(32)
    return token, refresh_hash(token)


def new_device_token() -> tuple[str, bytes]:
    """A token that makes a device known, and the hash under which it is stored: made as a refresh token is."""
    return new_refresh_token()


def refresh_hash(token: str) -> bytes:
    """SHA-256, which is enough for a random secret of 256 bits."""
    return hashlib.sha256(token.encode()).digest()


def fingerprints(content: bytes, *, refresh: bool = False) -> list[bytes]:
    """HMAC-SHA-256 (32 bytes) of `content` under each version of the signing secret, the signing version first.

    `refresh` also reads versions that this process does not know, unless it did so within 30 seconds.
    """
    secret_keys = (key.raw_value for key in _ring().load_keys(refresh=refresh))
    return [hmac.digest(hmac.digest(key, _FINGERPRINTS, "sha256"), content, "sha256") for key in secret_keys]


def _issuer() -> str:
    return f"alcove/{settings().stage}"


def verified_claims(token: str, audience: str) -> dict[str, Any]:
    """The claims of a valid token of this deployment for `audience`. Raises ValueError for any other token."""
    from joserfc import jwt
    from joserfc.errors import JoseError

    if len(token) > _MAX_TOKEN_CHARS:
        raise ValueError("too long")
    registry = jwt.JWTClaimsRegistry(
        leeway=_CLOCK_SKEW_SECONDS,
        iss={"essential": True, "value": _issuer()},
        aud={"essential": True, "value": audience},
        exp={"essential": True},
        nbf={"essential": True},
        iat={"essential": True},
    )
    claims = jws.claims(_ring().verify(token))
    try:
        registry.validate(claims)
    except JoseError as error:
        raise ValueError(str(error)) from error
    return claims


@dataclass(slots=True)
class _KeyRing:
    """The staged versions of the signing secret."""

    keys: dict[str, "OctKey"] = field(default_factory=dict)
    created_at: dict[str, float] = field(default_factory=dict)
    labelled: dict[str, str] = field(default_factory=dict)
    fetched_at: float = -_REFETCH_SECONDS

    def current(self) -> "OctKey":
        """The key that signs now."""
        if time.monotonic() - self.fetched_at > _REFETCH_SECONDS:
            self._refresh()
        return self._signing()

    def load_keys(self, *, refresh: bool) -> "list[OctKey]":
        """Every key, the one that signs now first."""
        if not self.keys or (refresh and time.monotonic() - self.fetched_at > _REFETCH_SECONDS):
            self._refresh()
        signing = self._signing()
        return [signing, *(key for key in self.keys.values() if key is not signing)]

    def _signing(self) -> "OctKey":
        newest, before = self.labelled["AWSCURRENT"], self.labelled.get("AWSPREVIOUS")
        is_known_everywhere = time.time() - self.created_at[newest] > _SIGNS_AFTER_SECONDS
        return self.keys[newest if before is None or is_known_everywhere else before]

    def verify(self, token: str) -> bytes:
        """The payload of a token that a staged version signed. Raises InvalidTokenError."""
        try:
            return jws.verify(token, self.keys.values(), {_ALGORITHM})
        except jws.UnknownKeyError:
            # The key may be newer than this process's copy. Forged tokens must not cause a request each.
            if time.monotonic() - self.fetched_at <= _REFETCH_SECONDS:
                raise
        self._refresh()
        return jws.verify(token, self.keys.values(), {_ALGORITHM})

    def _refresh(self) -> None:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            self._fetch()
        except (BotoCoreError, ClientError) as error:
            if not self.keys:
                raise errors.Unavailable("The signing keys cannot be read.") from error
            # The known keys remain valid; a later request tries again.
            logger().warning("signing keys cannot be read again", reason=type(error).__name__)
        self.fetched_at = time.monotonic()

    def _fetch(self) -> None:
        from joserfc.jwk import OctKey

        client, secret = aws.secrets(), settings().signing_secret
        stages = client.describe_secret(SecretId=secret)["VersionIdsToStages"]
        # Replaced, never changed in place: another thread may be looking up a key.
        keys = {version: key for version, key in self.keys.items() if version in stages}
        for version in stages.keys() - keys.keys():
            try:
                secret_value = client.get_secret_value(SecretId=secret, VersionId=version)
            except client.exceptions.ResourceNotFoundException:
                continue  # a rotation has named its new version, and has not stored it yet
            secret_key = json.loads(secret_value["SecretString"])["k"]
            keys[version] = OctKey.import_key(secret_key, {"kid": version, "alg": _ALGORITHM})
            self.created_at[version] = secret_value["CreatedDate"].timestamp()
        self.keys = keys
        self.labelled = {label: version for version, labels in stages.items() for label in labels}


@process.cached
def _ring() -> _KeyRing:
    return _KeyRing()
