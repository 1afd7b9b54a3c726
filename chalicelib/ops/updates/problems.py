"""Error codes of updates."""

from chalicelib.core import errors

errors.register(
    updates_off=(409, "This deployment takes no updates: it names no signers."),
)
