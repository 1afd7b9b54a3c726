"""The settings of e-mail, and the languages that e-mails are written in."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, model_validator

Language = Literal["en", "de"]
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,252}[A-Za-z0-9])?|[0-9a-fA-F:]{2,45}")
_SENDER = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})*")


def _page(address: str) -> str:
    from chalicelib.core import outbound

    return outbound.check_url(address).rstrip("#")


def _host(name: str) -> str:
    if not _HOST.fullmatch(name):
        raise ValueError("must be the name or the address of a host")
    return name


def _sender(address: str) -> str:
    if not _SENDER.fullmatch(address):
        raise ValueError("must be an e-mail address")
    return address


class MailSettings(BaseModel):
    """The secret that ALCOVE_MAIL_SECRET names. docs/accounts.md describes each field."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    transport: Literal["ses", "smtp"]
    sender: Annotated[str, AfterValidator(_sender)]
    sender_name: Annotated[str, Field(max_length=100, pattern=r"^[^\r\n]*$")] = ""
    # The page that opens the links of e-mails; without one, e-mails contain codes.
    page: Annotated[str, AfterValidator(_page)] | None = None
    language: Language = "en"
    host: Annotated[str, AfterValidator(_host)] | None = None
    port: Annotated[int, Field(ge=1, le=65535)] = 587
    security: Literal["starttls", "tls", "none"] = "starttls"
    username: str | None = None
    password: SecretStr | None = None

    @model_validator(mode="after")
    def _whole(self) -> "MailSettings":
        if (self.transport == "smtp") != (self.host is not None):
            raise ValueError("`host` is required for smtp, and for smtp alone")
        if (self.username is None) != (self.password is None):
            raise ValueError("`username` and `password` belong together")
        if self.password is not None and self.security == "none":
            raise ValueError("a password is sent over TLS alone: set `security`")
        return self
