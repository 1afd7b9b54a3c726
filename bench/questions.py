"""How good the extractive reader is at people's questions: short, spoken, misspelt, and about what is not there.

`fitting/questions/` has two parts, `development` and `unseen`, each with documents of many kinds (manuals, reports, web
pages with menus, tables, minutes, contracts), all written for this purpose, and a table of questions. The documents of
both parts are one corpus. The reader's constants were chosen on `development` alone.

A line of a table has the document, the question, and what an answer must contain: wordings between ` & ` all, between
`|` any. `-` says that the documents do not answer; where a document is named, it is about the right thing and lacks the
fact (a close miss).
"""

from __future__ import annotations

import argparse
import resource
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import collection
from bench.commands import Command, parser
from bench.reader import Index
from bench.summary import p95
from chalicelib.chat.reader import reader
from chalicelib.chat.reader.composition import ExtractedAnswer
from chalicelib.knowledge.embedding import cross_encoder
from chalicelib.knowledge.embedding.builtin import Embedder, load
from chalicelib.knowledge.embedding.cross_encoder import CrossEncoder
from chalicelib.knowledge.ingestion.extraction import Limits, reading
from chalicelib.knowledge.text import chunking

COMMAND = Command("The extractive reader at people's questions", usual=None, smallest=("--first 2",))

FOLDER = Path(__file__).parent / "fitting" / "questions"
PARTS = ("development", "unseen")
# An answer whose evidence stands behind so many characters is right but buried.
POINT_CHARS = 300


@dataclass(frozen=True)
class Question:
    """A question; `expected` are the alternatives of each wording that an answer must contain, empty to decline."""

    document: str
    text: str
    expected: tuple[tuple[str, ...], ...]

    @property
    def kind(self) -> str:
        """Whether the documents answer it, lack only the fact, or are about other things."""
        return "answerable" if self.expected else "off topic" if self.document == "-" else "close miss"

    def verdict(self, answer: ExtractedAnswer) -> str:
        """What an answer is worth."""
        if answer.declined:
            return "declined"
        if not self.expected:
            return "answered"
        if self._within(answer.text[:POINT_CHARS]):
            return "to the point"
        return "buried" if self._within(answer.text) else "wrong"

    def _within(self, text: str) -> bool:
        lowered = text.lower()
        return all(any(wording.lower() in lowered for wording in wordings) for wordings in self.expected)


def questions(part: str) -> list[Question]:
    """The questions of a part."""
    rows = [line.split("\t") for line in (FOLDER / f"{part}.tsv").read_text("utf-8").splitlines()]
    return [
        Question(document, text, () if expected == "-" else tuple(tuple(w.split("|")) for w in expected.split(" & ")))
        for document, text, expected in rows
    ]


def corpus() -> Index:
    """The documents of both parts, read, cut and embedded as ingestion does it."""
    model = load()
    owners: list[int] = []
    drafts: list[chunking.ChunkDraft] = []
    documents: list[collection.Document] = []
    for path in sorted(path for part in PARTS for path in (FOLDER / part).iterdir()):
        extracted = reading.read(path, path.name, None, Limits())
        documents.append(collection.Document(path.name, extracted.title or path.name, extracted.text))
        cut = chunking.chunk(
            extracted.text,
            extracted.segments,
            model.token_offsets(extracted.text),
            collection.CHUNK_SIZE,
            collection.CHUNK_OVERLAP,
        )
        owners += [len(documents) - 1] * len(cut)
        drafts += cut
    return Index("questions", documents, collection.embedded("questions", owners, drafts))


def ask(
    index: Index, requested: Sequence[Question], embedder: Embedder, model: CrossEncoder | None
) -> Iterator[tuple[Question, ExtractedAnswer, tuple[float, float]]]:
    """Each question with its answer, and the seconds of processor and clock that both took."""
    for question in requested:
        used, started = time.process_time(), time.perf_counter()
        chunks = index.retrieve(question.text, embedder.embed([question.text], truncate=True)[0])
        answer = reader.read(question.text, chunks, embedder, model=model)
        yield question, answer, (time.process_time() - used, time.perf_counter() - started)


def report(results: Sequence[tuple[Question, ExtractedAnswer]]) -> None:
    """Print the verdicts by kind."""
    for kind in ("answerable", "close miss", "off topic"):
        verdicts = [question.verdict(answer) for question, answer in results if question.kind == kind]
        counts = {name: verdicts.count(name) for name in ("to the point", "buried", "wrong", "declined", "answered")}
        shown = ", ".join(f"{name} {count} ({count / len(verdicts):.0%})" for name, count in counts.items() if count)
        print(f"  {kind:<12}{len(verdicts):4}: {shown}")


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the figures of both parts, or with `--show` every answer of the development part."""
    options = _options(parser("bench questions", __doc__), arguments)
    index, embedder = corpus(), load()
    model = None if options.evidence_only else _loaded()
    took: list[tuple[float, float]] = []
    for part in options.part:
        results = []
        for question, answer, seconds in ask(index, questions(part)[: options.first], embedder, model):
            took.append(seconds)
            results.append((question, answer))
            if options.show and question.verdict(answer) in options.show:
                print(f"{question.verdict(answer)} {answer.support:.2f} [{question.text}] {answer.text[:400]}")
        print(part)
        report(results)
    for name, seconds in zip(("processor", "clock"), zip(*took, strict=True), strict=True):
        milliseconds = [each * 1000 for each in seconds]
        print(f"{name} of an answer: median {statistics.median(milliseconds):.0f} ms, p95 {p95(milliseconds):.0f}")
    print(f"at most {_megabytes():.0f} MiB in memory")


def _loaded() -> CrossEncoder:
    """The model; prints what loading it takes."""
    before, used = _megabytes(), time.process_time()
    model = cross_encoder.load()
    model.scores("What is it?", ["It is a pump."])
    print(f"the cross-encoder: {time.process_time() - used:.2f} s of processor, {_megabytes() - before:.0f} MiB")
    return model


def _megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _options(command_line: argparse.ArgumentParser, arguments: Sequence[str] | None) -> argparse.Namespace:
    command_line.add_argument("--part", nargs="*", choices=PARTS, default=PARTS)
    command_line.add_argument("--evidence-only", action="store_true", help="without the cross-encoder")
    command_line.add_argument("--first", type=int, help="only so many questions of each part")
    command_line.add_argument("--show", nargs="*", help="print the answers with these verdicts")
    return command_line.parse_args(arguments)
