"""How the built-in embedding models were trained, as far as their use depends on it."""

from collections.abc import Mapping
from dataclasses import dataclass

MULTILINGUAL = "multilingual-e5-small"


@dataclass(frozen=True, slots=True)
class Training:
    """How a model was trained: how many tokens it reads, which of its outputs is the embedding, words before texts.

    ``alone``: its activations are quantised by the batch, so a text's vector would depend on the texts beside it. On a
    processor, texts one by one take as long. ``own_words``: it does not count tokens as the first model does, by whose
    tokens chunks are cut, so the tail of a chunk with too many is ignored. ``unrelated`` is the cosine from which a
    search scales this model's cosines (docs/retrieval.md), and ``floor`` that below which a query resembles no chunk.
    """

    max_tokens: int = 256
    takes_first: bool = False
    alone: bool = False
    own_words: bool = False
    query_prefix: str = ""
    document_prefix: str = ""
    unrelated: float = -1.0
    floor: float = 0.1


# Models that differ from the first one. `infra/models.py` says which a deployment can contain.
TRAININGS: Mapping[str, Training] = {
    "bge-small-en-v1.5": Training(max_tokens=512, takes_first=True, alone=True, unrelated=0.25, floor=0.35),
    MULTILINGUAL: Training(
        max_tokens=512,
        own_words=True,
        query_prefix="query: ",
        document_prefix="passage: ",
        unrelated=0.75,
        floor=0.75,
    ),
}


def training(name: str) -> Training:
    """How the built-in model of this name was trained."""
    return TRAININGS.get(name, Training())
