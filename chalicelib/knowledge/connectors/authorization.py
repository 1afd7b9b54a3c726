"""Consent at Google or Microsoft: a connector gets a refresh token of the user who connects it (OAuth 2.0, RFC 6749).

    POST /connectors/{id}/authorization         the address at which the user consents
    POST /connectors/{id}/authorization/code    what came back from there, posted by the page that it came back to

Nothing is stored between both. `state` names the connector, its user and an hour, under the deployment's own key: only
the user who began can end it, so nobody's consent ends up with another user's connector. The verifier of PKCE (RFC
7636) is derived from `state` with the same key.
"""

import base64
import hashlib
import hmac
import json
import secrets
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode
from uuid import UUID

from chalicelib.auth.audit import audit
from chalicelib.auth.sessions import tokens
from chalicelib.core import errors, identity, rows, sql
from chalicelib.core.browsing import Browser
from chalicelib.core.outbound import OutboundError
from chalicelib.core.sealed import Sealed
from chalicelib.knowledge.connectors import connectors, types
from chalicelib.knowledge.connectors.models import Connector, ConsentCode, ConsentPage, NewConsent
from chalicelib.knowledge.connectors.sealed_columns import CREDENTIALS
from chalicelib.knowledge.connectors.types import Consent

if TYPE_CHECKING:
    from chalicelib.core.connection import Conn

queries = sql.load(__file__)

_LIFETIME_SECONDS = 3600


def begin(connector_id: UUID, new: NewConsent) -> ConsentPage:
    """The address at which the caller consents. Raises NotFound, Forbidden, Conflict (no_consent)."""
    consent, credentials = _consent(connector_id)
    state = _state(connector_id)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(_verifiers(state)[0].encode()).digest()).decode().rstrip("=")
    query = {
        "response_type": "code",
        "client_id": credentials["client_id"],
        "redirect_uri": new.redirect_uri,
        "scope": consent.scope,
        "state": state,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
        **dict(consent.extra),
    }
    return ConsentPage(url=f"{consent.authorize_url}?{urlencode(query)}")


def finish(connector_id: UUID, answer: ConsentCode) -> Connector:
    """Exchange a code for a refresh token, and keep that with the connector, whose owner the caller becomes; audited.

    Raises Unprocessable (consent_refused) for a state of somebody else, or a code that the provider refuses; NotFound,
    Forbidden, Conflict (no_consent).
    """
    consent, credentials = _consent(connector_id)
    verifier = _verifier_of(connector_id, answer.state)
    if verifier is None:
        raise errors.Unprocessable(
            "The state is not of this connector and user, or is too old.", code="consent_refused"
        )
    refresh_token = _exchange(connector_id, consent, credentials, answer, verifier)
    sealed = connectors.seal(connector_id, credentials | {"refresh_token": refresh_token})
    with identity.as_caller() as conn:
        connectors.get(conn, connector_id)
        params = {"id": connector_id, **{name: getattr(sealed, name) for name in Sealed.__slots__}}
        if conn.execute(queries.connect, params).fetchone() is None:
            raise errors.Forbidden("Only those who may write to the connector's space may connect it.")
        audit.record(conn, "connector.connected", "connector", connector_id)
        return connectors.get(conn, connector_id)


def _consent(connector_id: UUID) -> tuple[Consent, dict[str, Any]]:
    """Where users of this connector consent, and the client that asks them."""
    with identity.as_caller() as conn:
        connector = connectors.get(conn, connector_id)
        stored = _credentials(conn, connector_id)
    kind = types.source_type(connector.type)
    if kind.consent is None:
        raise errors.Conflict("This type of connector needs no consent.", code="no_consent")
    credentials = json.loads(CREDENTIALS.unseal(stored, connector_id)) if stored is not None else {}
    if not credentials.get("client_id") or not credentials.get("client_secret"):
        raise errors.Conflict(
            "Give the connector the credentials `client_id` and `client_secret` first.", code="no_consent"
        )
    return kind.consent(kind.settings.model_validate(connector.settings), connector.mirrors_readers), credentials


def _credentials(conn: "Conn", connector_id: UUID) -> Sealed | None:
    return rows.one(conn, Sealed, queries.credentials, {"id": connector_id})


def _exchange(
    connector_id: UUID, consent: Consent, credentials: dict[str, Any], answer: ConsentCode, verifier: str
) -> str:
    """The refresh token for a code (RFC 6749, 4.1.3)."""
    with identity.as_caller() as conn:
        allows_private = connectors.get(conn, connector_id).allow_private_addresses
    form = {
        "grant_type": "authorization_code",
        "code": answer.code,
        "redirect_uri": answer.redirect_uri,
        "client_id": credentials["client_id"],
        "client_secret": credentials["client_secret"],
        "code_verifier": verifier,
    }
    with Browser(allow_private=allows_private) as browser:
        try:
            response = browser.request("POST", consent.token_url, form=form)
            content = response.json()
        except OutboundError as error:
            raise errors.BadGateway(str(error), code="provider_unreachable") from error
    if response.status == 200 and isinstance(content, dict) and content.get("refresh_token"):
        return str(content["refresh_token"])
    raise errors.Unprocessable(
        "The provider did not give a refresh token for this code. Begin again.", code="consent_refused"
    )


def _state(connector_id: UUID) -> str:
    plain = f"{secrets.token_urlsafe(16)}.{int(time.time()) + _LIFETIME_SECONDS}"
    return f"{plain}.{_macs(connector_id, plain)[0]}"


def _verifier_of(connector_id: UUID, state: str) -> str | None:
    """The verifier of a state of this connector and caller; None for another state, or one that is too old."""
    plain, _, mac = state.rpartition(".")
    ends = plain.rpartition(".")[2]
    if not ends.isdigit() or int(ends) <= time.time():
        return None
    pairs = zip(_macs(connector_id, plain), _verifiers(state), strict=True)
    return next((verifier for own, verifier in pairs if hmac.compare_digest(mac.encode(), own.encode())), None)


def _macs(connector_id: UUID, plain: str) -> list[str]:
    content = f"connector-state\0{identity.caller_id()}\0{connector_id}\0{plain}".encode()
    return [base64.urlsafe_b64encode(mac).decode().rstrip("=") for mac in tokens.fingerprints(content)]


def _verifiers(state: str) -> list[str]:
    """The verifier of a state, by the deployment's present key first."""
    content = f"connector-verifier\0{state}".encode()
    return [base64.urlsafe_b64encode(mac).decode().rstrip("=") for mac in tokens.fingerprints(content)]
