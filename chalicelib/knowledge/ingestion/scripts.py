"""Documents in a script whose words the embedding model lacks: searches compare their words, and not their meaning."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from chalicelib.knowledge.documents.file_warnings import SCRIPT_UNKNOWN, FileWarning
from chalicelib.knowledge.embedding import builtin
from chalicelib.knowledge.embedding.trainings import MULTILINGUAL

if TYPE_CHECKING:
    from chalicelib.knowledge.embedding.recipe import Recipe
    from chalicelib.knowledge.text.chunking import ChunkDraft

# From this share of unknown letters on. By the default model English, German, Russian and Arabic have less than 0.05,
# Chinese 0.3 to 0.7 and Thai 1.
_MOST_UNKNOWN = 0.3
_SAMPLE_CHUNKS = 24


def warnings(model: "Recipe", drafts: Sequence["ChunkDraft"]) -> list[FileWarning]:
    """A warning for chunks that the built-in `model` cannot read, judged by an even sample of them.

    What a model on a server knows is not known here, so it never leads to a warning.
    """
    if model.provider != "builtin" or not drafts:
        return []
    step = -(-len(drafts) // _SAMPLE_CHUNKS)
    share = builtin.load(model.model).unknown_share([draft.text for draft in drafts[::step]])
    if share < _MOST_UNKNOWN:
        return []
    return [
        FileWarning(
            SCRIPT_UNKNOWN,
            f"The embedding model {model.model} does not know the script of {share:.0%} of the letters. Searches find "
            "this document by its words and not by its meaning, until an administrator chooses a multilingual model: "
            f"alcove admin use-embedding-model {MULTILINGUAL}",
        )
    ]
