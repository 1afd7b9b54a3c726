"""From posting a question to the first event of its stream, on the local stack, without model time.

Beside it, in the same run: the same two requests against a route that does nothing, as the floor of gateway,
process switch and Chalice, and the first event that the answering worker itself writes.
"""

from __future__ import annotations

import secrets
import statistics
import time

from infra.local import stack
from infra.local.client import Alcove

_ROUNDS = 40


def main() -> None:
    """Print medians and p95 in milliseconds."""
    info = stack.up(quiet=True)
    user = Alcove.register(info.api_url, f"bench-{secrets.token_hex(6)}@example.org", secrets.token_urlsafe(16))
    conversation = user.call("POST", "/conversations", {})["id"]
    times: dict[str, list[float]] = {"floor": [], "first event": [], "first event of the worker": []}
    for number in range(_ROUNDS + 5):
        started = time.perf_counter()
        for _ in range(2):
            user.call("GET", "/health")
        floor = time.perf_counter() - started
        started = time.perf_counter()
        job = user.ask(conversation, f"Which pump is inspected? ({number})")["job"]
        seen = [time.perf_counter() - started for event in user.events(job["id"]) if event.number <= 2]
        if number >= 5:  # the first ones meet cold processes
            times["floor"].append(floor)
            times["first event"].append(seen[0])
            times["first event of the worker"].append(seen[1])
    for name, seconds in times.items():
        median, high = statistics.median(seconds) * 1000, statistics.quantiles(seconds, n=20)[-1] * 1000
        print(f"  {name:<28}{median:6.0f} ms median, {high:6.0f} ms p95, of {_ROUNDS}")
    ratio = statistics.median(a / b for a, b in zip(times["first event"], times["floor"], strict=True))
    print(f"  first event / floor {ratio:.2f} (median of pairs)")
    user.close()


if __name__ == "__main__":
    main()
