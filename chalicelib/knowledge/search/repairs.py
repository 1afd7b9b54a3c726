"""What tick does for the search: the inverted index of large spaces, and the counts behind BM25."""

from chalicelib.core import identity, sql
from chalicelib.core.repairs import repair
from chalicelib.knowledge.search import segments

queries = sql.load(__file__)

_INDEX_SECONDS = 10.0


@repair
def index_lexemes() -> int:
    """Keep the inverted index of large spaces; returns how many of its segments were written or looked through."""
    return segments.maintain_index(_INDEX_SECONDS)


@repair
def fold_lexeme_counts() -> None:
    """Add up the counts of lexemes, which writers append without waiting for each other."""
    with identity.as_nobody() as conn:
        conn.execute(queries.fold_lexeme_counts)
