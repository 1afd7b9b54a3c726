"""Password hashes: argon2id for new ones, and the two imported kinds that log in once and are then rehashed."""

import base64
import hashlib
import hmac
import os
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argon2 import PasswordHasher

# The parameters of argon2id: what RFC 9106 recommends for limited memory, 64 MiB, 3 passes, 4 lanes.
_PROFILE = "RFC_9106_LOW_MEMORY"
_MAX_PBKDF2_ITERATIONS = 10_000_000
# bcrypt reads so many bytes; the systems that made the imported hashes cut there silently.
_BCRYPT_BYTES = 72
_BCRYPT = ("$2a$", "$2b$", "$2y$")


@cache
def _argon2() -> "PasswordHasher":
    from argon2 import PasswordHasher, profiles

    return PasswordHasher.from_parameters(getattr(profiles, _PROFILE))


@cache
def _unmatchable() -> str:
    """A hash of no known password, which unknown accounts are verified against, so that they take as long.

    It is composed, not computed: the first unknown account would otherwise take twice as long as a known one.
    """
    hasher = _argon2()
    salt, digest = (
        base64.b64encode(os.urandom(size)).rstrip(b"=").decode() for size in (hasher.salt_len, hasher.hash_len)
    )
    costs = f"m={hasher.memory_cost},t={hasher.time_cost},p={hasher.parallelism}"
    return f"$argon2id$v=19${costs}${salt}${digest}"


def hash_password(password: str) -> str:
    """An argon2id hash in PHC string format."""
    return _argon2().hash(password)


def verify(stored: str | None, password: str) -> bool:
    """Whether `password` matches `stored`. Takes as long when there is nothing stored, and says no."""
    if stored is None:
        _argon2_matches(_unmatchable(), password)
        return False
    if stored.startswith(_BCRYPT):
        return _bcrypt_matches(stored, password)
    if stored.startswith("pbkdf2:"):
        return _werkzeug_matches(stored, password)
    return _argon2_matches(stored, password)


def needs_rehash(stored: str, password: str) -> bool:
    """Whether a hash that `password` matches should be replaced: it was imported, or made with older parameters.

    A bcrypt hash of as much as bcrypt reads does not say what followed. To replace it might make a wrong ending, or
    none, the password, and lock out whoever knows the right one.
    """
    if stored.startswith(_BCRYPT):
        return len(password.encode()) < _BCRYPT_BYTES
    return not stored.startswith("$argon2id$") or _argon2().check_needs_rehash(stored)


def _argon2_matches(stored: str, password: str) -> bool:
    from argon2.exceptions import InvalidHashError, VerificationError

    try:
        return _argon2().verify(stored, password)
    except (VerificationError, InvalidHashError):
        return False


def _bcrypt_matches(stored: str, password: str) -> bool:
    import bcrypt

    try:
        return bcrypt.checkpw(password.encode()[:_BCRYPT_BYTES], stored.encode())
    except ValueError:
        return False


def _werkzeug_matches(stored: str, password: str) -> bool:
    """Werkzeug's `pbkdf2:<digest>:<iterations>$<salt>$<hex>`."""
    try:
        method, salt, expected = stored.split("$")
        _, digest, iterations = method.split(":")
        if not 0 < int(iterations) <= _MAX_PBKDF2_ITERATIONS:
            return False
        computed = hashlib.pbkdf2_hmac(digest, password.encode(), salt.encode(), int(iterations))
    except ValueError:
        return False
    return hmac.compare_digest(computed.hex(), expected)
