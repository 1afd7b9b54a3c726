"""Error codes of invitations."""

from chalicelib.core import errors

errors.register(
    invitation_invalid=(
        400,
        "The invitation is unknown, has expired, was withdrawn or accepted, or is for another account.",
    ),
)
