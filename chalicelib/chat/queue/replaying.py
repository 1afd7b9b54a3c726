"""Replaying: an answer is given once more as of when its question was asked, and what is no longer there is told."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from chalicelib.chat.messages import messages
from chalicelib.chat.queue import enqueueing
from chalicelib.chat.queue.models import AnswerReplay, Job, ReplayDifference
from chalicelib.config.registry.models import PLACEHOLDERS
from chalicelib.core import errors, rows, sql

if TYPE_CHECKING:
    from chalicelib.core.connection import Conn

queries = sql.load(__file__)


@dataclass(frozen=True, slots=True)
class _Original:
    conversation_id: UUID
    question_id: UUID
    settings: dict[str, Any]
    created_at: datetime
    prompts: list[dict[str, Any]]
    has_model: bool


def enqueue(conn: "Conn", message_id: UUID) -> Job:
    """Queue an answer's question once more, with the settings, the model and the prompts' versions of that time.

    It uses only documents that were added before. Raises NotFound for what is no answer of the caller's, Conflict
    (model_unavailable), and like `enqueueing.enqueue`.
    """
    from psycopg.types.json import Jsonb

    original = _original(conn, message_id)
    if not original.has_model:
        raise errors.Conflict(code="model_unavailable")
    stored: dict[str, int] = rows.value(conn, queries.stored_prompts, {"id": message_id})
    deleted = {entry["kind"] for entry in original.prompts if entry["name"] is not None} - stored.keys()
    settings = original.settings | {
        "filters": [*original.settings.get("filters", ()), {"created_before": original.created_at.isoformat()}],
        "passed_over": [],
        "prompt_versions": stored,
        "replayed_answer": str(message_id),
    }
    # Where a prompt is gone, the present one takes its place.
    replaced = {f"active_{kind}_prompt" for kind in PLACEHOLDERS if kind in deleted}
    params = enqueueing.replay_params(original.conversation_id, original.question_id)
    row = enqueueing.run(
        conn, enqueueing.queries.enqueue_replay, params | {"settings": Jsonb(settings), "replaced": sorted(replaced)}
    )
    return Job(**row["job"])


def described(conn: "Conn", message_id: UUID, job: Job) -> AnswerReplay:
    """The queued job with its question, and what differs from the time of the answer. Raises NotFound."""
    original = _original(conn, message_id)
    differences = rows.many(conn, ReplayDifference, queries.differences, {"id": message_id})
    return AnswerReplay(
        message=messages.get(conn, job.message_id), job=job, as_of=original.created_at, differences=differences
    )


def _original(conn: "Conn", message_id: UUID) -> _Original:
    original = rows.one(conn, _Original, queries.original, {"id": message_id})
    if original is None:
        raise errors.NotFound
    return original
