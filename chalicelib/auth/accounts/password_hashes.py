"""Password hashes: argon2id, and imported kinds (bcrypt, Werkzeug's PBKDF2 and scrypt) that a first login replaces."""

import base64
import hashlib
import hmac
import os
from functools import cache
from typing import TYPE_CHECKING

from chalicelib.core import identity

if TYPE_CHECKING:
    from argon2 import PasswordHasher

# The second recommended option of RFC 9106, section 4, for argon2id: 64 MiB, 3 passes, 4 lanes.
_PROFILE = "RFC_9106_LOW_MEMORY"
_MAX_PBKDF2_ITERATIONS = 10_000_000
# Werkzeug's own parameters are 2^15, 8 and 1, which take 32 MiB.
_MAX_SCRYPT_BYTES = 64 * 1024 * 1024
_MAX_SCRYPT_LANES = 16
# bcrypt reads at most 72 bytes, and the systems that hashed the imported passwords cut longer ones silently.
_BCRYPT_BYTES = 72
_BCRYPT = ("$2a$", "$2b$", "$2y$")


@cache
def _argon2() -> "PasswordHasher":
    from argon2 import PasswordHasher, profiles

    return PasswordHasher.from_parameters(getattr(profiles, _PROFILE))


@cache
def _unmatchable() -> str:
    """A hash that no password matches: a login to an unknown account takes as long as one to a known account.

    It is composed, not computed, so that the first unknown account takes no longer either.
    """
    hasher = _argon2()
    salt, digest = (
        base64.b64encode(os.urandom(size)).rstrip(b"=").decode() for size in (hasher.salt_len, hasher.hash_len)
    )
    costs = f"m={hasher.memory_cost},t={hasher.time_cost},p={hasher.parallelism}"
    return f"$argon2id$v=19${costs}${salt}${digest}"


def hash_password(password: str) -> str:
    """An argon2id hash in PHC string format. It takes tens of milliseconds, so no transaction waits meanwhile."""
    identity.settle()
    return _argon2().hash(password)


def verify(stored: str | None, password: str) -> bool:
    """Whether `password` matches `stored`. None never matches, and takes as long as a hash."""
    identity.settle()
    if stored is None:
        _argon2_matches(_unmatchable(), password)
        return False
    if stored.startswith(_BCRYPT):
        return _bcrypt_matches(stored, password)
    if stored.startswith("pbkdf2:"):
        return _werkzeug_matches(stored, password)
    if stored.startswith("scrypt:"):
        return _scrypt_matches(stored, password)
    return _argon2_matches(stored, password)


def needs_rehash(stored: str, password: str) -> bool:
    """Whether a hash that `password` matches should be replaced: it was imported, or has older parameters.

    A bcrypt hash of a password of 72 bytes or more stays: it also matches passwords with another ending, and a new hash
    of such a password would lock the account's owner out.
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


def _scrypt_matches(stored: str, password: str) -> bool:
    """Werkzeug's `scrypt:<n>:<r>:<p>$<salt>$<hex>`; its memory is bounded."""
    try:
        method, salt, expected = stored.split("$")
        n, r, p = (int(number) for number in method.split(":")[1:])
        if min(n, r, p) < 1 or p > _MAX_SCRYPT_LANES or 128 * n * r > _MAX_SCRYPT_BYTES:
            return False
        limit = 2 * _MAX_SCRYPT_BYTES
        computed = hashlib.scrypt(password.encode(), salt=salt.encode(), n=n, r=r, p=p, maxmem=limit, dklen=64)
    except ValueError:
        return False
    return hmac.compare_digest(computed.hex(), expected)
