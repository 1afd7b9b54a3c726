"""How e-mails leave: through an SMTP server, or through SES. One module because only it may know either.

A server's address is judged like every other that the service calls (core/outbound.py), and its certificate is checked.
"""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from typing import TYPE_CHECKING

from chalicelib.auth.mail.models import MailSettings
from chalicelib.core import aws, outbound

if TYPE_CHECKING:
    import smtplib

_SECONDS = 10.0


class TransportError(Exception):
    """The e-mail was not sent. The message names the server's reason, and never the recipient or the content."""


class MailRefusedError(TransportError):
    """The e-mail would not be sent at another time either."""


class MailDeferredError(TransportError):
    """This e-mail is not sent now; others can be."""


# Returns how many of several recipients were refused.
Send = Callable[[EmailMessage], int]


@contextmanager
def opened(settings: MailSettings) -> Iterator[Send]:
    """What sends an e-mail, while the connection is open. Raises TransportError, also when an e-mail is sent."""
    if settings.transport == "ses":
        yield _send_by_ses
        return
    import smtplib

    try:
        server = _connected(settings)
    except (OSError, smtplib.SMTPException, outbound.OutboundError) as error:
        because = getattr(error, "verify_message", None) or type(error).__name__
        raise TransportError(f"the server cannot be used: {because}") from error
    try:
        yield lambda message: _send_by_smtp(server, message)
    finally:
        server.close()


def _connect(host: str, port: int) -> socket.socket:
    """A connection to an address of the host that may be called."""
    failure = OSError()
    for _, address in outbound.resolve(host, port):
        try:
            return socket.create_connection(address, _SECONDS)
        except OSError as error:
            failure = error
    raise failure


def _connected(settings: MailSettings) -> "smtplib.SMTP":
    import smtplib
    import ssl

    class CheckedServer(smtplib.SMTP):
        def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:  # noqa: ARG002
            return _connect(host, port)

    class CheckedTlsServer(smtplib.SMTP_SSL, CheckedServer):
        pass

    host, context = settings.host or "", ssl.create_default_context()
    server: smtplib.SMTP
    if settings.security == "tls":
        server = CheckedTlsServer(host, settings.port, timeout=_SECONDS, context=context)
    else:
        server = CheckedServer(host, settings.port, timeout=_SECONDS)
    try:
        if settings.security == "starttls":
            server.starttls(context=context)
        if settings.username is not None and settings.password is not None:
            server.login(settings.username, settings.password.get_secret_value())
    except BaseException:
        server.close()
        raise
    return server


def _send_by_smtp(server: "smtplib.SMTP", message: EmailMessage) -> int:
    import smtplib

    try:
        return len(server.send_message(message))
    except smtplib.SMTPRecipientsRefused as error:
        codes = [code for code, _ in error.recipients.values()]
        refused = MailRefusedError if codes and all(500 <= code < 600 for code in codes) else MailDeferredError
        raise refused(f"the server refused the recipient: {codes}") from error
    except smtplib.SMTPResponseException as error:
        refused = MailRefusedError if 500 <= error.smtp_code < 600 else MailDeferredError
        raise refused(f"the server refused the e-mail: {error.smtp_code}") from error
    except (OSError, smtplib.SMTPException) as error:
        raise TransportError(f"the server cannot be used: {type(error).__name__}") from error


def _send_by_ses(message: EmailMessage) -> int:
    from botocore.exceptions import BotoCoreError, ClientError

    text, html = message.get_body(("plain",)), message.get_body(("html",))
    try:
        aws.ses().send_email(
            FromEmailAddress=str(message["From"]),
            Destination={"ToAddresses": [address.addr_spec for address in message["To"].addresses]},
            Content={
                "Simple": {
                    "Subject": {"Data": str(message["Subject"]), "Charset": "UTF-8"},
                    "Body": {
                        "Text": {"Data": text.get_content() if text else "", "Charset": "UTF-8"},
                        "Html": {"Data": html.get_content() if html else "", "Charset": "UTF-8"},
                    },
                    "Headers": [{"Name": "Auto-Submitted", "Value": "auto-generated"}],
                }
            },
        )
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code"))
        refused = MailRefusedError if code in {"MessageRejected", "BadRequestException"} else TransportError
        raise refused(f"SES refused the e-mail: {code}") from error
    except BotoCoreError as error:
        raise TransportError(f"SES cannot be reached: {type(error).__name__}") from error
    return 0
