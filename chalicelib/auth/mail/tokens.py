"""The random part of a link: 256 bits, of which the database stores the SHA-256 alone."""

import hashlib
import secrets

PATTERN = "^[A-Za-z0-9_-]{43}$"


def new() -> tuple[str, bytes]:
    """A new token, and its hash."""
    token = secrets.token_urlsafe(32)
    return token, hashed(token)


def hashed(token: str) -> bytes:
    """The hash under which a token is stored."""
    return hashlib.sha256(token.encode()).digest()
