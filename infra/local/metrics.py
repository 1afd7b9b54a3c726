"""Measure this machine beside the stack that runs here: `python -m infra.local.metrics`, until a signal ends it.

It logs in as the stack's administrator, creates an API key with the scope `metrics`, and deletes the key at the end.
"""

from __future__ import annotations

import signal
import sys

from embedder import metrics
from infra.local import stack
from infra.local.api_session import ApiSession


def main() -> None:
    """Create a key, measure, delete the key."""
    try:
        info = stack.load()
        administrator = ApiSession.log_in_as(info.api_url, info.administrator["email"], info.administrator["password"])
    except (FileNotFoundError, OSError):
        sys.exit("error: the stack does not run here; `make up` starts it")
    key = administrator.json("POST", "/me/api-keys", {"name": "make metrics", "scopes": ["metrics"]})
    agent = metrics.Agent(info.api_url, key["key"])
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: agent.stopped.set())
    print(f"  measures {agent.host} every {agent.interval:.0f} s, until Ctrl+C", flush=True)
    try:
        agent.run()
    finally:
        administrator.json("DELETE", f"/me/api-keys/{key['id']}")


if __name__ == "__main__":
    main()
