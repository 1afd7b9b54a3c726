"""Error codes of recovering an account."""

from chalicelib.core import errors

errors.register(
    link_invalid=(400, "The link is unknown, has expired, or was already used."),
)
