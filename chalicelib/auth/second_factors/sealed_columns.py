"""The sealed keys of second factors."""

from chalicelib.core import sealed

TOTP_KEYS = sealed.Columns("second_factors", "user_id")
