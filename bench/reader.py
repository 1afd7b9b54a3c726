"""How good the extractive reader is: answers, citations, and what it declines.

Each folder holds a collection in BEIR's layout. XQuAD's articles are split in two halves: the constants were fitted on
the even ones (`python -m bench.fitting reader`), and only the odd ones, which nothing was fitted on, are reported.
XQuAD's own answers are not part of that layout: `fitting/reader_spans.json` has the places of the answers of 477
questions, two for each paragraph, found by reading them; HotpotQA brings its answers along.

Absent topics: a question whose whole article is left out of the corpus (`absent`), and one of another collection
(`foreign`). Harder, and counted apart: only its paragraph is left out and its article stays (`near`).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from uuid import NAMESPACE_URL, UUID, uuid5

import numpy as np
from numpy.typing import NDArray

from bench import collection
from bench.commands import Command, parser
from bench.summary import p95
from chalicelib.chat.reader import reader
from chalicelib.chat.reader.chunks import RetrievedChunk
from chalicelib.chat.reader.composition import Citation, ExtractedAnswer
from chalicelib.knowledge.embedding import cross_encoder
from chalicelib.knowledge.embedding.builtin import Embedder, load
from chalicelib.knowledge.embedding.cross_encoder import CrossEncoder
from chalicelib.knowledge.text import bm25, lexemes

COMMAND = Command(
    'The extractive reader: answers, citations, what it declines; DATA="XQUAD_EN HOTPOTQA"',
    usual=None,
    smallest=("{collection} {collection}",),
)

# The service's defaults (migrations/0003_configuration.sql).
TOP_K, SEMANTIC_WEIGHT, LEXICAL_WEIGHT = 10, 0.7, 0.3
SPANS = Path(__file__).parent / "fitting" / "reader_spans.json"
THRESHOLDS = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)

Matrix = NDArray[np.float32]


class Remembering(Embedder):
    """The embedder with every embedding kept on disk: the same sentences are embedded again and again."""

    expected_keys: dict[str, Matrix] = {}  # noqa: RUF012 - one process, one cache

    @classmethod
    def of(cls, inner: Embedder) -> Remembering:
        """`inner`, with what is kept of its model."""
        path = collection.CACHE / f"reader-{inner.name}.npz"
        if path.exists():
            with np.load(path) as remaining:
                cls.expected_keys.update(zip(remaining["keys"].tolist(), remaining["rows"], strict=True))
        return cls(inner.name, inner.dimension, inner._session, inner._tokenizer, inner._training)

    def embed(self, texts: Sequence[str], *, truncate: bool = False) -> Matrix:
        """As `Embedder.embed`; only what is not known yet is computed."""
        keys = [hashlib.sha256(f"{truncate} {text}".encode()).hexdigest() for text in texts]
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in self.expected_keys}
        if missing:
            self.expected_keys.update(
                zip(missing, super().embed(list(missing.values()), truncate=truncate), strict=True)
            )
        return (
            np.stack([self.expected_keys[key] for key in keys]) if keys else np.empty((0, self.dimension), np.float32)
        )

    def save(self) -> None:
        """Write what is known to disk."""
        collection.CACHE.mkdir(parents=True, exist_ok=True)
        keys, rows = np.array(list(self.expected_keys)), np.stack(list(self.expected_keys.values()))
        np.savez(collection.CACHE / f"reader-{self.name}.npz", keys=keys, rows=rows)


@dataclass(frozen=True)
class Question:
    """`gold` names the documents that answer it; `spans` are places (start, end) in the gold document's content."""

    id: str
    text: str
    gold: frozenset[str]
    spans: tuple[tuple[int, int], ...] = ()
    answers: tuple[str, ...] = ()

    @property
    def holdout(self) -> bool:
        """Whether nothing may be fitted on it: odd articles of XQuAD, half of every other collection."""
        article = re.fullmatch(r"(\d+)-\d+", min(self.gold, default=""))
        return bool((int(article[1]) if article else hashlib.sha256(self.id.encode()).digest()[0]) % 2)


class Index:
    """A collection in memory, searched by the service's fusion of cosine and BM25."""

    def __init__(self, name: str, documents: Sequence[collection.Document], cut: collection.Chunks) -> None:
        self.name = name
        self.contents = {document.id: document.content for document in documents}
        self._owners = [documents[number].id for number in cut.document]
        self._vectors = cut.vectors
        titles = [documents[number].title for number in cut.document]
        self._chunks = [
            RetrievedChunk(
                self.identify(owner),
                uuid5(self.identify(owner), str(part.index)),
                title,
                part.text,
                part.page,
                part.section,
                0,
                part.columns,
            )
            for owner, title, part in zip(self._owners, titles, cut.chunk, strict=True)
        ]
        chunks = zip(self._chunks, self._owners, cut.chunk, strict=True)
        self.places = {chunk.chunk_id: (owner, part.start_char) for chunk, owner, part in chunks}
        self._postings: dict[int, list[tuple[int, float]]] = {}
        for number, (part, title) in enumerate(zip(cut.chunk, titles, strict=True)):
            # A collection's documents begin with their title.
            head = "" if part.text.startswith(title) else title
            for key, weight in bm25.document_weights(part.embedded_text, head).items():
                self._postings.setdefault(key, []).append((number, weight))

    @classmethod
    def of(cls, provided: collection.Collection) -> Index:
        """The index of a collection in BEIR's layout."""
        return cls(provided.name, provided.documents, collection.chunks(provided))

    def identify(self, document: str) -> UUID:
        """The id of a document."""
        return uuid5(NAMESPACE_URL, f"{self.name}/{document}")

    def article(self, document: str) -> frozenset[str]:
        """All documents of XQuAD that come from the same article."""
        prefix = document.split("-")[0] + "-"
        return frozenset(other for other in self.contents if other.startswith(prefix))

    def retrieve(self, question: str, vector: Matrix, without: frozenset[str] = frozenset()) -> list[RetrievedChunk]:
        """The best `TOP_K` passages, as if the documents `without` did not exist."""
        remaining = np.array([owner not in without for owner in self._owners])
        semantic, bm25 = (
            np.where(remaining, self._vectors @ vector, -1.0),
            np.where(remaining, self._bm25(question), 0.0),
        )
        score = SEMANTIC_WEIGHT * (1 + semantic) / (1 + semantic.max()) + LEXICAL_WEIGHT * bm25 / max(bm25.max(), 1e-9)
        best = np.lexsort((np.arange(len(score)), -score))[:TOP_K]
        return [replace(self._chunks[number], score=float(score[number])) for number in best if remaining[number]]

    def _bm25(self, question: str) -> NDArray[np.float64]:
        scores = np.zeros(len(self._chunks))
        for key, count in zip(*lexemes.query_terms(question), strict=True):
            postings = self._postings.get(key, [])
            idf = np.log1p((len(scores) - len(postings) + 0.5) / (len(postings) + 0.5))
            for number, weight in postings:
                scores[number] += count * idf * weight
        return scores


@dataclass(frozen=True)
class Case:
    """A question, put to an index that may lack documents. `kind` says what is right: to answer it or to decline."""

    kind: str
    index: Index
    question: Question
    without: frozenset[str] = frozenset()

    def chunks(self, embedder: Embedder) -> list[RetrievedChunk]:
        """What the reader is given."""
        return self.index.retrieve(
            self.question.text, embedder.embed([self.question.text], truncate=True)[0], self.without
        )


@dataclass(frozen=True)
class Result:
    """A case and its answer at support 0, which a higher threshold leaves as it is or declines."""

    case: Case
    answer: ExtractedAnswer

    @cached_property
    def expected(self) -> list[str]:
        """The answer's wordings, empty where none is known."""
        question = self.case.question
        if not question.spans:
            return list(question.answers)
        content = self.case.index.contents[min(question.gold)]
        return [content[start:end] for start, end in question.spans]

    @cached_property
    def contains(self) -> bool:
        """Whether the text of the answer has one of them, as whole words."""
        return any(_contains(self.answer.text, wording) for wording in self.expected)

    @cached_property
    def cites(self) -> bool:
        """Whether a citation covers the very place in the document where an annotated answer stands."""
        return any(self._covers(citation) for citation in self.answer.citations)

    @cached_property
    def supported(self) -> list[bool]:
        """For each citation, whether it is from a gold document or has the answer's wording."""
        gold = {self.case.index.identify(document) for document in self.case.question.gold}
        return [
            citation.chunk.document_id in gold or any(_contains(citation.quote, wording) for wording in self.expected)
            for citation in self.answer.citations
        ]

    def _covers(self, citation: Citation) -> bool:
        owner, offset = self.case.index.places[citation.chunk.chunk_id]
        start = offset + citation.chunk.text.index(citation.quote)
        end = start + len(citation.quote)
        question = self.case.question
        return owner in question.gold and any(start <= first and last <= end for first, last in question.spans)


def _contains(text: str, wording: str) -> bool:
    displayed = re.escape(" ".join(wording.split()))
    return re.search(rf"(?<!\w){displayed}(?!\w)", " ".join(text.split()), re.IGNORECASE) is not None


def questions(folder: Path, provided: collection.Collection) -> list[Question]:
    """The judged questions of a collection, with their answers where these are known."""
    heads = {document.id: len(document.title) + 2 if document.title else 0 for document in provided.documents}
    places: dict[str, list[tuple[int, int]]] = json.loads(SPANS.read_text()) if folder.name == "xquad-en-ir" else {}
    answers: dict[str, str] = {}
    if (folder / "questions.jsonl").exists():
        lines = (folder / "questions.jsonl").read_text(encoding="utf-8").splitlines()
        answers = {row["id"]: row["answer"] for row in map(json.loads, lines)}
    matches = []
    for key, text in provided.queries.items():
        gold = frozenset(provided.judgements[key])
        head = heads[min(gold)]
        spans = tuple((start + head, end + head) for start, end in places.get(key, ()))
        # "Yes" and "no" stand in no text.
        wordings = tuple(answer for answer in [answers.get(key, "")] if answer.lower() not in ("", "yes", "no"))
        matches.append(Question(key, text, gold, spans, wordings))
    return matches


def cases(options: argparse.Namespace) -> Iterator[Case]:
    """Every question that is asked."""
    english, hotpot = collection.read(options.xquad), collection.read(options.hotpot)
    index, pool = Index.of(english), Index.of(hotpot)
    for number, question in enumerate(questions(options.xquad, english)):
        yield from _with_and_without("", index, question)
        if number % 4 == 0:
            yield Case("foreign", pool, replace(question, gold=frozenset()))
    for question in questions(options.hotpot, hotpot):
        yield Case("hotpot", pool, question)
        yield Case("foreign", index, replace(question, gold=frozenset()))
    for folder in options.foreign:
        for key, text in collection.read(folder).queries.items():
            yield Case("foreign", index, Question(f"{folder.name}/{key}", text, frozenset()))
    if options.chinese:
        yield from _chinese(options.chinese)


def _chinese(folder: Path) -> Iterator[Case]:
    provided = collection.read(folder)
    # Titles are English there.
    bare = [
        replace(document, title="", content=document.content.split("\n\n", 1)[-1]) for document in provided.documents
    ]
    index = Index.of(replace(provided, name=f"{provided.name}-untitled", documents=bare))
    for question in questions(folder, provided)[::3]:
        yield from _with_and_without("chinese ", index, question)


def _with_and_without(language: str, index: Index, question: Question) -> Iterator[Case]:
    yield Case(f"{language}answerable", index, question)
    yield Case(f"{language}absent", index, question, index.article(min(question.gold)))
    yield Case(f"{language}near", index, question, question.gold)


def _share(values: Sequence[bool]) -> str:
    return f"{statistics.fmean(values):.3f}" if values else "-"


def report(results: Sequence[Result], threshold: float) -> None:
    """Print the figures of the held-out half at one threshold."""
    print(f"\nheld-out half, support >= {threshold}")
    print(f"  {'kind':20} {'asked':>6} {'answered':>9} {'declined':>9}")
    for kind in dict.fromkeys(result.case.kind for result in results):
        answered = [result.answer.support >= threshold for result in results if result.case.kind == kind]
        declined = [not value for value in answered]
        print(f"  {kind:20} {len(answered):6} {_share(answered):>9} {_share(declined):>9}")
    for kind in ("answerable", "hotpot", "chinese answerable"):
        provided = [result for result in results if result.case.kind == kind]
        above = [result for result in provided if result.answer.support >= threshold]
        expected_keys = [result for result in provided if result.expected]
        contain = [result.contains and result.answer.support >= threshold for result in expected_keys]
        label_in_text = [result.contains for result in above if result.expected]
        cite = [
            result.cites and result.answer.support >= threshold
            for result in expected_keys
            if result.case.question.spans
        ]
        supported = [value for result in above for value in result.supported]
        print(f"  {kind}: has the answer {_share(contain)} of {len(expected_keys)}, {_share(label_in_text)} of those")
        print(f"    answered; cites its very place {_share(cite)}; citations that support {_share(supported)}")
        if above:
            length = statistics.fmean(len(result.answer.text) for result in above)
            print(f"    {length:.0f} characters and {len(supported) / len(above):.2f} citations an answer")


def curve(results: Sequence[Result]) -> None:
    """Print the trade-off: the higher the threshold, the more is declined, rightly and wrongly."""
    kinds = list(dict.fromkeys(result.case.kind for result in results))
    print("\nshare answered by threshold, held-out half")
    print("  " + " ".join(["threshold", *(f"{kind:>18}" for kind in kinds)]))
    for threshold in THRESHOLDS:
        shares = [_share([r.answer.support >= threshold for r in results if r.case.kind == kind]) for kind in kinds]
        print("  " + " ".join([f"{threshold:9}", *(f"{share:>18}" for share in shares)]))


def latency(provided: Sequence[Case], embedder: Embedder, model: CrossEncoder | None) -> None:
    """Print what reading takes, embedding included and nothing remembered."""
    took, used = [], []
    for case in provided:
        chunks = case.chunks(embedder)
        started, before = time.perf_counter(), time.process_time()
        reader.read(case.question.text, chunks, embedder, model=model)
        took.append((time.perf_counter() - started) * 1000)
        used.append((time.process_time() - before) * 1000)
    processor = statistics.median(used)
    print(
        f"\nread(): median {statistics.median(took):.0f} ms, p95 {p95(took):.0f} ms; "
        f"median processor time {processor:.0f} ms"
    )


def options_of(command_line: argparse.ArgumentParser, arguments: Sequence[str] | None) -> argparse.Namespace:
    """The collections that cases are made of."""
    command_line.add_argument("xquad", type=Path, metavar="XQUAD_EN")
    command_line.add_argument("hotpot", type=Path, metavar="HOTPOTQA")
    command_line.add_argument("--chinese", type=Path, metavar="XQUAD_ZH")
    command_line.add_argument("--evidence-only", action="store_true", help="without the cross-encoder")
    command_line.add_argument("--every", type=int, default=1, metavar="N", help="only every Nth held-out question")
    command_line.add_argument("--foreign", type=Path, nargs="*", default=[], metavar="COLLECTION")
    return command_line.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the figures of the held-out half."""
    options = options_of(parser("bench reader", __doc__), arguments)
    embedder = Remembering.of(load())
    results = []
    model = None if options.evidence_only else cross_encoder.load()
    holdout = [case for case in cases(options) if case.question.holdout][:: options.every]
    for number, case in enumerate(holdout, 1):
        answer = reader.read(case.question.text, case.chunks(embedder), embedder, min_support=0, model=model)
        results.append(Result(case, answer))
        if number % 100 == 0:
            print(f"\r  asked {number} of {len(holdout)}", end="", flush=True)
    embedder.save()
    report(results, reader.MIN_SUPPORT)
    curve(results)
    latency([case for case in holdout if case.kind == "answerable"][::6], load(), model)
