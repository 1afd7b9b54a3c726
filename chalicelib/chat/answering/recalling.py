"""Recalling: a user's memories enter the prompt of a language model, and the trace names them.

The built-in reader quotes documents and reads no memories.
"""

from collections.abc import Sequence

from chalicelib.chat.answering import prompting
from chalicelib.chat.answering.attempts import JobAttempt
from chalicelib.chat.llm.estimation import estimate_tokens
from chalicelib.config.settings import preferences
from chalicelib.core import identity
from chalicelib.knowledge.memories import memories
from chalicelib.knowledge.memories.models import RecalledMemory

MOST_MEMORIES = 5
MAX_TOKENS = 500
# Most of a small window is reserved for chunks.
_WINDOW_SHARE = 16
_MAX_QUERY_CHARS = 2_000
_MAX_RECORDED_CHARS = 200


def recall(attempt: JobAttempt) -> Sequence[RecalledMemory]:
    """The memories that fit the question, best first, within their share of the prompt, for users who allow it.

    Instructions fit every question. Recalls are counted when the job ends, so a retry counts once.
    """
    if attempt.is_extractive:
        return ()
    query = (attempt.rephrased_query or attempt.job.question)[:_MAX_QUERY_CHARS]
    with attempt.trace.stage("memory"), identity.as_user(attempt.claim.user_id) as conn:
        attempt.uses_memories = preferences.get(conn).use_memories
        candidates = memories.look_up(conn, query, MOST_MEMORIES, standing=True) if attempt.uses_memories else []
    budget = min(MAX_TOKENS, attempt.room.context_tokens // _WINDOW_SHARE)
    selected: list[RecalledMemory] = []
    for memory in candidates:
        tokens = estimate_tokens(prompting.render_memory(memory))
        if tokens <= budget:
            budget -= tokens
            selected.append(memory)
    if selected:
        attempt.recalled.extend(memory.id for memory in selected)
        recorded = [
            {"id": str(m.id), "content": m.content[:_MAX_RECORDED_CHARS], "score": round(m.score, 4)} for m in selected
        ]
        attempt.trace.record_event("memories", used=recorded)
    return selected
