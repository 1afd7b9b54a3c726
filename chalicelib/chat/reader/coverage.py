"""Coverage: whether a quotation speaks of every word of the question, by the vectors of their tokens.

A text about the right thing that lacks what was asked for has a near match for every word but one. Late interaction
(Khattab and Zaharia 2020, ColBERT) compares tokens so; the tokens' vectors are here those of the built-in embedding
model, which is loaded anyway.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from chalicelib.knowledge.text.lexemes import STOP_WORDS

if TYPE_CHECKING:
    from chalicelib.knowledge.embedding.builtin import Embedder

# What the model reads of the question, and of the quotation under its title and heading.
MAX_QUESTION_TOKENS = 64
MAX_TOKENS = 128

_WORD = re.compile(r"[^\W_]{2,}|\d")
# Words of a question that no answer repeats.
_QUESTION_WORDS = "can don dont get got im many may much must need please tell there want"
_IGNORED = STOP_WORDS.union(_QUESTION_WORDS.split())


def weakest(question: str, text: str, embedder: Embedder) -> float:
    """The cosine, -1 to 1, of the content word of `question` that `text` comes least near to; 0 without any token.

    A word is as near as the token of the text that is most similar, the mean over the word's own tokens.
    """
    question_vectors, offsets = embedder.token_vectors(question, MAX_QUESTION_TOKENS)
    text_vectors, _ = embedder.token_vectors(text, MAX_TOKENS)
    if not offsets or not len(text_vectors):
        return 0.0
    nearest = (question_vectors @ text_vectors.T).max(axis=1)
    words = list(_WORD.finditer(question))
    content = [word for word in words if word[0].lower() not in _IGNORED] or words
    means = []
    for word in content:
        own = [place for place, (start, end) in enumerate(offsets) if start < word.end() and end > word.start()]
        if own:
            means.append(float(nearest[own].mean()))
    return min(means, default=0.0)
