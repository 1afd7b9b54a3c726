"""`make test-embedder`: the task's vectors against sentence-transformers' and against the functions' model's (K6)."""

from __future__ import annotations

import argparse
import re
import statistics
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from embedder.encoder import Encoder

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ROOT = Path(__file__).parents[1]
_RUNS = 3
_TEXTS = 400


def texts() -> list[str]:
    """Texts of very different length, from this repository's own pages."""
    paragraphs: list[str] = []
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        paragraphs += [part.strip() for part in re.split(r"\n\s*\n", page.read_text("utf-8")) if part.strip()]
    return [" ".join(paragraph.split()[:120]) for paragraph in paragraphs][:_TEXTS]


def main() -> int:
    """Compare, print, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("weights", type=Path, help="the directory of the model's weights")
    options = parser.parse_args()
    from sentence_transformers import SentenceTransformer

    from chalicelib.knowledge.embedding import builtin

    sample = texts()
    plain = SentenceTransformer(str(options.weights))
    encoder = Encoder.load(options.weights)
    reference = plain.encode(sample, normalize_embeddings=True)
    local_vectors = encoder.embed(sample)
    small = builtin.load().embed(sample, truncate=True)
    against_plain, against_int8 = _lowest(local_vectors, reference), _lowest(local_vectors, small)
    ratios = []
    for _ in range(_RUNS):
        started = time.perf_counter()
        plain.encode(sample)
        middle = time.perf_counter()
        encoder.embed(sample)
        ratios.append((middle - started) / (time.perf_counter() - middle))
        rate = len(sample) / (time.perf_counter() - middle)
    print(f"{len(sample)} texts on {encoder.device}{', half precision' if encoder.half else ''}")
    print(f"lowest cosine to SentenceTransformer.encode  {against_plain:.6f}  (at least 0.999)")
    print(f"lowest cosine to the functions' int8 model   {against_int8:.6f}  (at least 0.99)")
    print(f"texts per second {rate:.0f}; {statistics.median(ratios):.2f} x SentenceTransformer.encode")
    return 0 if against_plain >= 0.999 and against_int8 >= 0.99 else 1


def _lowest(first: NDArray[np.float32], second: NDArray[np.float32]) -> float:
    return float((first * second).sum(axis=1).min())


if __name__ == "__main__":
    sys.exit(main())
