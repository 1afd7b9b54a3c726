"""Tickets of GitHub, GitLab, Jira and Redmine: a ticket with its comments is a document, each attachment another one.

A run lists the tickets that changed since the last one, in the order of their changes. Trackers do not tell which
tickets were deleted: a run that a person starts, and the first one of a day, lists all of them.
"""

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import model_validator

from chalicelib.core.models import Request, Text, matching
from chalicelib.knowledge.connectors.types.rest_settings import Address, TokenCredentials

if TYPE_CHECKING:
    from chalicelib.knowledge.connectors.sources import Access, ItemSource

_Project = Annotated[
    Text,
    matching(r"^[A-Za-z0-9][A-Za-z0-9._/-]*$", "must be a project's key, number or path", max_length=200),
]


class TicketSettings(Request):
    """The tracker, its address and the project. GitHub's project is `owner/name`, GitLab's a path or a number."""

    system: Literal["github", "gitlab", "jira", "redmine"]
    url: Address | None = None
    project: _Project
    # Jira Cloud and Jira Data Center (Server) list tickets differently.
    deployment: Literal["cloud", "server"] | None = None
    attachments: bool = True

    @model_validator(mode="after")
    def _has_an_address(self) -> "TicketSettings":
        if self.url is None and self.system in {"jira", "redmine"}:
            raise ValueError("`url` is required for jira and redmine")
        if self.deployment is not None and self.system != "jira":
            raise ValueError("`deployment` is for jira alone")
        return self


SETTINGS, CREDENTIALS = TicketSettings, TokenCredentials


def connect(access: "Access") -> "ItemSource":
    """The project of these settings."""
    from chalicelib.knowledge.connectors.types.ticket import trackers
    from chalicelib.knowledge.connectors.types.ticket.project import Project

    return Project(access, trackers.of(access))
