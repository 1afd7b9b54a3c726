"""A test collection in BEIR's layout, cut and embedded as ingestion does it, and how well a ranking answers it."""

import csv
import hashlib
import json
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

from chalicelib.knowledge.embedding import builtin
from chalicelib.knowledge.embedding.recipe import BUILT_IN, Recipe
from chalicelib.knowledge.embedding.trainings import training
from chalicelib.knowledge.text import chunking
from infra import models

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CACHE = Path(".local/bench")
CHUNK_SIZE, CHUNK_OVERLAP = 200, 32


@dataclass(frozen=True)
class Document:
    """One document of a corpus. Its content begins with its title, as BEIR's baselines index it."""

    id: str
    title: str
    content: str


@dataclass(frozen=True)
class Collection:
    """A corpus, its queries `{id: text}` and their judgements `{query: {document: gain above 0}}`.

    Queries without any relevant document are left out, as trec_eval does.
    """

    name: str
    documents: list[Document]
    queries: dict[str, str]
    judgements: dict[str, dict[str, int]]


@dataclass(frozen=True)
class Chunks:
    """The chunks of a corpus in order: the number of each one's document, its place in it, its vector."""

    document: list[int]
    chunk: list[chunking.ChunkDraft]
    vectors: "NDArray[np.float32]"


@dataclass(frozen=True)
class Quality:
    """Means over all judged queries; one without results counts as 0."""

    ndcg_10: float
    recall_10: float
    recall_100: float
    mrr_10: float


def read(folder: Path) -> Collection:
    """The collection of a folder with `corpus.jsonl`, `queries.jsonl` and `qrels/test.tsv`."""
    documents = [_document(row) for row in _rows(folder / "corpus.jsonl")]
    texts = {str(row["_id"]): str(row["text"]) for row in _rows(folder / "queries.jsonl")}
    judgements: dict[str, dict[str, int]] = defaultdict(dict)
    with (folder / "qrels" / "test.tsv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            if int(row["score"]) > 0:
                judgements[row["query-id"]][row["corpus-id"]] = int(row["score"])
    queries = {key: text for key, text in texts.items() if key in judgements}
    return Collection(folder.name, documents, queries, dict(judgements))


def recipe(name: str) -> Recipe:
    """A built-in model in the place of the first one. One that is a choice is fetched."""
    if name in models.CHOICES:
        models.fetch(models={name: models.CHOICES[name]})
    words = training(name)
    return replace(BUILT_IN, model=name, query_prefix=words.query_prefix, document_prefix=words.document_prefix)


def chunks(collection: Collection, by: Recipe = BUILT_IN) -> Chunks:
    """The corpus as ingestion would store it. Vectors are kept in `.local/bench`, because they take minutes."""
    model = builtin.load()
    cut = [
        (number, chunk) for number, document in enumerate(collection.documents) for chunk in _chunks(model, document)
    ]
    return embedded(collection.name, [number for number, _ in cut], [chunk for _, chunk in cut], by)


def embedded(name: str, owners: list[int], chunks: list[chunking.ChunkDraft], by: Recipe = BUILT_IN) -> Chunks:
    """Chunks of the documents `owners` and their vectors, which are kept as those of `name`."""
    import numpy as np

    texts = [chunk.embedded_text for chunk in chunks]
    digest = hashlib.sha256(json.dumps([by.model + by.document_prefix, texts]).encode()).hexdigest()[:16]
    remaining = CACHE / f"{name}-{digest}.npy"
    if remaining.exists():
        return Chunks(owners, chunks, np.load(remaining))
    vectors = np.empty((len(texts), by.dimension), dtype=np.float32)
    for start in range(0, len(texts), 512):
        vectors[start : start + 512] = by.embed(texts[start : start + 512])
        print(f"\r  embedding {name}: {min(start + 512, len(texts))} of {len(texts)} chunks", end="")
    print()
    CACHE.mkdir(parents=True, exist_ok=True)
    np.save(remaining, vectors)
    return Chunks(owners, chunks, vectors)


def quality(collection: Collection, rankings: Mapping[str, Sequence[str]]) -> Quality:
    """How well `rankings` `{query: documents, best first}` answer the collection.

    nDCG with linear gains and a log2 discount (Jarvelin and Kekalainen 2002), as trec_eval and BEIR compute it.
    """
    measured = [_measure(collection.judgements[query], rankings.get(query, ())) for query in collection.queries]
    return Quality(*(fmean(values) for values in zip(*measured, strict=True)))


def _measure(gains: Mapping[str, int], ranking: Sequence[str]) -> tuple[float, float, float, float]:
    ideal = _dcg(sorted(gains.values(), reverse=True)[:10])
    ndcg = _dcg([gains.get(document, 0) for document in ranking[:10]]) / ideal
    recall_10, recall_100 = (len(gains.keys() & set(ranking[:depth])) / len(gains) for depth in (10, 100))
    first = next((place for place, document in enumerate(ranking[:10], 1) if document in gains), None)
    return ndcg, recall_10, recall_100, 1 / first if first else 0.0


def _dcg(gains: Sequence[int]) -> float:
    return sum(gain / math.log2(place + 1) for place, gain in enumerate(gains, 1))


def _rows(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def _document(row: Mapping[str, object]) -> Document:
    title, text = str(row.get("title") or "").strip(), str(row["text"]).strip()
    content = f"{title}\n\n{text}".strip() or "."
    return Document(str(row["_id"]), (title or str(row["_id"]))[:500], content)


def _chunks(model: builtin.Embedder, document: Document) -> list[chunking.ChunkDraft]:
    offsets = model.token_offsets(document.content)
    return chunking.chunk(document.content, [], offsets, CHUNK_SIZE, CHUNK_OVERLAP)
