"""Invitations: made by who may give what they give, listed, withdrawn, and accepted once."""

from typing import TYPE_CHECKING
from uuid import UUID

from chalicelib.auth.accounts import password_hashes
from chalicelib.auth.accounts.models import User
from chalicelib.auth.invitations.models import (
    Acceptance,
    CreatedInvitation,
    Invitation,
    NewInvitation,
    ShownInvitation,
)
from chalicelib.auth.mail import configuration, tokens
from chalicelib.core import errors, identity, rows, sql
from chalicelib.core.models import Page, PageQuery, page_of
from chalicelib.core.request import Origin

if TYPE_CHECKING:
    from chalicelib.core.connection import Conn

queries = sql.load(__file__)

_MAIL_SECONDS = 600


def create(conn: "Conn", new: NewInvitation) -> CreatedInvitation:
    """Invite somebody. Raises Forbidden, NotFound for a group, Conflict (mail_off), TooManyRequests (mail_limit)."""
    import psycopg
    from psycopg.types.json import Jsonb

    token, link_hash = (None, None) if new.send else tokens.new()
    params = {
        "email": new.email,
        "is_admin": new.is_admin,
        "groups": Jsonb([{"group_id": str(group.group_id), "role": group.role} for group in new.groups]),
        "days": new.expires_in_days,
        "link_hash": link_hash,
        "language": new.language or configuration.require().language if new.send else None,
    }
    try:
        created = rows.value(conn, queries.create, params)
    except psycopg.errors.ForeignKeyViolation as error:
        raise errors.NotFound("The group does not exist.") from error
    except psycopg.errors.CheckViolation as error:
        raise errors.TooManyRequests(code="mail_limit", retry_after=_MAIL_SECONDS) from error
    if created is None:
        raise errors.Forbidden("Only an administrator of the service, or of every one of the groups, can invite so.")
    url = configuration.link("invitation", token) if token else None
    return CreatedInvitation(**get(conn, created).model_dump(), token=token, url=url)


def get(conn: "Conn", invitation_id: UUID) -> Invitation:
    """An invitation of the caller; for an administrator, any. Raises NotFound."""
    row = rows.one(conn, Invitation, queries.get, {"id": invitation_id})
    if row is None:
        raise errors.NotFound
    return row


def list_page(conn: "Conn", query: PageQuery) -> Page[Invitation]:
    """The caller's invitations; for an administrator, all. Newest first."""
    params = {"after": query.after(), "limit": query.limit + 1}
    return page_of(rows.many(conn, Invitation, queries.list, params), query.limit)


def withdraw(conn: "Conn", invitation_id: UUID) -> None:
    """End an invitation that nobody has accepted yet. Raises NotFound."""
    if conn.execute(queries.withdraw, {"id": invitation_id}).fetchone() is None:
        raise errors.NotFound


def show(token: str) -> ShownInvitation:
    """What an invitation gives. Raises BadRequest (invitation_invalid)."""
    with identity.as_nobody() as conn:
        row = rows.one(conn, ShownInvitation, queries.show, {"token_hash": tokens.hashed(token)})
    if row is None:
        raise errors.BadRequest(code="invitation_invalid")
    return row


def accept(acceptance: Acceptance, origin: Origin) -> User:
    """Create the account of an invited person. The password is hashed only for a valid link.

    Raises BadRequest (invitation_invalid), Unprocessable without an address, Conflict (email_taken).
    """
    import psycopg

    shown = show(acceptance.token)
    email = shown.email or acceptance.email
    if email is None:
        raise errors.Unprocessable("`email` is required: the invitation names no address.")
    if acceptance.email not in {None, email}:
        raise errors.Unprocessable("The invitation is for another address. Leave `email` out.")
    language = configuration.language(acceptance.language)
    params = {
        "token_hash": tokens.hashed(acceptance.token),
        "email": email,
        "username": acceptance.username,
        "display_name": acceptance.display_name or acceptance.username or email.partition("@")[0],
        "password_hash": password_hashes.hash_password(acceptance.password),
        "language": language,
        "ip_address": origin.ip_address,
        "request_id": origin.request_id,
    }
    try:
        with identity.as_nobody() as conn:
            created = rows.one(conn, User, queries.accept, params)
    except psycopg.errors.UniqueViolation as error:
        raise errors.Conflict(
            "An account has this e-mail address or username. Log in to it, and accept the invitation there.",
            code="email_taken",
        ) from error
    if created is None:
        raise errors.BadRequest(code="invitation_invalid")
    return created


def join(conn: "Conn", token: str, origin: Origin) -> None:
    """Accept an invitation with the caller's account. Raises BadRequest (invitation_invalid)."""
    where = {"token_hash": tokens.hashed(token), "ip_address": origin.ip_address, "request_id": origin.request_id}
    if rows.value(conn, queries.join, where) is None:
        raise errors.BadRequest(code="invitation_invalid")
