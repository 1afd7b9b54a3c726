"""Retrieval quality on collections in BEIR's layout: nDCG@10, recall@10, recall@100 and MRR@10 of every search mode.

    python -m bench.retrieval FOLDER [FOLDER ...]
        cuts, embeds and stores each corpus in a throw-away database and runs the product's statement there
    python -m bench.retrieval --api [--url URL --email ADDRESS --password WORD] FOLDER [FOLDER ...]
        posts each document, waits until it is searchable and asks POST /search, as any client would; without an address
        it starts the stack of this machine and registers

Each mode gives its 100 best documents; a document is as good as its best passage.
"""

import argparse
import secrets
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Literal, Protocol
from uuid import UUID

from bench import collection as collections
from bench import database
from bench.collection import Collection, Passages
from chalicelib.knowledge.search import retrieval
from chalicelib.knowledge.search.models import SearchRequest
from infra.local import stack
from infra.local.client import Alcove, ApiError

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

    def search(self, query: str, mode: Mode) -> list[str]:
        """See `Index`."""
        request = SearchRequest(query=query[:2000], mode=mode, top_k=TOP_K, per_document=1)
        vector = retrieval.embed_query(request)
        with self.database.app.transaction():
            self.database.app.execute("select assume_user(%s)", [self.caller])
            hits = retrieval.search(self.database.app, request, vector).items
        return list(dict.fromkeys(self.documents[hit.document_id] for hit in hits))


@dataclass(frozen=True)
class ApiIndex:
    """The corpus behind an HTTP API, as documents of the user who asks."""

    client: Alcove
    documents: dict[str, str]

    def search(self, query: str, mode: Mode) -> list[str]:
        """See `Index`. The user's documents of other collections are passed over."""
        body = {"query": query[:2000], "mode": mode, "top_k": TOP_K, "per_document": 1}
        hits = when_allowed(self.client, "POST", "/search", body)["items"]
        found = (self.documents.get(hit["document_id"]) for hit in hits)
        return list(dict.fromkeys(document for document in found if document is not None))


@contextmanager
def in_database(collection: Collection) -> Iterator[Index]:
    """The collection in a database of its own, as the organisation's documents."""
    titles = [document.title for document in collection.documents]
    with stored(collection, collections.passages(collection), titles) as index:
        yield index


@contextmanager
def stored(collection: Collection, passages: Passages, titles: Sequence[str]) -> Iterator[Index]:
    """The collection's documents, cut into `passages`, in a database of their own."""
    with database.throwaway() as made:
        owner, _ = made.user("librarian")
        caller, _ = made.user("reader")
        ids = made.fill(owner, database.ORGANISATION, titles, passages.document, passages.chunk, passages.vectors)
        made.settle()
        names = [document.id for document in collection.documents]
        yield DatabaseIndex(made, caller, dict(zip(ids, names, strict=True)))


@contextmanager
def behind_api(client: Alcove, collection: Collection) -> Iterator[Index]:
    """The collection posted through the API. Documents that are there already are not posted twice by the service."""
    try:
        with ThreadPoolExecutor(_POSTERS) as pool:
            bodies = [{"title": d.title, "content": d.content} for d in collection.documents]
            made = list(pool.map(lambda body: when_allowed(client, "POST", "/documents", body), bodies))
        _await(client, [document["id"] for document in made])
        names = [document.id for document in collection.documents]
        yield ApiIndex(client, {document["id"]: name for document, name in zip(made, names, strict=True)})
    finally:
        client.close()


def when_allowed(client: Alcove, method: str, path: str, body: Any = None) -> Any:
    """The answer to a request, repeated while a rate limit refuses it."""
    while True:
        try:
            return client.call(method, path, body)
        except ApiError as error:
            if error.status != 429:
                raise
            time.sleep(error.retry_after)


def _client(given: argparse.Namespace) -> Alcove:
    if given.url:
        return Alcove.log_in(given.url, given.email, given.password)
    address, word = f"bench-{secrets.token_hex(6)}@example.org", secrets.token_urlsafe(16)
    return Alcove.register(stack.up(quiet=True).api_url, address, word)


def _await(client: Alcove, documents: Sequence[str]) -> None:
    deadline = time.monotonic() + _WAIT_SECONDS
    left = list(documents)
    while left:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{len(left)} documents were not searchable after {_WAIT_SECONDS} s.")
        document = when_allowed(client, "GET", f"/documents/{left[-1]}")
        if document["status"] == "completed":
            left.pop()
        elif document["status"] == "failed":
            raise RuntimeError(f"Document {document['id']} failed: {document['error']}.")
        else:
            time.sleep(1)
        _progress(f"searchable: {len(documents) - len(left)} of {len(documents)}")
    _progress("", end=True)


def measure(collection: Collection, index: Index) -> None:
    """Print one line for each mode."""
    for mode in MODES:
        rankings: dict[str, list[str]] = {}
        seconds: list[float] = []
        for query, text in collection.queries.items():
            started = time.perf_counter()
            rankings[query] = index.search(text, mode)
            seconds.append(time.perf_counter() - started)
        found = collections.quality(collection, rankings)
        print(
            f"{collection.name:<18}{mode:<10}{found.ndcg_10:>9.4f}{found.recall_10:>11.4f}{found.recall_100:>12.4f}"
            f"{found.mrr_10:>9.4f}{median(seconds) * 1000:>11.1f}",
            flush=True,
        )


def _progress(line: str, *, end: bool = False) -> None:
    if sys.stderr.isatty():
        print(f"\r  {line}", end="\n" if end else "", file=sys.stderr, flush=True)


def main() -> None:
    """Read the command line and print the table."""
    parser = argparse.ArgumentParser(description="nDCG@10, recall@10, recall@100 and MRR@10 of every search mode.")
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER", help="corpus.jsonl, queries.jsonl, qrels/")
    parser.add_argument("--api", action="store_true", help="measure through the API instead of a throw-away database")
    parser.add_argument("--url", help="where the API is; without it, the stack of this machine is started")
    parser.add_argument("--email")
    parser.add_argument("--password")
    given = parser.parse_args()
    if given.url and not (given.email and given.password):
        parser.error("--url needs --email and --password")
    print(
        f"{'collection':<18}{'mode':<10}{'nDCG@10':>9}{'recall@10':>11}{'recall@100':>12}{'MRR@10':>9}{'ms/query':>11}"
    )
    for folder in given.folders:
        collection = collections.read(folder)
        with behind_api(_client(given), collection) if given.api else in_database(collection) as index:
            measure(collection, index)


if __name__ == "__main__":
    main()
