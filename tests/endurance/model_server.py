"""A model's server that speaks OpenAI's protocol and as many words as the question asks for, at a settable speed.

A question carries `(wish …)`: the server answers with exactly those words, so that a reader can tell a lost or doubled
word from any other. It prints its URL and serves until its standard input ends. The wish is in letters, and what the
service asks for itself is answered without digits: the product declines a number that no document holds.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import re
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from tests.endurance.letters import from_letters, in_letters

VARIANTS = 3
_OWN_REPLY, _OWN_PROMPT_TOKENS = ("the ", "coolant ", "pump."), 50
_WISH = re.compile(r"\(wish ([a-p]+) ([g-p]+) of ([g-p]+)\)")
_MAX_HEAD, _MAX_BODY = 1 << 16, 1 << 24


@dataclass(frozen=True)
class Wish:
    """An answer of `tokens` words to a prompt of `prompt_tokens`, and the mark that every word of it carries."""

    mark: str
    tokens: int
    prompt_tokens: int

    def __str__(self) -> str:
        return f"(wish {in_letters(self.mark)} {in_letters(self.tokens)} of {in_letters(self.prompt_tokens)})"

    def words(self, variant: int = 0) -> Iterator[str]:
        """The answer, word by word. Variants differ after a quarter, as a model's second attempt may."""
        for number in range(self.tokens):
            twist = f"v{variant}" if variant and number >= self.tokens // 4 else ""
            end = "." if number + 1 == self.tokens else " "
            yield f"{self.mark}-{number}{twist}{end}"

    def text(self, variant: int = 0) -> str:
        """The whole answer."""
        return "".join(self.words(variant))

    @classmethod
    def of(cls, text: str) -> Wish | None:
        """The last wish in a text."""
        results = _WISH.findall(text)
        if not results:
            return None
        mark, tokens, prompt_tokens = map(from_letters, results[-1])
        return cls(mark, int(tokens), int(prompt_tokens))


@dataclass(frozen=True)
class Speed:
    """Tokens a second: written for each answer, and read of a prompt. `defects` is the share of requests that fail."""

    rate: float
    prefill: float
    defects: float


class Server:
    """Serves one connection for each request."""

    def __init__(self, speed: Speed, seed: int) -> None:
        self._speed, self._dice = speed, random.Random(seed)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request; the client may go whenever it likes."""
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            await self._answer(await _request(reader), writer)
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    async def _answer(self, request: dict[str, Any], writer: asyncio.StreamWriter) -> None:
        wish = Wish.of(str(request["messages"][-1]["content"]))
        if request.get("temperature") == 0:  # a question of the service's own, such as for a title
            wish = None
        failure_kind = (
            self._dice.choice(["busy", "broken", "cut"]) if self._dice.random() < self._speed.defects else None
        )
        if failure_kind in {"busy", "broken"}:
            await _refuse(writer, failure_kind)
            return
        prompt_tokens = wish.prompt_tokens if wish else _OWN_PROMPT_TOKENS
        await asyncio.sleep(prompt_tokens / self._speed.prefill)
        _head(writer, "200 OK", "text/event-stream")
        varies = self._speed.defects > 0 and self._dice.random() < 0.5
        variant = self._dice.randrange(1, VARIANTS) if varies else 0
        words = list(wish.words(variant) if wish else _OWN_REPLY)
        await self._stream_reply(writer, words, prompt_tokens, cut=failure_kind == "cut")

    async def _stream_reply(
        self, writer: asyncio.StreamWriter, words: list[str], prompt_tokens: int, *, cut: bool
    ) -> None:
        clock = asyncio.get_running_loop().time
        started_at, emitted = clock(), 0
        last = self._dice.randrange(len(words)) if cut else len(words)
        while emitted < last:
            await asyncio.sleep(max(0.0, started_at + (emitted + 1) / self._speed.rate - clock()))
            due = min(last, max(emitted + 1, int((clock() - started_at) * self._speed.rate)))
            writer.write(b"".join(_event(_chunk({"content": word})) for word in words[emitted:due]))
            await writer.drain()
            emitted = due
        if cut:
            return
        usage = {"prompt_tokens": prompt_tokens, "completion_tokens": len(words)}
        usage["total_tokens"] = sum(usage.values())
        writer.write(_event(_chunk({}, "stop")) + _event(_chunk(None) | {"usage": usage}) + b"data: [DONE]\n\n")
        await writer.drain()


async def _request(reader: asyncio.StreamReader) -> dict[str, Any]:
    head = (await reader.readuntil(b"\r\n\r\n"))[:_MAX_HEAD].decode("latin-1").lower()
    length = re.search(r"content-length: *([0-9]+)", head)
    body = await reader.readexactly(min(int(length[1]), _MAX_BODY) if length else 0)
    request: dict[str, Any] = json.loads(body)
    return request


async def _refuse(writer: asyncio.StreamWriter, failure_kind: str) -> None:
    if failure_kind == "busy":
        _head(writer, "429 Too Many Requests", "application/json", "Retry-After: 1")
    else:
        _head(writer, "500 Internal Server Error", "application/json")
    writer.write(b'{"error": {"message": "No.", "type": "server_error"}}')
    await writer.drain()


def _head(writer: asyncio.StreamWriter, status: str, content_type: str, *more: str) -> None:
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {content_type}", "Connection: close", *more, "", ""]
    writer.write("\r\n".join(lines).encode())


def _chunk(delta: dict[str, str] | None, finish: str | None = None) -> dict[str, Any]:
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}]
    return {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "scripted", "choices": choices}


def _event(document: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(document).encode() + b"\n\n"


async def _main(options: argparse.Namespace) -> None:
    served = Server(Speed(options.rate, options.prefill, options.defects), options.seed)
    server = await asyncio.start_server(served.serve, "127.0.0.1", 0, backlog=500)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", flush=True)
    async with server:
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.endurance.model_server", description=__doc__)
    parser.add_argument("--rate", type=float, required=True, help="tokens a second, of each answer")
    parser.add_argument("--prefill", type=float, default=5000, help="tokens a second, of a prompt")
    parser.add_argument("--defects", type=float, default=0, help="share of requests that fail, 0 to 1")
    parser.add_argument("--seed", type=int, default=1)
    asyncio.run(_main(parser.parse_args()))
