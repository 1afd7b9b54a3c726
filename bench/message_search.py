"""Search over one's own messages: how good it is on a judged collection, and how long it takes among many messages.

FOLDER is a collection in BEIR's layout. Each of its documents becomes a message of one user; its queries are judged.
Then sentences of them, with mixed vectors, fill up to the wanted number, and the same queries are timed. Both run
message_search.search(), embedding of the query included, as the application's role under row-level security.
"""

import re
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import cycle, islice
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any
from uuid import UUID

from bench import collection as collections
from bench import database
from bench.collection import Chunks, Collection
from bench.commands import Command, parser
from bench.summary import p95
from chalicelib.chat.conversations import message_search
from chalicelib.chat.conversations.models import MessageSearch
from chalicelib.knowledge.embedding import builtin
from chalicelib.knowledge.text import bm25

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

COMMAND = Command(
    "Search over one's own messages: quality, and times among 20,000; DATA=collection",
    usual=None,
    smallest=("{collection} --messages 20 --queries 2",),
)

_SENTENCE = re.compile(r"(?<=[.!?])\s+")
_MESSAGES = "copy messages (id, conversation_id, user_id, role, content, finish_reason) from stdin"
_TERMS = "copy message_terms (message_id, conversation_id, user_id, role, created_at, weights) from stdin"
_VECTORS = (
    "copy message_embeddings (message_id, part, conversation_id, user_id, role, created_at, embedding) from stdin"
)
_TOP = 10


class History:
    """One user's messages in a throw-away database."""

    def __init__(self, base: database.Database) -> None:
        self.base = base
        self.user, _ = base.user("asker")
        self.conversation: UUID = base.value(
            "insert into conversations (user_id, title) values (%s, 'bench') returning id", self.user
        )
        # Messages come with what indexing them would make.
        base.superuser.execute("alter table messages disable trigger user")

    def add(self, texts: Sequence[str], parts: Sequence[tuple[int, "NDArray[np.float32]"]]) -> list[UUID]:
        """Store messages; `parts` are numbers of texts, in order, and a vector each."""
        now = datetime.now(UTC)
        rows = self.base.superuser.execute("select uuidv7() from generate_series(1, %s)", [len(texts)]).fetchall()
        ids: list[UUID] = [row[0] for row in rows]
        roles = list(islice(cycle(("user", "assistant")), len(texts)))
        finish_reasons = {"user": None, "assistant": "stop"}
        messages = zip(ids, roles, texts, strict=True)
        self._copy(_MESSAGES, ((i, self.conversation, self.user, r, t, finish_reasons[r]) for i, r, t in messages))
        weights = (bm25.to_sparsevec(bm25.document_weights(text)) for text in texts)
        places = [(self.conversation, self.user, role, now) for role in roles]
        self._copy(_TERMS, ((i, *place, w) for i, place, w in zip(ids, places, weights, strict=True)))
        observed: dict[int, int] = {}
        self._copy(_VECTORS, (self._part(ids, places, observed, number, vector) for number, vector in parts))
        self.base.superuser.execute("vacuum analyze")
        return ids

    def search(self, query: str, limit: int) -> list[UUID]:
        """The messages that are found."""
        with self.base.app.transaction():
            self.base.app.execute("select assume_user(%s)", [self.user])
            result = message_search.search(self.base.app, MessageSearch(query=query[:2000], limit=limit))
        return [hit.message_id for hit in result.items]

    def _copy(self, statement: str, rows: Iterator[tuple[Any, ...]]) -> None:
        with self.base.superuser.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(row)

    @staticmethod
    def _part(
        ids: Sequence[UUID],
        places: Sequence[tuple[Any, ...]],
        observed: dict[int, int],
        number: int,
        vector: "NDArray[np.float32]",
    ) -> tuple[Any, ...]:
        observed[number] = observed.get(number, 0) + 1
        return (ids[number], observed[number], *places[number], builtin.vector_text(vector.tolist()))


def rated(history: History, expected: Collection, chunks: Chunks) -> collections.Quality:
    """How well the collection's queries are answered from its documents as messages."""
    ids = history.add(
        [document.content for document in expected.documents],
        list(zip(chunks.document, chunks.vectors, strict=True)),
    )
    names = {key: document.id for key, document in zip(ids, expected.documents, strict=True)}
    rankings = {key: [names[result] for result in history.search(text, 100)] for key, text in expected.queries.items()}
    return collections.quality(expected, rankings)


def fill(history: History, expected: Collection, vectors: "NDArray[np.float32]", messages: int) -> None:
    """Add sentences of the collection until there are so many messages."""
    import numpy as np

    rng = np.random.default_rng(1)
    sentences = (s for d in expected.documents for s in _SENTENCE.split(d.content) if s.strip())
    texts = list(islice(cycle(sentences), max(0, messages - len(expected.documents))))
    picked = rng.integers(len(vectors), size=(len(texts), 2))
    mixed = vectors[picked[:, 0]] + vectors[picked[:, 1]]
    mixed /= np.linalg.norm(mixed, axis=1, keepdims=True)
    history.add(texts, list(enumerate(mixed)))


def timed(history: History, queries: Sequence[str]) -> list[float]:
    """Milliseconds of each search for ten hits, after a warm-up."""
    for query in queries[:20]:
        history.search(query, _TOP)
    took = []
    for query in queries:
        started = time.perf_counter()
        history.search(query, _TOP)
        took.append((time.perf_counter() - started) * 1000)
    return took


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line and print quality and times."""
    command_line = parser("bench message_search", __doc__)
    command_line.add_argument("folder", type=Path)
    command_line.add_argument("--messages", type=int, default=20_000)
    command_line.add_argument("--queries", type=int, default=300)
    options = command_line.parse_args(arguments)
    expected = collections.read(options.folder)
    with database.throwaway() as base:
        history, chunks = History(base), collections.chunks(expected)
        result = rated(history, expected, chunks)
        print(f"{len(expected.documents)} messages: nDCG@10 {result.ndcg_10:.4f}, recall@100 {result.recall_100:.4f}")
        fill(history, expected, chunks.vectors, options.messages)
        took = timed(history, list(expected.queries.values())[: options.queries])
        print(f"{options.messages} messages: {len(took)} searches, p50 {median(took):.1f} ms, p95 {p95(took):.1f} ms")
