"""Requests go on while the service is deployed anew, and back, and again: none may see a 5xx.

Two releases are deployed in turn to a stack of this run's own: the former one, and a newer one with a migration whose
code cannot work without it. The former release is this checkout, or any commit of its history (`--former`); the newer
one is this checkout with a column, a function and code that calls it on every request. Going back leaves the schema,
so the former code then works on the newer schema.
"""

from __future__ import annotations

import io
import secrets
import shutil
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from alcove import ApiError, UnreachableError
from bench.commands import Command, parser
from infra import package
from infra.local import stack
from infra.local.api_session import ApiSession

COMMAND = Command(
    "Deploy, go back and deploy again under requests: none may fail",
    smallest=(),
    costs="three deployments take half a minute; the suite checks that the newer release can be made",
)

_ROOT = Path(__file__).parents[2]
_PARTS = ("app.py", "chalicelib", "infra", "migrations", ".chalice", "requirements.txt", "requirements.lock")
_STEADY_SECONDS = 3.0
_END_SECONDS = 120
_TIMEOUT_SECONDS = 120  # a slow answer is no failure here: the machine is packaging and deploying meanwhile
_PAUSE_SECONDS = 0.2  # between a user's requests: what is deployed needs processor time, too
_MIGRATION = """
alter table conversations add column rollout_{name} text not null default '{name}';
do $$ begin
    execute replace(pg_get_functiondef('begin_session'::regproc), 'begin_session(', 'begin_session_{name}(');
end $$;
grant execute on function begin_session_{name} to alcove_app;
"""
_ROLLBACK = "drop function begin_session_{name}; alter table conversations drop column rollout_{name};"


@dataclass
class Observations:
    """What the clients saw: outcomes by phase, and what they were promised."""

    phase: str = "before"
    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    documents: list[tuple[ApiSession, str]] = field(default_factory=list)
    jobs: list[tuple[ApiSession, str]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    stop: threading.Event = field(default_factory=threading.Event)

    def record(self, outcome: str, detail: str = "") -> None:
        """Count an outcome in the phase that goes on."""
        with self.lock:
            self.outcomes[(self.phase, outcome)] += 1
            if detail:
                self.failures.append(f"{self.phase}: {detail}")
                print(f"  {datetime.now(UTC):%H:%M:%S} {self.failures[-1]}", flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Deploy and go back under requests; 1 when one failed or something promised did not happen."""
    command_line = parser("tests.endurance rollout", __doc__)
    command_line.add_argument("--former", default="", help="a commit; without one, this checkout")
    command_line.add_argument("--users", type=int, default=4)
    options = command_line.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="alcove-rollout-") as name:
        directory = Path(name)
        directory.chmod(0o755)  # PostgreSQL runs as nobody when this runs as root
        state = directory / "state"
        former, newer = directory / "former", directory / "newer"
        _copy(former, options.former)
        _copy(newer, "")
        make_newer(newer)
        try:
            _up(former, state)
            return _measure(former, newer, state, options.users)
        finally:
            stack.reset(state)


def _copy(tree: Path, commit: str) -> None:
    """A copy of this checkout, or of one of its commits, that builds its libraries only when they differ."""
    if commit:
        archive = subprocess.run(["git", "archive", commit, *_PARTS], cwd=_ROOT, capture_output=True, check=False)
        if archive.returncode != 0:
            sys.exit(f"error: {commit} cannot be read; a shallow clone has no history. {archive.stderr.decode()}")
        with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as opened:
            opened.extractall(tree, filter="data")
    else:
        tree.mkdir()
        for part in _PARTS:
            copy = shutil.copytree if (_ROOT / part).is_dir() else shutil.copy2
            copy(_ROOT / part, tree / part)
    package.build(package.Target())
    (tree / ".local").mkdir()
    (tree / ".local" / "models").symlink_to(_ROOT / ".local" / "models")
    built = package.Target().directory
    shutil.copytree(built, tree / ".local" / "build" / built.name)


def make_newer(tree: Path, names: Sequence[str] = ("newer",)) -> None:
    """Give a copy of the service a migration for each name, and code that cannot work without the last one."""
    for number, name in enumerate(names):
        path = tree / "migrations" / f"{9000 + number}_rollout_{name}.sql"
        path.write_text(_MIGRATION.format(name=name))
        path.with_suffix(".rollback.sql").write_text(_ROLLBACK.format(name=name))
    callers = [path for path in sorted((tree / "chalicelib" / "core").rglob("*")) if path.suffix in {".py", ".sql"}]
    changed = [path for path in callers if "from begin_session(" in path.read_text()]
    if not changed:
        raise RuntimeError("core calls begin_session no longer: let this command change another call")
    for path in changed:
        path.write_text(path.read_text().replace("from begin_session(", f"from begin_session_{names[-1]}("))


def _up(tree: Path, state: Path) -> float:
    """Deploy with the tree's own deployment; returns the seconds it took."""
    code = "import pathlib, sys; from infra.local import stack; stack.up(pathlib.Path(sys.argv[1]), silent=True)"
    started = time.monotonic()
    subprocess.run([sys.executable, "-c", code, str(state)], cwd=tree, check=True)
    return time.monotonic() - started


def _measure(former: Path, newer: Path, state: Path, users: int) -> int:
    observed = Observations()
    with _clients(stack.load(state), users, observed):
        time.sleep(_STEADY_SECONDS)
        for phase, tree in (("deploy", newer), ("go back", former), ("deploy again", newer)):
            observed.phase = phase
            seconds = _up(tree, state)
            time.sleep(_STEADY_SECONDS)
            print(f"  {phase:<14}{seconds:5.1f} s  {_counts(observed, phase)}", flush=True)
    unfinished = _unfinished(observed)
    for line in [*observed.failures, *unfinished][:20]:
        print(f"  {line}")
    print(
        f"  {sum(observed.outcomes.values())} requests, {len(observed.failures)} failed;"
        f" {len(observed.documents)} documents, {len(observed.jobs)} questions, {len(unfinished)} not done"
    )
    return int(bool(observed.failures or unfinished))


def _counts(observed: Observations, phase: str) -> str:
    with observed.lock:
        result = {outcome: number for (when, outcome), number in sorted(observed.outcomes.items()) if when == phase}
    return ", ".join(f"{number} × {outcome}" for outcome, number in result.items())


@contextmanager
def _clients(info: stack.StackInfo, users: int, observed: Observations) -> Iterator[None]:
    threads = [threading.Thread(target=_work, args=(info, observed)) for _ in range(users)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        observed.stop.set()
        for thread in threads:
            thread.join()


def _work(info: stack.StackInfo, observed: Observations) -> None:
    """One user: lists and searches, now and then a document and a question; nothing is repeated when it fails."""
    email, password = f"{secrets.token_hex(6)}@example.org", secrets.token_urlsafe(16)
    user = ApiSession.register(info.api_url, email, password, timeout=_TIMEOUT_SECONDS)
    conversation = user.json("POST", "/conversations", {})["id"]
    number = 0
    while not observed.stop.wait(_PAUSE_SECONDS):
        number += 1
        _one(observed, user, "GET", "/ready")
        _one(observed, user, "GET", "/conversations")
        _one(observed, user, "POST", "/search", {"query": "pump inspection"})
        if number % 5 == 0:
            text = f"Pump {number} is inspected every {number} days. {secrets.token_hex(8)}"
            document = _one(observed, user, "POST", "/documents", {"title": f"Pump {number}", "content": text})
            content = {"content": f"When is pump {number} inspected?"}
            queued = _one(observed, user, "POST", f"/conversations/{conversation}/messages", content)
            observed.documents += [(user, document["id"])] if document else []
            observed.jobs += [(user, queued["job"]["id"])] if queued else []


def _one(observed: Observations, user: ApiSession, method: str, path: str, body: object = None) -> Any:
    observed.stop.wait(_PAUSE_SECONDS)
    try:
        answer = user.json(method, path, body)
    except ApiError as error:
        is_failure = error.status >= 500
        observed.record(str(error.status), f"{method} {path}: {error}" if is_failure else "")
        return None
    except UnreachableError as error:
        observed.record(type(error).__name__, f"{method} {path}: {error!r}")
        return None
    observed.record("2xx")
    return answer


def _unfinished(observed: Observations) -> list[str]:
    """Documents that did not become searchable and questions that were not answered."""
    deadline = time.monotonic() + _END_SECONDS
    waiting = [(user, f"/documents/{result}") for user, result in observed.documents]
    waiting += [(user, f"/jobs/{result}") for user, result in observed.jobs]
    while waiting and time.monotonic() < deadline:
        time.sleep(0.5)
        waiting = [(user, path) for user, path in waiting if user.json("GET", path)["status"] != "completed"]
    return [f"{path} is not completed" for _, path in waiting]
