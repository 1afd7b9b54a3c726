"""Pages and blog posts of chosen spaces of Confluence: a page with its comments is a document, each attachment another.

Confluence Cloud is read by its REST API v2, Data Center by its REST API. A run lists every page of the spaces, without
its text: neither a move, nor a restriction, nor a removal changes what a search for changes names.
"""

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from chalicelib.core.models import Request, Text, matching
from chalicelib.knowledge.connectors.types.rest_settings import Address, TokenCredentials

if TYPE_CHECKING:
    from chalicelib.knowledge.connectors.sources import Access, ItemSource

_SpaceKey = Annotated[
    Text, matching(r"^~?[A-Za-z0-9._:-]+$", "must be a space's key, such as ENG or ~712020abc", max_length=255)
]


class ConfluenceSettings(Request):
    """The site, and the keys of its spaces.

    With `include_restricted`, everybody who reads the connector's documents also reads pages that Confluence shows to
    some people alone.
    """

    url: Address
    spaces: Annotated[list[_SpaceKey], Field(min_length=1, max_length=50)]
    # Confluence Cloud and Confluence Data Center (Server) have different APIs.
    deployment: Literal["cloud", "server"] | None = None
    blog_posts: bool = True
    attachments: bool = True
    include_restricted: bool = False


SETTINGS, CREDENTIALS = ConfluenceSettings, TokenCredentials


def connect(access: "Access") -> "ItemSource":
    """The spaces of these settings. Raises ConfigurationError."""
    from chalicelib.knowledge.connectors.types.confluence import api, cloud, data_center
    from chalicelib.knowledge.connectors.types.confluence.spaces import Spaces

    wiki = cloud.ConfluenceCloud if api.is_cloud(access.settings) else data_center.ConfluenceDataCenter
    return Spaces(access, wiki(access, api.log_in(access)))
