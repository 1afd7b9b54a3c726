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
from chalicelib.chat.analysis.analysis import CLASSES, Analysis, AnalysisModel
from chalicelib.knowledge.embedding import builtin

COMMAND = Command(
    "The analysis of a message, on labelled messages that nothing was fitted on", smallest=("--classes --every 25",)
)

RatedMessages = Sequence[tuple[Labelled, Analysis]]


def judge(sample: Sample, model: AnalysisModel) -> list[tuple[Labelled, Analysis]]:
    """Every message beside its analysis."""
    triples = zip(sample.messages, sample.cues, sample.vectors, strict=True)
    return [(message, model.analyse(cues, vector)) for message, cues, vector in triples]


def decided(result: Analysis, name: str) -> str:
    """The class that an analysis gives in the regression `name`."""
    if name == "context_clarity":
        return "clear" if result.context_clarity >= 0.5 else "unclear"
    return str(getattr(result, name))


def accuracy(rated: RatedMessages, name: str) -> float:
    """The share of messages whose class of `name` is right."""
    return fmean(message.label(name) == decided(result, name) for message, result in rated)


def precision_recall(rated: RatedMessages, name: str, each: str) -> tuple[float, float]:
    """Precision and recall of one class."""
    pairs = [(message.label(name) == each, decided(result, name) == each) for message, result in rated]
    right = sum(labelled and options for labelled, options in pairs)
    return right / max(sum(options for _, options in pairs), 1), right / max(sum(labelled for labelled, _ in pairs), 1)


def missed(rated: RatedMessages) -> float:
    """The share of messages that need knowledge and would be answered without: each may cost an answer."""
    return _share([not result.needs_knowledge for message, result in rated if message.needs_knowledge])


def skipped(rated: RatedMessages) -> float:
    """The share of messages that need no knowledge and are answered without."""
    return _share([not result.needs_knowledge for message, result in rated if not message.needs_knowledge])


def _share(values: Sequence[bool]) -> float:
    return fmean(values) if values else nan


def calibration_error(rated: RatedMessages) -> float:
    """Expected calibration error of `signal_strength` over five bins of equal width (Guo et al. 2017)."""
    bins: dict[int, list[tuple[float, bool]]] = {}
    for message, result in rated:
        right = message.context_type == result.context_type
        bins.setdefault(min(int(result.signal_strength * 5), 4), []).append((result.signal_strength, right))
    gaps = [len(each) * abs(fmean(p for p, _ in each) - fmean(right for _, right in each)) for each in bins.values()]
    return sum(gaps) / len(rated)


def report(title: str, rated: RatedMessages, *, classes: bool) -> None:
    """Print the figures of messages that nothing was fitted on, `classes` one by one if asked for."""
    needing = sum(message.needs_knowledge for message, _ in rated)
    print(f"  {len(rated)} {title}")
    print("    accuracy: " + ", ".join(f"{name} {accuracy(rated, name):.3f}" for name in CLASSES))
    print(
        f"    needs_knowledge wrongly false {missed(rated):.4f} of {needing}, rightly false {skipped(rated):.3f} of "
        f"{len(rated) - needing}; calibration error of signal_strength {calibration_error(rated):.3f}"
    )
    if classes:
        _report_classes(rated)
        _report_languages(rated)


def _report_classes(rated: RatedMessages) -> None:
    for name, classes in CLASSES.items():
        for each in classes:
            precision, recall = precision_recall(rated, name, each)
            count = sum(message.label(name) == each for message, _ in rated)
            print(f"    {name:<16}{each:<14}{count:>4}   precision {precision:.2f}   recall {recall:.2f}")


def _report_languages(rated: RatedMessages) -> None:
    for language, count in Counter(message.language for message, _ in rated).most_common():
        part = [pair for pair in rated if pair[0].language == language]
        print(
            f"    {language} {count:>4}   context_type {accuracy(part, 'context_type'):.3f}   "
            f"wrongly false {missed(part):.3f}   rightly false {skipped(part):.3f}"
        )


def report_queries(folder: Path, model: builtin.Embedder) -> None:
    """Print how many of a collection's queries are judged to need knowledge, and those that are not."""
    lines = (folder / "queries.jsonl").read_text("utf-8").splitlines()
    queries: list[str] = [json.loads(line)["text"] for line in lines]
    vectors = model.embed(queries, truncate=True)
    result = [analysis.analyse(query, model, vector=vector) for query, vector in zip(queries, vectors, strict=True)]
    share = fmean(each.needs_knowledge for each in result)
    kinds = Counter(each.context_type for each in result)
    print(f"  {folder.name:<20} {len(queries)} queries, needs_knowledge {share:.4f}, {dict(kinds.most_common())}")
    for query, each in zip(queries, result, strict=True):
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
    holdout = sample.part([message.holdout for message in sample.messages])
    later = fitting.embedded(fitting.read(fitting.LATER)[:: options.every], embedder)
    report("messages held out", judge(holdout, model), classes=options.classes)
    report("messages written after the fit", judge(later, model), classes=options.classes)
    for folder in options.folders:
        report_queries(folder, embedder)
