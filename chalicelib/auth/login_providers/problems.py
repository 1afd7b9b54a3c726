"""Error codes of login providers and anonymous users, with fixed titles.

Sentences about one case stand where the error is raised.
"""

from chalicelib.core import errors

errors.register(
    redirect_uri_refused=(400, "The provider's settings do not list this redirect address."),
    login_state_invalid=(
        400,
        "The login began in another browser, took over ten minutes, or is already finished.",
    ),
    provider_refused=(401, "The provider does not confirm this person, or the person has no account here."),
    anonymous_off=(403, "Anonymous use is switched off, or closed to new users."),
    provider_off=(404, "This login provider is not configured."),
    last_login_way=(409, "The account could not log in any more. Link another login provider or set a password first."),
    not_anonymous=(409, "The caller already has an account."),
    provider_failed=(502, "The provider cannot be reached, or its answer cannot be trusted."),
)
