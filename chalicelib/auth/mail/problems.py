"""Error codes of e-mail."""

from chalicelib.core import errors

errors.register(
    mail_off=(409, "This deployment sends no e-mails."),
    mail_limit=(429, "This address got many e-mails of this kind. Try again in some minutes."),
)
