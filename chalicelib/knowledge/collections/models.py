"""Requests and responses of collections: selection, repositories, tags."""

import base64
import binascii
from collections.abc import Sequence
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from chalicelib.core import errors
from chalicelib.core.metadata import Metadata, ShownMetadata
from chalicelib.core.models import (
    STORABLE,
    Changes,
    Page,
    PageQuery,
    Request,
    Resource,
    Text,
    Timestamp,
    WebAddress,
    matching,
)
from chalicelib.knowledge.documents.models import Scope, Status, Visibility
from chalicelib.knowledge.documents.names import NameQuery


class Selection(Request):
    """Whether a document is used."""

    enabled: bool


class BulkSelection(Request):
    """Which documents are used, in one request: `only` these, or `all_but` these, of all that the caller can see now.

    Documents that come later are used. To keep a conversation to a repository or to some documents for good, give it
    `filters`.
    """

    mode: Literal["only", "all_but"]
    documents: Annotated[list[UUID], Field(max_length=1000)]


class SelectionCounts(Resource):
    """How many documents are used and how many are not, copies and packed files among them."""

    enabled: int
    disabled: int


class SelectionQuery(NameQuery):
    """Whose selection: the caller's own, or that of one of the caller's conversations."""

    conversation_id: UUID | None = None
    enabled: bool | None = None


class SelectedDocument(Resource):
    """A document, by its `id`, and whether searches use it. `tier` is the level of the decision.

    `tier` is `conversation`, else `user`, else `default` (by default, searches use every document).
    """

    id: UUID
    title: str
    scope: Visibility
    group_id: UUID | None
    enabled: bool
    tier: Literal["default", "user", "conversation"]


Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=255), STORABLE]
TagName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100), STORABLE]
Description = Annotated[Text, Field(max_length=2000)]
SourceName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=50), STORABLE]


def _clean_path(path: str) -> str:
    if any(part in {"", ".", ".."} for part in path.split("/")):
        raise ValueError("must be names joined by single slashes, without . and ..")
    return path


_PathText = Annotated[
    Text, matching(r"^[^\x00-\x1f\x7f\\]+$", r"must not contain \ or control characters", min_length=1, max_length=500)
]
DocumentPath = Annotated[_PathText, AfterValidator(_clean_path)]


class NewRepository(Request):
    """A new repository. `scope` decides who can read it, as for documents. Names are unique within a scope."""

    name: Name
    description: Description | None = None
    url: WebAddress | None = None
    source_type: SourceName | None = None
    metadata: Metadata = Field(default_factory=dict)
    scope: Scope = "user"
    group_id: UUID | None = None

    @model_validator(mode="after")
    def _group_fits_scope(self) -> "NewRepository":
        if (self.scope == "group") != (self.group_id is not None):
            raise ValueError("`group_id` is required when `scope` is `group`, and not allowed otherwise")
        return self


class RepositoryChanges(Changes):
    """Changes of a repository."""

    _nullable = frozenset({"description", "url", "source_type"})

    name: Name | None = None
    description: Description | None = None
    url: WebAddress | None = None
    source_type: SourceName | None = None
    metadata: Metadata | None = None
    is_archived: bool | None = None


class Repository(Resource):
    """A collection of documents, each at a path."""

    id: UUID
    name: str
    description: str | None
    url: str | None
    source_type: str | None
    metadata: ShownMetadata
    scope: Scope
    group_id: UUID | None
    is_archived: bool
    created_at: Timestamp
    updated_at: Timestamp


class RepositoryQuery(NameQuery):
    """Which repositories to list. Archived repositories are listed only with `archived`."""

    tag: UUID | None = None
    archived: bool = False


class RepositoryPlacement(Request):
    """Where in a repository a document is: names joined by slashes, such as `src/core/pump.py`."""

    path: DocumentPath


class RepositoryDocument(Resource):
    """A document, by its `id`, at its path in a repository."""

    id: UUID
    path: str
    title: str
    status: Status
    is_archived: bool
    added_at: Timestamp


class RepositoryDocumentQuery(PageQuery):
    """Which documents of a repository to list: all, or those in and below a `folder`."""

    cursor: str | None = Field(default=None, max_length=4000)
    folder: DocumentPath | None = None

    def after_path(self) -> str | None:
        """The path that the page starts after. Raises BadRequest (bad_cursor)."""
        if self.cursor is None:
            return None
        try:
            path = base64.urlsafe_b64decode(self.cursor.encode("ascii")).decode()
        except (ValueError, binascii.Error) as error:
            raise errors.BadRequest(code="bad_cursor") from error
        if "\x00" in path:
            raise errors.BadRequest(code="bad_cursor")
        return path

    def page(self, rows: Sequence[RepositoryDocument]) -> Page[RepositoryDocument]:
        """The page from up to `limit + 1` rows."""
        more = len(rows) > self.limit
        cursor = base64.urlsafe_b64encode(rows[self.limit - 1].path.encode()).decode() if more else None
        return Page(items=list(rows[: self.limit]), next_cursor=cursor)


class NewTag(Request):
    """A new tag: the caller's own, or a global tag for all users (`is_global`), which an administrator creates."""

    name: TagName
    is_global: bool = False


class TagChanges(Request):
    """Another name for a tag."""

    name: TagName


class Tag(Resource):
    """A tag."""

    id: UUID
    name: str
    is_global: bool
    created_at: Timestamp
    updated_at: Timestamp


class TagQuery(NameQuery):
    """Which tags to list. With an id, only the tags of that document, repository, conversation or memory."""

    is_global: bool | None = None
    document_id: UUID | None = None
    repository_id: UUID | None = None
    conversation_id: UUID | None = None
    memory_id: UUID | None = None
