"""What figures and faults share that meet the stack of this machine as its users do."""

from __future__ import annotations

import argparse
import random
import re
import secrets
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from alcove import ApiError
from infra import package
from infra.local import stack
from infra.local.api_session import ApiSession

_SECONDS = 1_800.0
_WORDS = re.findall(
    r"\w+",
    """
    pump valve pressure inspection interval manual operator turbine bearing report schedule budget committee decision
    coolant sensor threshold alarm maintenance supplier contract warranty delivery invoice training safety exercise
    """,
)


def add_state(command_line: argparse.ArgumentParser) -> None:
    """The option that says which stack to use."""
    command_line.add_argument(
        "--state", type=Path, default=package.STATE, metavar="FOLDER", help="the stack's state, if not .local"
    )


def administrator(info: stack.StackInfo) -> ApiSession:
    """A session of the stack's first administrator."""
    return ApiSession.log_in_as(info.api_url, info.administrator["email"], info.administrator["password"])


def user(info: stack.StackInfo, timeout: float = 60) -> ApiSession:
    """A new user with a session."""
    email = f"user-{secrets.token_hex(6)}@example.org"
    return ApiSession.register(info.api_url, email, secrets.token_urlsafe(16), timeout)


def when_allowed(request: Callable[[], Any]) -> tuple[float, Any]:
    """When the request that the rate limits let through was sent (time.perf_counter), and its answer."""
    while True:
        started = time.perf_counter()
        try:
            return started, request()
        except ApiError as error:
            if error.status != 429:
                raise
            time.sleep(error.retry_after or 1)


def wait_until_ingested(
    client: ApiSession, documents: Iterable[str], pause: float = 0.2, seconds: float = _SECONDS
) -> None:
    """Return when every document is searchable. RuntimeError when one failed, TimeoutError after `seconds`."""
    left, deadline = list(documents), time.monotonic() + seconds
    while left:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{len(left)} documents are not searchable after {seconds:.0f} s")
        document = when_allowed(partial(client.json, "GET", f"/documents/{left[-1]}"))[1]
        if document["status"] == "completed":
            left.pop()
        elif document["status"] == "failed":
            raise RuntimeError(f"document {document['id']} failed: {document['error']}")
        else:
            time.sleep(pause)


def words(dice: random.Random, amount: int) -> str:
    """So many words of a small vocabulary."""
    return " ".join(dice.choice(_WORDS) for _ in range(amount))


@contextmanager
def own_stack(prefix: str, state: Path | None = None) -> Iterator[Path]:
    """The folder of a new stack's state, which is gone afterwards; or `state`, whose stack stays."""
    if state is not None:
        yield state
        return
    with tempfile.TemporaryDirectory(prefix=prefix) as name:
        directory = Path(name)
        directory.chmod(0o755)  # PostgreSQL runs as nobody when this runs as root
        try:
            yield directory
        finally:
            stack.reset(directory)
