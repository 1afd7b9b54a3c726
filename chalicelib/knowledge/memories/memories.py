"""Memories: what the service remembers of a user, written or learned, recalled by similarity to a query.

    score = relevance · recency · weight
    relevance = max(0, cosine of the query's and the memory's embedding)
    recency   = 1/2 + 1/2 · 2^(−days since it was last recalled or changed / 30)
    weight    = 1/2 + 1/2 · importance

Only relevance can reduce a score to 0. How near-duplicates are recognised, and measurements: docs/memory.md.
"""

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, LiteralString
from uuid import UUID

from chalicelib.core import errors, rows, sql
from chalicelib.core.models import Page, page_of
from chalicelib.knowledge.embedding import text_vectors
from chalicelib.knowledge.memories.models import (
    Memory,
    MemoryChanges,
    MemoryQuery,
    MemorySearch,
    NewMemory,
    RecalledMemory,
    WrittenMemory,
)
from chalicelib.knowledge.text import lexemes

if TYPE_CHECKING:
    from chalicelib.core.connection import Conn

queries = sql.load(__file__)

MOST_MEMORIES = 10_000
# Memories that are less similar to the query are not recalled. Of 20 questions, 18 were above it with the memory that
# helps to answer them; so were 3 % of the unrelated pairs (docs/memory.md).
RELEVANCE_FLOOR = 0.2
HALF_LIFE_DAYS = 30.0
# The least cosines at which two memories become one: with the same words, and when one begins with the other.
SAME_WORDS = 0.85
MORE_WORDS = 0.90
_MAX_NORMALISED_CHARS = 20_000

_RECALL: LiteralString = f"with {queries.ranked}, {queries.accessed} {queries.recalled}"
_LOOK: LiteralString = f"with {queries.ranked} {queries.get_many}"


def write(conn: "Conn", new: NewMemory, *, learned_from: tuple[UUID, UUID] | None = None) -> WrittenMemory:
    """Store a memory, or merge it into an older memory of the caller's with the same meaning.

    `learned_from` is the conversation and the user's message from which it was learned. Raises Conflict (too_many), and
    Unprocessable for a document that the caller cannot read.
    """
    from psycopg.types.json import Jsonb

    conversation_id, message_id = learned_from or (None, None)
    if new.document_id is not None and not rows.value(conn, queries.can_read, {"document_id": new.document_id}):
        raise errors.invalid_field("document_id", "there is no such document")
    sentence = in_first_person(new.content)
    params = {
        "content": new.content,
        "gist": normalised_words(new.content),
        "kind": new.kind,
        "importance": new.importance,
        "source": "learned" if learned_from else "document" if new.document_id else "written",
        "document_id": new.document_id,
        "metadata": Jsonb(new.metadata),
        "conversation_id": conversation_id,
        "message_id": message_id,
        "vectors": text_vectors.vectors(sentence),
        "same_words": SAME_WORDS,
        "more_words": MORE_WORDS,
        "most": MOST_MEMORIES,
    }
    row = conn.execute(queries.write, params).fetchone()
    if row is None or row[0] is None:
        raise errors.Conflict(f"At most {MOST_MEMORIES:,} memories are allowed. Delete some first.", code="too_many")
    return written(conn, row[0]).model_copy(update={"merged": row[1]})


def written(conn: "Conn", memory_id: UUID) -> WrittenMemory:
    """A memory that an earlier request of the caller's stored. Raises NotFound."""
    result = rows.one(conn, WrittenMemory, queries.get, {"id": memory_id})
    if result is None:
        raise errors.NotFound
    return result


def get(conn: "Conn", memory_id: UUID) -> Memory:
    """One of the caller's memories. Raises NotFound."""
    result = rows.one(conn, Memory, queries.get, {"id": memory_id})
    if result is None:
        raise errors.NotFound
    return result


def list_page(conn: "Conn", query: MemoryQuery) -> Page[Memory]:
    """The caller's memories, newest first."""
    filters = {"kind": query.kind, "source": query.source, "tag": query.tag, "metadata": query.metadata}
    params = filters | {"after": query.after(), "limit": query.limit + 1}
    return page_of(rows.many(conn, Memory, queries.list, params), query.limit)


def change(conn: "Conn", memory_id: UUID, changes: MemoryChanges) -> Memory:
    """Change a memory, without merging it. Raises NotFound."""
    from psycopg.types.json import Jsonb

    content = changes.content
    params = {
        "id": memory_id,
        "content": content,
        "gist": normalised_words(content) if content is not None else None,
        "kind": changes.kind,
        "importance": changes.importance,
        "metadata": None if changes.metadata is None else Jsonb(changes.metadata),
    }
    if conn.execute(queries.change, params).fetchone() is None:
        raise errors.NotFound
    if content is not None:
        vectors = text_vectors.vectors(in_first_person(content))
        conn.execute(queries.forget_vectors, {"id": memory_id})
        conn.execute(queries.store_vectors, {"id": memory_id, "vectors": vectors})
    return get(conn, memory_id)


def delete(conn: "Conn", memory_id: UUID) -> None:
    """Delete a memory. Raises NotFound."""
    if conn.execute(queries.delete, {"id": memory_id}).fetchone() is None:
        raise errors.NotFound


def recall(conn: "Conn", search: MemorySearch) -> list[RecalledMemory]:
    """The caller's memories that match a query, best first; the same statement counts the recall.

    With a read-only API key, the recall is not counted.
    """
    statement = _LOOK if rows.value(conn, queries.is_read_only) else _RECALL
    return rows.many(conn, RecalledMemory, statement, _search_params(search.query, search.top_k, search))


def look_up(conn: "Conn", query: str, top_k: int, *, standing: bool = False) -> list[RecalledMemory]:
    """The result of `recall`, without counting it. With `standing`, instructions match every query a little."""
    return rows.many(conn, RecalledMemory, _LOOK, _search_params(query, top_k, None, standing=standing))


def count_access(conn: "Conn", memory_ids: Sequence[UUID]) -> None:
    """Count the recall of memories, once for each."""
    if memory_ids:
        conn.execute(queries.count_access, {"ids": list(memory_ids)})


def _search_params(query: str, top_k: int, search: MemorySearch | None, *, standing: bool = False) -> dict[str, object]:
    return {
        "vector": text_vectors.query_vector(query),
        "kinds": search.kinds if search else None,
        "tag": search.tag if search else None,
        "floor": RELEVANCE_FLOOR,
        "standing": standing,
        "half_life": HALF_LIFE_DAYS,
        "top_k": top_k,
    }


# --- the normalised words of a memory ---------------------------------------------------------------------------------

_USERS = re.compile(r"\b(?:the\s+)?user['’]s\b", re.IGNORECASE)
_USER = re.compile(r"^(?:the\s+)?user\b|\bthe\s+user\b", re.IGNORECASE)
_CANNOT = re.compile(r"\bcan(?:['’]t|not)\b")
_NOT = re.compile(r"n['’]t\b")
_CONTRACTED = re.compile(r"['’](?:s|m|re|ve|ll|d)\b")
_WORD = re.compile(r"\w+(?:[-._+#]\w+)*[+#]*")
_BRITISH = re.compile(r"(?<=\w\w)our")
# Words that do not affect the meaning of a memory. Words that say who, where, when or whether stay.
_EMPTY_WORDS = (
    "a an the please i me my mine our that this do does am is are be was were named name called of to very really"
)
_EMPTY = frozenset(_EMPTY_WORDS.split())
_ALIKE = {"has": "have", "had": "have", "prefer": "like", "love": "like", "enjoy": "like", "each": "everi"}


def in_first_person(content: str) -> str:
    """A memory in the first person, "The user's car is red" as "my car is red", so that both forms are the same."""
    return _USER.sub("I", _USERS.sub("my", content))


def normalised_words(content: str) -> str:
    """The significant words of a memory, in order and as stems: memories with the same gist have the same meaning.

    The embedding does not suffice: "I prefer tea over coffee" and "I prefer coffee over tea" have a cosine of 0.99.
    """
    result = " ".join(_normalised_words(content))
    # Of separators alone, such as U+001C, no word is left: the content is its own gist.
    return (result or " ".join(content.casefold().split()) or content)[:_MAX_NORMALISED_CHARS]


def _normalised_words(content: str) -> Iterator[str]:
    text = _NOT.sub(" not", _CANNOT.sub("can not", in_first_person(content).casefold()))
    for word in _WORD.findall(_CONTRACTED.sub("", text)):
        if word in _EMPTY:
            continue
        stems = tuple(lexemes.terms(_BRITISH.sub("or", word))) or (word,)
        yield from (_ALIKE.get(stem, stem) for stem in stems)
