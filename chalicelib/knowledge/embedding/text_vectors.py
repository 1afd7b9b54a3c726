"""Vectors of short texts that are no documents: memories and messages. Always by the built-in model.

Whichever model is active for documents, these stay comparable with each other.
"""

from chalicelib.knowledge.embedding import builtin
from chalicelib.knowledge.text.chunking import chunk

DIMENSION = 384
# About 4,000 tokens; what a longer text says after that has no vector.
MAX_PARTS = 16


def vectors(text: str) -> list[str]:
    """One vector for every part of `text` that the model reads at once, in pgvector's text form, L2-normalised.

    At most `MAX_PARTS`; none for a text of blanks.
    """
    embedder = builtin.load()
    parts = chunk(text, (), embedder.token_offsets(text), embedder.content_tokens, 0)[:MAX_PARTS]
    # A part may count one token more on its own than within its text.
    return builtin.as_text(embedder.embed([part.text for part in parts], truncate=True))


def query_vector(text: str) -> str:
    """The vector of a query, in pgvector's text form. What the model cannot read at once is cut."""
    (vector,) = builtin.as_text(builtin.load().embed([text], truncate=True))
    return vector
