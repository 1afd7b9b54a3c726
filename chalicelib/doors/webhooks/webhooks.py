"""Webhooks: addresses that are told of events. Their secrets are sealed, and shown once."""

import secrets
from base64 import b64encode
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from chalicelib.core import errors, identity, outbound, rows, sql
from chalicelib.core.models import Page, PageQuery, page_of
from chalicelib.core.sealed import Sealed
from chalicelib.doors.webhooks import events
from chalicelib.doors.webhooks.models import CreatedWebhook, NewWebhook, Webhook, WebhookChanges
from chalicelib.doors.webhooks.sealed_columns import WEBHOOK_SECRETS

if TYPE_CHECKING:
    from collections.abc import Collection

    from chalicelib.core.connection import Conn

queries = sql.load(__file__)

# Webhooks of one user, and of the organisation.
MAX_WEBHOOKS = 10
# How long deliveries are signed with the former secret, too, after a new one was made.
SECRET_OVERLAP = timedelta(days=1)
_SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class _Reserved:
    id: UUID
    is_anonymous: bool
    present: int


def new_secret() -> str:
    """A secret as Standard Webhooks writes it."""
    return "whsec_" + b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def reserve(conn: "Conn", new: NewWebhook) -> UUID:
    """The id of a webhook that is about to be created. Nothing is stored.

    Raises Forbidden (account_required), Conflict (too_many), Unprocessable for an address or an event that is not
    allowed.
    """
    check_address(new.url, allow_private=new.allow_private_addresses)
    _check_events(new.scope, new.events)
    reserved = rows.one(conn, _Reserved, queries.reserve, {"scope": new.scope})
    if reserved is None or reserved.is_anonymous:
        raise errors.Forbidden(code="account_required")
    if reserved.present >= MAX_WEBHOOKS:
        raise errors.Conflict(f"There are {MAX_WEBHOOKS} webhooks, the maximum. Delete one first.", code="too_many")
    return reserved.id


def create(conn: "Conn", webhook_id: UUID, new: NewWebhook, secret: str, sealed: Sealed) -> CreatedWebhook:
    """Store a webhook with its sealed secret. Raises Forbidden for an administrator's webhook, and as reserve()."""
    import psycopg

    rows.hold_limit(conn, "webhooks", identity.caller_id() if new.scope == "user" else "org")
    reserve(conn, new)
    params = new.model_dump() | _columns(sealed) | {"id": webhook_id, "events": sorted(new.events)}
    try:
        created = _webhook_or_404(rows.one(conn, Webhook, queries.create, params))
    except psycopg.errors.InsufficientPrivilege as error:
        raise errors.Forbidden(
            "Only an administrator can create a webhook of the organisation, or one that reaches private addresses."
        ) from error
    return CreatedWebhook(**created.model_dump(), secret=secret)


def get(conn: "Conn", webhook_id: UUID) -> Webhook:
    """One of the caller's webhooks, or of the organisation's for an administrator. Raises NotFound."""
    return _webhook_or_404(rows.one(conn, Webhook, queries.get, {"id": webhook_id}))


def list_page(conn: "Conn", query: PageQuery) -> Page[Webhook]:
    """The caller's webhooks, with the organisation's for an administrator; newest first."""
    params = {"after": query.after(), "limit": query.limit + 1}
    return page_of(rows.many(conn, Webhook, queries.list, params), query.limit)


def change(conn: "Conn", webhook_id: UUID, changes: WebhookChanges) -> Webhook:
    """Change a webhook. Raises NotFound, Unprocessable for an address or an event that is not allowed."""
    present = get(conn, webhook_id)
    if changes.url is not None:
        check_address(changes.url, allow_private=present.allow_private_addresses)
    if changes.events is not None:
        _check_events(present.scope, changes.events)
    params = changes.model_dump() | {
        "id": webhook_id,
        "events": None if changes.events is None else sorted(changes.events),
    }
    import psycopg

    try:
        return _webhook_or_404(rows.one(conn, Webhook, queries.change, params))
    except psycopg.errors.InsufficientPrivilege as error:
        raise errors.Forbidden("Only an administrator can change a webhook that reaches private addresses.") from error


def delete(conn: "Conn", webhook_id: UUID) -> None:
    """Delete a webhook with its log. Raises NotFound."""
    if conn.execute(queries.delete, {"id": webhook_id}).fetchone() is None:
        raise errors.NotFound


def stored_secrets(conn: "Conn", webhook_id: UUID) -> tuple[Sealed, bool]:
    """The sealed secrets of a webhook, and whether the former one still signs. Raises NotFound."""
    row = conn.execute(queries.sealed, {"id": webhook_id}).fetchone()
    if row is None:
        raise errors.NotFound
    *sealed, with_previous = row
    return Sealed(*sealed), with_previous


def renew_secret(conn: "Conn", webhook_id: UUID, secret: str, sealed: Sealed) -> CreatedWebhook:
    """Replace the secret; `sealed` holds the new and the present one. Raises NotFound."""
    import psycopg

    params = _columns(sealed) | {"id": webhook_id, "overlap": SECRET_OVERLAP}
    try:
        renewed = _webhook_or_404(rows.one(conn, Webhook, queries.renew_secret, params))
    except psycopg.errors.InsufficientPrivilege as error:
        raise errors.Forbidden("Only an administrator can change a webhook that reaches private addresses.") from error
    return CreatedWebhook(**renewed.model_dump(), secret=secret)


def seal(webhook_id: UUID, present: str, previous: str | None = None) -> Sealed:
    """Encrypt a webhook's secret, and the one before it. Raises Unavailable."""
    return WEBHOOK_SECRETS.seal("\n".join(filter(None, (present, previous))), webhook_id)


def unseal(webhook_id: UUID, sealed: Sealed, *, with_previous: bool) -> list[str]:
    """A webhook's secret, and the former one where it still signs. Raises BrokenSealError and Unavailable."""
    stored = WEBHOOK_SECRETS.unseal(sealed, webhook_id).split("\n")
    return stored if with_previous else stored[:1]


def check_address(url: str, *, allow_private: bool) -> None:
    """Raises Unprocessable (webhook_address) for an address that a webhook may not have."""
    try:
        (outbound.check_url if allow_private else outbound.check_public_url)(url)
    except outbound.AddressError as error:
        raise errors.Unprocessable(str(error), code="webhook_address") from error


def _check_events(scope: str, names: "Collection[str]") -> None:
    foreign = (events.OF_THE_ORGANISATION if scope == "user" else events.OF_USERS) & set(names)
    if foreign:
        owner = "the organisation's" if scope == "user" else "a user's own"
        raise errors.invalid_field("events", f"{min(foreign)} is for {owner} webhooks")


def _columns(sealed: Sealed) -> dict[str, object]:
    return {"ciphertext": sealed.ciphertext, "wrapped_key": sealed.wrapped_key, "master_key": sealed.master_key}


def _webhook_or_404(webhook: Webhook | None) -> Webhook:
    if webhook is None:
        raise errors.NotFound
    return webhook
