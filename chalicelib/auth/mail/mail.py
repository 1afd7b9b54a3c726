"""The outbox: e-mails are written into it by the transactions of requests, and sent by tick, each at least once.

The link of an e-mail is made when it is sent. So no row contains a secret, and a request does not learn whether an
account has the address: that is looked up when the e-mail is sent.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from chalicelib.auth.mail import configuration, texts, tokens, transport
from chalicelib.auth.mail.models import Language, MailSettings
from chalicelib.core import identity, rows, sql
from chalicelib.core.log import logger

queries = sql.load(__file__)

_A_MINUTE = 200
_BATCH = 20
_SECONDS = 15.0
# The last attempt is about eight hours after the first.
_ATTEMPTS = 9


@dataclass(frozen=True, slots=True)
class _DueMail:
    """An e-mail that was claimed."""

    id: UUID
    kind: str
    recipient: str
    language: Language | None
    attempts: int


@dataclass(frozen=True, slots=True)
class _Prepared:
    """What an e-mail tells."""

    deployment_name: str
    name: str | None
    inviter: str | None
    group_names: list[str] | None
    new_email: str | None
    expires_at: datetime | None
    numbers: dict[str, int]


def ask_for(kind: str, address: str, language: Language | None) -> None:
    """Ask for an e-mail to an address that may have no account, before identity exists. Raises Conflict (mail_off)."""
    chosen = language or configuration.require().language
    with identity.as_nobody() as conn:
        conn.execute(queries.request, {"kind": kind, "address": address, "language": chosen})


def send_now(kind: str, recipients: Sequence[str], values: texts.Values) -> int:
    """Send one e-mail to several recipients at once, not through the outbox; returns how many the server refused.

    Raises Conflict (mail_off), and TransportError when it reaches nobody.
    """
    settings = configuration.require()
    message = texts.compose(kind, settings.language, ", ".join(recipients), values, settings)
    with transport.opened(settings) as send:
        return send(message)


def send_due() -> int:
    """Send e-mails that are due, for some seconds at most; returns how many were sent."""
    settings = configuration.read()
    if settings is None:
        return 0
    deadline, sent, claimed = time.monotonic() + _SECONDS, 0, 0
    while claimed < _A_MINUTE and time.monotonic() < deadline:
        with identity.as_nobody() as conn:
            due = rows.many(conn, _DueMail, queries.claim, {"amount": _BATCH})
        if not due:
            break
        claimed += len(due)
        sent += _send(due, settings, deadline)
    return sent


def _send(due: list[_DueMail], settings: MailSettings, deadline: float) -> int:
    """Send a batch over one connection; returns how many were sent. What is not reached in time is due again later."""
    sent = 0
    try:
        with transport.opened(settings) as send:
            for mail in due:
                if time.monotonic() > deadline:
                    break
                sent += _send_one(mail, settings, send)
    except transport.TransportError as error:
        logger().warning("e-mails were not sent", reason=str(error))
        for mail in due:
            if mail.attempts >= _ATTEMPTS:
                _finish(mail, abandoned=True)
    return sent


def _send_one(mail: _DueMail, settings: MailSettings, send: transport.Send) -> int:
    token, token_hash = tokens.new()
    with identity.as_nobody() as conn:
        prepared = rows.one(conn, _Prepared, queries.prepare, {"id": mail.id, "token_hash": token_hash})
    if prepared is None:  # no account has the address, or the invitation was withdrawn
        _finish(mail, abandoned=False)
        return 0
    values = texts.Values(
        deployment=prepared.deployment_name,
        name=prepared.name or "",
        inviter=prepared.inviter or "",
        groups=tuple(prepared.group_names or ()),
        new_email=prepared.new_email or "",
        expires_at=prepared.expires_at,
        token=token if prepared.expires_at else "",
        link=configuration.link(mail.kind, token) if prepared.expires_at else None,
        numbers=prepared.numbers,
    )
    try:
        send(texts.compose(mail.kind, mail.language or settings.language, mail.recipient, values, settings))
    except transport.MailRefusedError as error:
        logger().warning("an e-mail was refused", kind=mail.kind, reason=str(error))
        _finish(mail, abandoned=True)
        return 0
    except transport.MailDeferredError as error:
        logger().warning("an e-mail was deferred", kind=mail.kind, reason=str(error))
        if mail.attempts >= _ATTEMPTS:
            _finish(mail, abandoned=True)
        return 0
    _finish(mail, abandoned=False)
    return 1


def _finish(mail: _DueMail, *, abandoned: bool) -> None:
    with identity.as_nobody() as conn:
        conn.execute(queries.finish, {"id": mail.id, "abandoned": abandoned})
