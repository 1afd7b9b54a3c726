"""Vectors of short texts other than documents: memories and messages. They always use the built-in model.

They therefore stay comparable with each other when the active model changes.
"""

from chalicelib.knowledge.embedding import builtin
from chalicelib.knowledge.text.chunking import chunk

DIMENSION = 384
# About 4,000 tokens; the rest of a longer text has no vector.
MAX_PARTS = 16


def vectors(text: str) -> list[str]:
    """One vector for each part of `text` that fits into the model, in pgvector's text form, L2-normalised.

    At most `MAX_PARTS`; none for a blank text.
    """
    embedder = builtin.load()
    parts = chunk(text, (), embedder.token_offsets(text), embedder.content_tokens, 0)[:MAX_PARTS]
    # A part can have one token more on its own than within the text.
    return builtin.as_text(embedder.embed([part.text for part in parts], truncate=True))


def query_vector(text: str) -> str:
    """The vector of a query, in pgvector's text form. What the model cannot read at once is cut."""
    (vector,) = builtin.as_text(builtin.load().embed([text], truncate=True))
    return vector
