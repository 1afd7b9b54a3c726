"""Chunks a second from posting to searchable, against the embedder alone on the same chunks, in one run."""

from __future__ import annotations

import random
import secrets
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from bench import local
from bench.commands import Command, parser
from chalicelib.knowledge.embedding import builtin
from infra.local import stack
from infra.local.api_session import ApiSession

COMMAND = Command(
    "Ingestion against the embedder alone",
    smallest=("--state {state} --documents 1 --chunks 2",),
)
_COMPARED = 6  # documents whose chunks the embedder alone is given


def _text(dice: random.Random, chunks: int) -> str:
    """About so many chunks of about two hundred tokens."""
    sentences = (local.words(dice, dice.randrange(8, 20)).capitalize() + "." for _ in range(chunks * 13))
    return f"Record {secrets.token_hex(6)}.\n\n" + "\n\n".join(
        " ".join(group) for group in zip(*[sentences] * 5, strict=False)
    )


def _post(user: ApiSession, text: str) -> str:
    return str(user.json("POST", "/documents", {"title": "x", "content": text})["id"])


def main(arguments: Sequence[str] | None = None) -> None:
    """Print both rates and their ratio."""
    command_line = parser("bench ingestion", __doc__)
    command_line.add_argument("--documents", type=int, default=24)
    command_line.add_argument("--chunks", type=int, default=40, help="of each document")
    local.add_state(command_line)
    options = command_line.parse_args(arguments)
    user = local.user(stack.up(options.state, silent=True))
    dice = random.Random(17)
    local.wait_until_ingested(user, [_post(user, _text(dice, options.chunks))])  # it meets cold processes
    texts = [_text(dice, options.chunks) for _ in range(options.documents)]
    started = time.perf_counter()
    with ThreadPoolExecutor(4) as pool:
        posted = list(pool.map(lambda text: _post(user, text), texts))
    local.wait_until_ingested(user, posted)
    seconds = time.perf_counter() - started
    texts_of_chunks = [
        chunk["text"]
        for document in posted[:_COMPARED]
        for chunk in user.json("GET", f"/documents/{document}/chunks?limit=100")["items"]
    ]
    chunks = sum(user.json("GET", f"/documents/{document}")["chunk_count"] for document in posted)
    embedder = builtin.load()
    embedder.embed(texts_of_chunks[:16])
    alone_started = time.perf_counter()
    embedder.embed(texts_of_chunks)
    alone = len(texts_of_chunks) / (time.perf_counter() - alone_started)
    rate = chunks / seconds
    print(f"  posted to searchable: {chunks} chunks in {seconds:.1f} s, {rate:.1f}/s; embedder alone {alone:.1f}/s")
    print(f"  ratio {rate / alone:.2f}")
    user.close()
