"""Error codes of webhooks, with fixed titles."""

from chalicelib.core import errors

errors.register(
    webhook_address=(422, "The address of the webhook is not allowed."),
)
