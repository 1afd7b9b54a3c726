"""Accounts of people who leave: what they hold, who gets their documents, and their erasure after a wait."""

import time
from typing import TYPE_CHECKING
from uuid import UUID

from chalicelib.auth.accounts import administration
from chalicelib.auth.accounts.administration import queries
from chalicelib.auth.accounts.models import Holdings, ManagedUser
from chalicelib.core import errors, identity, rows

if TYPE_CHECKING:
    from chalicelib.core.connection import Conn

_CHUNKS_PER_BATCH = 5_000
_SECONDS = 15.0


def holdings(conn: "Conn", user_id: UUID) -> Holdings:
    """What an account holds, in numbers. Raises NotFound."""
    row = rows.one(conn, Holdings, queries.holdings, {"id": user_id})
    if row is None:
        raise errors.NotFound
    return row


def schedule_deletion(conn: "Conn", user_id: UUID) -> ManagedUser:
    """Deactivate an account, and have tick erase it later. Raises NotFound, Conflict for the caller's own."""
    outcome = rows.value(conn, queries.schedule_deletion, {"id": user_id})
    if outcome is None:
        raise errors.NotFound
    if outcome == "own":
        raise errors.Conflict("Use DELETE /me for your own account.")
    return administration.get(conn, user_id)


def cancel_deletion(conn: "Conn", user_id: UUID) -> ManagedUser:
    """Keep an account that was to be erased. Raises NotFound for one that was not."""
    if not rows.value(conn, queries.cancel_deletion, {"id": user_id}):
        raise errors.NotFound
    return administration.get(conn, user_id)


def hand_over(leaver: UUID, heir: UUID) -> None:
    """Move the private documents of a deactivated account to another user, a part in each transaction.

    Raises NotFound, Conflict for an account in use, for the administrator as heir, and (storage_full) for a heir whose
    space is full, and Unavailable when it takes longer than a request may: the next call continues.
    """
    deadline = time.monotonic() + _SECONDS
    while (outcome := _hand_over_some(leaver, heir)) == "more":
        if time.monotonic() > deadline:
            raise errors.Unavailable("A part of the documents is handed over. Repeat the request to continue.")
    if outcome is None:
        raise errors.NotFound
    if outcome == "active":
        raise errors.Conflict("Deactivate the account first.")
    if outcome == "own":
        raise errors.Conflict("Name another user: an administrator does not get what users keep for themselves.")


def _hand_over_some(leaver: UUID, heir: UUID) -> str | None:
    with identity.as_caller() as conn:
        outcome: str | None = rows.value(
            conn, queries.hand_over, {"leaver": leaver, "heir": heir, "amount": _CHUNKS_PER_BATCH}
        )
    return outcome


def erase_due() -> int:
    """Erase accounts whose wait is over, for some seconds at most; returns how many."""
    deadline, erased = time.monotonic() + _SECONDS, 0
    while time.monotonic() < deadline:
        with identity.as_nobody() as conn:
            outcome = rows.value(conn, queries.erase_leaver, {"amount": _CHUNKS_PER_BATCH})
        if outcome is None:
            break
        erased += outcome == "erased"
    return erased
