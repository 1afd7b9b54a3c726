"""The types of connectors. A new type is a module of this package and a line of `TYPES`."""

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from chalicelib.core.models import Request

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.knowledge.connectors.sources import Access, ItemSource

TYPES = ("web", "git", "ticket", "file", "google_drive", "onedrive", "teams", "imap", "confluence")


class NoCredentials(Request):
    """This type takes no credentials."""


@dataclass(frozen=True, slots=True)
class Consent:
    """Where a user consents, where a code becomes a refresh token, and what is asked for: the least that is read.

    A type's function takes its settings and whether readers are mirrored, which requires more. `revoke_url`: where a
    token is given back (RFC 7009), at providers that take it.
    """

    authorize_url: str
    token_url: str
    scope: str
    extra: tuple[tuple[str, str], ...] = ()
    revoke_url: str | None = None


@dataclass(frozen=True, slots=True)
class SourceType:
    """A type: the models of its settings and credentials, and the function that connects to a source.

    `consent` gives the addresses of a type whose users can consent at the provider. `names_readers`: its sources are
    ReadersSources.
    """

    name: str
    settings: type[Request]
    credentials: type[Request]
    connect: "Callable[[Access], ItemSource]"
    consent: "Callable[[Any, bool], Consent] | None"
    names_readers: bool = False


def source_type(name: str) -> SourceType:
    """The type of this name. Raises KeyError for a name that is none."""
    if name not in TYPES:
        raise KeyError(name)
    module: Any = import_module(f"{__name__}.{name}")
    return SourceType(
        name,
        module.SETTINGS,
        getattr(module, "CREDENTIALS", NoCredentials),
        module.connect,
        getattr(module, "consent", None),
        getattr(module, "NAMES_READERS", False),
    )
