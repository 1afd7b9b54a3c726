"""`make bench`: the figures of README.md, one after the other, each from a command that also runs alone."""

import subprocess
import sys

_COMMANDS = (
    ("What is deployed, and its ten largest parts", ("infra.package",)),
    ("Cold start", ("bench.cold_start",)),
    ("The first request of each function", ("bench.first_request",)),
    ("From question to first event", ("bench.first_event",)),
    ("The analysis of a message", ("bench.analysis",)),
    ("Ingestion against the embedder alone", ("bench.ingestion",)),
    ("What authentication costs, and what the time of a login tells", ("bench.auth",)),
    ("The search statement beside the bare HNSW query", ("bench.search_sql", "--chunks", "20000")),
)


def main() -> int:
    """Run each benchmark in turn and stop the stack afterwards; 0 when all of them ran."""
    failed = 0
    for title, arguments in _COMMANDS:
        print(title, flush=True)
        failed += subprocess.run([sys.executable, "-m", *arguments], check=False).returncode != 0
    subprocess.run([sys.executable, "-m", "infra.local.stack", "down"], check=True)
    return failed


if __name__ == "__main__":
    sys.exit(main())
