"""Recovering an account over HTTP. Asking for an e-mail has the same answer for every address."""

from uuid import UUID

from chalicelib.auth.audit import audit
from chalicelib.auth.mail import mail
from chalicelib.auth.recovery import recovery
from chalicelib.auth.recovery.models import (
    ConfirmedEmail,
    EmailChange,
    Link,
    MailRequest,
    NewEmail,
    PasswordReset,
    Verification,
)
from chalicelib.core import identity, request
from chalicelib.core.http import Reply, Routes

routes = Routes(__name__)


@routes.post("/auth/password/forgotten", auth=False, limit="recovery")
def request_password_reset(body: MailRequest) -> None:
    """Ask for an e-mail with a link that sets a new password. The answer is the same for every address.

    409 `mail_off` where this deployment sends no e-mails.
    """
    mail.ask_for("password_reset", body.email, body.language)


@routes.post("/auth/password/reset", auth=False, limit="recovery")
def reset_password(body: PasswordReset) -> None:
    """Set a new password by a link; end every session and, unless `keep_api_keys` is true, every API key.

    A second factor stays. 400 `link_invalid`, 422 `password_reused` for one of the last five.
    """
    recovery.reset_password(body, request.origin())


@routes.post("/auth/unlock/request", auth=False, limit="recovery")
def request_unlock(body: MailRequest) -> None:
    """Ask for an e-mail with a link that ends the locks of an account. The answer is the same for every address.

    409 `mail_off` where this deployment sends no e-mails.
    """
    mail.ask_for("unlock", body.email, body.language)


@routes.post("/auth/unlock", auth=False, limit="recovery")
def unlock_account(body: Link) -> None:
    """End the locks of an account by a link. 400 `link_invalid`."""
    recovery.unlock(body.token, request.origin())


@routes.post("/auth/verification/request", auth=False, limit="recovery")
def request_verification(body: MailRequest) -> None:
    """Ask for an e-mail with a link that verifies an address. The answer is the same for every address.

    409 `mail_off` where this deployment sends no e-mails.
    """
    mail.ask_for("verification", body.email, body.language)


@routes.post("/auth/verification", auth=False, limit="recovery")
def verify_address(body: Verification) -> None:
    """Verify an account's address by a link and the account's password. Five wrong passwords end the link.

    400 `link_invalid`, 403 `wrong_password`, 409 `email_taken` when the address was verified for another account.
    """
    recovery.verify_address(body, request.origin())


@routes.get("/me/email-change", scope="account")
def get_email_change() -> EmailChange:
    """The change of the caller's address that waits for confirmations."""
    with identity.as_caller() as conn:
        return recovery.email_change(conn)


@routes.post("/me/email-change", scope="account", proof=True, limit="recovery", status=201)
def begin_email_change(body: NewEmail) -> Reply[EmailChange]:
    """Begin to change the caller's address: the new one and, if it is verified, the former one get a link.

    The answer is the same for an address that another account has. A former change ends. 409 `mail_off`.
    """
    with identity.as_caller() as conn:
        started = recovery.begin_email_change(conn, body.email, body.language)
        audit.record(conn, "user.email_change_begun", "user", identity.caller_id())
    return Reply(started, headers={"Location": "/me/email-change"})


@routes.post("/users/{user_id}/email-change", admin=True, proof=True, limit="recovery", status=201)
def begin_user_email_change(user_id: UUID, body: NewEmail) -> EmailChange:
    """Begin to change another account's address, for somebody who does not read the former one any more.

    The new address gets a link, which confirms the change in a session of the account; the former one, if it is
    verified, is told. A former change ends. 409 `mail_off`, `conflict` for the own account.
    """
    with identity.as_caller() as conn:
        started = recovery.begin_email_change_of(conn, user_id, body.email, body.language)
        audit.record(conn, "user.email_change_begun", "user", user_id)
    return started


@routes.delete("/me/email-change", scope="account")
def end_email_change() -> None:
    """End the change of the caller's address; its links are no longer valid."""
    with identity.as_caller() as conn:
        recovery.end_email_change(conn)
        audit.record(conn, "user.email_change_ended", "user", identity.caller_id())


@routes.post("/me/email-change/confirmation", scope="account", limit="recovery")
def confirm_email_change(body: Link) -> ConfirmedEmail:
    """Confirm the change by a link that one of the addresses got, logged in to the account.

    The last confirmation changes the address and ends every other session. 400 `link_invalid`, 409 `email_taken`.
    """
    with identity.as_caller() as conn:
        confirmed = recovery.confirm_email_change(conn, body.token, request.session_id())
        audit.record(conn, f"user.email_change_{confirmed.status}", "user", identity.caller_id())
    return confirmed
