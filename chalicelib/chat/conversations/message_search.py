"""Message search over a user's own messages: BM25 and cosine, fused as for documents (docs/retrieval.md), in one query.

Messages are indexed in the background, by the worker that answered or by tick. A message that is not indexed yet is
matched by its letters. Document frequencies are counted over the user's own newest messages, so a search does not
depend on the messages of other users. The embeddings are the built-in model's.
"""

import base64
import binascii
import re
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from chalicelib.chat.conversations import conversations
from chalicelib.chat.conversations.models import MessageHit, MessageScores, MessageSearch
from chalicelib.core import errors, identity, metadata, queues, rows, sql
from chalicelib.core.log import logger
from chalicelib.core.models import Page
from chalicelib.core.settings import settings
from chalicelib.knowledge.embedding import text_vectors
from chalicelib.knowledge.text import bm25, graphemes
from chalicelib.knowledge.text import lexemes as lexical

if TYPE_CHECKING:
    from chalicelib.core.connection import Conn

queries = sql.load(__file__)

# The candidates of each ranking, and so the end of the last page.
CANDIDATES = 200
# Document frequencies are counted over so many messages; a tenth of a collection is enough (docs/memory.md).
_SAMPLE = 1_000
_MAX_LEXEMES = 64
# The newest unindexed messages that are compared letter by letter.
_MOST_UNINDEXED = 200
# The minimum cosine of a message without a common lexeme, and the minimum letter similarity of an unindexed message.
SEMANTIC_FLOOR = 0.25
LETTERS_FLOOR = 0.5
_EXCERPT_CHARS = 400
_WORD = re.compile(r"\w+(?:[-.]\w+)*")
_BATCH = 32
_WAKE_AFTER = timedelta(minutes=1)
_USERS_A_RUN = 200
# The seconds of a worker for one wake-up.
RUN_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class _MessageRow:
    message_id: UUID
    conversation_id: UUID
    conversation_title: str
    role: str
    content: str
    created_at: datetime
    score: float
    semantic: float | None
    lexical: float | None


@dataclass(frozen=True, slots=True)
class _Unindexed:
    message_id: UUID
    content: str


def search(conn: "Conn", query: MessageSearch, *, without: UUID | None = None) -> Page[MessageHit]:
    """The caller's messages that match a query, best first, without those of deleted conversations.

    `without` is a message to leave out. Raises NotFound for a conversation that is not the caller's, BadRequest
    (bad_cursor).
    """
    offset = _offset(query.cursor)
    if query.conversation_id is not None:
        conversations.get(conn, query.conversation_id)
    lexemes, frequencies = lexical.query_terms(query.query)
    terms = frozenset(lexical.terms(query.query))
    params = {
        "query": query.query,
        "vector": text_vectors.query_vector(query.query),
        "lexemes": lexemes[:_MAX_LEXEMES],
        "frequencies": frequencies[:_MAX_LEXEMES],
        # An English stem as a prefix of its word: "compani" is the stem of "company".
        "words": sorted({term.removesuffix("i") or term for term in terms})[:_MAX_LEXEMES],
        "conversation_id": query.conversation_id,
        "role": query.role,
        "metadata": metadata.pairs(query.metadata),
        "tag": query.tag,
        "created_after": query.created_after,
        "created_before": query.created_before,
        "without": without,
        "candidates": CANDIDATES,
        "sample": _SAMPLE,
        "unindexed": _MOST_UNINDEXED,
        "semantic_floor": SEMANTIC_FLOOR,
        "letters_floor": LETTERS_FLOOR,
        "offset": offset,
        "limit": query.limit + 1,
    }
    hits = rows.many(conn, _MessageRow, queries.search, params)
    more = len(hits) > query.limit and offset + query.limit < CANDIDATES
    return Page[MessageHit](
        items=[_hit(row, terms) for row in hits[: query.limit]],
        next_cursor=_cursor(offset + query.limit) if more else None,
    )


def index(user_id: UUID, *, most: int = _BATCH) -> int:
    """Index up to `most` of a user's unindexed messages; returns their number.

    Repeated and concurrent calls are harmless. Raises InactiveUserError.
    """
    with identity.as_user(user_id) as conn:
        waiting = rows.many(conn, _Unindexed, queries.unindexed, {"limit": most})
    if not waiting:
        return 0
    parts = [(message.message_id, vector) for message in waiting for vector in text_vectors.vectors(message.content)]
    params = {
        "ids": [message.message_id for message in waiting],
        "weights": [bm25.to_sparsevec(bm25.document_weights(message.content)) for message in waiting],
        "part_ids": [message_id for message_id, _ in parts],
        "vectors": [vector for _, vector in parts],
    }
    with identity.as_user(user_id) as conn:
        conn.execute(queries.store, params)
    return len(waiting)


def index_after(user_id: UUID) -> None:
    """Index the newest messages of a user, unless jobs are waiting. `tick` indexes them after a failure."""
    try:
        with identity.as_nobody() as conn:
            busy = rows.value(conn, queries.has_waiting_jobs)
        if not busy:
            index(user_id)
    except Exception as error:  # noqa: BLE001 — the answer is complete, and tick indexes later
        logger().warning("messages were not indexed", reason=type(error).__name__)


def index_waiting(seconds: float = RUN_SECONDS) -> int:
    """Index overdue messages for about `seconds`; returns their number."""
    deadline = time.monotonic() + seconds
    indexed = 0
    for user_id in _has_unindexed(_USERS_A_RUN):
        with suppress(identity.InactiveUserError):
            while time.monotonic() < deadline and (done := index(user_id)):
                indexed += done
    return indexed


def resend_wakeup() -> bool:
    """Wake a worker when there are overdue messages; returns whether there are any."""
    waiting = bool(_has_unindexed(1))
    if waiting:
        queues.send(settings().answer_queue_url, [{"index": True}])
    return waiting


def next_wakeup(conn: "Conn") -> datetime | None:
    """When resend_wakeup() has a worker to wake, None if every message is indexed."""
    due: datetime | None = rows.value(conn, queries.next_message_index, {"older_than": _WAKE_AFTER})
    return due


def _has_unindexed(most: int) -> list[UUID]:
    with identity.as_nobody() as conn:
        users = conn.execute(queries.unindexed_users, {"older_than": _WAKE_AFTER, "limit": most}).fetchall()
    return [row[0] for row in users]


def _hit(row: _MessageRow, terms: frozenset[str]) -> MessageHit:
    return MessageHit(
        message_id=row.message_id,
        conversation_id=row.conversation_id,
        conversation_title=row.conversation_title,
        role=row.role,
        excerpt=excerpt(row.content, terms),
        created_at=row.created_at,
        score=row.score,
        scores=MessageScores(semantic=row.semantic, lexical=row.lexical),
    )


def excerpt(content: str, terms: frozenset[str]) -> str:
    """At most 400 characters of a message, around the first word that is one of `terms`."""
    if len(content) <= _EXCERPT_CHARS:
        return content
    first = next((m.start() for m in _WORD.finditer(content) if terms.intersection(lexical.terms(m[0]))), 0)
    start = max(0, min(first - _EXCERPT_CHARS // 4, len(content) - _EXCERPT_CHARS))
    start, end = graphemes.boundary_before(content, start, 0), start + _EXCERPT_CHARS
    return content[start : graphemes.boundary_before(content, end, start)]


def _cursor(offset: int) -> str:
    return base64.urlsafe_b64encode(str(offset).encode()).decode()


def _offset(cursor: str | None) -> int:
    if cursor is None:
        return 0
    try:
        decoded = base64.urlsafe_b64decode(cursor.encode("ascii")).decode("ascii")
    except (ValueError, binascii.Error) as error:
        raise errors.BadRequest(code="bad_cursor") from error
    if not decoded.isdecimal() or not 0 < int(decoded) < CANDIDATES:
        raise errors.BadRequest(code="bad_cursor")
    return int(decoded)
