"""Error codes of accounts, with fixed titles. Sentences about one case stand where the error is raised."""

from chalicelib.core import errors

errors.register(
    registration_closed=(403, "Accounts are only made by administrators and invitations."),
    domain_refused=(403, "Addresses of this domain cannot register."),
    stale_session=(
        403,
        "This requires a recent login. Send the password to POST /me/session/proof, or log in again.",
    ),
    wrong_password=(403, "The current password is wrong."),
    email_taken=(409, "Another account has this e-mail address or username."),
    last_administrator=(409, "The service must keep at least one active administrator."),
    password_reused=(422, "The password is one of the last five of the account."),
)
