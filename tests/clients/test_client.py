"""The Python client against the running service, and against servers that break off, refuse and come back."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from alcove import (
    Alcove,
    AnswerFailedError,
    ApiError,
    AsyncAlcove,
    Tokens,
    UnreachableError,
    WaitTimeoutError,
    models,
)
from infra.local import instances
from tests.clients.conftest import PASSWORD

TEXT = "The coolant pump P-17 is inspected every ninety days by the shift engineer.\n"


@pytest.fixture
def manual(tmp_path: Path) -> Path:
    path = tmp_path / "manual.txt"
    path.write_text(TEXT)
    return path


def test_upload_ask_and_follow(client: Alcove, manual: Path) -> None:
    document = client.wait_for_document(client.upload(manual).id)
    assert (document.status, document.filename) == ("completed", "manual.txt")

    answer = client.ask("How often is the coolant pump inspected?")
    events = list(answer.events())

    assert [event.number for event in events] == list(range(1, len(events) + 1))
    assert events[-1].name == "done"
    message = answer.message_of(events[-1])
    assert "ninety days" in message.content
    assert [source.document_id for source in message.sources] == [document.id]
    assert answer.message() == message  # also for one who comes when all is over


def test_asyncio_does_the_same(place: instances.Place, email: str, manual: Path) -> None:
    async def use() -> str:
        async with AsyncAlcove(place.api_url) as client:
            await client.register_user(email=email, password=PASSWORD)
            await client.sign_in(email, PASSWORD)
            document = await client.wait_for_document((await client.upload(manual)).id)
            assert document.status == "completed"
            listed = [document.id async for document in client.all_items(client.list_documents, limit=1)]
            assert listed == [document.id]
            return (await (await client.ask("How often is the coolant pump inspected?")).message()).content

    assert "ninety days" in asyncio.run(use())


def test_a_list_is_read_to_its_end(client: Alcove) -> None:
    created = [client.create_document(title=f"note {number}", content=f"note {number}").id for number in range(5)]

    listed = [document.id for document in client.all_items(client.list_documents, limit=2)]

    assert listed == created[::-1]


def test_a_new_version_replaces_the_old_one(client: Alcove, manual: Path) -> None:
    document = client.wait_for_document(client.upload(manual).id)
    manual.write_text(TEXT.replace("ninety", "sixty"))

    client.wait_for_document(client.replace(document.id, manual).id)

    assert client.get_document_content(document.id).text == TEXT.replace("ninety", "sixty")


def test_an_expired_access_token_is_renewed_once(client: Alcove, place: instances.Place) -> None:
    assert client.tokens is not None
    renewed: list[Tokens] = []
    with Alcove(
        place.api_url, tokens=Tokens("expired", client.tokens.refresh_token), on_tokens=renewed.append
    ) as other:
        assert other.get_me().id == client.get_me().id
        assert other.get_me().id
    assert len(renewed) == 1
    assert renewed[0].access_token != "expired"


def test_a_refused_request_says_what_is_wrong(client: Alcove) -> None:
    with pytest.raises(ApiError) as refused:
        client.create_document(title="", content="text")

    assert (refused.value.status, refused.value.code) == (422, "validation_failed")
    assert [error["field"] for error in refused.value.errors] == ["title"]
    assert "title" in str(refused.value)
    assert refused.value.request_id


def test_waiting_ends(client: Alcove) -> None:
    document = client.create_document(filename="never sent.txt", size_bytes=10)

    with pytest.raises(WaitTimeoutError, match="still pending"):
        client.wait_for_document(document.id, timeout=0.3)


def test_a_cancelled_answer_is_said(client: Alcove, place: instances.Place) -> None:
    place.kill("answer", 0)  # nobody answers meanwhile
    try:
        answer = client.ask("anything?")
        answer.cancel()
        with pytest.raises(AnswerFailedError) as failed:
            answer.message()
        assert failed.value.code == "cancelled"
    finally:
        place.add("answer")


# --- What goes wrong between client and service. These servers are real, and do what a bad connection does.


@contextmanager
def server(handle: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_any(self) -> None:
            handle(self)

        do_GET = do_POST = do_PUT = do_PATCH = do_any  # noqa: N815

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        thread = threading.Thread(target=listening.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.server_port}/"
        listening.shutdown()


def respond(handler: BaseHTTPRequestHandler, status: int, body: Any, **headers: str) -> None:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
    handler.send_response(status)
    for name, value in ({"Content-Length": str(len(content))} | headers).items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(content)


HEALTH = {"status": "ok"}


def test_a_passing_failure_is_tried_again() -> None:
    answers = iter([(503, {"code": "unavailable"}), (429, {"code": "rate_limited"}), (200, HEALTH)])

    with server(lambda handler: respond(handler, *next(answers), Retry_After="0")) as url, Alcove(url) as client:
        assert client.get_health().status == "ok"


def test_a_wait_is_told_with_its_reason() -> None:
    answers = iter([(503, {"code": "waking"}), (502, ["no problem document"]), (200, HEALTH)])
    waits: list[tuple[float, str]] = []

    with (
        server(lambda handler: respond(handler, *next(answers), Retry_After="0")) as url,
        Alcove(url, on_wait=lambda seconds, code: waits.append((seconds, code))) as client,
    ):
        assert client.get_health().status == "ok"

    assert waits == [(0, "waking"), (0, "")]


def test_a_lasting_failure_ends_after_some_attempts() -> None:
    seen: list[str] = []

    def handle(handler: BaseHTTPRequestHandler) -> None:
        seen.append(handler.path)
        respond(handler, 503, {"code": "unavailable", "title": "Unavailable."}, Retry_After="0")

    with server(handle) as url, Alcove(url, attempts=3) as client, pytest.raises(ApiError) as refused:
        client.get_health()

    assert (len(seen), refused.value.code) == (3, "unavailable")


def test_what_stands_before_the_service_is_quoted() -> None:
    with (
        server(lambda handler: respond(handler, 502, {"message": "Endpoint request timed out"})) as url,
        Alcove(url, attempts=1) as client,
        pytest.raises(ApiError, match="Endpoint request timed out"),
    ):
        client.get_health()


def test_nobody_waits_longer_than_patience_allows() -> None:
    with (
        server(lambda handler: respond(handler, 503, {}, Retry_After="3600")) as url,
        Alcove(url, patience=1) as client,
        pytest.raises(ApiError),
    ):
        client.get_health()


def test_a_repeated_post_carries_the_same_key() -> None:
    keys: list[str | None] = []

    def handle(handler: BaseHTTPRequestHandler) -> None:
        keys.append(handler.headers["Idempotency-Key"])
        if len(keys) == 1:
            handler.close_connection = True
            handler.wfile.close()  # the answer is lost
        else:
            respond(handler, 409, {"code": "conflict"})

    with server(handle) as url, Alcove(url) as client, pytest.raises(ApiError):
        client.create_group(name="staff")

    assert len(keys) == 2
    assert keys[0] == keys[1] is not None


def test_a_patch_whose_answer_is_lost_is_not_repeated() -> None:
    seen: list[str] = []

    def handle(handler: BaseHTTPRequestHandler) -> None:
        seen.append(handler.path)
        handler.close_connection = True
        handler.wfile.close()

    with server(handle) as url, Alcove(url) as client, pytest.raises(UnreachableError):
        client.update_me(display_name="New")

    assert len(seen) == 1


def test_a_service_that_is_not_there_is_unreachable() -> None:
    with (
        Alcove("http://127.0.0.1:1/", attempts=1) as client,
        pytest.raises(UnreachableError, match="cannot be reached"),
    ):
        client.get_health()


def event(number: int, name: str, data: dict[str, Any]) -> bytes:
    return f"id: {number}\nevent: {name}\ndata: {json.dumps(data)}\n\n".encode()


def test_a_broken_stream_is_resumed_without_loss_or_repetition() -> None:
    last_ids: list[str | None] = []

    def handle(handler: BaseHTTPRequestHandler) -> None:
        last_ids.append(handler.headers["Last-Event-ID"])
        handler.send_response(200)
        handler.send_header("Content-Type", "text/event-stream")
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        parts = {
            None: [event(1, "meta", {}), event(2, "token", {"text": "one "}), event(3, "token", {"text": "two"})[:20]],
            "2": [event(3, "token", {"text": "two"})],
            "3": [event(4, "done", {"message_id": None})],
        }
        for part in parts[last_ids[-1]]:
            handler.wfile.write(f"{len(part):x}\r\n".encode() + part + b"\r\n")
        handler.wfile.flush()
        handler.close_connection = True  # in the middle of an event, without the last chunk

    with server(handle) as url, Alcove(url) as client:
        events = list(client.events("00000000-0000-0000-0000-000000000000"))

    assert [e.number for e in events] == [1, 2, 3, 4]
    assert "".join(e.data["text"] for e in events if e.name == "token") == "one two"
    assert last_ids == [None, "2", "3"]


def test_the_bucket_never_sees_the_callers_token(tmp_path: Path) -> None:
    seen: list[str | None] = []
    path = tmp_path / "a.txt"
    path.write_text("text")

    def bucket(handler: BaseHTTPRequestHandler) -> None:
        seen.append(handler.headers["Authorization"])
        respond(handler, 200, b"")

    with server(bucket) as bucket_url, Alcove("http://127.0.0.1:1/", api_key="alc_secret") as client:
        upload = models.Upload(url=bucket_url + "object", method="PUT", headers={}, expires_at="2027-01-01T00:00:00Z")
        client.send_bytes(upload, path)

    assert seen == [None]
