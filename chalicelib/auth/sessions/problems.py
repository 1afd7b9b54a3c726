"""Error codes of logins and tokens, with fixed titles. Sentences about one case stand where the error is raised."""

from chalicelib.core import errors

errors.register(
    bad_credentials=(401, "The account or the password is wrong, or the account is locked."),
    code_required=(401, "The account has a second factor. Log in again with `code`."),
    email_unverified=(
        403,
        "The e-mail address is not verified yet. POST /auth/verification/request sends the link again.",
    ),
    bad_refresh_token=(401, "The refresh token is unknown, expired, revoked or already used."),
)
