"""How time and size grow with the number of chunks: `make bench-scale`, or SIZES="10000 100000 1000000".

For each size, 5,000 users, 200 groups and the organisation share synthetic chunks (bench/corpus.py), in a database of
its own. It prints what loading and each index took, bytes a chunk of each table with its own data and its indexes, the
memory of the busiest database process, and the times of a tiny, a middling and a huge user beside the bare query. Five
million chunks need about 40 GB of disk and an hour.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import psutil

from bench import database
from bench.commands import Command, parser
from bench.corpus import load, source
from bench.many_users import header, measure

COMMAND = Command(
    "Time, memory and size at 10,000, 100,000 … chunks; `make bench-scale SIZES=…`",
    usual=None,
    smallest=("--sizes 200 --queries 1",),
)
_SIZES = """
    select relname, pg_relation_size(c.oid) + coalesce(pg_relation_size(nullif(reltoastrelid, 0)), 0),
           pg_indexes_size(c.oid)
      from pg_class c
     where relname = any (%s) order by 2 desc"""
_TABLES = ["documents", "document_chunks", "embeddings_1", "chunk_terms", "lexical_postings", "lexeme_counts"]


def _print_sizes(temp_database: database.Database, chunks: int) -> None:
    total = 0
    for name, data, indexes in temp_database.superuser.execute(_SIZES, [_TABLES]).fetchall():
        total += data + indexes
        print(f"  {name:<20}{data / chunks:>9.0f}{indexes / chunks:>9.0f} bytes a chunk: data, indexes")
    print(f"  {'together':<20}{total / chunks:>9.0f}")


def _print_memory(temp_database: database.Database) -> None:
    """Memory of the application's connection, shared buffers left out."""
    used = psutil.Process(temp_database.app.info.backend_pid).memory_info()
    print(f"  the searching connection: {(used.rss - used.shared) / 2**20:.0f} MB of its own", flush=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """Load and measure each size."""
    import numpy as np

    command_line = parser("bench scale", __doc__)
    command_line.add_argument("folder", nargs="?", type=Path, metavar="FOLDER", help="a collection in BEIR's layout")
    command_line.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000], metavar="CHUNKS")
    command_line.add_argument("--queries", type=int, default=50)
    options = command_line.parse_args(arguments)
    for size in options.sizes:
        corpus_source = source(options.folder, options.queries, size=min(10_000, 5 * size))
        with database.throwaway(shared_buffers="2GB") as temp_database:
            corpus, callers = load(temp_database, corpus_source, size)
            _print_sizes(temp_database, len(corpus.space))
            print(header())
            for caller in callers:
                measure(temp_database, corpus, caller, corpus_source, np.empty(0, dtype=np.int64), f"{size}")
            _print_memory(temp_database)
