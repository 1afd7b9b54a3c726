"""How well texts answer a question, by a server: Cohere's and Jina's API, and Text Embeddings Inference."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from chalicelib.core import outbound
from chalicelib.knowledge.reranking.models import RerankerProvider

# A search cannot wait for long: without an answer the list stays as it is.
TIMEOUT_SECONDS = 6.0
_MAX_BYTES = 2 * 1024 * 1024
# A chunk has at most 8,192 tokens; no reranker reads nearly as many characters.
_MAX_CHARS = 8192


class RerankingError(Exception):
    """The texts were not ranked; the message says why."""


@dataclass(frozen=True, slots=True)
class RemoteReranker:
    """A model at an address, with a key if the server requires one."""

    provider: RerankerProvider
    base_url: str
    model: str | None = None
    key: str | None = field(default=None, repr=False)

    def relevances(self, question: str, texts: Sequence[str]) -> list[float]:
        """How well each of `texts` answers `question`, 0 to 1, in their order. Raises RerankingError.

        A server that returns logits instead is recognised by a number outside of 0 to 1.
        """
        url = f"{self.base_url.rstrip('/')}/rerank"
        headers = {} if self.key is None else {"Authorization": f"Bearer {self.key}"}
        bounds = outbound.ResponseLimits(TIMEOUT_SECONDS, TIMEOUT_SECONDS, _MAX_BYTES)
        body = self._request(question, [text[:_MAX_CHARS] for text in texts])
        try:
            answer = outbound.fetch(
                "POST", url, headers=headers, document=body, bounds=bounds, check=outbound.check_endpoint
            )
        except outbound.OutboundError as error:
            raise RerankingError(str(error)) from error
        if answer.status != 200:
            raise RerankingError(f"The reranker answered with status {answer.status}.")
        try:
            scores = _scores(answer.json(), len(texts))
        except (outbound.OutboundError, ValueError, KeyError, TypeError, OverflowError) as error:
            raise RerankingError("The server did not return one score for each text.") from error
        return scores if all(0 <= score <= 1 for score in scores) else [sigmoid(score) for score in scores]

    def _request(self, question: str, texts: Sequence[str]) -> dict[str, Any]:
        if self.provider == "tei":
            return {"query": question, "texts": list(texts), "truncate": True}
        body = {"model": self.model, "query": question, "documents": list(texts), "top_n": len(texts)}
        return body | {"return_documents": False} if self.provider == "jina" else body


def sigmoid(logit: float) -> float:
    """A logit as a probability, 0 to 1."""
    return 1 / (1 + math.exp(-max(min(logit, 60.0), -60.0)))


def _scores(document: Any, count: int) -> list[float]:
    """The scores of a response by their `index`. Raises ValueError, KeyError or TypeError for any other response."""
    entries = document if isinstance(document, list) else document["results"]
    scores = {int(entry["index"]): float(entry.get("relevance_score", entry.get("score"))) for entry in entries}
    if sorted(scores) != list(range(count)) or not all(map(math.isfinite, scores.values())):
        raise ValueError("not one score for each text")
    return [scores[index] for index in range(count)]
