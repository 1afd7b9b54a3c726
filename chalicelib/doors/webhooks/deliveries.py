"""Deliveries of webhooks: what waits in the outbox is signed, sent, and tried again for three days.

A delivery is claimed in one transaction, sent without one, and recorded in another. A worker that dies in between
leaves it to the next one, so a receiver can get a delivery twice; its `webhook-id` is the same.
"""

import json
import random
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from chalicelib.auth.audit import audit
from chalicelib.core import errors, identity, outbound, rows, sql
from chalicelib.core.log import logger
from chalicelib.core.models import Page, PageQuery, page_of
from chalicelib.core.sealed import BrokenSealError, Sealed
from chalicelib.doors.webhooks import webhooks
from chalicelib.doors.webhooks.models import Delivery, DeliveryStatus

if TYPE_CHECKING:
    from chalicelib.core.connection import Conn

queries = sql.load(__file__)

# When a delivery is tried again after its first, second, … attempt failed. After the last one it is given up.
RETRY_AFTER = tuple(
    timedelta(minutes=minutes) for minutes in (1, 5, 30, 2 * 60, 5 * 60, 10 * 60, 14 * 60, 20 * 60, 24 * 60)
)
# A webhook whose deliveries have all failed for so long is disabled.
DISABLE_AFTER = timedelta(days=3)
# One run of tick: so many seconds, so many at once, and when a worker that claimed a delivery is given up.
_RUN_SECONDS = 15.0
_AT_ONCE = 8
_LEASE = timedelta(minutes=2)
_LIMITS = outbound.ResponseLimits(read_seconds=5.0, total_seconds=8.0, max_bytes=64 * 1024)
_REMOVED = 410


@dataclass(frozen=True, slots=True)
class ClaimedDelivery:
    """A delivery that this worker sends: its address, what it says, and the sealed secrets that sign it."""

    id: UUID
    webhook_id: UUID
    payload: dict[str, Any]
    attempts: int
    url: str
    allow_private_addresses: bool
    signs_with_previous: bool
    ciphertext: bytes
    wrapped_key: bytes
    master_key: str


@dataclass(frozen=True, slots=True)
class _Outcome:
    status: int | None
    failure: str | None
    milliseconds: int


def list_page(conn: "Conn", webhook_id: UUID, query: PageQuery, status: DeliveryStatus | None) -> Page[Delivery]:
    """A webhook's deliveries, newest first. Raises NotFound."""
    webhooks.get(conn, webhook_id)
    params = {"webhook_id": webhook_id, "after": query.after(), "limit": query.limit + 1, "status": status}
    return page_of(rows.many(conn, Delivery, queries.list, params), query.limit)


def send_again(conn: "Conn", webhook_id: UUID, delivery_id: UUID) -> Delivery:
    """Queue a delivery again, whatever became of it. Raises NotFound."""
    queued = rows.one(conn, Delivery, queries.send_again, {"webhook_id": webhook_id, "id": delivery_id})
    if queued is None:
        raise errors.NotFound
    audit.record(conn, "webhook.delivery_retried", "webhook", webhook_id, delivery_id=str(delivery_id))
    return queued


def send_test(webhook_id: UUID) -> Delivery:
    """Send a webhook the event `webhook.test` now, whether it is enabled or not. Raises NotFound and Unavailable."""
    with identity.as_caller() as conn:
        params = {"webhook_id": webhook_id, "lease": _LEASE}
        announced = rows.one(conn, ClaimedDelivery, queries.announce_test, params)
        if announced is None:
            raise errors.NotFound
        audit.record(conn, "webhook.tested", "webhook", webhook_id)
    outcome = _send(announced, _secrets(announced))
    with identity.as_nobody() as conn:
        _record(conn, announced, outcome, is_last=True)
    with identity.as_caller() as conn:
        sent = rows.one(conn, Delivery, queries.get, {"webhook_id": webhook_id, "id": announced.id})
    if sent is None:
        raise errors.NotFound
    return sent


def send_due() -> int:
    """Send what is due, for at most 15 seconds and as long as there is something; returns how many were tried."""
    deadline = time.monotonic() + _RUN_SECONDS
    tried = 0
    while time.monotonic() < deadline:
        with identity.as_nobody() as conn:
            claimed = rows.many(conn, ClaimedDelivery, queries.claim, {"amount": _AT_ONCE, "lease": _LEASE})
        if not claimed:
            break
        outcomes = _send_all(claimed)
        with identity.as_nobody() as conn:
            for delivery, outcome in zip(claimed, outcomes, strict=True):
                _record(conn, delivery, outcome, is_last=False)
        tried += len(claimed)
    return tried


def _send_all(claimed: Sequence[ClaimedDelivery]) -> list[_Outcome]:
    # Secrets are opened here, because a thread has no connection and no client of its own.
    opened = [_secrets(delivery) for delivery in claimed]
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        return list(threads.map(_send, claimed, opened))


def _secrets(delivery: ClaimedDelivery) -> list[str]:
    """The secrets that sign a delivery; none when the stored ones do not open. Raises Unavailable."""
    sealed = Sealed(delivery.ciphertext, delivery.wrapped_key, delivery.master_key)
    try:
        return webhooks.unseal(delivery.webhook_id, sealed, with_previous=delivery.signs_with_previous)
    except BrokenSealError:
        logger().exception("a webhook's secret does not open", webhook_id=str(delivery.webhook_id))
        return []


def _send(delivery: ClaimedDelivery, secrets: Sequence[str]) -> _Outcome:
    """One request. A status of 2xx is a success; a redirect is none, and is not followed."""
    if not secrets:
        return _Outcome(None, "The secret of the webhook does not open. Make a new one.", 0)
    public = not delivery.allow_private_addresses
    content = json.dumps(delivery.payload)
    started = time.monotonic()
    status, failure = None, None
    try:
        status = outbound.fetch(
            "POST",
            delivery.url,
            headers=signed(str(delivery.id), content, secrets),
            document=content,
            bounds=_LIMITS,
            check=outbound.check_public_url if public else outbound.check_url,
            public=public,
        ).status
        if not 200 <= status < 300:
            failure = f"The receiver answered {status}."
    except outbound.OutboundError as error:
        failure = str(error)[:500]
    return _Outcome(status, failure, round((time.monotonic() - started) * 1000))


def signed(message_id: str, content: str, secrets: Sequence[str]) -> dict[str, str]:
    """The headers of Standard Webhooks for a body, signed with each secret."""
    from standardwebhooks import Webhook

    now = datetime.now(UTC)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(Webhook(secret).sign(message_id, now, content) for secret in secrets),
    }


def _record(conn: "Conn", delivery: ClaimedDelivery, outcome: _Outcome, *, is_last: bool) -> None:
    has_next = not is_last and delivery.attempts <= len(RETRY_AFTER) and outcome.status != _REMOVED
    params = {
        "delivery": delivery.id,
        "attempt": delivery.attempts,
        "answered": outcome.status,
        "failure": outcome.failure,
        "took": outcome.milliseconds,
        "retry_in": _retry_in(delivery.attempts) if has_next else None,
        "is_final": outcome.status == _REMOVED,
        "disable_after": DISABLE_AFTER,
    }
    conn.execute(queries.record, params)


def _retry_in(attempts: int) -> timedelta:
    # Up to a tenth longer, so that many deliveries that failed together are not tried together.
    return RETRY_AFTER[attempts - 1] * (1 + random.random() / 10)  # noqa: S311 — it decides nothing but when
