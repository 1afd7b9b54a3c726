"""Drills on a stack: a whole archive passes, one with a truncated table or a changed object is caught and says which.

The damage is done as it would be missed: the truncated table is dumped again and its digest put into the manifest, so
that only the comparison of the restored tables can see it.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench.commands import Command, parser
from infra.backups import archive, restoring
from infra.local import backups, postgres, stack
from infra.local.api_session import ApiSession

COMMAND = Command(
    "Restore a whole and two damaged archives into scratch stacks; the drill must tell which table or object it is",
    smallest=(),
    costs="each drill starts a stack; tests/ops/test_backups.py compares the tables of one database",
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run; 1 when a drill says something else than what was done."""
    parser("tests.endurance drills", __doc__).parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="alcove-drills-") as name:
        state = Path(name)
        state.chmod(0o755)
        try:
            return _run(stack.up(state, silent=True), state)
        finally:
            stack.reset(state)


def _run(info: stack.StackInfo, state: Path) -> int:
    user = ApiSession.log_in_as(info.api_url, info.administrator["email"], info.administrator["password"])
    for number in range(5):
        text = f"The pump P-{number} is inspected every {number + 2} days."
        user.json("POST", "/documents", {"title": f"Pump {number}", "content": text})
    conversation = user.json("POST", "/conversations", {})["id"]
    user.enqueue(conversation, "How often is the pump P-1 inspected?")
    whole = backups.create(state)
    expected = {
        "whole": (whole, ""),
        "a truncated table": (_truncated(whole, state), "messages has 0 rows"),
        "a changed object": (_changed(whole, state), "was changed, or is missing"),
    }
    wrong = 0
    for name, (folder, sentence) in expected.items():
        differences = backups.drill(state, folder)
        is_right = any(sentence in line for line in differences) if sentence else not differences
        wrong += not is_right
        print(f"  {name}: {'; '.join(differences) or 'restored, compared, answered'}", flush=True)
        tested = [item["restoration_tested"] for item in user.json("GET", "/backups")["items"]]
        if tested != [True]:
            print(f"  wrong: restoration_tested is {tested} after {name}")
            wrong += 1
    user.close()
    return int(bool(wrong))


def _copy(whole: Path, state: Path, name: str) -> Path:
    folder = state / name
    shutil.copytree(whole, folder)
    return folder


def _truncated(whole: Path, state: Path) -> Path:
    """The archive with a dump in which one table is empty, and whose manifest knows that dump."""
    folder = _copy(whole, state, "truncated")
    server, scratch = backups.place_of(state).server, "alcove_truncated"
    restoring.load(folder, server, scratch)
    with postgres.connect_superuser(server, scratch) as connection:
        connection.execute("truncate messages cascade")
    (folder / "database.dump").unlink()
    archive.program(server, "pg_dump", "--format=custom", f"--file={folder / 'database.dump'}", scratch)
    postgres.drop_database(server, scratch)
    document = json.loads((folder / "manifest.json").read_text("utf-8"))
    document["files"]["database.dump"] = archive._digest(folder / "database.dump")
    (folder / "manifest.json").write_text(json.dumps(document), "utf-8")
    return folder


def _changed(whole: Path, state: Path) -> Path:
    """The archive with one byte of one object changed."""
    folder = _copy(whole, state, "changed")
    entry = next(archive.objects(folder))
    path = folder / "objects" / entry["sha256"]
    contents = path.read_bytes()
    path.write_bytes(bytes([contents[0] ^ 1]) + contents[1:])
    return folder
