"""The credential in `Authorization: Bearer`: an access token or an API key."""

import hashlib
import re

from chalicelib.auth.sessions import tokens
from chalicelib.core import errors, identity

API_KEY_PREFIX = "alc_"
_API_KEY = re.compile(r"alc_[A-Za-z0-9_-]{43}")


def authenticate(presented: str) -> identity.Credential:
    """The credential of a bearer token. Raises Unauthorized unless it is a valid token or has the form of a key.

    The request's first transaction checks in Postgres whether the session or the key is still active.
    """
    if not presented.startswith(API_KEY_PREFIX):
        return identity.Credential(session_id=tokens.authenticate(presented))
    if not _API_KEY.fullmatch(presented):
        raise errors.Unauthorized("The API key is not valid.")
    return identity.Credential(api_key_hash=api_key_hash(presented))


def api_key_hash(key: str) -> bytes:
    """SHA-256: enough for a secret of 256 random bits."""
    return hashlib.sha256(key.encode()).digest()
