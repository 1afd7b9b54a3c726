"""What settings of REST APIs have in common: their address and their token. Without what reads them (types/rest.py)."""

from typing import Annotated

from pydantic import Field

from chalicelib.core.models import Request, Text, matching

Address = Annotated[
    Text, matching(r"^https?://[^\s?#]+$", "must be an address such as https://gitlab.example.org", max_length=1024)
]


class TokenCredentials(Request):
    """A token; for Atlassian's Cloud also the e-mail address of its account as `username`."""

    token: Annotated[Text, Field(min_length=1, max_length=2000)]
    username: Annotated[Text, Field(min_length=1, max_length=200)] | None = None
