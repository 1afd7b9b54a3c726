"""A collection that can be searched: in a throw-away database by the product's statement, or behind the HTTP API."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, Protocol
from uuid import UUID

from bench import collection as collections
from bench import database
from bench.collection import Chunks, Collection
from bench.local import wait_until_ingested, when_allowed
from chalicelib.knowledge.embedding.recipe import BUILT_IN, Recipe
from chalicelib.knowledge.reranking.models import BUILT_IN as BUILT_IN_RERANKER
from chalicelib.knowledge.search import reranking, retrieval
from chalicelib.knowledge.search.models import Hit, SearchRequest
from chalicelib.knowledge.search.query_embedding import QueryVector
from infra.local.api_session import ApiSession

Mode = Literal["lexical", "semantic", "hybrid"]
MODES: tuple[Mode, ...] = ("lexical", "semantic", "hybrid")
TOP_K = 100
_POSTERS = 8
_WAIT_SECONDS = 3600


class Index(Protocol):
    """A corpus that can be searched."""

    def search(self, query: str, mode: Mode) -> list[str]:
        """The documents' ids in the corpus, best first, each once."""


@dataclass(frozen=True)
class DatabaseIndex:
    """The corpus in a database, searched by the product's own statement."""

    database: database.Database
    caller: UUID
    documents: dict[UUID, str]
    model: Recipe

    def search(self, query: str, mode: Mode) -> list[str]:
        """See `Index`."""
        return self._documents(self._hits(query, mode)[1])

    def reranked(self, query: str, chunks: int) -> list[str]:
        """As `search` in mode hybrid, with so many of the best chunks reranked."""
        request, hits = self._hits(query, "hybrid")
        plan = reranking.RerankingPlan(BUILT_IN_RERANKER, chunks)
        ranked, done = reranking.rerank(request.query, hits, plan, leading=len(hits), explain=False)
        assert done.error is None, done.error
        return self._documents(ranked)

    def _hits(self, query: str, mode: Mode) -> tuple[SearchRequest, list[Hit]]:
        request = SearchRequest(query=query[:2000], mode=mode, top_k=TOP_K, per_document=1)
        vector = QueryVector(self.model, self.model.embed_query(request.query).tolist())
        with self.database.app.transaction():
            self.database.app.execute("select assume_user(%s)", [self.caller])
            return request, retrieval.search(self.database.app, request, vector).items

    def _documents(self, hits: Sequence[Hit]) -> list[str]:
        return list(dict.fromkeys(self.documents[hit.document_id] for hit in hits))


@dataclass(frozen=True)
class ApiIndex:
    """The corpus behind an HTTP API, as documents of the user who asks."""

    client: ApiSession
    documents: dict[str, str]

    def search(self, query: str, mode: Mode) -> list[str]:
        """See `Index`. The user's documents of other collections are passed over."""
        body = {"query": query[:2000], "mode": mode, "top_k": TOP_K, "per_document": 1}
        hits = when_allowed(lambda: self.client.json("POST", "/search", body))[1]["items"]
        documents = (self.documents.get(hit["document_id"]) for hit in hits)
        return list(dict.fromkeys(document for document in documents if document is not None))


@contextmanager
def in_database(collection: Collection, model: Recipe = BUILT_IN) -> Iterator[DatabaseIndex]:
    """The collection in a database of its own, as the organisation's documents."""
    titles = [document.title for document in collection.documents]
    with stored(collection, collections.chunks(collection, model), titles, model) as index:
        yield index


@contextmanager
def stored(
    collection: Collection, chunks: Chunks, titles: Sequence[str], model: Recipe = BUILT_IN
) -> Iterator[DatabaseIndex]:
    """The collection's documents, cut into `passages`, in a database of their own."""
    with database.throwaway() as temp_database:
        owner, _ = temp_database.user("librarian")
        caller, _ = temp_database.user("reader")
        ids = temp_database.fill(owner, database.ORGANISATION, titles, chunks.document, chunks.chunk, chunks.vectors)
        temp_database.finalise()
        names = [document.id for document in collection.documents]
        yield DatabaseIndex(temp_database, caller, dict(zip(ids, names, strict=True)), model)


@contextmanager
def behind_api(client: ApiSession, collection: Collection) -> Iterator[Index]:
    """The collection posted through the API. Documents that are there already are not posted twice by the service."""

    def post(document: collections.Document) -> str:
        body = {"title": document.title, "content": document.content}
        return str(when_allowed(lambda: client.json("POST", "/documents", body))[1]["id"])

    try:
        with ThreadPoolExecutor(_POSTERS) as pool:
            ids = list(pool.map(post, collection.documents))
        wait_until_ingested(client, ids, pause=1.0, seconds=_WAIT_SECONDS)
        names = [document.id for document in collection.documents]
        yield ApiIndex(client, dict(zip(ids, names, strict=True)))
    finally:
        client.close()
