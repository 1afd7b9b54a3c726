"""The errors of logins and tokens."""

from chalicelib.core import errors

errors.register(
    bad_credentials=(401, "The account or the password is wrong, or the account is locked."),
    bad_refresh_token=(401, "The refresh token is unknown, expired, revoked or already used."),
)
