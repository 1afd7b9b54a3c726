"""Whether and how this deployment sends e-mails: the settings in the secret that ALCOVE_MAIL_SECRET names."""

import json
import time
from dataclasses import dataclass

from chalicelib.auth.mail.models import Language, MailSettings
from chalicelib.core import aws, errors, identity, process
from chalicelib.core.log import logger
from chalicelib.core.settings import settings

_REREAD_SECONDS = 300


@dataclass(slots=True)
class _MailSecret:
    """The secret's settings, and when it was read."""

    read: MailSettings | None = None
    read_at: float = -_REREAD_SECONDS


_remembered = _MailSecret()


@process.on_forget
def _forget() -> None:
    _remembered.read, _remembered.read_at = None, -_REREAD_SECONDS


def is_on() -> bool:
    """Whether this deployment sends e-mails."""
    return bool(settings().mail_secret)


def read() -> MailSettings | None:
    """The settings of e-mail; None where it is off. Raises Problem for a secret that is not valid; the log says why."""
    from pydantic import ValidationError

    if not is_on():
        return None
    if _remembered.read is None or time.monotonic() - _remembered.read_at >= _REREAD_SECONDS:
        identity.settle()
        text = aws.secrets().get_secret_value(SecretId=settings().mail_secret)["SecretString"]
        try:
            _remembered.read = MailSettings.model_validate(json.loads(text))
        except ValueError as error:
            # The message itself may quote the secret: it is not logged.
            details = error.errors(include_input=False) if isinstance(error, ValidationError) else []
            fields = [".".join(map(str, detail["loc"])) for detail in details]
            logger().error("the secret of e-mail is not valid; see docs/accounts.md", mail_fields=fields)
            raise errors.Problem("The settings of e-mail are not valid. The log has the reason.") from None
        _remembered.read_at = time.monotonic()
    return _remembered.read


def language(chosen: Language | None) -> Language | None:
    """The language of e-mails, where a request chose one or none; None where e-mail is off."""
    present = read()
    return None if present is None else chosen or present.language


def require() -> MailSettings:
    """The settings of e-mail. Raises Conflict (mail_off)."""
    present = read()
    if present is None:
        raise errors.Conflict(code="mail_off")
    return present


def link(kind: str, token: str) -> str | None:
    """The address that opens a link of this kind; None without a page. No server sees the fragment."""
    present = read()
    return None if present is None or present.page is None else f"{present.page}#{kind}={token}"
