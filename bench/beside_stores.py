"""LlamaIndex's and LangChain's Postgres stores behind one line a request: the other side of bench/beside.py.

This runs in the environment of bench/beside_requirements.txt and imports nothing of Alcove. Its argument is a JSON file
with `url` (of an empty database), `ids`, `texts` and `vectors`. It answers requests from its standard input, each one
line of JSON, by one line of JSON: `["create", store]` by null, `["fill", store, rows a call]` by the seconds of the
processor that this process spent, `["search", store, mode, text, vector]` by `[milliseconds, ids]`.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any, Protocol

TOP_K = 10
# What the documentation of both uses.
_M, _EF_CONSTRUCTION, _EF_SEARCH = 16, 64, 40


class Store(Protocol):
    """A store with one table for both modes."""

    def add(self, ids: list[str], texts: list[str], vectors: list[list[float]]) -> None:
        """Write one batch."""

    def search(self, mode: str, text: str, vector: list[float]) -> list[str]:
        """The ids of the best rows, by mode semantic or hybrid."""


class LlamaIndex:
    """llama-index-vector-stores-postgres."""

    def __init__(self, url: str) -> None:
        import sqlalchemy
        from llama_index.vector_stores.postgres import PGVectorStore

        at = sqlalchemy.make_url(url)
        self._store = PGVectorStore.from_params(
            host=at.host,
            port=str(at.port),
            database=at.database,
            user=at.username,
            password=at.password,
            table_name="llamaindex",
            embed_dim=384,
            hybrid_search=True,
            hnsw_kwargs={
                "hnsw_m": _M,
                "hnsw_ef_construction": _EF_CONSTRUCTION,
                "hnsw_ef_search": _EF_SEARCH,
                "hnsw_dist_method": "vector_cosine_ops",
            },
        )

    def add(self, ids: list[str], texts: list[str], vectors: list[list[float]]) -> None:
        """See `Store`."""
        from llama_index.core.schema import TextNode

        self._store.add(
            [
                TextNode(id_=key, text=text, embedding=vector)
                for key, text, vector in zip(ids, texts, vectors, strict=True)
            ]
        )

    def search(self, mode: str, text: str, vector: list[float]) -> list[str]:
        """See `Store`."""
        from llama_index.core.vector_stores.types import VectorStoreQuery, VectorStoreQueryMode

        kind = VectorStoreQueryMode.HYBRID if mode == "hybrid" else VectorStoreQueryMode.DEFAULT
        query = VectorStoreQuery(query_embedding=vector, similarity_top_k=TOP_K, query_str=text, mode=kind)
        return list(self._store.query(query).ids or [])


class LangChain:
    """langchain-postgres."""

    def __init__(self, url: str) -> None:
        from langchain_core.embeddings import Embeddings
        from langchain_postgres import PGEngine, PGVectorStore
        from langchain_postgres.v2.hybrid_search_config import HybridSearchConfig
        from langchain_postgres.v2.indexes import HNSWIndex

        class QueryVector(Embeddings):  # type: ignore[misc]
            """The vector of the query that is being answered."""

            vector: list[float]

            def embed_documents(self, texts: list[str]) -> list[list[float]]:
                raise NotImplementedError

            def embed_query(self, text: str) -> list[float]:  # noqa: ARG002 — the interface
                return self.vector

        self._query = QueryVector()
        engine = PGEngine.from_connection_string(url=url.replace("postgresql://", "postgresql+asyncpg://"))
        config = HybridSearchConfig(tsv_lang="pg_catalog.english", primary_top_k=TOP_K, secondary_top_k=TOP_K)
        engine.init_vectorstore_table(
            "langchain",
            384,
            id_column={"name": "langchain_id", "data_type": "TEXT", "nullable": False},
            hybrid_search_config=config,
        )
        self._stores = {
            mode: PGVectorStore.create_sync(
                engine, self._query, "langchain", k=TOP_K, hybrid_search_config=config if mode == "hybrid" else None
            )
            for mode in ("semantic", "hybrid")
        }
        index = HNSWIndex(name="langchain_vectors", m=_M, ef_construction=_EF_CONSTRUCTION)
        self._stores["hybrid"].apply_vector_index(index)
        self._stores["hybrid"].apply_hybrid_search_index()

    def add(self, ids: list[str], texts: list[str], vectors: list[list[float]]) -> None:
        """See `Store`."""
        self._stores["hybrid"].add_embeddings(texts=texts, embeddings=vectors, ids=ids)

    def search(self, mode: str, text: str, vector: list[float]) -> list[str]:
        """See `Store`."""
        self._query.vector = vector
        return [str(document.id) for document in self._stores[mode].similarity_search(text, k=TOP_K)]


def _fill(store: Store, rows: dict[str, Any], batch: int) -> float:
    """Write everything; seconds of this process's processor time."""
    started = time.process_time()
    for start in range(0, len(rows["ids"]), batch):
        end = start + batch
        store.add(rows["ids"][start:end], rows["texts"][start:end], rows["vectors"][start:end])
    return time.process_time() - started


def _search(store: Store, mode: str, text: str, vector: list[float]) -> tuple[float, list[str]]:
    started = time.perf_counter()
    ids = store.search(mode, text, vector)
    return (time.perf_counter() - started) * 1000, ids


def main() -> None:
    """Answer requests until there are no more."""
    rows = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    stores: dict[str, Store] = {}
    for line in sys.stdin:
        request, name, *arguments = json.loads(line)
        answer: Any = None
        if request == "create":
            stores[name] = LlamaIndex(rows["url"]) if name == "LlamaIndex" else LangChain(rows["url"])
        elif request == "fill":
            answer = _fill(stores[name], rows, *arguments)
        else:
            answer = _search(stores[name], *arguments)
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
