"""Sentence embeddings from a server with OpenAI's `POST /embeddings`: OpenAI, vLLM, TEI, Ollama, llama.cpp."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from chalicelib.core import outbound

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BATCH_TEXTS = 32
# Queries are cut to this length; chunks are never longer.
_MAX_CHARS = 8192
# A query cannot wait for long; a server without a GPU requires more time for a batch of chunks.
_TIMEOUT_SECONDS, _BATCH_TIMEOUT_SECONDS = 8.0, 40.0
_MAX_BYTES = 16 * 1024 * 1024
# A quick failure is worth a second request.
_QUICK_SECONDS, _RETRY_SECONDS = 3.0, 0.3
_ERROR_CHARS = 200
# The texts cause these statuses. The server, its key or the network cause all others, and those can be repaired.
_TEXT_REFUSED = {400, 413, 422}


class EmbeddingProviderError(Exception):
    """The provider did not embed. When `passing`, the same request may succeed later."""

    def __init__(self, message: str, *, passing: bool) -> None:
        super().__init__(message)
        self.passing = passing


@dataclass(frozen=True, slots=True)
class RemoteEmbedder:
    """A model at an address, with a key if the server requires one."""

    name: str
    base_url: str
    key: str | None = field(default=None, repr=False)

    def embed(self, texts: Sequence[str], *, truncate: bool = False) -> "NDArray[np.float32]":
        """The embeddings of `texts` in their order, as the server returns them: float32 (n, its dimension).

        With `truncate`, the tail of a long text is ignored. Raises EmbeddingProviderError.
        """
        import numpy as np

        rows: list[list[float]] = []
        for start in range(0, len(texts), BATCH_TEXTS):
            batch = [text[:_MAX_CHARS] if truncate else text for text in texts[start : start + BATCH_TEXTS]]
            rows += self._batch(batch)
        if len({len(row) for row in rows}) > 1:
            raise EmbeddingProviderError(f"{self.name} returned vectors of several lengths.", passing=False)
        return np.array(rows, dtype=np.float32).reshape(len(rows), len(rows[0]) if rows else 0)

    def _batch(self, texts: Sequence[str]) -> list[list[float]]:
        started = time.monotonic()
        try:
            return self._ask(texts)
        except EmbeddingProviderError as error:
            if not error.passing or time.monotonic() - started > _QUICK_SECONDS:
                raise
        time.sleep(_RETRY_SECONDS)
        return self._ask(texts)

    def _ask(self, texts: Sequence[str]) -> list[list[float]]:
        headers = {} if self.key is None else {"Authorization": f"Bearer {self.key}"}
        request_body = {"model": self.name, "input": list(texts), "encoding_format": "float"}
        url = f"{self.base_url.rstrip('/')}/embeddings"
        timeout_seconds = _TIMEOUT_SECONDS if len(texts) == 1 else _BATCH_TIMEOUT_SECONDS
        bounds = outbound.ResponseLimits(timeout_seconds, timeout_seconds, _MAX_BYTES)
        try:
            answer = outbound.fetch(
                "POST", url, headers=headers, document=request_body, bounds=bounds, check=outbound.check_endpoint
            )
        except outbound.OutboundError as error:
            passing = not isinstance(error, outbound.AddressError)
            raise EmbeddingProviderError(str(error), passing=passing) from error
        if answer.status != 200:
            passing = answer.status not in _TEXT_REFUSED
            raise EmbeddingProviderError(
                f"{self.name}: status {answer.status}. {_error_message(answer)}".strip(), passing=passing
            )
        try:
            return _vectors(answer.json(), len(texts))
        except (outbound.OutboundError, ValueError, KeyError, TypeError) as error:
            raise EmbeddingProviderError(f"{self.name} did not return embeddings.", passing=True) from error


def _vectors(document: Any, count: int) -> list[list[float]]:
    """The vectors of a response by their `index`. Raises ValueError, KeyError or TypeError for any other response."""
    vectors_by_index: dict[int, list[float]] = {}
    for entry in document["data"]:
        vectors_by_index[int(entry["index"])] = [float(number) for number in entry["embedding"]]
    if sorted(vectors_by_index) != list(range(count)):
        raise ValueError("not one vector for each text")
    return [vectors_by_index[index] for index in range(count)]


def _error_message(answer: outbound.OutboundResponse) -> str:
    """The error message in a response's body, if it has one."""
    try:
        document = answer.json()
    except outbound.OutboundError:
        return ""
    error = document.get("error") if isinstance(document, Mapping) else None
    message = error.get("message") if isinstance(error, Mapping) else error
    return message[:_ERROR_CHARS] if isinstance(message, str) else ""
