"""Error codes of users' own LLM keys, with fixed titles. Sentences about one case stand where the error is raised."""

from chalicelib.core import errors

errors.register(
    account_required=(403, "Anonymous users cannot do this. Register an account first."),
    provider_key_rejected=(422, "The provider does not accept this key."),
    provider_unreachable=(502, "The provider did not check the key. The key was not stored."),
)
