"""Sentence embeddings on a GPU, or on a CPU where there is none: long texts first, in batches of equal work."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# Padded tokens of one batch. A GPU is filled by many, a processor's cache overflows early.
GPU_BATCH_TOKENS = 65_536
CPU_BATCH_TOKENS = 2_048
MAX_TOKENS = 256


@dataclass(frozen=True)
class Encoder:
    """A model of sentence-transformers on one device; `half` precision on CUDA."""

    device: str
    half: bool
    batch_tokens: int
    _model: Any = field(repr=False)

    @classmethod
    def load(cls, path: Path, device: str | None = None) -> Encoder:
        """The model whose files lie at `path`, on `device`, or on CUDA where there is one."""
        import torch
        from sentence_transformers import SentenceTransformer

        device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        model = SentenceTransformer(str(path), device=device)
        model.max_seq_length = MAX_TOKENS
        half = device.startswith("cuda")
        if half:
            model.half()
        return cls(device, half, GPU_BATCH_TOKENS if half else CPU_BATCH_TOKENS, model.eval())

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """The embeddings of `texts` in their order: float32 (n, dimension), each row L2-normalised."""
        import numpy as np
        import torch

        tokenizer = self._model.tokenizer
        ids = tokenizer(list(texts), truncation=True, max_length=MAX_TOKENS, padding=False)["input_ids"]
        order: list[int] = []
        parts: list[Any] = []
        # Nothing is copied from the device before its last batch, so that it need not wait for this processor.
        with torch.inference_mode():
            for batch in batches([len(row) for row in ids], self.batch_tokens):
                padded = tokenizer.pad({"input_ids": [ids[position] for position in batch]}, return_tensors="pt")
                features = {name: tensor.to(self.device, non_blocking=True) for name, tensor in padded.items()}
                vectors = self._model(features)["sentence_embedding"].float()
                parts.append(torch.nn.functional.normalize(vectors, dim=1))
                order += batch
            if not parts:
                return np.empty((0, 0), dtype=np.float32)
            sorted_rows: NDArray[np.float32] = torch.cat(parts).cpu().numpy()
        rows = np.empty_like(sorted_rows)
        rows[order] = sorted_rows
        return rows


def batches(lengths: Sequence[int], batch_tokens: int) -> Iterator[list[int]]:
    """Positions of `lengths`, longest first, in batches of up to `batch_tokens` padded tokens; of one text at least."""
    batch: list[int] = []
    for position in sorted(range(len(lengths)), key=lambda index: -lengths[index]):
        if batch and (len(batch) + 1) * lengths[batch[0]] > batch_tokens:
            yield batch
            batch = []
        batch.append(position)
    if batch:
        yield batch
