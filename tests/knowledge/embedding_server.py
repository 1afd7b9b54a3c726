"""A real OpenAI-compatible embedding server: llama.cpp's, as a process that ends with its standard input.

Its model is a language model whose hidden states are averaged: the vectors are poor and true to themselves, which is
all that a protocol needs.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from infra.local import model
from infra.local.cluster import HOST

DIMENSION = 576


@contextmanager
def serve() -> Iterator[str]:
    """The base URL of a server on a free port, up in about a second. Its key is `model.API_KEY`."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.knowledge.embedding_server"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield json.loads(process.stdout.readline())["base_url"]
    finally:
        process.stdin.close()
        process.kill()
        process.wait(5)
        process.stdout.close()


def main() -> None:
    """Serve until standard input ends."""
    import xllamacpp

    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(model.weights())
    parameters.model_alias = [model.MODEL_ID]
    parameters.hostnames = [HOST]
    parameters.port = 0
    parameters.api_keys = [model.API_KEY]
    parameters.embedding = True
    parameters.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
    parameters.n_ctx = parameters.n_batch = parameters.n_ubatch = 512
    # Several threads would spin for each other on a machine that has other things to do.
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = 1
    parameters.warmup = False
    server = xllamacpp.Server(parameters)
    print(json.dumps({"base_url": f"{server.listening_address}/v1"}), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
