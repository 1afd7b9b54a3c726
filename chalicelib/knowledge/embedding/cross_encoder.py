"""The built-in cross-encoder: how well a text answers a question, both read together by one model.

It tells an answer from a text about the same subject, which two separate embeddings do not. It knows English. Its files
are in ``alcove_models`` beside the embedding model's, and it is loaded when it is first used: about 0.3 s and 90 MiB.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from chalicelib.knowledge.embedding import builtin

if TYPE_CHECKING:
    import onnxruntime  # type: ignore[import-untyped]
    import tokenizers

NAME = "ms-marco-minilm-l-12-v2"
MAX_QUESTION_TOKENS = 64


@dataclass(frozen=True, slots=True)
class CrossEncoder:
    """The loaded model. Safe to share between threads."""

    _session: onnxruntime.InferenceSession = field(repr=False)
    _tokenizer: tokenizers.Tokenizer = field(repr=False)

    def scores(self, question: str, texts: Sequence[str], max_tokens: int = 96) -> list[float]:
        """The score of each text, a logit: above 0 it more likely answers the question than not.

        Reads the first `MAX_QUESTION_TOKENS` tokens of the question and `max_tokens` of each text. Each pair is run
        alone: the model's weights are quantised, and a pair's score would otherwise depend on those beside it. Pairs in
        one batch take as long on a processor (docs/reader.md).
        """
        question_ids = self._ids(question, MAX_QUESTION_TOKENS)
        return [self._score(question_ids, self._ids(text, max_tokens)) for text in texts]

    def knows(self, word: str) -> bool:
        """Whether the model has a token of its own for a word. Common English words have one."""
        tokens = self._tokenizer.encode(word, add_special_tokens=False).tokens
        return len(tokens) == 1 and tokens[0] != "[UNK]"

    def _ids(self, text: str, most: int) -> list[int]:
        encoded = self._tokenizer.encode(text[: most * builtin.CHARS_PER_TOKEN], add_special_tokens=False)
        return [int(number) for number in encoded.ids[:most]]

    def _score(self, question_ids: Sequence[int], text: Sequence[int]) -> float:
        import numpy as np

        begin, end = (self._tokenizer.token_to_id(token) for token in ("[CLS]", "[SEP]"))
        ids = np.array([[begin, *question_ids, end, *text, end]], dtype=np.int64)
        kinds = np.zeros_like(ids)
        kinds[0, len(question_ids) + 2 :] = 1
        inputs = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": kinds}
        return float(self._session.run(["logits"], inputs)[0][0, 0])


@functools.cache
def load() -> CrossEncoder:
    """The model, loaded once per process. Raises `builtin.ModelNotFoundError` where the deployment does not have it."""
    from tokenizers import Tokenizer

    folder = builtin.model_folder(NAME)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return CrossEncoder(_session=builtin.open_session(folder / "model.onnx"), _tokenizer=tokenizer)
