"""A throw-away database for benchmarks: a real Postgres with the real schema, filled by COPY."""

import tempfile
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg

from chalicelib.core import connection
from chalicelib.knowledge.search import segments
from chalicelib.knowledge.text import bm25
from chalicelib.knowledge.text.chunking import ChunkDraft
from chalicelib.ops import migrations
from infra.local import postgres

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ORGANISATION = 1
_NAME = "bench"
DOCUMENTS = (
    "copy documents (id, space_id, owner_id, title, filename, source_type, object_key, status, chunk_count) from stdin"
)
CHUNKS = (
    "copy document_chunks (id, document_id, space_id, chunk_index, chunk_text, start_char, end_char, token_count,"
    " context) from stdin"
)
VECTORS = "copy embeddings (chunk_id, model_id, document_id, space_id, embedding) from stdin"
TERMS = "copy chunk_terms (chunk_id, document_id, space_id, weights) from stdin"


@dataclass(frozen=True)
class Database:
    """Connections as the superuser, who fills tables past row-level security, and as the application.

    `secret` is the application's, as Secrets Manager would hold it.
    """

    superuser: "psycopg.Connection[Any]"
    app: "psycopg.Connection[Any]"
    secret: dict[str, Any]

    def user(self, name: str) -> tuple[uuid.UUID, int]:
        """A new user: its id and its space."""
        created = self.value("insert into users (username, display_name) values (%s, %s) returning id", name, name)
        return created, self.value("select id from spaces where user_id = %s", created)

    def fill(
        self,
        owner: uuid.UUID,
        space: int,
        titles: Sequence[str],
        documents: Sequence[int],
        chunks: Sequence[ChunkDraft],
        vectors: "NDArray[np.float32]",
    ) -> list[uuid.UUID]:
        """Store documents with `titles` and their chunks, `documents[i]` being the number of chunk i's. Their ids."""
        created = [uuid.uuid4() for _ in titles]
        keys = [uuid.uuid4() for _ in chunks]
        sizes = Counter(documents)
        places = [(keys[i], created[number], space) for i, number in enumerate(documents)]
        with self.superuser.transaction():
            self._copy(
                DOCUMENTS,
                (
                    (key, space, owner, title, "bench.txt", "upload", key.hex, "completed", sizes[number])
                    for number, (key, title) in enumerate(zip(created, titles, strict=True))
                ),
            )
            self._copy(
                CHUNKS,
                (
                    (
                        *place,
                        chunk.index,
                        chunk.text,
                        chunk.start_char,
                        chunk.end_char,
                        chunk.token_count,
                        chunk.context,
                    )
                    for place, chunk in zip(places, chunks, strict=True)
                ),
            )
            self._copy(
                VECTORS,
                (
                    (place[0], 1, *place[1:], str(vector.tolist()))
                    for place, vector in zip(places, vectors, strict=True)
                ),
            )
            self._copy(
                TERMS,
                (
                    (*place, _weights(chunk, titles[number]))
                    for place, chunk, number in zip(places, chunks, documents, strict=True)
                ),
            )
            self.superuser.execute("select set_config('app.writable_spaces', %s, true)", [f"{{{space}}}"])
            for document in created:
                self.superuser.execute("select count_lexemes(%s, 1)", [document])
        return created

    def finalise(self) -> None:
        """What tick and autovacuum do in time."""
        self.superuser.execute("select fold_lexeme_counts()")
        self.superuser.execute("vacuum analyze")
        while self.value("select extend_segments(%s, %s, %s)", segments.LEAST, segments.MOST, segments.MOST_POSTINGS):
            pass
        self.superuser.execute("vacuum analyze chunk_terms, lexical_segments, lexical_postings")

    def value(self, statement: str, *params: Any) -> Any:
        """The first column of the first row, as the superuser."""
        row = self.superuser.execute(statement, params).fetchone()
        return row[0] if row else None

    def _copy(self, statement: str, rows: Iterable[Sequence[Any]]) -> None:
        with self.superuser.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(row)


@contextmanager
def throwaway(shared_buffers: str | None = None) -> Iterator[Database]:
    """A server of its own that leaves nothing behind, as production has it but for crash safety.

    `shared_buffers`, as Postgres writes sizes, is what a server for many chunks would have.
    """
    with tempfile.TemporaryDirectory(prefix="alcove-bench-") as directory:
        Path(directory).chmod(0o755)  # the server runs as nobody when the benchmark runs as root
        place = Path(directory) / "postgres"
        server = postgres.start(place, durable=False, shared_buffers=shared_buffers)
        try:
            postgres.create_database(server, _NAME)
            at = {"host": server.host, "port": server.port, "dbname": _NAME}
            migrations.apply(at | {"username": postgres.OWNER, "password": server.owner_password})
            secret = at | {"username": postgres.APP, "password": server.app_password}
            with (
                psycopg.connect(server.url("superuser", _NAME), autocommit=True) as superuser,
                connection.connect(secret) as app,
            ):
                yield Database(superuser, app, secret)
        finally:
            postgres.stop(place)


def _weights(chunk: ChunkDraft, title: str) -> str:
    return bm25.to_sparsevec(bm25.document_weights(chunk.text, title, chunk.context or ""))
