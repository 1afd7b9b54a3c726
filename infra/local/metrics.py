"""This machine's measurements for the stack that runs on it: `make up` starts an agent, `make down` ends it.

The agent logs in as the stack's administrator, creates an API key with the scope `metrics`, and deletes the key at the
end. Where it cannot log in, because the administrator has another password by now, the log says so and nobody measures.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil

from alcove import ApiError, UnreachableError
from embedder import metrics
from infra import package
from infra.local import processes
from infra.local.api_session import ApiSession
from infra.local.release import StackInfo

# The variable of the environment by which an agent's process is found: the folder of its stack.
MARK = "ALCOVE_LOCAL_METRICS"
_KEY = "this machine's measurements"
_END_SECONDS = 15


def start(directory: Path) -> None:
    """Measure this machine for the stack in `directory`, which runs, in a process of its own until `stop`."""
    stop(directory)
    # A shell that ends at once: the agent is no child of this process, which may live long and never collect it.
    subprocess.run(
        ["/bin/sh", "-c", '"$@" </dev/null >"$0" 2>&1 &', str(directory / "metrics.log"), *_command(directory)],
        cwd=package.ROOT,
        env=os.environ | {MARK: str(directory)},
        start_new_session=True,
        check=True,
    )


def _command(directory: Path) -> list[str]:
    return [sys.executable, "-m", "infra.local.metrics", str(directory)]


def stop(directory: Path) -> None:
    """End the agent of the stack in `directory`; while the stack runs, the agent says that the host leaves."""
    agents = processes_of(directory)
    for process in agents:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.terminate()
    processes.kill(processes.wait(agents, _END_SECONDS))


def processes_of(directory: Path) -> list[psutil.Process]:
    """The agent of the stack in `directory`, if one runs."""
    matches = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.environ().get(MARK) == str(directory) and processes.is_alive(process):
                matches.append(process)
    return matches


def measure(info: StackInfo) -> None:
    """Create a key, measure until a signal ends it, delete the key. ApiError where the login is refused."""
    administrator = ApiSession.log_in_as(info.api_url, info.administrator["email"], info.administrator["password"])
    for former in administrator.json("GET", "/me/api-keys")["items"]:
        if former["name"] == _KEY:  # of an agent that was killed
            administrator.json("DELETE", f"/me/api-keys/{former['id']}")
    key = administrator.json("POST", "/me/api-keys", {"name": _KEY, "scopes": ["metrics"]})
    agent = metrics.Agent(info.api_url, key["key"])
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: agent.stopped.set())
    try:
        agent.run()
    finally:
        administrator.json("DELETE", f"/me/api-keys/{key['id']}")


def main() -> None:
    """Measure for the stack in the folder that the argument names."""
    from infra.local import stack

    try:
        measure(stack.load(Path(sys.argv[1])))
    except (OSError, ApiError, UnreachableError) as error:
        sys.exit(f"error: this machine is not measured: {error}")


if __name__ == "__main__":
    main()
