"""What headings are worth to the passages under them: nDCG@10, recall@100 and MRR@10 without and with them as context.

    python -m bench.headings [--chunk-size TOKENS] FOLDER [FOLDER ...]

Each document of a collection in BEIR's layout becomes a section of a handbook, under its title as heading and cut into
passages; the handbook's own title says nothing. The first passage of a section holds the heading in either way.
"""

import argparse
from dataclasses import replace
from pathlib import Path

from bench import collection as collections
from bench import retrieval
from bench.collection import Document
from chalicelib.knowledge.embedding import builtin
from chalicelib.knowledge.text import chunking
from chalicelib.knowledge.text.segment import Segment

_HANDBOOK = "Handbook"
# A section of a handbook is longer than an abstract: small passages cut as many from it.
_CHUNK_SIZE = 64


def main() -> None:
    """Read the command line and print the table."""
    parser = argparse.ArgumentParser(description="Retrieval without and with headings as context of passages.")
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER", help="corpus.jsonl, queries.jsonl, qrels/")
    parser.add_argument("--chunk-size", type=int, default=_CHUNK_SIZE, metavar="TOKENS")
    given = parser.parse_args()
    for folder in given.folders:
        collection = collections.read(folder)
        cut = [
            (number, chunk)
            for number, document in enumerate(collection.documents)
            for chunk in _chunks(document, given.chunk_size)
        ]
        for held in (False, True):
            chunks = [chunk if held else replace(chunk, context=None) for _, chunk in cut]
            passages = collections.embedded(collection.name, [number for number, _ in cut], chunks)
            inside = sum(chunk.context is not None for chunk in chunks)
            print(f"{collection.name}: {len(chunks)} passages, {inside} with headings as context", flush=True)
            with retrieval.stored(collection, passages, [_HANDBOOK] * len(collection.documents)) as index:
                retrieval.measure(collection, index)


def _chunks(document: Document, size: int) -> list[chunking.Chunk]:
    segments = [Segment(0, len(document.content), None, document.title)]
    offsets = builtin.load().token_offsets(document.content)
    return chunking.chunk(document.content, segments, offsets, size, size // 6)


if __name__ == "__main__":
    main()
