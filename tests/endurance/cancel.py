"""From a user's request to stop until the model's connection is closed, on the local stack.

llama.cpp's own server answers with SmolLM2 behind a relay that notes when the answering function hangs up. Each round
asks for a long answer, waits a random moment after its first words, and sends DELETE /jobs/{id}; the clock runs from
before that request. Then what was kept is held against what was streamed, and llama.cpp is asked whether it really
stopped. Exits 1 when anything differs, or when the 95th percentile is 2 seconds or more.
"""

from __future__ import annotations

import random
import secrets
import socket
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from statistics import median
from urllib.parse import urlsplit

import httpx

from alcove import ApiError
from bench import local
from bench.commands import Command, parser
from bench.summary import p95
from infra.local import model, stack
from infra.local.api_session import ApiSession
from infra.local.cluster import HOST
from tests.endurance.letters import in_letters

COMMAND = Command(
    "From a request to stop until the model's connection is closed, with llama.cpp",
    usual="--rounds 30",
    smallest=("--state {state} --rounds 1",),
)

_QUESTION = "Tell me a very long story about the ship that carries document {}, with every detail of its journey."
_AIM_SECONDS = 2.0
_TIMEOUT_SECONDS = 30.0
_LONGEST_PAUSE_SECONDS = 0.5


@dataclass
class Relay:
    """Passes connections on to the model's server, and notes when its client ends one."""

    target: tuple[str, int]
    url: str = ""
    ended: list[float] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def wait_for(self, count: int) -> float | None:
        """When the client ended its connection number `count`; None when it does not in 30 seconds."""
        with self.changed:
            there = self.changed.wait_for(lambda: len(self.ended) >= count, _TIMEOUT_SECONDS)
            return self.ended[count - 1] if there else None

    def serve(self, listener: socket.socket) -> None:
        """Take connections until the listener is closed."""
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                server = socket.create_connection(self.target)
                threading.Thread(target=self._pass_on, args=(server, client), daemon=True).start()
                threading.Thread(target=self._until_ended, args=(client, server), daemon=True).start()

    @staticmethod
    def _pass_on(source: socket.socket, to: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65_536):
                to.sendall(data)
            to.shutdown(socket.SHUT_WR)

    def _until_ended(self, client: socket.socket, server: socket.socket) -> None:
        self._pass_on(client, server)
        with self.changed:
            self.ended.append(time.perf_counter())
            self.changed.notify_all()
        for connection in (client, server):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()


@contextmanager
def _relay(base_url: str) -> Iterator[Relay]:
    place = urlsplit(base_url)
    if place.hostname is None or place.port is None:
        raise ValueError(base_url)
    relay = Relay((place.hostname, place.port))
    with socket.create_server((HOST, 0)) as listener:
        relay.url = f"http://{HOST}:{listener.getsockname()[1]}{place.path}"
        thread = threading.Thread(target=relay.serve, args=(listener,))
        thread.start()
        try:
            yield relay
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def _wait_until_idle(server: model.ModelServer) -> bool:
    """Whether llama.cpp stops generating within five seconds."""
    headers = {"Authorization": f"Bearer {server.api_key}"}
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        slots = httpx.get(f"{server.base_url.removesuffix('/v1')}/slots", headers=headers).json()
        if not any(slot["is_processing"] for slot in slots):
            return True
    return False


def _round(user: ApiSession, name: str, relay: Relay, number: int) -> float | str:
    """Seconds from the request to the connection's end; or what went wrong."""
    conversation = user.json("POST", "/conversations", {})["id"]
    body = {"content": _QUESTION.format(in_letters(number)), "model": name}
    before = len(relay.ended)
    job = user.json("POST", f"/conversations/{conversation}/messages", body)["job"]
    for event in user.events(job["id"]):
        if event.name == "token":
            break
    time.sleep(random.uniform(0, _LONGEST_PAUSE_SECONDS))
    started = time.perf_counter()
    try:
        user.json("DELETE", f"/jobs/{job['id']}")
    except ApiError as error:
        return "ended by itself" if error.code == "job_finished" else str(error)
    ended = relay.wait_for(before + 1)
    if ended is None:
        return "the connection stayed open"
    if ended < started:
        return "ended by itself"
    text = "".join(event.data["text"] for event in user.events(job["id"]) if event.name == "token")
    done = user.json("GET", f"/jobs/{job['id']}")
    if done["status"] != "cancelled":
        return "ended by itself" if done["status"] == "completed" else f"the job is {done['status']}"
    remaining = user.json("GET", f"/messages/{done['answer_id']}")["content"]
    return ended - started if remaining == text else "what was kept is not what was streamed"


def main(arguments: Sequence[str] | None = None) -> None:
    """Print how long cancelling takes."""
    command_line = parser("tests.endurance cancel", __doc__)
    command_line.add_argument("--rounds", type=int, default=100)
    command_line.add_argument("--seed", type=int, default=1)
    local.add_state(command_line)
    options = command_line.parse_args(arguments)
    random.seed(options.seed)
    info = stack.up(options.state, silent=True)
    administrator = local.administrator(info)
    user = local.user(info)
    name = f"bench-{secrets.token_hex(4)}"
    times: list[float] = []
    outcomes: dict[str, int] = {}
    with model.serve(slots=2) as server, _relay(server.base_url) as relay:
        registered = administrator.json(
            "POST",
            "/llms",
            {
                "name": name,
                "provider": "vllm",
                "model_id": server.model_id,
                "endpoint": relay.url,
                "api_key": server.api_key,
                "context_tokens": server.context_tokens,
            },
        )
        for number in range(options.rounds * 2):
            outcome = _round(user, name, relay, number)
            if isinstance(outcome, float) and not _wait_until_idle(server):
                outcome = "llama.cpp went on"
            if isinstance(outcome, float):
                times.append(outcome)
            else:
                outcomes[outcome] = outcomes.get(outcome, 0) + 1
            if len(times) == options.rounds:
                break
        administrator.json("DELETE", f"/llms/{registered['id']}")
    high = p95(times)
    print(f"  cancelled {len(times)} times: {median(times) * 1000:.0f} ms median, {high * 1000:.0f} ms p95", end="")
    print(f", {max(times) * 1000:.0f} ms at most")
    for outcome, count in outcomes.items():
        print(f"  {count} times: {outcome}")
    if set(outcomes) - {"ended by itself"} or len(times) < options.rounds or high >= _AIM_SECONDS:
        sys.exit(1)
