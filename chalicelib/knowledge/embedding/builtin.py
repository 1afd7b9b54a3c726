"""Sentence embeddings of the built-in models on ONNX Runtime, on the CPU, in one process.

The models' files are in the importable package ``alcove_models``, which the deployment puts on the import path. Nothing
is downloaded, and nothing is imported before the first text is embedded. embedding_models.py decides which model's
vectors searches use.
"""

from __future__ import annotations

import functools
import importlib.util
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from chalicelib.knowledge.embedding.trainings import Training, training
from chalicelib.knowledge.text import graphemes
from chalicelib.knowledge.text.token_offsets import TokenOffsets

if TYPE_CHECKING:
    import numpy as np
    import onnxruntime  # type: ignore[import-untyped]
    import tokenizers
    from numpy.typing import NDArray

MODELS_PACKAGE = "alcove_models"
BUILT_IN = "all-minilm-l6-v2"

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}")
# A batch is limited by its padded tokens: on two cores, 512 is as fast as 2,048, because the activations stay in the
# processor's cache, and takes 160 MiB less.
_BATCH_TOKENS = 512
_BATCH_TEXTS = 16
# The tokenizer keeps about 100 bytes for every token of one call, so a long document is tokenised in parts.
_PART_CHARS = 1 << 16
_COUNT_TEXTS = 256
# Of a text whose tail is ignored, characters beyond these are not tokenised: a token has at most a few.
CHARS_PER_TOKEN = 16
# The words of the two kinds of tokenizers for what they do not know.
_UNKNOWN = ("[UNK]", "<unk>")
# A word that the vocabulary lacks is one token, however long it is. For the length of chunks it counts as the tokens
# that a word of a known alphabet would have, or a chunk of Thai would be four times as long as others.
_CHARS_OF_UNKNOWN = 4


class ModelNotFoundError(Exception):
    """The files of a model are not on the import path."""


class TextTooLongError(ValueError):
    """A text has more tokens than the model reads, and `truncate` was not set."""


@dataclass(frozen=True, slots=True)
class Embedder:
    """One loaded embedding model. Safe to share between threads.

    ``max_tokens`` includes the two special tokens around every text; ``content_tokens`` is what remains for the text.
    """

    name: str
    dimension: int
    _session: onnxruntime.InferenceSession = field(repr=False)
    _tokenizer: tokenizers.Tokenizer = field(repr=False)
    _training: Training = field(default=Training(), repr=False)

    @property
    def max_tokens(self) -> int:
        """The number of tokens that the model reads."""
        return self._training.max_tokens

    @property
    def content_tokens(self) -> int:
        """The number of a text's tokens that the model reads: ``max_tokens`` less the special tokens."""
        return self.max_tokens - int(self._tokenizer.num_special_tokens_to_add(is_pair=False))

    def token_offsets(self, text: str) -> TokenOffsets:
        """The character offsets of every token of `text`, without special tokens, in order: int32, two of shape (n,).

        A word that the vocabulary lacks stands as parts of at most `_CHARS_OF_UNKNOWN` characters. A long text is
        tokenised in parts that end at white space. The tokens are the same, because this model's tokenizer never joins
        across white space. Only a run without white space that is longer than a part can differ.
        """
        import numpy as np

        starts: list[NDArray[np.int32]] = []
        ends: list[NDArray[np.int32]] = []
        for begin, end in _parts(text):
            encoded = self._tokenizer.encode(text[begin:end], add_special_tokens=False)
            pairs = np.array(self._parted(encoded), dtype=np.int32).reshape(-1, 2) + np.int32(begin)
            starts.append(pairs[:, 0])
            ends.append(pairs[:, 1])
        empty = np.empty(0, dtype=np.int32)
        joined = np.concatenate([empty, *starts]), np.concatenate([empty, *ends])
        return TokenOffsets(*joined, self.count_tokens, self.content_tokens)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """The number of tokens of each text, as `token_offsets` has them, without truncation."""
        counts: list[int] = []
        for begin in range(0, len(texts), _COUNT_TEXTS):
            batch = list(texts[begin : begin + _COUNT_TEXTS])
            batch_encoded = self._tokenizer.encode_batch_fast(batch, add_special_tokens=False)
            for text, encoded in zip(batch, batch_encoded, strict=True):
                # The fast way has no offsets.
                has_unknown = self._unknown_id in encoded.ids
                whole = self._tokenizer.encode(text, add_special_tokens=False) if has_unknown else None
                counts.append(len(encoded) if whole is None else len(self._parted(whole)))
        return counts

    @property
    def _unknown_id(self) -> int | None:
        return next((n for n in map(self._tokenizer.token_to_id, _UNKNOWN) if n is not None), None)

    def _parted(self, encoded: tokenizers.Encoding) -> list[tuple[int, int]]:
        """The offsets of the tokens of a text, an unknown word in parts."""
        unknown = self._unknown_id
        if unknown not in encoded.ids:
            return encoded.offsets
        parts: list[tuple[int, int]] = []
        for number, (start, end) in zip(encoded.ids, encoded.offsets, strict=True):
            if number != unknown or end - start <= _CHARS_OF_UNKNOWN:
                parts.append((start, end))
                continue
            steps = range(start, end, _CHARS_OF_UNKNOWN)
            parts.extend((step, min(step + _CHARS_OF_UNKNOWN, end)) for step in steps)
        return parts

    def unknown_share(self, texts: Sequence[str]) -> float:
        """The share of the letters of `texts`, 0 to 1, that stand in words which the model's vocabulary lacks.

        Such a word is one token without any meaning, however long it is: nearly all of Thai.
        """
        letters = unknown = 0
        for text in texts:
            encoded = self._tokenizer.encode(text, add_special_tokens=False)
            for part, (start, end) in zip(encoded.tokens, encoded.offsets, strict=True):
                count = sum(map(str.isalpha, text[start:end]))
                letters += count
                unknown += count if part in _UNKNOWN else 0
        return unknown / letters if letters else 0.0

    def embed(self, texts: Sequence[str], *, truncate: bool = False) -> NDArray[np.float32]:
        """The embeddings of `texts` in their order: float32 (n, dimension), each row L2-normalised.

        Mean pooling over the attention mask (Reimers and Gurevych 2019, Sentence-BERT) or the first token's output, as
        in the model's training. A text longer than the model reads raises `TextTooLongError`, unless `truncate` is set,
        which ignores its tail (for queries), or the model counts other tokens than those by which chunks are cut.
        """
        import numpy as np

        rows = np.empty((len(texts), self.dimension), dtype=np.float32)
        ids = [self._ids(position, text, truncate=truncate) for position, text in enumerate(texts)]
        for batch in _batches([len(row) for row in ids], 1 if self._training.alone else _BATCH_TEXTS):
            rows[batch] = self._run([ids[position] for position in batch])
        return rows

    def token_vectors(self, text: str, most: int) -> tuple[NDArray[np.float32], list[tuple[int, int]]]:
        """The first `most` tokens of `text`, less the special ones: the vector of each in its context, float32 (tokens,
        dimension), L2-normalised; and their character offsets."""
        encoded = self._tokenizer.encode(text[: most * CHARS_PER_TOKEN])
        ids = encoded.ids if len(encoded) <= most + 2 else [*encoded.ids[: most + 1], encoded.ids[-1]]
        hidden, _ = self._hidden([ids])
        return shorten(hidden[0, 1:-1], self.dimension), encoded.offsets[1 : len(ids) - 1]

    def _ids(self, position: int, text: str, *, truncate: bool) -> list[int]:
        # A text of n characters has at most n tokens here, but tokenising it may take much memory. With truncation,
        # only the beginning matters.
        ids = self._tokenizer.encode(text[: _PART_CHARS if truncate else None]).ids
        if len(ids) <= self.max_tokens:
            return ids
        if not (truncate or self._training.own_words):
            raise TextTooLongError(f"Text {position} has {len(ids)} tokens and {self.name} reads {self.max_tokens}.")
        return [*ids[: self.max_tokens - 1], ids[-1]]

    def _run(self, ids: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        import numpy as np

        hidden, mask = self._hidden(ids)
        if self._training.takes_first:
            return shorten(hidden[:, 0], self.dimension)
        weights = mask.astype(np.float32)
        pooled = np.einsum("bsd,bs->bd", hidden, weights) / weights.sum(axis=1, keepdims=True)
        return shorten(pooled, self.dimension)

    def _hidden(self, ids: Sequence[Sequence[int]]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """The outputs of every token, (texts, tokens, dimension), and which are no padding, (texts, tokens)."""
        import numpy as np

        shape = (len(ids), max(len(row) for row in ids))
        input_ids, mask = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64)
        for row, values in enumerate(ids):
            input_ids[row, : len(values)] = values
            mask[row, : len(values)] = 1
        inputs = {"input_ids": input_ids, "attention_mask": mask, "token_type_ids": np.zeros(shape, dtype=np.int64)}
        hidden: NDArray[np.float32] = self._session.run(["last_hidden_state"], inputs)[0]
        return hidden, mask


def shorten(vectors: NDArray[np.float32], dimension: int) -> NDArray[np.float32]:
    """The first `dimension` numbers of each vector, L2-normalised: float32 (n, dimension).

    Providers shorten vectors in the same way (Kusupati et al. 2022, Matryoshka representation learning). Raises
    ValueError for vectors that are shorter, or that are zero.
    """
    import numpy as np

    if vectors.shape[1] < dimension:
        raise ValueError(f"A vector of {vectors.shape[1]} numbers cannot be cut to {dimension}.")
    cut = vectors[:, :dimension]
    lengths = np.linalg.norm(cut, axis=1, keepdims=True)
    if not np.all(np.isfinite(lengths) & (lengths > 0)):
        raise ValueError("A vector has no direction.")
    normalised: NDArray[np.float32] = (cut / lengths).astype(np.float32)
    return normalised


def as_text(vectors: NDArray[np.float32]) -> list[str]:
    """Each row in pgvector's text form: numbers of half precision, rounded once, as in halfvec.from_rows."""
    return [vector_text(vector) for vector in vectors.astype("float16").tolist()]


def vector_text(vector: Sequence[float]) -> str:
    """A vector in pgvector's text form, with as many digits as half precision can keep."""
    return "[" + ",".join(f"{number:.5g}" for number in vector) + "]"


@functools.cache
def load(name: str = BUILT_IN) -> Embedder:
    """The embedding model `name`, loaded once per process from ``alcove_models/<name>/``. Takes about 0.3 s.

    Raises `ModelNotFoundError` when ``model.onnx`` or ``tokenizer.json`` is not on the import path.
    """
    from tokenizers import Tokenizer

    folder = model_folder(name)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    # The file may set truncation and padding to fewer tokens than the model reads.
    tokenizer.no_truncation()
    tokenizer.no_padding()
    session = open_session(folder / "model.onnx")
    dimension = int(session.get_outputs()[0].shape[-1])
    return Embedder(name, dimension, session, tokenizer, training(name))


def model_folder(name: str) -> Path:
    """The directory of a model's files. Raises `ModelNotFoundError`."""
    if not _NAME.fullmatch(name):
        raise ModelNotFoundError(f"{name!r} is not the name of a built-in model.")
    spec = importlib.util.find_spec(MODELS_PACKAGE)
    for location in (spec.submodule_search_locations or []) if spec else []:
        folder = Path(location) / name
        if (folder / "model.onnx").is_file() and (folder / "tokenizer.json").is_file():
            return folder
    raise ModelNotFoundError(
        f"The model {name} is not on the import path: {MODELS_PACKAGE}/{name}/ must hold model.onnx and tokenizer.json."
    )


def open_session(path: Path) -> onnxruntime.InferenceSession:
    """An ONNX model for the CPU, with little memory and few threads."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = min(len(os.sched_getaffinity(0)), 4)
    options.inter_op_num_threads = 1
    # Waiting threads that spin would take the processor from PostgreSQL and from other Lambdas on the same host.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # Batches differ in shape: a plan for each shape would accumulate, and the arena would keep the largest one forever.
    # Without both, small batches are as fast, and the memory stays at that of the weights.
    options.enable_mem_pattern = False
    options.enable_cpu_mem_arena = False
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def _parts(text: str) -> Iterator[tuple[int, int]]:
    """Consecutive ranges of `text`, each of at most `_PART_CHARS`, cut at white space where there is any."""
    begin = 0
    while len(text) - begin > _PART_CHARS:
        end = begin + _PART_CHARS
        cut = next((i for i in range(end, begin + _PART_CHARS // 2, -1) if text[i].isspace()), None)
        yield begin, (cut := cut or graphemes.boundary_before(text, end, begin))
        begin = cut
    if begin < len(text):
        yield begin, len(text)


def _batches(lengths: Sequence[int], most: int) -> Iterator[list[int]]:
    """Positions of `lengths`, longest first, in batches of at most `most` texts, bounded by padded tokens."""
    batch: list[int] = []
    for position in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        if batch and (len(batch) == most or (len(batch) + 1) * lengths[batch[0]] > _BATCH_TOKENS):
            yield batch
            batch = []
        batch.append(position)
    if batch:
        yield batch
