"""Retrieval quality on collections in BEIR's layout: nDCG@10, recall@10, recall@100 and MRR@10 of every search mode.

Each mode gives its 100 best documents; a document is as good as its best passage. Each corpus is cut, embedded and
stored in a throw-away database, where the product's statement runs; or it is

  --api       posted, waited for and searched over HTTP, as by any client. Without --url it starts the stack of this
              machine and registers
  --headings  stored twice, without and with headings as context of passages: each document becomes a section of a
              handbook under its title, cut into passages; the handbook's own title says nothing, and the first passage
              of a section holds the heading in either way
  --bm25s     ranked by the library bm25s beside mode lexical, on the same passages and lexemes (nDCG@10 only). That
              requires `pip install bm25s`. Both use k1 1.2, b 0.75 and Lucene's idf; bm25s also knows the average
              length of the passages, where the product takes a constant (`bm25.AVGDL`). So the product is measured
              twice: as it is, and with that average
"""

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import fmean, median
from typing import Any

from bench import collection as collections
from bench import indexes, local
from bench.collection import Collection, Document
from bench.commands import Command, parser
from bench.indexes import MODES, TOP_K, Index
from chalicelib.knowledge.embedding import builtin
from chalicelib.knowledge.embedding.recipe import BUILT_IN
from chalicelib.knowledge.text import bm25, chunking, lexemes
from chalicelib.knowledge.text.segment import Segment
from infra import models
from infra.local import stack
from infra.local.api_session import ApiSession

COMMAND = Command(
    "Retrieval quality of every search mode on judged collections; DATA=collections",
    usual=None,
    smallest=("{collection} --headings", "{collection} --rerank 5"),
)
_HANDBOOK = "Handbook"
# A section of a handbook is longer than an abstract: small passages cut as many from it.
_CHUNK_SIZE = 64


def measure(collection: Collection, index: Index) -> None:
    """Print one line for each mode."""
    for mode in MODES:
        _measure(collection, mode, partial(index.search, mode=mode))


def _measure(collection: Collection, mode: str, search: Callable[[str], list[str]]) -> None:
    rankings: dict[str, list[str]] = {}
    seconds: list[float] = []
    for query, text in collection.queries.items():
        started = time.perf_counter()
        rankings[query] = search(text)
        seconds.append(time.perf_counter() - started)
    result = collections.quality(collection, rankings)
    print(
        f"{collection.name:<18}{mode:<10}{result.ndcg_10:>9.4f}{result.recall_10:>11.4f}{result.recall_100:>12.4f}"
        f"{result.mrr_10:>9.4f}{median(seconds) * 1000:>11.1f}",
        flush=True,
    )


def _with_headings(collection: Collection, options: argparse.Namespace) -> None:
    cut = [
        (number, chunk)
        for number, document in enumerate(collection.documents)
        for chunk in _section(document, options.chunk_size)
    ]
    for has_headings in (False, True):
        drafts = [chunk if has_headings else replace(chunk, context=None) for _, chunk in cut]
        chunks = collections.embedded(collection.name, [number for number, _ in cut], drafts)
        count = sum(draft.context is not None for draft in drafts)
        print(f"{collection.name}: {len(drafts)} chunks, {count} with headings as context", flush=True)
        with indexes.stored(collection, chunks, [_HANDBOOK] * len(collection.documents)) as index:
            measure(collection, index)


def _section(document: Document, size: int) -> list[chunking.ChunkDraft]:
    segments = [Segment(0, len(document.content), None, document.title)]
    offsets = builtin.load().token_offsets(document.content)
    return chunking.chunk(document.content, segments, offsets, size, size // 6)


def _beside_library(collection: Collection, _: argparse.Namespace) -> None:
    texts = _terms(collection)
    average = fmean(map(len, texts))
    rankings = [_by_library(collection, texts), *(_by_product(collection, a) for a in (bm25.AVGDL, average))]
    theirs, own, averaged = (collections.quality(collection, ranking).ndcg_10 for ranking in rankings)
    print(
        f"{collection.name}, {average:.1f} terms a passage: bm25s {theirs:.4f}, Postgres {own:.4f}, "
        f"with that average {averaged:.4f}",
        flush=True,
    )


def _terms(collection: Collection) -> list[list[str]]:
    """The terms of each passage, its document's title among them."""
    chunks = collections.chunks(collection)
    titles = [collection.documents[number].title for number in chunks.document]
    return [
        [*lexemes.terms(title), *lexemes.terms(chunk.text)] for title, chunk in zip(titles, chunks.chunk, strict=True)
    ]


def _by_library(collection: Collection, texts: list[list[str]]) -> dict[str, list[str]]:
    """The 100 best documents of each query by bm25s, a document being as good as its best passage."""
    import bm25s  # type: ignore[import-not-found]
    import numpy as np

    chunks = collections.chunks(collection)
    index = bm25s.BM25(method="lucene", k1=bm25.K1, b=bm25.B)
    index.index(texts, show_progress=False)
    result = {}
    for query, text in collection.queries.items():
        scores: Any = index.get_scores(list(lexemes.terms(text)))
        ranked = [
            collection.documents[chunks.document[place]].id
            for place in np.argsort(-scores, kind="stable")
            if scores[place] > 0
        ]
        result[query] = list(dict.fromkeys(ranked))[:TOP_K]
    return result


def _by_product(collection: Collection, average: float) -> dict[str, list[str]]:
    """The same by the product's statement, in a throw-away database of passages weighed with that average length."""
    shipped, bm25.AVGDL = bm25.AVGDL, average
    try:
        with indexes.in_database(collection) as index:
            return {query: index.search(text, "lexical") for query, text in collection.queries.items()}
    finally:
        bm25.AVGDL = shipped


def _over_http(collection: Collection, options: argparse.Namespace) -> None:
    if options.url:
        client = ApiSession.log_in_as(options.url, options.email, options.password)
    else:
        client = local.user(stack.up(options.state, silent=True))
    with indexes.behind_api(client, collection) as index:
        measure(collection, index)


def _in_database(collection: Collection, options: argparse.Namespace) -> None:
    with indexes.in_database(collection, collections.recipe(options.model)) as index:
        measure(collection, index)
        if options.rerank:
            _measure(collection, "reranked", partial(index.reranked, chunks=options.rerank))


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a line for each mode of each collection."""
    command_line = parser("bench retrieval", __doc__)
    command_line.add_argument(
        "folders", nargs="+", type=Path, metavar="FOLDER", help="corpus.jsonl, queries.jsonl, qrels/"
    )
    way = command_line.add_mutually_exclusive_group()
    for name, measured in (("--api", _over_http), ("--headings", _with_headings), ("--bm25s", _beside_library)):
        way.add_argument(name, dest="run", action="store_const", const=measured, help="see above")
    command_line.add_argument("--chunk-size", type=int, default=_CHUNK_SIZE, metavar="TOKENS", help="with --headings")
    command_line.add_argument(
        "--model",
        default=BUILT_IN.model,
        choices=(BUILT_IN.model, *models.CHOICES),
        help="a built-in embedding model, in the database alone",
    )
    command_line.add_argument(
        "--rerank",
        type=int,
        metavar="CHUNKS",
        help="rerank so many chunks of the hybrid list, too",
    )
    command_line.add_argument("--url", help="with --api: where the API is")
    command_line.add_argument("--email")
    command_line.add_argument("--password")
    local.add_state(command_line)
    options = command_line.parse_args(arguments)
    if options.url and not (options.email and options.password):
        command_line.error("--url requires --email and --password")
    run: Callable[[Collection, argparse.Namespace], None] = options.run or _in_database
    print(
        f"{'collection':<18}{'mode':<10}{'nDCG@10':>9}{'recall@10':>11}{'recall@100':>12}{'MRR@10':>9}{'ms/query':>11}"
    )
    for folder in options.folders:
        run(collections.read(folder), options)
