"""Texts per second from posting to searchable, against the embedder alone on the same passages, in one run."""

from __future__ import annotations

import random
import re
import secrets
import time
from concurrent.futures import ThreadPoolExecutor

from chalicelib.knowledge.embedding import builtin
from infra.local import stack
from infra.local.client import Alcove

_DOCUMENTS, _PASSAGES = 24, 40
_SECONDS = 600
_WORDS = re.findall(
    r"\w+",
    """
    pump valve pressure inspection interval manual operator turbine bearing report schedule budget committee decision
    coolant sensor threshold alarm maintenance supplier contract warranty delivery invoice training safety exercise
    """,
)


def words(dice: random.Random, amount: int) -> str:
    """So many words of a small vocabulary."""
    return " ".join(dice.choice(_WORDS) for _ in range(amount))


def _text(dice: random.Random) -> str:
    """About forty passages of about two hundred tokens."""
    sentences = (words(dice, dice.randrange(8, 20)).capitalize() + "." for _ in range(_PASSAGES * 13))
    return f"Record {secrets.token_hex(6)}.\n\n" + "\n\n".join(
        " ".join(group) for group in zip(*[sentences] * 5, strict=False)
    )


def main() -> None:
    """Print both rates and their ratio, and where a document's time went."""
    info = stack.up(quiet=True)
    user = Alcove.register(info.api_url, f"bench-{secrets.token_hex(6)}@example.org", secrets.token_urlsafe(16))
    dice = random.Random(17)
    warm = user.call("POST", "/documents", {"title": "warm", "content": _text(dice)})
    _wait(user, [warm["id"]])
    texts = [_text(dice) for _ in range(_DOCUMENTS)]
    started = time.perf_counter()
    with ThreadPoolExecutor(4) as pool:
        posted = list(
            pool.map(lambda text: user.call("POST", "/documents", {"title": "x", "content": text})["id"], texts)
        )
    _wait(user, posted)
    seconds = time.perf_counter() - started
    passages = [
        chunk["text"]
        for identity in posted[:6]
        for chunk in user.call("GET", f"/documents/{identity}/chunks?limit=100")["items"]
    ]
    chunks = sum(user.call("GET", f"/documents/{identity}")["chunk_count"] for identity in posted)
    embedder = builtin.load()
    embedder.embed(passages[:16])
    alone_started = time.perf_counter()
    embedder.embed(passages)
    alone = len(passages) / (time.perf_counter() - alone_started)
    rate = chunks / seconds
    print(f"  posted to searchable: {chunks} passages in {seconds:.1f} s, {rate:.1f}/s; embedder alone {alone:.1f}/s")
    print(f"  ratio {rate / alone:.2f}")
    user.close()


def _wait(user: Alcove, identities: list[str]) -> None:
    waiting, deadline = set(identities), time.monotonic() + _SECONDS
    while waiting:
        for identity in list(waiting):
            document = user.call("GET", f"/documents/{identity}")
            if document["status"] == "failed":
                raise SystemExit(f"{identity}: {document['error']}")
            if document["status"] == "completed":
                waiting.discard(identity)
        if time.monotonic() > deadline:
            raise SystemExit(f"{len(waiting)} documents were not ingested within {_SECONDS} s")
        time.sleep(0.2)


if __name__ == "__main__":
    main()
