"""The second factor of logins by password: time-based one-time passwords (RFC 6238), and recovery codes.

The key is sealed. A code is read between two transactions, because opening the key asks KMS; Postgres then uses it up,
so that of two requests with one code only one succeeds.
"""

import base64
import hashlib
import hmac
import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from chalicelib.auth.second_factors.models import NewSecondFactor, SecondFactor
from chalicelib.auth.second_factors.sealed_columns import TOTP_KEYS
from chalicelib.core import errors, identity, rows, sealed, sql
from chalicelib.core.sealed import Sealed

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.twofactor.totp import TOTP

    from chalicelib.core.connection import Conn

queries = sql.load(__file__)

_KEY_BYTES = 20
_SECONDS = 30
_DIGITS = 6
_RECOVERY_CODES = 10
_RECOVERY_BYTES = 10


@dataclass(frozen=True, slots=True)
class ReadCode:
    """A code as Postgres judges it: a right one's time step, -1 for a wrong one, or the hash of a recovery code."""

    step: int | None = None
    recovery: bytes | None = None


def get(conn: "Conn") -> SecondFactor:
    """The caller's second factor."""
    row = rows.one(conn, SecondFactor, queries.get)
    if row is None:
        raise errors.NotFound
    return row


def begin() -> NewSecondFactor:
    """Store a new key of the caller, which counts once a code of it was shown.

    Raises Conflict (second_factor_on) for an account that has a second factor, Conflict for one without a password.
    """
    with identity.as_caller() as conn:
        account = conn.execute(queries.account).fetchone()
    if account is None or not account[2]:
        raise errors.Conflict("This account has no password. Its login provider asks for a second factor.")
    email, username, _, issuer = account
    key = secrets.token_bytes(_KEY_BYTES)
    stored = TOTP_KEYS.seal(base64.b64encode(key).decode(), identity.caller_id())
    params = {"ciphertext": stored.ciphertext, "wrapped_key": stored.wrapped_key, "master_key": stored.master_key}
    with identity.as_caller() as conn:
        if not rows.value(conn, queries.begin, params):
            raise errors.Conflict(code="second_factor_on")
    uri = _totp(key).get_provisioning_uri(email or username or "account", issuer)
    return NewSecondFactor(secret=base64.b32encode(key).decode(), uri=uri)


def confirm(code: str, session_id: UUID) -> list[str]:
    """Have the caller's new key count, because a code of it was shown; returns the recovery codes.

    Raises Forbidden (wrong_code), Conflict (second_factor_off) when no key waits.
    """
    with identity.as_caller() as conn:
        row = conn.execute(queries.sealed, {"user_id": identity.caller_id(), "awaiting": True}).fetchone()
    if row is None:
        raise errors.Conflict(code="second_factor_off")
    step = _matching_step(_open(identity.caller_id(), row), code)
    if step < 0:
        raise errors.Forbidden(code="wrong_code")
    codes = _new_recovery_codes()
    params = {"step": step, "hashes": [_recovery_hash(one) for one in codes], "session_id": session_id}
    with identity.as_caller() as conn:
        if not rows.value(conn, queries.confirm, params):
            raise errors.Conflict(code="second_factor_off")
    return codes


def replace_recovery_codes(conn: "Conn") -> list[str]:
    """New recovery codes of the caller; the former ones end. Raises Conflict (second_factor_off)."""
    codes = _new_recovery_codes()
    if conn.execute(queries.replace_recovery_codes, {"hashes": [_recovery_hash(one) for one in codes]}).rowcount == 0:
        raise errors.Conflict(code="second_factor_off")
    return codes


def end(conn: "Conn", user_id: UUID) -> None:
    """End the second factor of the caller or, as an administrator, of another account. Raises NotFound."""
    if not rows.value(conn, queries.end, {"user_id": user_id}):
        raise errors.NotFound


def read_code(user_id: UUID, code: str) -> ReadCode:
    """A code of an account, read and not yet used up. For an account without a second factor it is no code."""
    if len(code) != _DIGITS:
        return ReadCode(recovery=_recovery_hash(code))
    row = identity.ask(queries.sealed, {"user_id": user_id, "awaiting": False}, again=True)
    return ReadCode() if row is None else ReadCode(step=_matching_step(_open(user_id, row), code))


def _open(user_id: UUID, row: tuple[bytes, bytes, str]) -> bytes:
    identity.settle()
    try:
        return base64.b64decode(TOTP_KEYS.unseal(Sealed(*row), user_id))
    except sealed.BrokenSealError as error:
        raise errors.Problem("The second factor cannot be read. An administrator can end it.") from error


def _matching_step(key: bytes, code: str) -> int:
    """The time step of a code, now or one step away (RFC 6238, section 5.2); -1 for another code."""
    present = int(time.time()) // _SECONDS
    matching = -1
    for step in (present - 1, present, present + 1):
        if hmac.compare_digest(_totp(key).generate(step * _SECONDS), code.encode()):
            matching = step
    return matching


def _totp(key: bytes) -> "TOTP":
    from cryptography.hazmat.primitives.hashes import SHA1
    from cryptography.hazmat.primitives.twofactor.totp import TOTP

    return TOTP(key, _DIGITS, SHA1(), _SECONDS)  # noqa: S303 — the apps know no other hash (RFC 6238)


def _new_recovery_codes() -> list[str]:
    """Codes of 80 bits each: so many that a hash without salt is enough."""
    codes = [base64.b32encode(secrets.token_bytes(_RECOVERY_BYTES)).decode().lower() for _ in range(_RECOVERY_CODES)]
    return ["-".join(code[at : at + 4] for at in range(0, len(code), 4)) for code in codes]


def _recovery_hash(code: str) -> bytes:
    return hashlib.sha256(code.replace("-", "").encode()).digest()
