"""Requests and responses of documents."""

from typing import Annotated, ClassVar, Literal
from uuid import UUID

from pydantic import BeforeValidator, Field, StringConstraints, model_validator

from chalicelib.config.registry.filters import SourceType
from chalicelib.core.metadata import DocumentMetadata, MetadataText, ShownMetadata
from chalicelib.core.models import (
    STORABLE,
    Changes,
    DocumentWarning,
    Failure,
    Moment,
    Request,
    Resource,
    Shape,
    Text,
    Timestamp,
    WebAddress,
    matching,
)
from chalicelib.knowledge.documents.names import COMPOSED, NameQuery
from chalicelib.knowledge.documents.sizes import MAX_UPLOAD_BYTES

MAX_INLINE_CHARS = 500_000

Title = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500), STORABLE, COMPOSED]
Filename = Annotated[
    Text,
    matching(
        r"^[^/\\\x01-\x1f\x7f]*[^/\\\x01-\x1f\x7f\s][^/\\\x01-\x1f\x7f]*$",
        r"must not be blank, and must not contain / or \ or control characters",
        min_length=1,
        max_length=255,
    ),
    COMPOSED,
]

MediaType = Annotated[
    str,
    matching(
        r"^[A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+-]+(; ?[A-Za-z0-9=._-]+)*$",
        "must be a media type such as text/plain",
        max_length=255,
    ),
]

SourceId = Annotated[Text, Field(min_length=1, max_length=255)]
ExtraText = Annotated[Text, Field(min_length=1, max_length=10_000, pattern=r"\S")]
Tags = Annotated[list[UUID], Field(max_length=100)]

Status = Literal["pending", "processing", "completed", "failed"]
InlineType = Literal["text/plain", "text/markdown", "text/html"]
Scope = Literal["user", "group", "org"]
# `readers`: those whom the source of the document's connector names.
Visibility = Literal["user", "group", "org", "readers"]


class Contents(Request):
    """A document's bytes: either `content`, posted here, or an upload announced by `filename` and `size_bytes`."""

    _shapes: ClassVar = {
        "TextContents": Shape("The bytes are the text itself.", frozenset({"content"}), frozenset({"size_bytes"})),
        "FileContents": Shape(
            "The bytes are a file that is uploaded next.", frozenset({"filename", "size_bytes"}), frozenset({"content"})
        ),
    }

    content: Annotated[Text, Field(min_length=1, max_length=MAX_INLINE_CHARS, pattern=r"\S")] | None = None
    filename: Filename | None = None
    content_type: Annotated[MediaType | None, BeforeValidator(lambda value: value or None)] = None
    size_bytes: Annotated[int, Field(ge=1, le=MAX_UPLOAD_BYTES)] | None = None

    @model_validator(mode="after")
    def _one_way(self) -> "Contents":
        if self.content is not None:
            if self.size_bytes is not None:
                raise ValueError("`size_bytes` is not allowed together with `content`")
            if self.content_type not in {None, "text/plain", "text/markdown", "text/html"}:
                raise ValueError("`content_type` of `content` must be one of text/plain, text/markdown, text/html")
        elif self.filename is None or self.size_bytes is None:
            raise ValueError("either `content`, or `filename` and `size_bytes` for an upload, are required")
        return self


def check_space(scope: Scope | None, group_id: UUID | None) -> None:
    """Raises ValueError unless a group is named exactly for the scope `group`."""
    if (scope == "group") != (group_id is not None):
        raise ValueError("`group_id` is required when `scope` is `group`, and not allowed otherwise")


class DocumentDescription(Request):
    """What clients say about a document, besides its metadata: each field is a column of the same name."""

    source_id: SourceId | None = None
    original_url: WebAddress | None = None
    file_modified_at: Moment | None = None
    extra_text: ExtraText | None = None


class NewDocument(Contents, DocumentDescription):
    """A new document: a `title` and its `content`, or a file to be uploaded, with `filename` and `size_bytes`.

    `scope` decides who can read it: its owner, the members of `group_id`, or the whole organisation. Documents of one
    upload may share a `batch`, a UUID of the client's choice: GET /documents/batches/{id} returns their progress.
    """

    _shapes: ClassVar = {
        "NewTextDocument": Shape(
            "A document whose text is in this request.", frozenset({"title", "content"}), frozenset({"size_bytes"})
        ),
        "NewFileDocument": Shape(
            "A document whose file is uploaded next.", frozenset({"filename", "size_bytes"}), frozenset({"content"})
        ),
    }

    title: Title | None = None
    scope: Scope = "user"
    group_id: UUID | None = None
    batch: UUID | None = None
    metadata: DocumentMetadata = Field(default_factory=dict)
    tags: Tags = Field(default_factory=list)

    @model_validator(mode="after")
    def _named(self) -> "NewDocument":
        if self.title is None and self.filename is None:
            raise ValueError("`title` or `filename` is required")
        check_space(self.scope, self.group_id)
        return self


class DocumentTag(Resource):
    """A tag of a document: one of the caller's own, or a global one."""

    id: UUID
    name: str
    is_global: bool


class Upload(Resource):
    """Where to send the bytes: one request with exactly these headers, before `expires_at`."""

    url: str
    method: Literal["PUT"] = "PUT"
    headers: dict[str, str]
    expires_at: Timestamp


class UploadParts(Resource):
    """A file that is sent in parts: `count` parts of `part_bytes` each, of which the last one may be smaller."""

    part_bytes: int
    count: int


class Document(Resource):
    """A document. `chunks_done` of `chunks_total` is the progress of its present stage.

    Searches do not find an archived document (`is_archived`). `deleted_at` is set in lists of deleted documents.
    `parent_id` is the archive or e-mail that contained the document; `child_count` is the number of documents in it.
    `connector_id` is the connector that keeps it up to date, and `original_url` its address at the source.
    """

    id: UUID
    title: str
    filename: str
    scope: Visibility
    group_id: UUID | None
    batch: UUID | None
    is_archived: bool
    source_type: str
    content_type: str | None
    size_bytes: int | None
    status: Status
    stage: str | None
    chunks_done: int
    chunks_total: int | None
    chunk_count: int
    error: Failure | None
    warnings: list[DocumentWarning]
    created_at: Timestamp
    updated_at: Timestamp
    indexed_at: Timestamp | None
    deleted_at: Timestamp | None
    parent_id: UUID | None = None
    child_count: int = 0
    metadata: ShownMetadata
    tags: list[DocumentTag]
    source_id: str | None
    original_url: str | None
    file_modified_at: Timestamp | None
    extra_text: str | None
    connector_id: UUID | None = None
    upload: Upload | None = None
    upload_parts: UploadParts | None = None


class DocumentVersion(Resource):
    """Bytes of a document that searches used from `created_at` on, until the next version. Former bytes are gone."""

    id: UUID
    version: int
    filename: str
    size_bytes: int | None
    sent_by: str | None
    created_at: Timestamp


class DocumentChanges(DocumentDescription, Changes):
    """Changes of a document other than its bytes. `metadata` and `tags` replace what was there.

    `scope`, with `group_id` for a group, moves the document to another space, with everything that hangs on it.
    """

    _nullable = frozenset(DocumentDescription.model_fields)

    title: Title | None = None
    is_archived: bool | None = None
    scope: Scope | None = None
    group_id: UUID | None = None
    metadata: DocumentMetadata | None = None
    tags: Tags | None = None

    @model_validator(mode="after")
    def _one_space(self) -> "DocumentChanges":
        check_space(self.scope, self.group_id)
        return self


class DocumentQuery(NameQuery):
    """Which documents to list. A document must fulfil every condition.

    `tag` also holds for the documents of a repository that has the tag. Archived documents are listed with `archived`
    only, deleted ones, which can still be restored, with `deleted` only. `parent_id` holds for what was packed into
    that document. `metadata` is a name and a value, as in `department:HR`. `external_id` is the id that the document
    had in the system that it was moved in from.
    """

    status: Status | None = None
    has_warnings: bool | None = None
    source_type: SourceType | None = None
    archived: bool | None = None
    deleted: bool = False
    created_after: Moment | None = None
    created_before: Moment | None = None
    modified_after: Moment | None = None
    modified_before: Moment | None = None
    metadata: MetadataText | None = None
    source_id: SourceId | None = None
    external_id: SourceId | None = None
    tag: UUID | None = None
    repository: UUID | None = None
    batch: UUID | None = None
    parent_id: UUID | None = None


class ReindexResult(Resource):
    """The number of documents that will be ingested again."""

    documents: int


class ChunkContent(Resource):
    """A chunk's text and its place. `text` is the document's text from `start_char` to `end_char`.

    `columns` is the first row of the table that the chunk starts in (`Item | Price`). It is null when the chunk itself
    holds that row.
    """

    chunk_index: int
    text: str
    page: int | None
    section: str | None
    columns: str | None
    start_char: int
    end_char: int


class Chunk(ChunkContent):
    """A chunk of a document: `text` is the document's text from `start_char` to `end_char`.

    `columns` is the first row of the table that the chunk starts in (`Item | Price`). It is null when the chunk itself
    holds that row.
    """

    id: UUID
    document_id: UUID
    token_count: int


class DocumentText(Resource):
    """A document's whole extracted text."""

    document_id: UUID
    text: str
