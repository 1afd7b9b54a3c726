"""The tokens of a text, by the tokeniser of an embedding model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class TokenOffsets:
    """Where the tokens of one text lie, and how to count those of another.

    ``starts`` and ``ends`` are int32 of shape (tokens,), characters, in order. ``count`` gives each text's number of
    tokens. ``limit`` is how many the model reads at once. None includes special tokens.
    """

    starts: NDArray[np.int32]
    ends: NDArray[np.int32]
    count: Callable[[Sequence[str]], Sequence[int]]
    limit: int
