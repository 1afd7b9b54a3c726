"""The labelled messages, and fitting the analysis on those of them that are not held out.

Writes the weights, and compares with simpler models by cross-validation on the same messages.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.commands import Command, parser
from chalicelib.chat.analysis.analysis import CLASSES, SMALLTALK, WEIGHTS, AnalysisModel, inputs, softmax, write_weights
from chalicelib.chat.analysis.cues import Cues
from chalicelib.knowledge.embedding.builtin import Embedder, load

COMMAND = Command(
    "The weights of the analysis of a message",
    smallest=(),
    costs="tests/chat/test_analysis.py fits the weights on all messages and compares them with what is shipped",
)

Values = NDArray[np.float64]

MESSAGES = Path(__file__).with_name("analysis_messages.jsonl")
# Written when word lists and weights were finished, and never used to change either.
LATER = Path(__file__).with_name("analysis_messages_later.jsonl")
MAX_SKIPPED_IN_NEED = 0.005

_RIDGE = 0.5
_STEPS = 400
_FOLDS = 5


@dataclass(frozen=True)
class Labelled:
    """A message with its labels, and the asker's message before it, if any."""

    text: str
    previous: str | None
    language: str
    tone: str
    behavior: str
    context_type: str
    clear: bool
    needs_knowledge: bool

    @property
    def holdout(self) -> bool:
        """Whether nothing may be fitted or chosen on it: one in three, by hash."""
        return self._hash % 3 == 0

    @property
    def fold(self) -> int:
        """Its part in cross-validation."""
        return self._hash // 3 % _FOLDS

    @property
    def _hash(self) -> int:
        return int(hashlib.sha256(f"{self.text}\n{self.previous or ''}".encode()).hexdigest(), 16)

    def label(self, name: str) -> str:
        """Its class in the regression `name`."""
        return ("unclear", "clear")[self.clear] if name == "context_clarity" else str(getattr(self, name))


@dataclass(frozen=True)
class Sample:
    """Labelled messages with what the regressions read of each."""

    messages: Sequence[Labelled]
    vectors: NDArray[np.float32]

    @cached_property
    def cues(self) -> list[Cues]:
        """The cues of each message."""
        return [Cues(message.text, message.previous) for message in self.messages]

    @cached_property
    def rows(self) -> Values:
        """The inputs, float64 (messages, inputs)."""
        return np.stack([inputs(cues, vector) for cues, vector in zip(self.cues, self.vectors, strict=True)])

    def labels(self, name: str) -> Values:
        """The classes of `name`, one-hot, float64 (messages, classes)."""
        return np.array([[each == message.label(name) for each in CLASSES[name]] for message in self.messages], float)

    def part(self, selected: Sequence[bool]) -> Sample:
        """Those messages for which `selected` is true."""
        return Sample(
            [m for m, mask in zip(self.messages, selected, strict=True) if mask], self.vectors[list(selected)]
        )


def read(path: Path = MESSAGES) -> list[Labelled]:
    """The labelled messages in their order."""
    return [Labelled(**json.loads(line)) for line in path.read_text("utf-8").splitlines()]


def embedded(messages: Sequence[Labelled], embedder: Embedder) -> Sample:
    """The messages with their embeddings."""
    return Sample(messages, embedder.embed([message.text for message in messages], truncate=True))


def fit(sample: Sample) -> AnalysisModel:
    """Fit every regression on `sample`, and choose by cross-validation on it from where on retrieval is skipped.

    The least threshold at which at most `MAX_SKIPPED_IN_NEED` of the messages that need knowledge would miss it.
    """
    off_topic, needed = [], []
    for fold in range(_FOLDS):
        inside = [message.fold == fold for message in sample.messages]
        model = AnalysisModel(_regressions(sample.part([not each for each in inside])), skip_above=1.0)
        rest = sample.part(inside)
        for message, cues, row in zip(rest.messages, rest.cues, rest.rows, strict=True):
            kinds = model.probabilities(cues, row)["context_type"]
            skippable = cues.may_be_smalltalk and max(kinds, key=kinds.__getitem__) in SMALLTALK
            off_topic.append(sum(kinds[kind] for kind in SMALLTALK) if skippable else 0.0)
            needed.append(message.needs_knowledge)
    return AnalysisModel(_regressions(sample), _threshold(np.array(off_topic), np.array(needed)))


def _threshold(off_topic: Values, needed: NDArray[np.bool_]) -> float:
    grid = [step / 100 for step in range(50, 100, 5)]
    return next((each for each in grid if (off_topic[needed] >= each).mean() <= MAX_SKIPPED_IN_NEED), grid[-1])


def _regressions(sample: Sample) -> Mapping[str, Values]:
    return {name: softmax_regression(sample.rows, sample.labels(name)) for name in CLASSES}


def softmax_regression(rows: Values, labels: Values) -> Values:
    """Ridge-penalised maximum likelihood, the intercept (column 0) free: float64 (inputs, classes).

    Newton's method with the fixed bound on the Hessian of Böhning (1992, Multinomial logistic regression algorithm),
    accelerated as by Nesterov: no step size to choose, and the optimum is unique.
    """
    ridge = np.full(rows.shape[1], _RIDGE)
    ridge[0] = 1e-6
    bound = np.linalg.inv(rows.T @ rows / 2 + np.diag(ridge))
    weights = np.zeros((rows.shape[1], labels.shape[1]))
    ahead, momentum = weights, 1.0
    for _ in range(_STEPS):
        gradient = rows.T @ (labels - softmax(rows @ ahead)) - ridge[:, None] * ahead
        step = ahead + bound @ gradient
        following = (1 + (1 + 4 * momentum**2) ** 0.5) / 2
        ahead, weights = step + (momentum - 1) / following * (step - weights), step
        momentum = following
    return weights


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


Guess = Callable[[Values, Values, Values], NDArray[np.intp]]


def _validated(sample: Sample, rows: Values, name: str, guess: Guess) -> float:
    labels, right = sample.labels(name), 0
    folds = np.array([message.fold for message in sample.messages])
    for fold in set(folds.tolist()):
        inside = folds == fold
        right += int((guess(rows[~inside], labels[~inside], rows[inside]) == labels[inside].argmax(axis=1)).sum())
    return right / len(labels)


def _nearest(rows: Values, labels: Values, queries: Values) -> NDArray[np.intp]:
    centroids = labels.T @ rows
    centroids /= np.linalg.norm(centroids, axis=1, keepdims=True)
    nearest: NDArray[np.intp] = (queries @ centroids.T).argmax(axis=1)
    return nearest


def _regression(rows: Values, labels: Values, queries: Values) -> NDArray[np.intp]:
    likeliest: NDArray[np.intp] = (queries @ softmax_regression(rows, labels)).argmax(axis=1)
    return likeliest


def main(arguments: Sequence[str] | None = None) -> None:
    """Fit, write the weights and print the comparison."""
    command_line = parser("bench.fitting analysis", __doc__)
    command_line.add_argument("--out", type=Path, default=WEIGHTS, metavar="FILE", help="default: the product's own")
    options = command_line.parse_args(arguments)
    sample = embedded(read(), load())
    fitted = sample.part([not message.holdout for message in sample.messages])
    write_weights(fit(fitted), options.out)
    compare(fitted)
