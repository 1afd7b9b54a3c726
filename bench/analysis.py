"""How well the analysis of a message decides, on labelled messages that nothing was fitted on.

    python -m bench.analysis [COLLECTION …] [--classes] [--fit]

Each folder holds a collection in BEIR's layout, whose queries all need knowledge: the share judged so is printed.
`--classes` adds precision and recall of every class, and the languages. `--fit` first fits the weights again on the
messages that are not held out, writes them, and compares with simpler models by cross-validation on the same messages.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from bench import analysis_fit
from bench.analysis_fit import Labelled, Sample
from chalicelib.chat.analysis import analysis
from chalicelib.chat.analysis.analysis import CLASSES, Analysis, Model
from chalicelib.knowledge.embedding import builtin

Judged = Sequence[tuple[Labelled, Analysis]]


def judge(sample: Sample, model: Model) -> list[tuple[Labelled, Analysis]]:
    """Every message beside its analysis."""
    triples = zip(sample.messages, sample.cues, sample.vectors, strict=True)
    return [(message, model.analyse(cues, vector)) for message, cues, vector in triples]


def decided(found: Analysis, name: str) -> str:
    """The class that an analysis gives in the regression `name`."""
    if name == "context_clarity":
        return "clear" if found.context_clarity >= 0.5 else "unclear"
    return str(getattr(found, name))


def accuracy(judged: Judged, name: str) -> float:
    """The share of messages whose class of `name` is right."""
    return fmean(message.label(name) == decided(found, name) for message, found in judged)


def precision_recall(judged: Judged, name: str, each: str) -> tuple[float, float]:
    """Precision and recall of one class."""
    pairs = [(message.label(name) == each, decided(found, name) == each) for message, found in judged]
    right = sum(labelled and given for labelled, given in pairs)
    return right / max(sum(given for _, given in pairs), 1), right / max(sum(labelled for labelled, _ in pairs), 1)


def missed(judged: Judged) -> float:
    """The share of messages that need knowledge and would be answered without: each may cost an answer."""
    return fmean(not found.needs_knowledge for message, found in judged if message.needs_knowledge)


def skipped(judged: Judged) -> float:
    """The share of messages that need no knowledge and are answered without."""
    return fmean(not found.needs_knowledge for message, found in judged if not message.needs_knowledge)


def calibration_error(judged: Judged) -> float:
    """Expected calibration error of `signal_strength` over five bins of equal width (Guo et al. 2017)."""
    bins: dict[int, list[tuple[float, bool]]] = {}
    for message, found in judged:
        right = message.context_type == found.context_type
        bins.setdefault(min(int(found.signal_strength * 5), 4), []).append((found.signal_strength, right))
    gaps = [len(each) * abs(fmean(p for p, _ in each) - fmean(right for _, right in each)) for each in bins.values()]
    return sum(gaps) / len(judged)


def report(title: str, judged: Judged, *, classes: bool) -> None:
    """Print the figures of messages that nothing was fitted on, `classes` one by one if asked for."""
    needing = sum(message.needs_knowledge for message, _ in judged)
    print(f"  {len(judged)} {title}")
    print("    accuracy: " + ", ".join(f"{name} {accuracy(judged, name):.3f}" for name in CLASSES))
    print(
        f"    needs_knowledge wrongly false {missed(judged):.4f} of {needing}, rightly false {skipped(judged):.3f} of "
        f"{len(judged) - needing}; calibration error of signal_strength {calibration_error(judged):.3f}"
    )
    if classes:
        _report_classes(judged)
        _report_languages(judged)


def _report_classes(judged: Judged) -> None:
    for name, classes in CLASSES.items():
        for each in classes:
            precision, recall = precision_recall(judged, name, each)
            count = sum(message.label(name) == each for message, _ in judged)
            print(f"    {name:<16}{each:<14}{count:>4}   precision {precision:.2f}   recall {recall:.2f}")


def _report_languages(judged: Judged) -> None:
    for language, count in Counter(message.language for message, _ in judged).most_common():
        part = [pair for pair in judged if pair[0].language == language]
        print(
            f"    {language} {count:>4}   context_type {accuracy(part, 'context_type'):.3f}   "
            f"wrongly false {missed(part):.3f}   rightly false {skipped(part):.3f}"
        )


def report_queries(folder: Path, model: builtin.Embedder) -> None:
    """Print how many of a collection's queries are judged to need knowledge, and those that are not."""
    lines = (folder / "queries.jsonl").read_text("utf-8").splitlines()
    queries: list[str] = [json.loads(line)["text"] for line in lines]
    vectors = model.embed(queries, truncate=True)
    found = [analysis.analyse(query, model, vector=vector) for query, vector in zip(queries, vectors, strict=True)]
    share = fmean(each.needs_knowledge for each in found)
    kinds = Counter(each.context_type for each in found)
    print(f"  {folder.name:<20} {len(queries)} queries, needs_knowledge {share:.4f}, {dict(kinds.most_common())}")
    for query, each in zip(queries, found, strict=True):
        if not each.needs_knowledge:
            print(f"    without: {query!r}")


def compare(sample: Sample) -> None:
    """Print what simpler models reach by cross-validation on the messages that are not held out."""
    vectors = sample.vectors.astype(np.float64)
    cues = sample.rows[:, 1 : sample.rows.shape[1] - vectors.shape[1]]
    both = np.hstack([cues - cues.mean(axis=0), sample.rows[:, -vectors.shape[1] :]])
    ones = np.ones((len(vectors), 1))
    scaled = sample.rows[:, -vectors.shape[1] :]
    print(f"  cross-validation on {len(sample.messages)} messages: accuracy of " + ", ".join(CLASSES))
    for title, rows, guess in (
        ("centroids, embedding", vectors, _nearest),
        ("centroids, embedding and cues", both, _nearest),
        ("regression, embedding", np.hstack([ones, scaled]), _regression),
        ("regression, cues", np.hstack([ones, cues]), _regression),
        ("regression, embedding and cues", sample.rows, _regression),
    ):
        print(f"    {title:<32}" + "".join(f"{_validated(sample, rows, name, guess):8.3f}" for name in CLASSES))


Guess = Callable[[analysis_fit.Values, analysis_fit.Values, analysis_fit.Values], NDArray[np.intp]]


def _validated(sample: Sample, rows: analysis_fit.Values, name: str, guess: Guess) -> float:
    labels, right = sample.labels(name), 0
    folds = np.array([message.fold for message in sample.messages])
    for fold in set(folds.tolist()):
        inside = folds == fold
        right += int((guess(rows[~inside], labels[~inside], rows[inside]) == labels[inside].argmax(axis=1)).sum())
    return right / len(labels)


def _nearest(rows: analysis_fit.Values, labels: analysis_fit.Values, asked: analysis_fit.Values) -> NDArray[np.intp]:
    centroids = labels.T @ rows
    centroids /= np.linalg.norm(centroids, axis=1, keepdims=True)
    nearest: NDArray[np.intp] = (asked @ centroids.T).argmax(axis=1)
    return nearest


def _regression(rows: analysis_fit.Values, labels: analysis_fit.Values, asked: analysis_fit.Values) -> NDArray[np.intp]:
    likeliest: NDArray[np.intp] = (asked @ analysis_fit.softmax_regression(rows, labels)).argmax(axis=1)
    return likeliest


def main() -> None:
    """Read the command line, fit if asked to, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="*", type=Path, metavar="COLLECTION", help="holds queries.jsonl")
    parser.add_argument("--classes", action="store_true", help="class by class, language by language")
    parser.add_argument("--fit", action="store_true", help="fit and write the weights first")
    given = parser.parse_args()
    embedder = builtin.load()
    sample = analysis_fit.embedded(analysis_fit.read(), embedder)
    if given.fit:
        fitted = sample.part([not message.held_out for message in sample.messages])
        analysis.write_weights(analysis_fit.fit(fitted))
        compare(fitted)
    model = analysis.read_weights()
    held_out = sample.part([message.held_out for message in sample.messages])
    later = analysis_fit.embedded(analysis_fit.read(analysis_fit.LATER), embedder)
    report("messages held out", judge(held_out, model), classes=given.classes)
    report("messages written after the fit", judge(later, model), classes=given.classes)
    for folder in given.folders:
        report_queries(folder, embedder)


if __name__ == "__main__":
    main()
