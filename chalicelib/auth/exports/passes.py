"""Passes: an export that began with a recent proof of who is there goes on without another one.

A `next_cursor` of an export has a pass. It is signed, and good for its session, its export and the page that it names,
for fifteen minutes; the next page brings the next pass, up to a day after the first one. A cursor that somebody makes
up has none, so a stolen token begins no export, and goes on with none whose cursor was not stolen too.
"""

import hashlib
import time
from typing import Literal

from chalicelib.auth.sessions import tokens
from chalicelib.core import identity

Export = Literal["account", "organisation"]

SECONDS = 15 * 60
LONGEST_SECONDS = 24 * 60 * 60
_AUDIENCE = "alcove export"


def issue(of: Export, position: str, started_at: int) -> str:
    """A pass of the caller's session for the page at `position` of an export that began at `started_at` (Unix time).

    Empty for a caller without a session: an API key needs no proof.
    """
    session_id = _session_of(current())
    if session_id is None:
        return ""
    claims = {"sid": session_id, "of": of, "at": _digest(position), "began": str(started_at)}
    return tokens.sign(claims, _AUDIENCE, SECONDS)


def started_at(credential: identity.Credential | None, of: Export, position: str, issued: str) -> int | None:
    """When the export began (Unix time) that `issued` is a pass of; None for what is no valid pass of this page."""
    session_id = _session_of(credential)
    try:
        claims = tokens.verified_claims(issued, _AUDIENCE)
        started = int(claims["began"])
        expected = {"sid": session_id, "of": of, "at": _digest(position)}
        is_valid = session_id is not None and {name: claims[name] for name in expected} == expected
    except (KeyError, ValueError, TypeError, AttributeError):
        return None
    return started if is_valid and time.time() < started + LONGEST_SECONDS else None


def current() -> identity.Credential | None:
    """The credential of the request that is served."""
    caller = identity.caller.get()
    return caller.credential if caller is not None else None


def _session_of(credential: identity.Credential | None) -> str | None:
    return str(credential.session_id) if credential is not None and credential.session_id else None


def _digest(position: str) -> str:
    return hashlib.sha256(position.encode()).hexdigest()[:32]
