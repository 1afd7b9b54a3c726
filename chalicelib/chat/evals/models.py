"""Requests and responses of evaluations: sets of questions, runs of a set, measures and comparisons."""

from typing import Annotated, ClassVar, Literal
from uuid import UUID

from pydantic import Field, StringConstraints, model_validator

from chalicelib.chat.queue.models import MAX_QUESTION_CHARS
from chalicelib.config.registry.filters import SearchFilters
from chalicelib.config.settings.declarations import Cron
from chalicelib.config.settings.models import ConversationSettings
from chalicelib.core.models import STORABLE, PageQuery, Request, Resource, Shape, Text, Timestamp

MAX_QUESTIONS = 2_000
MAX_IMPORT_CHARS = 1_500_000

EvalName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), STORABLE]
ExpectedWord = Annotated[Text, StringConstraints(min_length=1, max_length=500, pattern=r"\S")]
QuestionOrigin = Literal["written", "imported", "mistake", "like"]
RunStatus = Literal["running", "completed", "stopped", "cancelled"]
ResultStatus = Literal["pending", "completed", "failed"]
Measure = Literal["recall", "mrr", "words", "citation_precision", "abstention", "failures", "cost_usd", "milliseconds"]


class NewEvalQuestion(Request):
    """A question, and what a good answer to it has: documents, words, or that it declines."""

    question: Annotated[Text, Field(min_length=1, max_length=MAX_QUESTION_CHARS, pattern=r"\S")]
    expected_documents: Annotated[list[UUID], Field(max_length=100)] = Field(default_factory=list)
    expected_words: Annotated[list[ExpectedWord], Field(max_length=50)] = Field(default_factory=list)
    should_decline: bool = False


class NewEvalSet(Request):
    """A new set of questions. More questions can be imported later, or made from feedback."""

    name: EvalName
    description: Annotated[Text, Field(max_length=2000)] | None = None
    questions: Annotated[list[NewEvalQuestion], Field(max_length=500)] = Field(default_factory=list)


class EvalSet(Resource):
    """A set of questions of the caller's."""

    id: UUID
    name: str
    description: str | None
    question_count: int
    created_at: Timestamp
    updated_at: Timestamp


class EvalQuestion(Resource):
    """A question of a set, and what a good answer to it has."""

    id: UUID
    question: str
    expected_documents: list[UUID]
    expected_words: list[str]
    should_decline: bool
    origin: QuestionOrigin
    created_at: Timestamp


class EvalImport(Request):
    """Questions as text: JSON Lines, or the queries and judgements of a BEIR collection.

    A line of `jsonl` has `question`, and where known `expected_documents`, `expected_words`, `should_decline`. BEIR's
    `queries` are JSON Lines with `_id` and `text`, its `qrels` lines of a query's id, a document's id and a score,
    separated by tabs. Documents are named by their id, their `source_id` or their title.
    """

    _shapes: ClassVar = {
        "JsonlImport": Shape(
            "JSON Lines.", frozenset({"content"}), frozenset({"queries", "qrels"}), {"format": ("jsonl",)}
        ),
        "BeirImport": Shape(
            "A BEIR collection.", frozenset({"queries", "qrels"}), frozenset({"content"}), {"format": ("beir",)}
        ),
    }

    format: Literal["jsonl", "beir"]
    content: Annotated[Text, Field(max_length=MAX_IMPORT_CHARS)] | None = None
    queries: Annotated[Text, Field(max_length=MAX_IMPORT_CHARS)] | None = None
    qrels: Annotated[Text, Field(max_length=MAX_IMPORT_CHARS)] | None = None

    @model_validator(mode="after")
    def _whole(self) -> "EvalImport":
        present = (self.content is not None, self.queries is not None, self.qrels is not None)
        if present != ((True, False, False) if self.format == "jsonl" else (False, True, True)):
            raise ValueError("`jsonl` requires `content`, `beir` requires `queries` and `qrels`, and nothing else")
        return self


class EvalCollection(Request):
    """Make questions from the caller's own answers: those marked as mistakes, or those that were liked.

    The sources of an answer that was liked are the expected documents.
    """

    origin: Literal["mistakes", "likes"]


class EvalImportResult(Resource):
    """What was added, and the names of documents that no document of the caller's has."""

    questions: int
    unknown_documents: list[str]


class NewEvalRun(Request):
    """A run of a set: every question is answered by the service itself, after all other questions that wait.

    `settings`, `assistant_id` and `filters` are those of a conversation; `variant_id` takes the settings and the
    assistant of a variant. The run stops when its answers have cost `budget_usd`.
    """

    set_id: UUID
    name: EvalName | None = None
    settings: ConversationSettings | None = None
    assistant_id: UUID | None = None
    filters: SearchFilters = Field(default_factory=SearchFilters)
    variant_id: UUID | None = None
    budget_usd: Annotated[float, Field(ge=0, le=10_000)] = 1.0

    @model_validator(mode="after")
    def _one_configuration(self) -> "NewEvalRun":
        if self.variant_id is not None and (self.settings is not None or self.assistant_id is not None):
            raise ValueError("`variant_id` is not allowed together with `settings` or `assistant_id`")
        return self


class NewEvalSchedule(NewEvalRun):
    """Runs of a set at the times of `schedule`, a cron expression of five fields in UTC; `budget_usd` is for each run.

    A time at which the run before still goes on is left out.
    """

    schedule: Annotated[Cron, Field(min_length=1)]


class EvalSchedule(Resource):
    """A schedule of the caller's. `error_message` says why no run started at the last time; null when one did."""

    id: UUID
    set_id: UUID
    name: str
    schedule: str
    budget_usd: float
    next_run_at: Timestamp
    last_run_id: UUID | None
    error_message: str | None
    created_at: Timestamp


class MeasureInterval(Resource):
    """A mean over `questions` questions, with its 95 % interval by bootstrap."""

    mean: float
    low: float
    high: float
    questions: int


class EvalRun(Resource):
    """A run, how far it is, and what was measured so far."""

    id: UUID
    set_id: UUID
    name: str
    status: RunStatus
    reason: str | None
    question_count: int
    finished_count: int
    failed_count: int
    budget_usd: float
    cost_usd: float
    measures: dict[Measure, MeasureInterval]
    created_at: Timestamp
    finished_at: Timestamp | None


class EvalRunQuery(PageQuery):
    """Which runs to list."""

    set_id: UUID | None = None


class EvalResult(Resource):
    """What a run gave for one question."""

    question_id: UUID
    question: str
    status: ResultStatus
    answer: str | None
    error_code: str | None
    retrieved_documents: list[UUID]
    cited_documents: list[UUID]
    measures: dict[Measure, float]


class EvalComparison(Resource):
    """How much more a run measures than another one, over the questions that both have answered.

    A difference whose interval holds 0 may be chance.
    """

    run_id: UUID
    other_id: UUID
    differences: dict[Measure, MeasureInterval]
