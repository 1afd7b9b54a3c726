"""Web sites: from start pages, sitemaps and feeds to what they lead to, within hosts and folders.

A page's version is the hash of its main content, so that a new menu or advertisement changes nothing. `ETag` and
`Last-Modified` are kept, and an unchanged page is not downloaded again: its links are remembered. robots.txt is obeyed
(RFC 9309). A page that answers 404 or 410 is gone; a page that fails otherwise keeps its document, and where it led to.
"""

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from chalicelib.core.models import Request, Text, matching

if TYPE_CHECKING:
    from chalicelib.knowledge.connectors.sources import Access, ItemSource

_Address = Annotated[
    Text, matching(r"^https?://[^\s]+$", "must be an address such as https://example.org", max_length=1024)
]
_Pattern = Annotated[Text, Field(min_length=1, max_length=300)]


class WebSettings(Request):
    """Where to begin, and how far to go. Patterns of `include` and `exclude` are compared with whole addresses."""

    start_urls: Annotated[list[_Address], Field(min_length=1, max_length=100)]
    sitemaps: bool = True
    max_depth: Annotated[int, Field(ge=0, le=50)] = 5
    max_pages: Annotated[int, Field(ge=1, le=10_000)] = 1_000
    include: Annotated[list[_Pattern], Field(max_length=100)] = Field(default_factory=list)
    exclude: Annotated[list[_Pattern], Field(max_length=100)] = Field(default_factory=list)


class WebCredentials(Request):
    """A name and password for HTTP Basic authentication (RFC 7617), sent to the hosts of the start pages alone."""

    username: Annotated[Text, Field(min_length=1, max_length=200)]
    password: Annotated[Text, Field(min_length=1, max_length=1000)]


SETTINGS, CREDENTIALS = WebSettings, WebCredentials


def connect(access: "Access") -> "ItemSource":
    """The site of these settings."""
    from chalicelib.knowledge.connectors.types.web.site import WebSite

    return WebSite(access)
