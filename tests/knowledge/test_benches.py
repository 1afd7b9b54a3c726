"""The benchmarks of searches still run: what they store is what ingestion stores. Their figures are not for tests."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

TEXTS = {
    "1": ("Pumps", "# Care\n\nThe pump is inspected every ninety days.\n\n# Spares\n\nIts seal is kept in hall 4."),
    "2": ("Valves", "# Care\n\nThe relief valve is tested twice a year.\n\n# Spares\n\nA spring lies in hall 7."),
    "3": ("Fans", "# Care\n\nThe fan of the drying hall runs day and night.\n\n# Spares\n\nBearings are ordered."),
}
QUERIES = {"a": ("How often is the pump inspected?", "1"), "b": ("Who tests the relief valve?", "2")}


@pytest.fixture
def collection(tmp_path: Path) -> Path:
    def lines(rows: "list[dict[str, str]]") -> str:
        return "".join(json.dumps(row) + "\n" for row in rows)

    (tmp_path / "qrels").mkdir()
    texts = [{"_id": key, "title": title, "text": text} for key, (title, text) in TEXTS.items()]
    (tmp_path / "corpus.jsonl").write_text(lines(texts))
    (tmp_path / "queries.jsonl").write_text(lines([{"_id": key, "text": text} for key, (text, _) in QUERIES.items()]))
    judged = "".join(f"{key}\t{document}\t1\n" for key, (_, document) in QUERIES.items())
    (tmp_path / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\n" + judged)
    return tmp_path


@pytest.mark.parametrize(
    ("module", "options", "printed"),
    [
        ("scale", ["--chunks", "200", "--queries", "1"], "ingesting   huge"),
        ("search_sql", ["--chunks", "200", "--queries", "1"], "private       lexical"),
        ("retrieval", [], "hybrid"),
        ("headings", [], "hybrid"),
    ],
    ids=["scale", "search_sql", "retrieval", "headings"],
)
def test_a_benchmark_runs(collection: Path, module: str, options: list[str], printed: str) -> None:
    command = [sys.executable, "-m", f"bench.{module}", *(options or [str(collection)])]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert printed in done.stdout
