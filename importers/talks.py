"""Conversations and messages: what the five systems have of them in common."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from chalicelib.knowledge.embedding import text_vectors
from chalicelib.knowledge.memories import memories as remembering
from importers.move import Move
from importers.records import Json, NewRow, Row, Skipped, Target

UNTITLED = "New conversation"
MOST_METADATA = 100_000
_MOST_CONTENT = 100_000


def conversation(row: Row, move: Move, user_id: UUID, *, extra_data: dict[str, Json], **values: Json) -> Target:
    """A conversation of `user_id`. `extra_data` is its metadata."""
    created = move.created(row)
    defaults: dict[str, Json] = {
        "id": move.id(row, created),
        "user_id": user_id,
        "title": (row.text("title", 255) or "").strip() or UNTITLED,
        "assistant_id": None,
        "settings": {},
        "is_archived": False,
        "metadata": metadata(row, extra_data),
        "created_at": created,
        "updated_at": move.time(row, "updated_at", created),
        "deleted_at": None,
    }
    return Target("conversations", defaults | values, volatile=frozenset({"updated_at"}))


def message(
    row: Row,
    move: Move,
    conversation_of: NewRow,
    role: str,
    *,
    extra_data: dict[str, Json],
    content: str = "content",
    created: str = "created_at",
    **values: Json,
) -> Target:
    """A message. `extra_data` is its metadata; `content` and `created` name columns."""
    moment = move.created(row, created)
    is_answer = role == "assistant"
    defaults: dict[str, Json] = {
        "id": move.id(row, moment, rank=1 if is_answer else 0),
        "conversation_id": conversation_of.id,
        "user_id": conversation_of.row["user_id"],
        "parent_message_id": None,
        "role": role,
        "content": row.text(content, _MOST_CONTENT, ""),
        "rephrased_query": None,
        "tone": None,
        "behavior": None,
        "context_type": None,
        "signal_strength": None,
        "context_clarity": None,
        "needs_knowledge": None,
        "thinking": None,
        "sources": [],
        "prompts": [],
        "filters": [],
        "pipeline": None,
        "model": None,
        "prompt_tokens": None,
        "completion_tokens": None,
        "cost_usd": None,
        "invented_citations": 0,
        "finish_reason": "stop" if is_answer else None,
        "is_mistake": False,
        "mistake_note": None,
        "metadata": metadata(row, extra_data),
        "created_at": moment,
    }
    return Target("messages", defaults | values, volatile=frozenset({"parent_message_id"}))


def follows(row: Row, column: str, *, rank_of: str = "parent_message_id") -> list[Target]:
    """The message that a message follows: written once every message of the conversation is there."""
    own, parent = row.match("self"), row.match(column)
    if own is None:
        raise Skipped("the message was not moved, or is erased here")
    if row.get(column) is None:
        raise Skipped("it is the first of its conversation")
    if parent is None:
        raise Skipped("the message that it follows was not moved: it begins a thread branch")
    if parent.row["conversation_id"] != own.row["conversation_id"]:
        raise Skipped("the message that it follows is one of another conversation: it begins a thread branch")
    if parent.id >= own.id:
        raise Skipped("the message that it follows is not older: it begins a thread branch")
    return [Target("messages", {"id": own.id, rank_of: parent.id}, update=True)]


def job(
    move: Move,
    question: NewRow,
    answer: NewRow | None,
    *,
    key: str,
    created: datetime,
    finished: datetime,
    **values: Json,
) -> Target:
    """The job of an answer, which its timing, its trace and its comparison hang on. Several rows may bring the same."""
    defaults: dict[str, Json] = {
        "id": move.named_id("jobs", key, created),
        "user_id": question.row["user_id"],
        "conversation_id": question.row["conversation_id"],
        "question_id": question.id,
        "answer_id": answer.id if answer else None,
        "pipeline": ((answer.row.get("pipeline") if answer else None) or "unknown")[:100],
        "model": ((answer.row.get("model") if answer else None) or "unknown")[:200],
        "settings": {},
        "status": "completed",
        "priority": 0,
        "attempts": 1,
        "error_code": None,
        "error_message": None,
        "cancelled_by": None,
        "cancellation_reason": None,
        "started_at": created,
        "finished_at": finished,
        "created_at": created,
        "updated_at": finished,
    }
    volatile = frozenset({"updated_at", "event_count"})
    return Target("llm_jobs", defaults | values, shared=True, volatile=volatile)


def job_update(job: Target, **values: Json) -> Target:
    """More about a job that other rows may have brought already; `settings` are added to."""
    return Target(
        "llm_jobs", {"id": job.id, **values}, update=True, volatile=frozenset(values), json_merged=("settings",)
    )


def usage(row: Row, move: Move, message: Target, provider: str) -> list[Target]:
    """What an answer consumed, for the analytics of tokens; nothing for a message without tokens, or an old one."""
    prompt, completion = message.values["prompt_tokens"] or 0, message.values["completion_tokens"] or 0
    moment = message.values["created_at"]
    if message.values["role"] != "assistant" or not prompt + completion:
        return []
    if moment > move.now + timedelta(days=30):
        row.note("its tokens are of the future: the analytics of tokens do not have them; the message has them")
        return []
    try:
        move.check_retention("usage", moment)
    except Skipped:
        row.note("its tokens are older than the analytics of tokens keep; the message has them")
        return []
    values = {
        "id": move.id(row, moment, kind="usage", rank=2),
        "user_id": message.values["user_id"],
        "job_id": move.named_id("jobs", row.key, moment),
        "model": message.values["model"] or "unknown",
        "provider": provider,
        "key_owner": None,
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "is_estimated": False,
        "cost_usd": 0,
        "created_at": moment,
    }
    return [Target("usage", values)]


def remembered(memory_id: UUID, user_id: UUID, content: str) -> Iterator[Target]:
    """The vectors by which a memory is found."""
    for part, vector in enumerate(text_vectors.vectors(remembering.in_first_person(content)), 1):
        embedded: dict[str, Json] = {"memory_id": memory_id, "part": part, "user_id": user_id, "embedding": vector}
        yield Target("memory_embeddings", embedded, key=("memory_id", "part"))


def metadata(row: Row, extra_data: dict[str, Json]) -> dict[str, Any]:
    """Metadata without its nulls; what is more than the service stores is left out and noted."""
    extra_data = {**row.whole_texts, **extra_data}
    retained = {name: value for name, value in extra_data.items() if value not in (None, "", [], {})}
    while retained and len(json.dumps(retained, ensure_ascii=False)) > MOST_METADATA - 1000:
        longest = max(retained, key=lambda name: len(json.dumps(retained[name], ensure_ascii=False)))
        row.note(f"{longest} is left out of the metadata: it is too long")
        del retained[longest]
    return retained


def role_of(value: Json) -> str:
    """The role of a message, by what the other systems call it."""
    name = str(value or "").strip().lower()
    if name in {"user", "human", "question"}:
        return "user"
    return "system" if name in {"system", "tool", "function", "developer"} else "assistant"
