"""Recovering an account by e-mail. A link works once; who has none learns nothing about accounts.

A password is verified or hashed between two transactions, and only for who has a valid link.
"""

from typing import TYPE_CHECKING, Any
from uuid import UUID

from chalicelib.auth.accounts import password_hashes, users
from chalicelib.auth.mail import configuration, tokens
from chalicelib.auth.mail.models import Language
from chalicelib.auth.recovery.models import ConfirmedEmail, EmailChange, PasswordReset, Verification
from chalicelib.core import errors, identity, rows, sql
from chalicelib.core.request import Origin

if TYPE_CHECKING:
    from chalicelib.core.connection import Conn

queries = sql.load(__file__)


def reset_password(reset: PasswordReset, origin: Origin) -> None:
    """Replace the password of the account that the link is for, and end its sessions.

    Raises BadRequest (link_invalid), Unprocessable (password_reused), which leaves the link as it is.
    """
    row = identity.ask(queries.recent_passwords, {"token_hash": tokens.hashed(reset.token)}, again=True)
    if row is None or row[0] is None:
        raise errors.BadRequest(code="link_invalid")
    params = {"replacement": users.replacement_hash(reset.new_password, row[0]), "keep_api_keys": reset.keep_api_keys}
    if not _use(queries.reset, reset.token, origin, params):
        raise errors.BadRequest(code="link_invalid")


def unlock(token: str, origin: Origin) -> None:
    """End the locks of the account that the link is for. Raises BadRequest (link_invalid)."""
    if not _use(queries.unlock, token, origin, {}):
        raise errors.BadRequest(code="link_invalid")


def verify_address(verification: Verification, origin: Origin) -> None:
    """Verify the address of the account that the link is for, and whose password this is.

    Raises BadRequest (link_invalid), Forbidden (wrong_password), Conflict (email_taken).
    """
    token_hash = tokens.hashed(verification.token)
    result = identity.ask(queries.find_verification, {"token_hash": token_hash}, again=True)
    if result is None:
        raise errors.BadRequest(code="link_invalid")
    matches = password_hashes.verify(result[0], verification.password)
    outcome = _use(queries.verify, verification.token, origin, {"verified_hash": result[0], "matches": matches})
    if outcome is None:
        raise errors.BadRequest(code="link_invalid")
    if outcome == "wrong_password":
        raise errors.Forbidden(code="wrong_password")
    if outcome == "email_taken":
        raise errors.Conflict(code="email_taken")


def email_change(conn: "Conn") -> EmailChange:
    """The change of the caller's address that has begun. Raises NotFound."""
    return _change_or_404(rows.one(conn, EmailChange, queries.email_change))


def begin_email_change(conn: "Conn", email: str, language: Language | None) -> EmailChange:
    """Begin to change the caller's address: both addresses get a link. Raises Conflict (mail_off)."""
    chosen = language or configuration.require().language
    return _change_or_404(rows.one(conn, EmailChange, queries.begin_email_change, {"email": email, "language": chosen}))


def begin_email_change_of(conn: "Conn", user_id: UUID, email: str, language: Language | None) -> EmailChange:
    """Begin to change another account's address: the new one gets a link, and the former one is told.

    Raises NotFound, Conflict (mail_off; for the caller's own account).
    """
    chosen = language or configuration.require().language
    if user_id == identity.caller_id():
        raise errors.Conflict("Use POST /me/email-change for your own address.")
    params = {"id": user_id, "email": email, "language": chosen}
    return _change_or_404(rows.one(conn, EmailChange, queries.begin_email_change_of, params))


def end_email_change(conn: "Conn") -> None:
    """End the change of the caller's address that has begun. Raises NotFound."""
    if not rows.value(conn, queries.end_email_change):
        raise errors.NotFound


def confirm_email_change(conn: "Conn", token: str, session_id: UUID) -> ConfirmedEmail:
    """Confirm one of the two addresses. Raises BadRequest (link_invalid), Conflict (email_taken)."""
    import psycopg

    params = {"token_hash": tokens.hashed(token), "session_id": session_id}
    try:
        outcome = rows.value(conn, queries.confirm_email_change, params)
    except psycopg.errors.UniqueViolation:
        outcome = "email_taken"
    if outcome is None:
        raise errors.BadRequest(code="link_invalid")
    if outcome == "email_taken":
        raise errors.Conflict(code="email_taken")
    return ConfirmedEmail(status=outcome)


def _use(query: Any, token: str, origin: Origin, params: dict[str, Any]) -> Any:
    """What a statement that uses up a link returns; 'email_taken' when the address was verified for another account."""
    import psycopg

    where = {"token_hash": tokens.hashed(token), "ip_address": origin.ip_address, "request_id": origin.request_id}
    try:
        with identity.as_nobody() as conn:
            return rows.value(conn, query, where | params)
    except psycopg.errors.UniqueViolation as error:
        raise errors.Conflict(code="email_taken") from error


def _change_or_404(change: EmailChange | None) -> EmailChange:
    if change is None:
        raise errors.NotFound
    return change
