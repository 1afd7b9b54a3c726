"""What stands behind `Authorization: Bearer`: an access token or an API key."""

import hashlib
import re

from chalicelib.auth.sessions import tokens
from chalicelib.core import errors, identity

API_KEY_PREFIX = "alc_"
_API_KEY = re.compile(r"alc_[A-Za-z0-9_-]{43}")


def authenticate(presented: str) -> identity.Credential:
    """The credential that a bearer token is. Raises Unauthorized for what is neither a valid token nor a key's form.

    Whether the session or the key still holds, Postgres says at the request's first transaction.
    """
    if not presented.startswith(API_KEY_PREFIX):
        return identity.Credential(session_id=tokens.authenticate(presented))
    if not _API_KEY.fullmatch(presented):
        raise errors.Unauthorized("The API key is not valid.")
    return identity.Credential(api_key_hash=api_key_hash(presented))


def api_key_hash(key: str) -> bytes:
    """SHA-256: enough for a secret of 256 random bits."""
    return hashlib.sha256(key.encode()).digest()
