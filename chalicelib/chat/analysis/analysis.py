"""The analysis of a message before retrieval: its kind, tone and clarity, and whether it requires the documents.

Multinomial logistic regressions on the message's embedding and the cues of its wording, fitted on labelled messages
(`python -m bench.fitting analysis` writes ``analysis.json``). It costs one embedding, which a search computes too.
The meaning, the measurement and the weaknesses of the values: docs/analysis.md.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast, get_args

from chalicelib.chat.analysis.cues import Cues

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from chalicelib.knowledge.embedding.builtin import Embedder

    Vector = NDArray[np.float32] | NDArray[np.float64]

Tone = Literal["casual", "technical"]
Behavior = Literal["normal", "cautious"]
ContextType = Literal["question", "task", "follow_up", "statement", "conversation", "social"]

# The classes of each regression, in the order of its columns.
CLASSES: Mapping[str, tuple[str, ...]] = {
    "tone": get_args(Tone),
    "behavior": get_args(Behavior),
    "context_type": get_args(ContextType),
    "context_clarity": ("unclear", "clear"),
}
SMALLTALK = ("conversation", "social")

WEIGHTS = Path(__file__).with_name("analysis.json")

# The embedding has norm 1 and each cue about 0 to 1. Doubled, the embedding balances the cues under one ridge penalty.
_EMBEDDING_SCALE = 2.0


@dataclass(frozen=True, slots=True)
class Analysis:
    """The metadata of one message. `needs_knowledge` is false only for certain small talk and remarks about the chat.

    `signal_strength`, 0 to 1, estimates the probability that `context_type` is right; `context_clarity`, 0 to 1, that a
    reader of only this message and the one before understands the request.
    """

    tone: Tone
    behavior: Behavior
    context_type: ContextType
    signal_strength: float
    context_clarity: float
    needs_knowledge: bool


@dataclass(frozen=True)
class AnalysisModel:
    """Fitted weights: for each of `CLASSES` float64 (inputs, classes). Retrieval is skipped from the probability
    `skip_above` of small talk on."""

    weights: Mapping[str, NDArray[np.float64]]
    skip_above: float

    def analyse(self, cues: Cues, vector: Vector) -> Analysis:
        """The analysis of a message from its cues and its embedding of shape (dim,)."""
        likely = self.probabilities(cues, inputs(cues, vector))
        best = {name: max(classes, key=classes.__getitem__) for name, classes in likely.items()}
        smalltalk = sum(likely["context_type"][name] for name in SMALLTALK)
        return Analysis(
            tone=cast("Tone", best["tone"]),
            behavior=cast("Behavior", best["behavior"]),
            context_type=cast("ContextType", best["context_type"]),
            signal_strength=likely["context_type"][best["context_type"]],
            context_clarity=likely["context_clarity"]["clear"],
            needs_knowledge=best["context_type"] not in SMALLTALK
            or smalltalk < self.skip_above
            or not cues.may_be_smalltalk,
        )

    def probabilities(self, cues: Cues, row: NDArray[np.float64]) -> dict[str, dict[str, float]]:
        """The probability of every class of every regression for one row of `inputs`."""
        likely = {
            name: dict(zip(CLASSES[name], softmax(row @ weights).tolist(), strict=True))
            for name, weights in self.weights.items()
        }
        if not cues.has_context:  # without an earlier turn, a message cannot be a follow-up
            kinds = likely["context_type"]
            kinds["follow_up"] = 0.0
            total = sum(kinds.values())
            likely["context_type"] = {name: value / total for name, value in kinds.items()}
        return likely


def analyse(message: str, embedder: Embedder, *, vector: Vector | None = None, previous: str | None = None) -> Analysis:
    """Analyse `message`, which may have any length; `previous` is the user's message before it in the conversation.

    `embedder` is the built-in model, on which the weights were fitted. `vector` is its embedding of the message,
    float (384,), if it is already computed; another shape raises ValueError.
    """
    if vector is None:
        vector = embedder.embed([message], truncate=True)[0]
    model = _model()
    cues = Cues(message, previous)
    expected = len(model.weights["tone"]) - len(cues.named) - 1
    if vector.shape != (expected,):
        raise ValueError(
            f"The vector has shape {vector.shape}; the analysis requires the built-in model's, of shape ({expected},)."
        )
    return model.analyse(cues, vector)


def inputs(cues: Cues, vector: Vector) -> NDArray[np.float64]:
    """The inputs of the regressions, float64 (1 + cues + dim,): 1 for the intercept, the cues, the scaled embedding."""
    import numpy as np

    named = [float(value) for value in cues.named.values()]
    return np.concatenate([[1.0], named, _EMBEDDING_SCALE * vector.astype(np.float64)])


def softmax(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """The softmax along the last axis, stable for large scores."""
    import numpy as np

    raised = np.exp(scores - scores.max(axis=-1, keepdims=True))
    likely: NDArray[np.float64] = raised / raised.sum(axis=-1, keepdims=True)
    return likely


def read_weights(path: Path = WEIGHTS) -> AnalysisModel:
    """The model that `write_weights` has written to `path`."""
    import numpy as np

    stored: dict[str, Any] = json.loads(path.read_text("utf-8"))
    weights = {
        name: np.array([stored["weights"][name][each] for each in classes]).T for name, classes in CLASSES.items()
    }
    return AnalysisModel(weights, stored["skip_above"])


def write_weights(model: AnalysisModel, path: Path = WEIGHTS) -> None:
    """Write `model` to `path` as JSON, a line for each class, rounded to a thousandth."""
    lines: Sequence[str] = [
        f'"{name}": {{\n'
        + ",\n".join(
            f'"{each}": {json.dumps([round(value, 3) for value in column.tolist()], separators=(",", ":"))}'
            for each, column in zip(classes, model.weights[name].T, strict=True)
        )
        + "\n}"
        for name, classes in CLASSES.items()
    ]
    body = ",\n".join(lines)
    path.write_text(f'{{"skip_above": {model.skip_above},\n"weights": {{\n{body}\n}}}}\n', "utf-8")


_model = functools.cache(read_weights)
