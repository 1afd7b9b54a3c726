"""Clients that others make, against the running stack. `make test-doors` prepares their environment, .local/doors."""

import json
import os
import subprocess
import tempfile
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from infra.local import stack
from infra.local.api_session import ApiSession

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PREPARED = ROOT / ".local" / "doors"
_WHY = "the clients are not installed; `make test-doors` installs them and runs these tests"


@dataclass(frozen=True)
class Doors:
    """The environment of the clients, and a folder for what they generate."""

    folder: Path

    def python(self, *arguments: str, **environment: str) -> str:
        """Run a Python program of the environment; returns what it prints."""
        return self._run([str(PREPARED / "venv" / "bin" / "python"), *arguments], environment)

    def tool(self, name: str, *arguments: str, may_fail: bool = False) -> str:
        """Run a program of the Python environment; returns what it prints."""
        return self._run([str(PREPARED / "venv" / "bin" / name), *arguments], {}, may_fail=may_fail)

    def chat(self, name: str, *arguments: str, **environment: str) -> str:
        """Run a program of the environment of chat programs; returns what it prints."""
        return self._run([str(PREPARED / "chat" / "bin" / name), *arguments], environment)

    def npm(self, name: str, *arguments: str) -> str:
        """Run a program of the npm packages; returns what it prints."""
        return self._run([str(PREPARED / "node_modules" / ".bin" / name), *arguments], {})

    def node(self, *arguments: str, **environment: str) -> str:
        """Run Node.js with the npm packages; returns what it prints."""
        return self._run(["node", *arguments], environment)

    def _run(self, command: list[str], environment: dict[str, str], *, may_fail: bool = False) -> str:
        path = f"{PREPARED / 'venv' / 'bin'}:{os.environ['PATH']}"
        finished = subprocess.run(
            command,
            cwd=self.folder,
            env={"PATH": path, "HOME": str(self.folder), "REDOCLY_TELEMETRY": "off", **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        shown = "\n".join(line[:400] for line in finished.stdout.splitlines())  # an address can have 100,000 characters
        assert may_fail or finished.returncode == 0, shown[-30000:] + finished.stderr[-3000:]
        return finished.stdout + finished.stderr


@pytest.fixture(scope="session", autouse=True)
def prepared() -> None:
    if not (PREPARED / "ready").is_file():
        pytest.skip(_WHY)


@pytest.fixture(scope="session")
def running(prepared: None) -> Iterator[stack.StackInfo]:
    with tempfile.TemporaryDirectory(prefix="alcove-doors-") as name:
        directory = Path(name)
        directory.chmod(0o755)  # PostgreSQL runs as nobody when the tests run as root
        info = stack.up(directory, silent=True)
        with psycopg.connect(info.database_url["owner"], autocommit=True) as conn:
            # Clients that send thousands of requests are to meet the routes; the limits have tests of their own.
            conn.execute("update rate_limits set burst = 100000, every = interval '1 millisecond'")
        yield info
        stack.reset(directory)


@pytest.fixture(scope="session")
def document(running: stack.StackInfo) -> dict[str, Any]:
    with urllib.request.urlopen(f"{running.api_url}/openapi.json", timeout=120) as reply:
        loaded: dict[str, Any] = json.load(reply)
    return loaded


@pytest.fixture(scope="module")
def doors(document: dict[str, Any]) -> Iterator[Doors]:
    """A folder with the document, the npm packages and the programs of this folder."""
    with tempfile.TemporaryDirectory(prefix="alcove-doors-") as name:
        folder = Path(name)
        (folder / "openapi.json").write_text(json.dumps(document))
        (folder / "node_modules").symlink_to(PREPARED / "node_modules")
        for path in (*HERE.glob("*.mjs"), *HERE.glob("*.mts"), *HERE.glob("*.yaml"), HERE / "package.json"):
            (folder / path.name).write_bytes(path.read_bytes())
        yield Doors(folder)


@pytest.fixture(scope="session")
def credentials(running: stack.StackInfo) -> dict[str, str]:
    """An account for clients to log in to."""
    account = {"email": "doors@example.org", "password": "a long enough password"}
    ApiSession.register(running.api_url, account["email"], account["password"]).close()
    return {"API": running.api_url, "EMAIL": account["email"], "PASSWORD": account["password"]}
