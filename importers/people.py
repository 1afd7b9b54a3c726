"""Accounts: what the five systems have of them in common."""

import re
from datetime import datetime
from typing import Any
from uuid import UUID

from importers.move import Move, queries
from importers.records import Json, Row, Target

_EMAIL = re.compile(r"[^\s@]{1,64}@[^\s@]{1,253}")
_HASHES = ("$2a$", "$2b$", "$2y$", "$argon2id$", "pbkdf2:", "scrypt:")
_THEMES = {"system", "light", "dark"}
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,99}")
_MODEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,99}")


def account(row: Row, move: Move, values: dict[str, Json], created: datetime) -> Target:
    """The account of a row. `values` are its columns but for the address, the names and the times.

    An account with the same address that was here before stays as it is: the row becomes that account.
    """
    email, username = _address(row, values.pop("email", None)), values.pop("username", None)
    username = _username(row, username)
    existing = taken(move, email, username)
    if email in existing and not existing[email][1]:
        return Target("users", {"id": existing[email][0]}, merged=True)
    if email in existing and existing[email][0] != move.id(row, created):
        row.note("another account of the source has the same address in small letters: this one has none")
        email = None
    if username in existing and existing[username][0] != move.id(row, created):
        row.note("another account has the same username: this one has none")
        username = None
    is_verified = bool(values.pop("email_verified", False)) and email is not None
    defaults: dict[str, Json] = {
        "id": move.id(row, created),
        "email": email,
        "email_verified": is_verified,
        "username": username,
        "display_name": row.text("display_name", 200) or row.text("name", 200) or username or email or "Unknown",
        "auth_provider": "local",
        "password_hash": None,
        "github_id": None,
        "github_username": None,
        "oidc_issuer": None,
        "oidc_subject": None,
        "is_admin": False,
        "admin_from_claims": False,
        "is_active": True,
        "preferences": {},
        "failed_logins": 0,
        "locked_until": None,
        "login_count": 0,
        "last_login_at": None,
        "created_at": created,
        "updated_at": move.time(row, "updated_at", created),
    }
    changed_by_use = {"password_hash", "failed_logins", "locked_until", "login_count", "last_login_at", "updated_at"}
    return Target("users", defaults | values, volatile=frozenset(changed_by_use))


def taken(move: Move, email: str | None, username: str | None) -> dict[str, tuple[UUID, bool]]:
    """The accounts that have this address or username, and whether this move brought them."""
    params = {"emails": [email] if email else [], "names": [username] if username else []}
    result: dict[str, tuple[UUID, bool]] = {}
    for other_email, other_name, user_id, _ in move.owner.execute(queries.taken, params).fetchall():
        was_moved = move.owner.execute(queries.was_moved, {"source": move.source, "id": user_id}).fetchone()
        entry = (user_id, bool(was_moved and was_moved[0]))
        result |= {name: entry for name in (other_email, other_name) if name is not None}
    return result


def password(row: Row, column: str) -> str | None:
    """A password's hash as it is, if a login can verify it; it is replaced at the first login."""
    stored = row.get(column)
    if not stored:
        return None
    if isinstance(stored, str) and stored.startswith(_HASHES) and len(stored) <= 512:
        return stored
    row.note("its password's hash is of a kind that this service cannot verify: the user must set a new password")
    return None


def preferences(row: Row) -> dict[str, Any]:
    """Archi's columns of preferences, the ones that mean something here."""
    result: dict[str, Any] = {}
    theme = row.get("theme", "system")
    if theme in _THEMES:
        result["theme"] = theme
    else:
        row.note("theme is none of system, light, dark")
    for column, pattern in _PREFERRED.items():
        value = row.get(column)
        if value is not None and pattern is not None and not pattern.fullmatch(str(value)):
            row.note(f"{column} is no name of this service")
            value = None
        if value is not None:
            result[column] = value
    numbers = {
        "preferred_temperature": row.number("preferred_temperature", 0, 2),
        "preferred_max_tokens": row.whole("preferred_max_tokens", 1, 100_000),
        "preferred_num_documents": row.whole("preferred_num_documents", 1, 100),
        "preferred_top_p": row.number("preferred_top_p", 0, 1),
        "preferred_top_k": row.whole("preferred_top_k", 1, 1000),
    }
    return result | {name: value for name, value in numbers.items() if value is not None}


_PREFERRED = {
    "preferred_model": _MODEL,
    "preferred_condense_prompt": _NAME,
    "preferred_chat_prompt": _NAME,
    "preferred_system_prompt": _NAME,
}


def _address(row: Row, value: Json) -> str | None:
    if not value:
        return None
    address = str(value).strip().lower()
    if not 3 <= len(address) <= 254 or not _EMAIL.fullmatch(address):
        row.note("its e-mail address is none")
        return None
    return address


def _username(row: Row, value: Json) -> str | None:
    if not value:
        return None
    name = str(value).strip().lower()
    if not 2 <= len(name) <= 64:
        row.note("its username has fewer than 2 or more than 64 characters: it has none here")
        return None
    return name
