"""Error codes of second factors."""

from chalicelib.core import errors

errors.register(
    wrong_code=(403, "The code is wrong, too old, or already used."),
    second_factor_on=(409, "The account has a second factor. End it before adding another one."),
    second_factor_off=(409, "The account has no second factor."),
)
