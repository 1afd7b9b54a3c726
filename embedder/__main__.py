"""`python -m embedder` embeds what waits and exits when nothing does.

Its environment is that of the ingest function. With `ALCOVE_URL` and `ALCOVE_METRICS_KEY` it also sends measurements of
its host (metrics.py).
"""

from __future__ import annotations

import argparse
import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from embedder import metrics, task
from embedder.encoder import Encoder

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def main() -> None:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=Path, default=Path("/models"), help="a directory for each model, by its name")
    parser.add_argument("--device", help="cuda, cuda:1, cpu; without it CUDA where there is one")
    parser.add_argument("--idle-seconds", type=float, default=task.IDLE_SECONDS, help="how long to wait for more work")
    options = parser.parse_args()

    @functools.cache
    def encode(model: str) -> Callable[[Sequence[str]], NDArray[np.float32]]:
        return Encoder.load(options.models / model, options.device).embed

    with metrics.beside():
        task.run(encode, idle_seconds=options.idle_seconds)


if __name__ == "__main__":
    main()
