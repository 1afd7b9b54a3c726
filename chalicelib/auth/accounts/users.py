"""The caller's own account: creating, reading and changing it, and its password."""

from typing import TYPE_CHECKING
from uuid import UUID

from chalicelib.auth.accounts import password_hashes
from chalicelib.auth.accounts.models import (
    Me,
    PasswordChange,
    PersonMatch,
    PersonQuery,
    ProfileChanges,
    Registration,
    User,
)
from chalicelib.auth.mail import configuration
from chalicelib.auth.mail.models import Language
from chalicelib.core import errors, identity, rows, sql
from chalicelib.core.request import Origin

if TYPE_CHECKING:
    from chalicelib.core.connection import Conn

queries = sql.load(__file__)


def check_registration(email: str) -> None:
    """Before the password is hashed: whether this address may register at all.

    Raises Forbidden (registration_closed, domain_refused), Conflict (mail_off) where an address must be verified and no
    e-mail can be sent.
    """
    row = identity.ask(queries.registration, {"email": email}, again=True)
    is_open, is_admitted, awaits_verification = row or (False, False, False)
    if not is_open:
        raise errors.Forbidden(code="registration_closed")
    if not is_admitted:
        raise errors.Forbidden(code="domain_refused")
    if awaits_verification:
        configuration.require()


def register(conn: "Conn", new: Registration, password_hash: str, language: Language | None, origin: Origin) -> User:
    """Create a local account, before identity exists. `language` is that of the e-mail, None where none can be sent.

    Raises Conflict (email_taken), Forbidden (registration_closed). The caller computes the hash: that takes tens of
    milliseconds, and no transaction should wait for it.
    """
    import psycopg

    params = {
        "language": language,
        "email": new.email,
        "username": new.username,
        "display_name": new.display_name or new.username or new.email.partition("@")[0],
        "password_hash": password_hash,
        "ip_address": origin.ip_address,
        "request_id": origin.request_id,
    }
    try:
        created = rows.one(conn, User, queries.register, params)
    except psycopg.errors.UniqueViolation as error:
        raise errors.Conflict(code="email_taken") from error
    if created is None:
        raise errors.Forbidden(code="registration_closed")
    return created


def me(conn: "Conn") -> Me:
    """The caller's own account."""
    user = rows.one(conn, Me, queries.me)
    if user is None:
        raise errors.NotFound
    return user


def change(conn: "Conn", changes: ProfileChanges) -> Me:
    """Change the caller's own account. Raises Conflict (email_taken) for a username in use."""
    import psycopg

    params = changes.model_dump() | {"has_username": "username" in changes.model_fields_set}
    try:
        changed = rows.one(conn, Me, queries.change, params)
    except psycopg.errors.UniqueViolation as error:
        raise errors.Conflict(code="email_taken") from error
    if changed is None:
        raise errors.NotFound
    return changed


def find_person(conn: "Conn", group_id: UUID, sought: PersonQuery) -> PersonMatch:
    """The person with exactly this verified address or username, for who manages the group's members.

    Raises NotFound, Forbidden without the role `admin` in the group.
    """
    manages = rows.value(conn, queries.group, {"group_id": group_id})
    if manages is None:
        raise errors.NotFound
    if not manages:
        raise errors.Forbidden("Only an administrator of the group or of the service can do this.")
    person = rows.one(conn, PersonMatch, queries.find_person, {"group_id": group_id, **sought.model_dump()})
    if person is None:
        raise errors.NotFound("Nobody has this verified address or username. POST /invitations invites somebody.")
    return person


def recent_passwords(conn: "Conn") -> list[str | None]:
    """The hashes that a new password of the caller must not match: the present one, then up to four earlier ones."""
    hashes: list[str | None] = rows.value(conn, queries.recent_passwords) or [None]
    return hashes


def verified_hash(change: PasswordChange, recent: list[str | None]) -> str:
    """The hash of the new password. It takes tens of milliseconds: no transaction should be open.

    Raises Forbidden (wrong_password), Unprocessable (password_reused), Conflict for an account without a password.
    """
    check_password(recent[0], change.current_password)
    return replacement_hash(change.new_password, recent)


def check_password(present: str | None, presented: str) -> None:
    """Raise Forbidden (wrong_password) unless a password matches, Conflict for an account without one.

    It takes tens of milliseconds: no transaction should be open.
    """
    if present is None:
        raise errors.Conflict("This account has no password. It logs in through its provider.")
    if not password_hashes.verify(present, presented):
        raise errors.Forbidden(code="wrong_password")


def replacement_hash(replacement: str, recent: list[str | None]) -> str:
    """The hash of a new password. Raises Unprocessable (password_reused). Call it without an open transaction."""
    if any(stored and password_hashes.verify(stored, replacement) for stored in recent):
        raise errors.Unprocessable(code="password_reused")
    return password_hashes.hash_password(replacement)


def replace_password(
    conn: "Conn",
    user_id: UUID,
    replacement: str,
    *,
    expected: str | None,
    current_session: UUID | None,
    origin: Origin,
    keep_api_keys: bool,
) -> bool:
    """Replace a password and end the account's sessions except `current_session`; returns whether it was replaced.

    Its API keys end too, unless they are kept.

    The caller's own is replaced only while its present hash is `expected`. An administrator replaces other users'.
    """
    params = {
        "user_id": user_id,
        "expected": expected,
        "replacement": replacement,
        "current_session": current_session,
        "ip_address": origin.ip_address,
        "keep_api_keys": keep_api_keys,
    }
    return bool(rows.value(conn, queries.set_password, params))
