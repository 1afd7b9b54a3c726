"""Runs of a set: its questions are asked through the queue, as its owner, after everything else that waits.

Each question has a conversation of its own, archived from the start and deleted when its answer is measured. `advance`
measures what is answered and asks more, a few at a time; tick calls it every minute, and so may a client.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from chalicelib.chat.comparisons import variants
from chalicelib.chat.conversations import conversations
from chalicelib.chat.conversations.models import NewConversation
from chalicelib.chat.evals import measures, sets
from chalicelib.chat.evals.measures import AnswerOutcome, Expectation
from chalicelib.chat.evals.models import (
    EvalComparison,
    EvalResult,
    EvalRun,
    EvalRunQuery,
    Measure,
    NewEvalRun,
)
from chalicelib.chat.queue import enqueueing
from chalicelib.config.settings.models import ConversationSettings
from chalicelib.core import errors, identity, rows, sql
from chalicelib.core.models import Page, PageQuery, page_of

if TYPE_CHECKING:
    from chalicelib.core.connection import Conn

queries = sql.load(__file__)

MAX_RUNS = 500
# The questions of a run that wait at once. A user's own questions still fit into the queue.
IN_FLIGHT = 10
_MOST_MEASURED = 100


class _Run(EvalRun):
    configuration: dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Answered:
    question_id: UUID
    conversation_id: UUID
    expected_documents: list[UUID]
    expected_words: list[str]
    should_decline: bool
    is_failed: bool
    error_code: str | None
    content: str | None
    retrieved: list[UUID]
    cited: list[UUID]
    cost_usd: float
    milliseconds: float


@dataclass(frozen=True, slots=True)
class _Next:
    id: UUID
    question: str


def create(conn: "Conn", new: NewEvalRun) -> EvalRun:
    """Start a run. Raises NotFound, Unprocessable for a setting that does not exist, Conflict (too_many)."""
    name, configuration = judge(conn, new)
    created = start(conn, identity.caller_id(), new.set_id, name, configuration, budget_usd=new.budget_usd)
    return get(conn, created)


def judge(conn: "Conn", new: NewEvalRun) -> tuple[str, dict[str, Any]]:
    """The name and the configuration of a run. Raises NotFound, Unprocessable."""
    chosen = sets.get(conn, new.set_id)
    if not chosen.question_count:
        raise errors.Unprocessable(errors=[{"field": "set_id", "message": "names a set without questions"}])
    configuration = _configuration(conn, new)
    # The configuration is judged by the first conversation that gets it.
    _conversation(conn, chosen.name, configuration, is_used=False)
    return new.name or chosen.name, configuration


def start(
    conn: "Conn", user_id: UUID, set_id: UUID, name: str, configuration: Mapping[str, Any], *, budget_usd: float
) -> UUID:
    """Store a run of the user of this transaction, which `advance` goes on with; returns its id.

    Raises Conflict (too_many).
    """
    from psycopg.types.json import Jsonb

    rows.hold_limit(conn, "eval_runs", user_id)
    params = {"set_id": set_id, "name": name, "configuration": Jsonb(configuration), "budget_usd": budget_usd}
    created: UUID | None = rows.value(conn, queries.create, params | {"most": MAX_RUNS})
    if created is None:
        raise errors.Conflict(f"At most {MAX_RUNS} runs are kept. Delete one first.", code="too_many")
    return created


def get(conn: "Conn", run_id: UUID) -> EvalRun:
    """One of the caller's runs with its measures. Raises NotFound."""
    run = _get(conn, run_id)
    results = [row[0] for row in conn.execute(queries.measures, {"id": run_id}).fetchall()]
    return EvalRun.model_validate(run.model_dump() | {"measures": measures.summary(results)})


def list_page(conn: "Conn", query: EvalRunQuery) -> Page[EvalRun]:
    """The caller's runs, newest first, without their measures."""
    params = {"set_id": query.set_id, "after": query.after(), "limit": query.limit + 1}
    return page_of(rows.many(conn, EvalRun, queries.list, params), query.limit)


def results(conn: "Conn", run_id: UUID, query: PageQuery) -> Page["_NamedResult"]:
    """What a run gave for each question, in the order of the set. Raises NotFound."""
    _get(conn, run_id)
    params = {"id": run_id, "after": query.after(), "limit": query.limit + 1}
    return page_of(rows.many(conn, _NamedResult, queries.results, params), query.limit)


class _NamedResult(EvalResult):
    @property
    def id(self) -> UUID:
        return self.question_id


def cancel(conn: "Conn", run_id: UUID) -> EvalRun:
    """Ask no further question; those that wait are still answered. Raises NotFound."""
    _get(conn, run_id)
    conn.execute(queries.end, {"id": run_id, "status": "cancelled", "reason": None})
    return get(conn, run_id)


def delete(conn: "Conn", run_id: UUID) -> None:
    """Delete a run with its results. Raises NotFound."""
    if conn.execute(queries.delete, {"id": run_id}).rowcount == 0:
        raise errors.NotFound


def compare(conn: "Conn", run_id: UUID, other_id: UUID) -> EvalComparison:
    """How much more one run measures than another, over the questions of both. Raises NotFound."""
    _get(conn, run_id)
    _get(conn, other_id)
    differences = measures.differences(_by_question(conn, run_id), _by_question(conn, other_id))
    return EvalComparison(run_id=run_id, other_id=other_id, differences=differences)


def advance(conn: "Conn", run_id: UUID) -> list[UUID]:
    """Measure what is answered and ask more. Returns the new jobs, whose workers must be woken after the commit.

    Two requests at once are harmless: the run is locked. Raises NotFound.
    """
    _get(conn, run_id)
    if conn.execute(queries.lock, {"id": run_id}).fetchone() is None:
        return []
    for answered in rows.many(conn, _Answered, queries.answered, {"id": run_id, "limit": _MOST_MEASURED}):
        _measure(conn, run_id, answered)
    run = _get(conn, run_id)
    if run.status != "running":
        return []
    if run.cost_usd >= run.budget_usd > 0:
        reason = f"The answers have cost {run.cost_usd:.4f} USD, and the budget is {run.budget_usd:.4f} USD."
        conn.execute(queries.end, {"id": run_id, "status": "stopped", "reason": reason})
        return []
    job_ids = _ask(conn, run)
    conn.execute(queries.complete, {"id": run_id})
    return job_ids


def _get(conn: "Conn", run_id: UUID) -> _Run:
    run = rows.one(conn, _Run, queries.get, {"id": run_id})
    if run is None:
        raise errors.NotFound
    return run


def _configuration(conn: "Conn", new: NewEvalRun) -> dict[str, Any]:
    settings = new.settings.changed_fields() if new.settings else {}
    assistant_id = new.assistant_id
    if new.variant_id is not None:
        variant = variants.get(conn, new.variant_id)
        settings, assistant_id = dict(variant.settings), variant.assistant_id
    return {
        "settings": {name: value for name, value in settings.items() if value is not None},
        "assistant_id": str(assistant_id) if assistant_id else None,
        "filters": new.filters.conditions(),
    }


def _conversation(conn: "Conn", title: str, configuration: Mapping[str, Any], *, is_used: bool = True) -> UUID:
    """A conversation for one question, out of the way of the user's own."""
    settings = configuration["settings"]
    new = NewConversation.model_validate(
        {
            "title": title[:255],
            "assistant_id": configuration["assistant_id"],
            "filters": configuration["filters"],
            "settings": ConversationSettings.model_validate(settings) if settings else None,
        }
    )
    created = conversations.create(conn, new).id
    conn.execute(queries.put_away, {"id": created})
    if not is_used:
        conversations.delete(conn, created)
    return created


def _ask(conn: "Conn", run: _Run) -> list[UUID]:
    room = IN_FLIGHT - rows.value(conn, queries.pending, {"id": run.id})
    job_ids: list[UUID] = []
    for question in rows.many(conn, _Next, queries.next_questions, {"id": run.id, "limit": max(room, 0)}):
        try:
            with conn.transaction():
                conversation_id = _conversation(conn, run.name, run.configuration)
                job = enqueueing.enqueue_evaluation(conn, conversation_id, question.question).job
                params = {"id": run.id, "question_id": question.id, "job_id": job.id}
                conn.execute(queries.begin, params | {"conversation_id": conversation_id})
        except errors.TooManyRequests:
            break  # the queue is full: the next call goes on
        except errors.Problem as problem:
            # The user's budget is used up, or the configuration names what was deleted since.
            conn.execute(queries.end, {"id": run.id, "status": "stopped", "reason": str(problem)[:500]})
            break
        job_ids.append(job.id)
    return job_ids


def _measure(conn: "Conn", run_id: UUID, answered: _Answered) -> None:
    from psycopg.types.json import Jsonb

    expected = Expectation(answered.expected_documents, answered.expected_words, answered.should_decline)
    outcome = AnswerOutcome(
        answered.retrieved, answered.cited, answered.content or "", answered.cost_usd, answered.milliseconds
    )
    measured = measures.of_failure() if answered.is_failed else measures.of_answer(expected, outcome)
    conn.execute(
        queries.store,
        {
            "id": run_id,
            "question_id": answered.question_id,
            "status": "failed" if answered.is_failed else "completed",
            "answer": answered.content,
            "error_code": answered.error_code,
            "retrieved": answered.retrieved,
            "cited": answered.cited,
            "measures": Jsonb(measured),
            "cost_usd": answered.cost_usd,
        },
    )
    conn.execute(queries.drop_conversation, {"id": answered.conversation_id})


def _by_question(conn: "Conn", run_id: UUID) -> dict[UUID, dict[Measure, float]]:
    return dict(conn.execute(queries.by_question, {"id": run_id}).fetchall())
