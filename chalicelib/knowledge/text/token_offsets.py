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
    """The positions of one text's tokens, and a function that counts the tokens of other texts.

    ``starts`` and ``ends`` are int32 of shape (tokens,), characters, in order. ``count`` returns the number of tokens
    of each text. ``limit`` is the number of tokens that the model reads at once. None of them includes special tokens.
    """

    starts: NDArray[np.int32]
    ends: NDArray[np.int32]
    count: Callable[[Sequence[str]], Sequence[int]]
    limit: int
