"""Requests and responses of the routes of messages."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal
from uuid import UUID

from pydantic import Field, StringConstraints, computed_field, model_validator

from chalicelib.config.registry.filters import SearchFilters
from chalicelib.core.metadata import ShownMetadata
from chalicelib.core.models import STORABLE, Request, Resource, Shape, Text, Timestamp
from chalicelib.knowledge.documents import originals

Role = Literal["user", "assistant", "system"]

FinishReason = Literal["stop", "length", "content_filter", "cancelled"]
# What a person who reads an answer must know: why it is not whole.
FINISH_NOTICES: Mapping[FinishReason, str] = {
    "length": "The answer is cut: it reached the maximum length. Ask for the rest.",
    "content_filter": "The answer is cut: the content filter of the model's provider ended it.",
    "cancelled": "The answer is cut: it was cancelled.",
}

# The stages of an attempt; docs/operations.md lists them.
AnswerStage = Literal["analysis", "condensing", "retrieval", "memory", "tools", "answer", "learning", "title"]


class Source(Resource):
    """The source of a citation `[number]`. `quote` is a literal part of the chunk."""

    number: int
    document_id: UUID
    chunk_id: UUID
    title: str
    page: int | None
    section: str | None
    quote: str
    score: float

    @computed_field  # type: ignore[prop-decorator]
    @property
    def original(self) -> str:
        """The path of the request that returns a link to the original file, at the source's page."""
        return originals.path(self.document_id, self.page)


class UsedPrompt(Resource):
    """The version of a prompt that an answer used. `name` is null for a prompt from the settings."""

    kind: str
    name: str | None
    version: int | None


class Message(Resource):
    """A question with its analysis, or an answer with its sources, tokens and cost. Conversations from another system
    can have instructions too, with the role `system`: they can be read, and no prompt contains them.

    `finish_reason` says how an answer ended; it is whole only with `stop`. Otherwise `notice` is a sentence for its
    reader.

    `filters` are those that a question set itself, or all that its answer was within: of the assistant, of the
    conversation, of the question. A document had to fulfil every one of them.
    """

    id: UUID
    conversation_id: UUID
    parent_message_id: UUID | None
    role: Role
    content: str
    sources: list[Source]
    pipeline: str | None
    model: str | None
    rephrased_query: str | None
    tone: str | None
    behavior: str | None
    context_type: str | None
    signal_strength: float | None
    context_clarity: float | None
    needs_knowledge: bool | None
    thinking: str | None
    prompts: list[UsedPrompt]
    filters: list[SearchFilters]
    prompt_tokens: int | None
    completion_tokens: int | None
    cost_usd: float | None
    invented_citations: int
    finish_reason: FinishReason | None
    is_mistake: bool
    mistake_note: str | None
    metadata: ShownMetadata
    created_at: Timestamp

    @computed_field  # type: ignore[prop-decorator]
    @property
    def notice(self) -> str | None:
        """A sentence for the reader of an answer that is not whole."""
        return FINISH_NOTICES.get(self.finish_reason) if self.finish_reason else None


class MistakeMark(Request):
    """Whether a message is a mistake, with a note."""

    is_mistake: bool
    note: Annotated[Text, Field(max_length=2000)] | None = None


Reason = Literal["incorrect", "unhelpful", "inappropriate", "incomplete", "wrong_source", "other"]


class NewFeedback(Request):
    """A like, a dislike or a comment. `comment` is required for a comment."""

    _shapes: ClassVar = {
        "NewRating": Shape("A like or a dislike, with a comment if wanted.", values={"kind": ("like", "dislike")}),
        "NewComment": Shape("A comment alone.", frozenset({"comment"}), values={"kind": ("comment",)}),
    }

    kind: Literal["like", "dislike", "comment"]
    reasons: Annotated[frozenset[Reason], Field(max_length=6)] = frozenset()
    comment: (
        Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=4000), STORABLE] | None
    ) = None

    @model_validator(mode="after")
    def _words(self) -> "NewFeedback":
        if self.kind == "comment" and self.comment is None:
            raise ValueError("`comment` is required for a comment")
        return self


class Feedback(Resource):
    """Feedback on an answer."""

    id: UUID
    message_id: UUID
    kind: str
    reasons: list[str]
    comment: str | None
    created_at: Timestamp


class TimingStage(Resource):
    """One stage of an answer. `waiting` is the time in the queue, `total` spans the worker's stages."""

    stage: AnswerStage | Literal["waiting", "total"]
    started_at: Timestamp
    milliseconds: float


class Timing(Resource):
    """The duration of an answer by stages."""

    job_id: UUID
    created_at: Timestamp
    started_at: Timestamp | None
    finished_at: Timestamp | None
    stages: list[TimingStage]


class ToolCallRecord(Resource):
    """One call of a tool by the agent."""

    step_number: int
    tool_name: str
    tool_args: Any
    tool_result: str
    failed: bool
    milliseconds: float
    started_at: Timestamp


class MessageTrace(Resource):
    """The steps of an answer, and its settings. While the answer is written, the trace is `running`: it has the events
    that were streamed so far, and its totals are those of the stream.
    """

    id: UUID
    job_id: UUID
    message_id: UUID | None
    pipeline: str
    model: str
    status: str
    settings: dict[str, Any]
    events: list[dict[str, Any]]
    tool_calls: list[ToolCallRecord]
    total_tool_calls: int
    total_tokens_used: int
    total_duration_ms: float
    cancelled_by: str | None
    cancellation_reason: str | None
    started_at: Timestamp
    completed_at: Timestamp | None
