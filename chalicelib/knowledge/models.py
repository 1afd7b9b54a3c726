"""What the knowledge routes take and give."""

import base64
import binascii
import struct
from collections.abc import Sequence
from typing import Annotated, Literal, Protocol, TypeVar, cast
from uuid import UUID

from pydantic import AwareDatetime, Field, StringConstraints, model_validator

from chalicelib.core import errors
from chalicelib.core.models import (
    STORABLE,
    Changes,
    Identified,
    Page,
    PageQuery,
    Request,
    Resource,
    Text,
    Timestamp,
    page_of,
)

MAX_UPLOAD_BYTES = 100 * 1024 * 1024
MAX_INLINE_CHARS = 500_000
MAX_NEIGHBOURS = 5

Title = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500), STORABLE]
Filename = Annotated[Text, StringConstraints(min_length=1, max_length=255, pattern=r"^[^/\\\x01-\x1f\x7f]+$")]
MediaType = Annotated[
    str,
    StringConstraints(max_length=255, pattern=r"^[A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+-]+(; ?[A-Za-z0-9=._-]+)*$"),
]
Status = Literal["pending", "processing", "completed", "failed"]
InlineType = Literal["text/plain", "text/markdown", "text/html"]
SourceType = Literal["upload", "inline", "attachment", "archive"]
Scope = Literal["user", "group", "org"]

PageKind = TypeVar("PageKind", bound=Page)
# How like a name must be to what was typed. It keeps 99 of 100 titles with a slip in each word (docs/library.md).
LEAST_NAME_RANK = 0.25
_RANKED = struct.Struct(">f16s")


class Ranked(Identified, Protocol):
    """A row of a list that is searched by name: `rank` is name_rank() of it, 0 where nothing is searched."""

    @property
    def rank(self) -> float: ...


class NameQuery(PageQuery):
    """A list that is newest first, or, with `q`, what has a name like that, misspelt or not, best first."""

    q: Annotated[Text, StringConstraints(min_length=1, max_length=200, pattern=r"\S")] | None = None

    def place(self) -> dict[str, object]:
        """The parameters of the page: q, least_rank, after_rank, after and limit. Raises BadRequest (bad_cursor)."""
        rank, after = self._ranked() if self.q is not None else (0.0, self.after())
        return {
            "q": self.q,
            "least_rank": LEAST_NAME_RANK,
            "after_rank": rank,
            "after": after,
            "limit": self.limit + 1,
        }

    def _ranked(self) -> tuple[float, UUID | None]:
        if self.cursor is None:
            return 0.0, None
        try:
            rank, key = _RANKED.unpack(base64.urlsafe_b64decode(self.cursor.encode("ascii")))
        except (ValueError, binascii.Error, struct.error) as error:
            raise errors.BadRequest(code="bad_cursor") from error
        return rank, UUID(bytes=key)

    def page(self, kind: type[PageKind], rows: Sequence[Ranked]) -> PageKind:
        """The page from up to `limit + 1` rows."""
        if self.q is None or len(rows) <= self.limit:
            return page_of(kind, rows, self.limit)
        last = rows[self.limit - 1]
        cursor = base64.urlsafe_b64encode(_RANKED.pack(last.rank, last.id.bytes)).decode()
        return cast("PageKind", kind.model_construct(items=list(rows[: self.limit]), next_cursor=cursor))


class Contents(Request):
    """A document's bytes: either `content`, posted here, or an upload announced by `filename` and `size_bytes`."""

    content: Annotated[Text, Field(min_length=1, max_length=MAX_INLINE_CHARS)] | None = None
    filename: Filename | None = None
    content_type: MediaType | None = None
    size_bytes: Annotated[int, Field(ge=0, le=MAX_UPLOAD_BYTES)] | None = None

    @model_validator(mode="after")
    def _one_way(self) -> "Contents":
        if self.content is not None:
            if self.size_bytes is not None:
                raise ValueError("give either content, or filename and size_bytes for an upload")
            if self.content_type not in {None, "text/plain", "text/markdown", "text/html"}:
                raise ValueError("content_type of inline content must be text/plain, text/markdown or text/html")
        elif self.filename is None or self.size_bytes is None:
            raise ValueError("give content, or filename and size_bytes for an upload")
        return self


class NewDocument(Contents):
    """A new document: a `title` and its `content`, or a file to be uploaded, with `filename` and `size_bytes`.

    `scope` says who sees it: its owner, the members of `group_id`, or the whole organisation. Documents of one upload
    may share a `batch`, a UUID of the client's choice: then their progress can be asked for together.
    """

    title: Title | None = None
    scope: Scope = "user"
    group_id: UUID | None = None
    batch: UUID | None = None

    @model_validator(mode="after")
    def _named(self) -> "NewDocument":
        if self.title is None and self.filename is None:
            raise ValueError("give a title, or a filename that serves as one")
        if (self.scope == "group") != (self.group_id is not None):
            raise ValueError("give a group_id with scope group, and only then")
        return self


class Fault(Resource):
    """Why a document or a job failed: a stable code and a sentence."""

    code: str
    message: str


class Upload(Resource):
    """Where to send the bytes: one request with exactly these headers, before `expires_at`."""

    url: str
    method: Literal["PUT"] = "PUT"
    headers: dict[str, str]
    expires_at: Timestamp


class Document(Resource):
    """A document. `chunks_done` of `chunks_total` is the progress of its present stage.

    What `is_archived` is found by no search; `deleted_at` is set where deleted documents are listed. `parent_id` is the
    archive or e-mail that it was packed into, `child_count` how many documents were packed into it.
    """

    id: UUID
    title: str
    filename: str
    scope: Scope
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
    error: Fault | None
    created_at: Timestamp
    updated_at: Timestamp
    indexed_at: Timestamp | None
    deleted_at: Timestamp | None
    parent_id: UUID | None = None
    child_count: int = 0
    upload: Upload | None = None


class DocumentChanges(Changes):
    """What of a document can be changed besides its bytes."""

    title: Title | None = None
    is_archived: bool | None = None


class DocumentPage(Page):
    """One page of a list."""

    items: list[Document]


class DocumentQuery(NameQuery):
    """Which documents to list; all that is given must hold.

    `tag` also holds for the documents of a repository that has the tag. Archived documents are listed with `archived`
    only, deleted ones, which can still be restored, with `deleted` only. `parent_id` holds for what was packed into
    that document.
    """

    status: Status | None = None
    source_type: SourceType | None = None
    archived: bool | None = None
    deleted: bool = False
    created_after: AwareDatetime | None = None
    created_before: AwareDatetime | None = None
    tag: UUID | None = None
    repository: UUID | None = None
    batch: UUID | None = None
    parent_id: UUID | None = None


class BatchStages(Resource):
    """How many documents of a batch are at each stage of their processing."""

    extracting: int
    chunking: int
    embedding: int
    waiting: int
    storing: int


class Batch(Resource):
    """How far the documents of one upload are. `total` does not count texts that the caller had already."""

    id: UUID
    total: int
    pending: int
    processing: int
    completed: int
    failed: int
    stages: BatchStages
    chunks_done: int
    chunks_total: int


class Reindexed(Resource):
    """How many documents will be read again."""

    documents: int


class Chunk(Resource):
    """A passage: `text` is the document's text from `start_char` to `end_char`.

    `columns` is the first row of the table that it starts in, `Item | Price`, unless it holds that row itself.
    """

    id: UUID
    document_id: UUID
    chunk_index: int
    text: str
    start_char: int
    end_char: int
    page: int | None
    section: str | None
    columns: str | None
    token_count: int


class ChunkPage(Page):
    """One page of a list."""

    items: list[Chunk]


class DocumentText(Resource):
    """A document's whole extracted text."""

    document_id: UUID
    text: str


class SearchFilters(Request):
    """Which documents to search; all that are given must hold. None means no such condition.

    A list holds for a document that is, or has, one of its entries. A document has its own tags and those of the
    repositories that it is in.
    """

    documents: Annotated[list[UUID], Field(min_length=1, max_length=1000)] | None = None
    source_types: Annotated[list[SourceType], Field(min_length=1, max_length=10)] | None = None
    tags: Annotated[list[UUID], Field(min_length=1, max_length=100)] | None = None
    repositories: Annotated[list[UUID], Field(min_length=1, max_length=100)] | None = None
    created_after: AwareDatetime | None = None
    created_before: AwareDatetime | None = None

    def any(self) -> bool:
        """Whether there is a condition at all."""
        return any(value is not None for _, value in self)


class SearchRequest(Request):
    """A search. `hybrid` fuses both scores by the configured weights, the other modes follow one of them.

    Without `mode` it is hybrid unless the settings say otherwise, without `top_k` they say how many hits come back;
    those of a conversation hold when it is named. With `per_document`, the best so many hits of each document come
    before all others. `explain` says of each hit why it stands where it does, `neighbours` how many passages before and
    after it come with it.
    """

    query: Annotated[Text, StringConstraints(min_length=1, max_length=2000, pattern=r"\S")]
    mode: Literal["hybrid", "semantic", "lexical"] | None = None
    top_k: Annotated[int, Field(ge=1, le=100)] | None = None
    per_document: Annotated[int, Field(ge=1, le=100)] | None = None
    conversation_id: UUID | None = None
    explain: bool = False
    neighbours: Annotated[int, Field(ge=0, le=MAX_NEIGHBOURS)] = 0
    filters: SearchFilters = SearchFilters()


class Scores(Resource):
    """What a hit's score is made of: the cosine of the embeddings (-1 to 1) and BM25 (0 and above)."""

    semantic: float | None
    lexical: float


class ScorePart(Resource):
    """What one of the two scores says of a hit.

    `rank` is its place, from 1, among what this side proposed; null when it was proposed by the other side only.
    `scaled` is the score between its theoretical minimum (0) and the best of this query (1); the lexical one of a
    passage of table rows is less where the query's words are scattered over them. `weight` is this side's configured
    share. Null is `scaled` where one score alone orders the list, and `score` where it is not known.
    """

    rank: int | None
    score: float | None
    scaled: float | None
    weight: float


class Explanation(Resource):
    """Why a hit stands at place `rank` of the list.

    In a list of fused scores, `score` is the sum of weight x scaled of both sides. With `per_document` a lower score
    may stand before a higher one.
    """

    rank: int
    score: float
    semantic: ScorePart
    lexical: ScorePart


class Neighbour(Resource):
    """A passage that stands before or after a hit in its document. They may overlap, as their offsets say."""

    chunk_id: UUID
    chunk_index: int
    text: str
    page: int | None
    section: str | None
    columns: str | None
    start_char: int
    end_char: int


class Hit(Resource):
    """A passage that was found. `score` orders the list.

    In mode `semantic` it is the cosine, in mode `lexical` BM25, in mode `hybrid` their fusion: 0 to 1, where 1 is the
    best by both scores. `explanation` and `neighbours`, in the document's order, are null unless they were asked for.
    """

    chunk_id: UUID
    document_id: UUID
    title: str
    text: str
    page: int | None
    section: str | None
    columns: str | None
    start_char: int
    end_char: int
    chunk_index: int
    score: float
    scores: Scores
    explanation: Explanation | None = None
    neighbours: list[Neighbour] | None = None


class SearchResult(Resource):
    """The hits, best first."""

    items: list[Hit]


ModelName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), STORABLE]
Address = Annotated[Text, StringConstraints(strip_whitespace=True, min_length=1, max_length=2048)]
ApiKey = Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{1,500}$")]


class NewEmbeddingModel(Request):
    """A model that makes vectors: `builtin` is part of the deployment, `openai` any server that speaks its protocol.

    A `dimension` smaller than the model's own cuts its vectors; without one they are as long as the model makes them.
    """

    name: ModelName
    provider: Literal["builtin", "openai"] = "builtin"
    model: ModelName
    dimension: Annotated[int, Field(ge=1, le=4000)] | None = None
    base_url: Address | None = None
    api_key: ApiKey | None = None

    @model_validator(mode="after")
    def _reachable(self) -> "NewEmbeddingModel":
        if (self.provider == "openai") != (self.base_url is not None):
            raise ValueError("give a base_url with provider openai, and only then")
        if self.provider == "builtin" and self.api_key is not None:
            raise ValueError("a built-in model takes no api_key")
        return self


class EmbeddingModelChanges(Request):
    """What of a model can change without changing its vectors. A null `api_key` takes the key away."""

    name: ModelName | None = None
    base_url: Address | None = None
    api_key: ApiKey | None = None

    @model_validator(mode="after")
    def _kept(self) -> "EmbeddingModelChanges":
        for field in self.model_fields_set & {"name", "base_url"}:
            if getattr(self, field) is None:
                raise ValueError(f"{field} may not be null")
        return self


class EmbeddingProgress(Resource):
    """How far a model is: chunks of all documents, and how many of them have their vector."""

    chunks_done: int
    chunks_total: int
    documents_left: int
    documents_failed: int


class EmbeddingModel(Resource):
    """A registered embedding model, without its key. Exactly one is `active`, at most one other `preparing`.

    `error` says what keeps the preparation back. Of a model that went out of use at `retired_at`, the vectors are kept
    for a week: activating it again embeds only what is missing.
    """

    id: int
    name: str
    provider: Literal["builtin", "openai"]
    model: str
    dimension: int
    base_url: str | None
    key_last_four: str | None
    status: Literal["inactive", "preparing", "active"]
    progress: EmbeddingProgress | None
    error: Fault | None
    created_at: Timestamp
    updated_at: Timestamp
    activated_at: Timestamp | None
    retired_at: Timestamp | None


class EmbeddingModelPage(Page):
    """All registered models: the list is short and has no second page."""

    items: list[EmbeddingModel]
