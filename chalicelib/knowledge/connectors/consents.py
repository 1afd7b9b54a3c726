"""Consents that connectors hold: a refresh token that its provider replaces is stored, one that ends is given back."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from pydantic import ValidationError

from chalicelib.core import errors, identity, rows, sql
from chalicelib.core.browsing import Browser
from chalicelib.core.log import logger
from chalicelib.core.models import Resource
from chalicelib.core.outbound import OutboundError, ResponseLimits
from chalicelib.core.sealed import BrokenSealError, Sealed
from chalicelib.knowledge.connectors import types
from chalicelib.knowledge.connectors.sealed_columns import CREDENTIALS

queries = sql.load(__file__)

_LIMITS = ResponseLimits(read_seconds=5, total_seconds=5, max_bytes=100_000)
_CONSENTS_PER_TICK = 20
# None begins later: tick has other work, and the addresses are users' choice.
_BEGIN_WITHIN_SECONDS = 8.0
# Answers after which it may be tried again; every other one says that the provider is done with the token.
_AGAIN = {408, 425, 429}


@dataclass(slots=True)
class StoredTokens:
    """The refresh token of a connector: a tokens.RefreshTokens. `secret` has the credentials as they were read last."""

    owner_id: UUID
    connector_id: UUID
    secret: Sealed
    credentials: Mapping[str, Any] = field(default_factory=dict)

    def current(self) -> str | None:
        """The token that is stored now."""
        with identity.as_owner(self.owner_id) as conn:
            stored = rows.one(conn, Sealed, queries.stored, {"id": self.connector_id})
        if stored is None:
            return None
        self.secret, self.credentials = stored, json.loads(CREDENTIALS.unseal(stored, self.connector_id))
        token: str | None = self.credentials.get("refresh_token")
        return token

    def replace(self, new: str) -> None:
        """Store a token in place of the one that was read last; another one that was stored meanwhile stays."""
        credentials = {**self.credentials, "refresh_token": new}
        sealed = CREDENTIALS.seal(json.dumps(credentials), self.connector_id)
        params = {"id": self.connector_id, "former": self.secret.ciphertext}
        with identity.as_owner(self.owner_id) as conn:
            stored = conn.execute(
                queries.replace, params | {name: getattr(sealed, name) for name in Sealed.__slots__}
            ).fetchone()
        if stored is not None:
            self.secret, self.credentials = sealed, credentials


class LeftConsent(Resource):
    """Credentials that end, with what is needed to give them back."""

    connector_id: UUID
    type: str
    settings: dict[str, Any]
    mirrors_readers: bool
    allow_private_addresses: bool
    ciphertext: bytes
    wrapped_key: bytes
    master_key: str

    @property
    def sealed(self) -> Sealed:
        """The encrypted credentials."""
        return Sealed(self.ciphertext, self.wrapped_key, self.master_key)


def end_left() -> int:
    """Give back consents of connectors that are gone or have another owner, and forget them; returns how many."""
    with identity.as_nobody() as conn:
        left = rows.many(conn, LeftConsent, queries.left, {"amount": _CONSENTS_PER_TICK})
    ended, latest = 0, time.monotonic() + _BEGIN_WITHIN_SECONDS
    for consent in left:
        if time.monotonic() > latest:
            break
        if _revoke(consent):
            params = {"id": consent.connector_id, "former": consent.ciphertext}
            with identity.as_nobody() as conn:
                ended += bool(rows.value(conn, queries.forget, params))
        else:
            logger().warning("a consent was not given back", connector_id=str(consent.connector_id), type=consent.type)
    return ended


def _revoke(consent: LeftConsent) -> bool:
    """Give a refresh token back (RFC 7009); True also when there is none, or nobody who takes it."""
    kind = types.source_type(consent.type)
    try:
        credentials = json.loads(CREDENTIALS.unseal(consent.sealed, consent.connector_id))
    except BrokenSealError:
        return True
    except errors.Unavailable:
        return False
    token = credentials.get("refresh_token")
    if kind.consent is None or token is None:
        return True
    try:
        settings = kind.settings.model_validate(consent.settings)
    except ValidationError:  # settings of a former version
        return True
    url = kind.consent(settings, consent.mirrors_readers).revoke_url
    if url is None:
        return True
    try:
        with Browser(allow_private=consent.allow_private_addresses) as browser:
            response = browser.request("POST", url, form={"token": str(token)}, limits=_LIMITS)
    except OutboundError:
        return False
    return response.status < 500 and response.status not in _AGAIN
