"""Second factors over HTTP."""

from uuid import UUID

from chalicelib.auth.audit import audit
from chalicelib.auth.second_factors import second_factors
from chalicelib.auth.second_factors.models import CodeProof, NewSecondFactor, RecoveryCodes, SecondFactor
from chalicelib.core import identity, request
from chalicelib.core.http import Routes

routes = Routes(__name__)


@routes.get("/me/second-factor", scope="account")
def get_second_factor() -> SecondFactor:
    """Whether the caller's logins by password require a code, and how many recovery codes are left."""
    with identity.as_caller() as conn:
        return second_factors.get(conn)


@routes.post("/me/second-factor", scope="account", proof=True, limit="recovery")
def begin_second_factor() -> NewSecondFactor:
    """Make a key for an app of one-time passwords. It counts once a code of it was confirmed.

    409 `second_factor_on` for an account that has a second factor, `conflict` for one without a password.
    """
    created = second_factors.begin()
    with identity.as_caller() as conn:
        audit.record(conn, "second_factor.begun", "user", identity.caller_id())
    return created


@routes.post("/me/second-factor/confirmation", scope="account", proof=True, limit="recovery")
def confirm_second_factor(body: CodeProof) -> RecoveryCodes:
    """Confirm a code of the new key: from now on, every login by password requires one. Ends the other sessions.

    No other response contains the recovery codes. 403 `wrong_code`, 409 `second_factor_off` when no key waits.
    """
    codes = second_factors.confirm(body.code, request.session_id())
    with identity.as_caller() as conn:
        audit.record(conn, "second_factor.added", "user", identity.caller_id())
    return RecoveryCodes(codes=codes)


@routes.delete("/me/second-factor", scope="account", proof=True)
def end_second_factor() -> None:
    """End the caller's second factor and its recovery codes."""
    with identity.as_caller() as conn:
        second_factors.end(conn, identity.caller_id())
        audit.record(conn, "second_factor.ended", "user", identity.caller_id())


@routes.post("/me/recovery-codes", scope="account", proof=True, limit="recovery")
def replace_recovery_codes() -> RecoveryCodes:
    """Make new recovery codes; the former ones end. 409 `second_factor_off` without a second factor."""
    with identity.as_caller() as conn:
        codes = second_factors.replace_recovery_codes(conn)
        audit.record(conn, "recovery_code.replaced", "user", identity.caller_id())
    return RecoveryCodes(codes=codes)


@routes.delete("/users/{user_id}/second-factor", admin=True, proof=True)
def end_second_factor_of(user_id: UUID) -> None:
    """End the second factor of a user who has lost it."""
    with identity.as_caller() as conn:
        second_factors.end(conn, user_id)
        audit.record(conn, "second_factor.ended", "user", user_id)
