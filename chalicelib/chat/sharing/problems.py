"""Error codes of shared conversations."""

from chalicelib.core import errors

errors.register(
    share_invalid=(400, "The link is unknown, has expired, or was withdrawn."),
)
