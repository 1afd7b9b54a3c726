"""Tickets: whoever holds one may do one thing for one minute, as its maker.

An EventSource and a link cannot send the header Authorization, and an access token must not stand in an address: logs
and histories keep addresses. A ticket stands there instead. It names one request, such as `GET /jobs/0198…/events`, and
is good for no other. It ends with its maker's session or API key, which each request checks in Postgres.
"""

import time
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote
from uuid import UUID

from chalicelib.auth.sessions import tokens
from chalicelib.auth.sessions.models import Ticket
from chalicelib.core import errors, identity, request
from chalicelib.core.identity import SessionId

SECONDS = 60
_AUDIENCE = "alcove ticket"
_REFUSAL = "The ticket is not valid for this request, or has expired. Get a new one."


def issue(path: str) -> Ticket:
    """A ticket of the current caller for `GET path`."""
    caller = identity.caller.get()
    credential = caller.credential if caller is not None else None
    if credential is None:
        raise errors.Unauthorized
    owner = {"sid": str(credential.session_id)} if credential.session_id else {"key": _hex(credential.api_key_hash)}
    expires_at = datetime.fromtimestamp(int(time.time()) + SECONDS, UTC)
    ticket = tokens.sign({"for": f"GET {path}", **owner}, _AUDIENCE, SECONDS)
    url = f"{request.base_url()}{path}?ticket={quote(ticket)}"
    return Ticket(ticket=ticket, url=url, expires_at=expires_at)


def authenticate(ticket: str, purpose: str) -> identity.Credential:
    """The credential of a ticket for `purpose`, a method and a path. Raises Unauthorized."""
    try:
        claims = tokens.verified_claims(ticket, _AUDIENCE)
        if claims["for"] == purpose:
            return _credential(claims)
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise errors.Unauthorized(_REFUSAL) from error
    raise errors.Unauthorized(_REFUSAL)


def _credential(claims: dict[str, Any]) -> identity.Credential:
    if "sid" in claims:
        return identity.Credential(session_id=SessionId(UUID(claims["sid"])))
    return identity.Credential(api_key_hash=bytes.fromhex(claims["key"]))


def _hex(key_hash: bytes | None) -> str:
    return (key_hash or b"").hex()
