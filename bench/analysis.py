"""How well the analysis of a message decides, on labelled messages that nothing was fitted on.

Each folder holds a collection in BEIR's layout, whose queries all need knowledge: the share judged so is printed.
`--classes` adds precision and recall of every class, and the languages. `python -m bench.fitting analysis` fits the
weights.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from math import nan
from pathlib import Path
from statistics import fmean

from bench.commands import Command, parser
from bench.fitting import analysis as fitting
from bench.fitting.analysis import Labelled, Sample
from chalicelib.chat.analysis import analysis
from chalicelib.chat.analysis.analysis import CLASSES, Analysis, Model
from chalicelib.knowledge.embedding import builtin

COMMAND = Command(
    "The analysis of a message, on labelled messages that nothing was fitted on", smallest=("--classes --every 25",)
)

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
    return _share([not found.needs_knowledge for message, found in judged if message.needs_knowledge])


def skipped(judged: Judged) -> float:
    """The share of messages that need no knowledge and are answered without."""
    return _share([not found.needs_knowledge for message, found in judged if not message.needs_knowledge])


def _share(values: Sequence[bool]) -> float:
    return fmean(values) if values else nan


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


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the figures."""
    command_line = parser("bench analysis", __doc__)
    command_line.add_argument("folders", nargs="*", type=Path, metavar="COLLECTION", help="holds queries.jsonl")
    command_line.add_argument("--classes", action="store_true", help="class by class, language by language")
    command_line.add_argument("--every", type=int, default=1, metavar="N", help="only every N-th message")
    options = command_line.parse_args(arguments)
    embedder = builtin.load()
    sample = fitting.embedded(fitting.read()[:: options.every], embedder)
    model = analysis.read_weights()
    held_out = sample.part([message.held_out for message in sample.messages])
    later = fitting.embedded(fitting.read(fitting.LATER)[:: options.every], embedder)
    report("messages held out", judge(held_out, model), classes=options.classes)
    report("messages written after the fit", judge(later, model), classes=options.classes)
    for folder in options.folders:
        report_queries(folder, embedder)
