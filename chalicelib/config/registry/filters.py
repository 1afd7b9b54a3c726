"""Filters: the documents that a search, a question, a conversation or an assistant may use."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from chalicelib.core.metadata import MetadataConditions
from chalicelib.core.models import Moment, Request

# How a document came; the types of connectors are among them.
SourceType = Literal[
    "upload",
    "inline",
    "attachment",
    "archive",
    "web",
    "git",
    "ticket",
    "file",
    "google_drive",
    "onedrive",
    "teams",
    "imap",
    "confluence",
]


class SearchFilters(Request):
    """Which documents to search. A document must fulfil every condition; null means no condition.

    A document fulfils a list when one entry of the list fits. A document has its own tags and the tags of its
    repositories. `metadata` names values: the document's value of each name is that value, or one of a list.
    """

    documents: Annotated[list[UUID], Field(min_length=1, max_length=1000)] | None = None
    source_types: Annotated[list[SourceType], Field(min_length=1, max_length=20)] | None = None
    tags: Annotated[list[UUID], Field(min_length=1, max_length=100)] | None = None
    repositories: Annotated[list[UUID], Field(min_length=1, max_length=100)] | None = None
    created_after: Moment | None = None
    created_before: Moment | None = None
    modified_after: Moment | None = None
    modified_before: Moment | None = None
    metadata: MetadataConditions | None = None

    def any(self) -> bool:
        """Whether at least one condition is set."""
        return any(value is not None for _, value in self)

    def conditions(self) -> dict[str, object]:
        """The conditions that are set, as JSON."""
        return self.model_dump(mode="json", exclude_none=True)
