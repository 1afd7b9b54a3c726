"""`python -m bench.lexical FOLDER…`: BM25 in Postgres beside the library bm25s, on the same passages and lexemes.

Needs `pip install bm25s`, which nothing else here does. Both use k1 1.2, b 0.75 and Lucene's idf; bm25s also knows the
average length of the passages, where the product takes a constant (`lexemes.AVGDL`). So the product is measured twice:
as it is, and with that average.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from bench import collection as collections
from bench import retrieval
from bench.collection import Collection
from chalicelib.knowledge.text import lexemes


def terms(collection: Collection) -> list[list[str]]:
    """The terms of each passage, its document's title among them."""
    passages = collections.passages(collection)
    titles = [collection.documents[number].title for number in passages.document]
    return [
        [*lexemes.terms(title), *lexemes.terms(chunk.text)] for title, chunk in zip(titles, passages.chunk, strict=True)
    ]


def of_library(collection: Collection, texts: list[list[str]]) -> dict[str, list[str]]:
    """The 100 best documents of each query by bm25s, a document being as good as its best passage."""
    import bm25s  # type: ignore[import-not-found]

    passages = collections.passages(collection)
    index = bm25s.BM25(method="lucene", k1=lexemes.K1, b=lexemes.B)
    index.index(texts, show_progress=False)
    found = {}
    for query, text in collection.queries.items():
        scores: Any = index.get_scores(list(lexemes.terms(text)))
        ranked = [
            collection.documents[passages.document[place]].id
            for place in np.argsort(-scores, kind="stable")
            if scores[place] > 0
        ]
        found[query] = list(dict.fromkeys(ranked))[: retrieval.TOP_K]
    return found


def of_product(collection: Collection, average: float) -> dict[str, list[str]]:
    """The same by the product's statement, in a throw-away database of passages weighed with that average length."""
    shipped, lexemes.AVGDL = lexemes.AVGDL, average
    try:
        with retrieval.in_database(collection) as index:
            return {query: index.search(text, "lexical") for query, text in collection.queries.items()}
    finally:
        lexemes.AVGDL = shipped


def main() -> None:
    """Print nDCG@10 of both and their difference."""
    parser = argparse.ArgumentParser(prog="python -m bench.lexical", description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER", help="corpus.jsonl, queries.jsonl, qrels/")
    print(f"{'collection':<18}{'average':>8}{'bm25s':>10}{'Postgres':>10}{'so averaged':>13}")
    for folder in parser.parse_args().folders:
        collection = collections.read(folder)
        texts = terms(collection)
        average = fmean(map(len, texts))
        rankings = [of_library(collection, texts), *(of_product(collection, a) for a in (lexemes.AVGDL, average))]
        theirs, ours, averaged = (collections.quality(collection, ranking).ndcg_10 for ranking in rankings)
        print(f"{collection.name:<18}{average:>8.1f}{theirs:>10.4f}{ours:>10.4f}{averaged:>13.4f}", flush=True)


if __name__ == "__main__":
    main()
