"""A caller of the service, for asyncio."""

from __future__ import annotations

import json
import mimetypes
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar
from uuid import UUID

import httpx
from httpx_sse import ServerSentEvent, aconnect_sse
from pydantic import BaseModel

from alcove import models
from alcove._async_operations import AsyncOperations
from alcove.transport import (
    AnswerFailedError,
    ApiError,
    AsyncLock,
    Event,
    Patience,
    Request,
    Tokens,
    UnreachableError,
    WaitTimeoutError,
    async_file_chunks,
    async_sleep,
    request,
)

_Result = TypeVar("_Result", bound=BaseModel)
_UPLOAD_SECONDS = 3600
# Addresses of parts expire: no more are asked for than are sent in a while.
_PARTS_AT_ONCE = 8
_POLL_SECONDS, _LONGEST_POLL_SECONDS = 0.2, 5.0
_ENDED = ("completed", "failed")


class AsyncAlcove(AsyncOperations):
    """A caller of the service at `url`: an API key, a session's tokens, or nobody for the public operations.

    A request that fails for a passing reason (no connection, 429, 502, 503, 504) is sent again, up to `attempts` times
    and within `patience` seconds of waiting. A POST carries an Idempotency-Key, so that nothing is done twice. An
    expired access token is renewed once; `on_tokens` is told the new tokens, which replace the old ones. `on_wait` is
    told the seconds before a request is sent again, and the code of the problem (`waking`, …; "" without a response).
    Every method raises ApiError for a problem and UnreachableError when the service does not answer.
    """

    def __init__(
        self,
        url: str,
        *,
        api_key: str | None = None,
        tokens: Tokens | None = None,
        on_tokens: Callable[[Tokens], None] | None = None,
        on_wait: Callable[[float, str], None] | None = None,
        timeout: float = 60.0,
        attempts: int = 5,
        patience: float = 60.0,
        user_agent: str = "alcove-python",
    ) -> None:
        self.url = url.rstrip("/") + "/"
        self._http = httpx.AsyncClient(base_url=self.url, timeout=timeout, headers={"User-Agent": user_agent})
        self._tokens = Tokens(api_key) if api_key else tokens
        self._on_tokens = on_tokens
        self._attempts, self._patience, self._on_wait = attempts, patience, on_wait
        self._lock = AsyncLock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections. The session of the service goes on: `log_out` ends it."""
        await self._http.aclose()

    @property
    def tokens(self) -> Tokens | None:
        """The tokens that are sent now."""
        return self._tokens

    # --- Sessions

    async def sign_in(self, name: str, password: str, *, device_token: str | None = None) -> Tokens:
        """Open a session with an e-mail address or a username; the client keeps its tokens.

        `device_token` is that of an earlier session on this device.
        """
        body = {"email" if "@" in name else "username": name, "password": password}
        known = {"device_token": device_token} if device_token else {}
        opened = await self.call(request("POST", "/auth/login", body=body | known), models.Tokens)
        return self._keep(opened, device_token)

    async def sign_out(self) -> None:
        """End the session."""
        await self.log_out()
        self._tokens = None

    def _keep(self, opened: models.Tokens, device_token: str | None) -> Tokens:
        self._tokens = Tokens(opened.access_token, opened.refresh_token, opened.device_token or device_token)
        if self._on_tokens is not None:
            self._on_tokens(self._tokens)
        return self._tokens

    # --- Requests

    async def call(self, request: Request, result: type[_Result]) -> _Result:
        return result.model_validate_json((await self.send(request)).content)

    async def call_optional(self, request: Request, result: type[_Result]) -> _Result | None:
        response = await self.send(request)
        return result.model_validate_json(response.content) if response.content else None

    async def call_text(self, request: Request) -> str:
        return (await self.send(request)).text

    async def send(self, request: Request) -> httpx.Response:
        """Send a request, with the caller's token, until it succeeds or its patience ends; returns the response."""
        patience = Patience(self._attempts, self._patience, self._on_wait)
        renewed = False
        while True:
            used = self._tokens
            try:
                response = await self._http.request(
                    request.method,
                    request.path,
                    params=request.query,
                    json=request.body,
                    headers={**request.headers, **_authorization(used)},
                )
            except httpx.TransportError as error:
                seconds = patience.wait_after(request, error)
                if seconds is None:
                    raise UnreachableError(f"{self.url} cannot be reached: {error or type(error).__name__}") from error
                await async_sleep(seconds)
                continue
            if response.status_code == 401 and not renewed and await self._renew(used):
                renewed = True
                continue
            if response.status_code < 400:
                return response
            seconds = patience.wait_after(request, response)
            if seconds is None:
                raise ApiError(response)
            await async_sleep(seconds)

    async def _renew(self, used: Tokens | None) -> bool:
        """Whether there are other tokens now than those that were refused."""
        if used is None or used.refresh_token is None:
            return False
        async with self._lock:
            if self._tokens == used:
                refreshed = await self._http.post("auth/refresh", json={"refresh_token": used.refresh_token})
                if refreshed.status_code >= 400:
                    return False
                self._keep(models.Tokens.model_validate_json(refreshed.content), used.device_token)
        return True

    # --- Lists

    async def all_items(self, operation: Callable[..., Any], *args: Any, **filters: Any) -> AsyncIterator[Any]:
        """Every item of a list, page after page: `all_items(client.list_documents, tag="invoices")`."""
        page = await operation(*args, **filters)
        while True:
            for item in page.items:
                yield item
            if page.next_cursor is None:
                return
            page = await operation(*args, **filters | {"cursor": page.next_cursor})

    # --- Documents

    async def upload(self, path: Path, **fields: Any) -> models.Document:
        """Announce a file and send its bytes to the bucket; `fields` are those of `create_document`.

        Returns the document as announced: `wait_for_document` says what became of it.
        """
        document = await self.create_document(
            filename=fields.pop("filename", path.name),
            content_type=fields.pop("content_type", mimetypes.guess_type(path.name)[0] or "application/octet-stream"),
            size_bytes=path.stat().st_size,
            **fields,
        )
        await self.send_file(document, path)
        return document

    async def replace(self, document_id: UUID | str, path: Path) -> models.Document:
        """Send a new version of a document; the old one is found until the new one is whole."""
        document = await self.replace_document_content(
            document_id,
            filename=path.name,
            content_type=mimetypes.guess_type(path.name)[0] or "application/octet-stream",
            size_bytes=path.stat().st_size,
        )
        await self.send_file(document, path)
        return document

    async def send_file(self, document: models.Document, path: Path) -> None:
        """Send the bytes of an announced document: in one request, or in parts when the file is too big for that."""
        if document.upload is not None:
            await self.send_bytes(document.upload, path)
        elif document.upload_parts is not None:
            await self.send_parts(document.id, path)

    async def send_bytes(self, upload: models.Upload | None, path: Path) -> None:
        """Send the bytes of an announced document, again from the start when the connection breaks.

        Without an upload the service has the bytes already.
        """
        if upload is not None:
            await self._put(upload.url, upload.headers, path, 0, path.stat().st_size)

    async def send_parts(
        self, document_id: UUID | str, path: Path, *, on_progress: Callable[[int, int], None] | None = None
    ) -> models.Document:
        """Send the parts of an announced document that have not arrived, and complete the upload.

        After an interruption, call it again: it goes on where it stopped. `on_progress` is told how many parts have
        arrived, and of how many.
        """
        progress = await self.get_document_parts(document_id)
        missing = [number for number in range(1, progress.count + 1) if number not in progress.arrived]
        for start in range(0, len(missing), _PARTS_AT_ONCE):
            numbers = missing[start : start + _PARTS_AT_ONCE]
            addresses = await self.create_document_parts(document_id, numbers=numbers)
            for part in addresses.items:
                offset = progress.part_bytes * (part.number - 1)
                size = int(part.headers["Content-Length"])
                await self._put(part.url, part.headers, path, offset, size)
                if on_progress is not None:
                    on_progress(progress.count - len(missing) + start + numbers.index(part.number) + 1, progress.count)
        return await self.complete_document_parts(document_id)

    async def _put(self, url: str, headers: dict[str, str], path: Path, start: int, size: int) -> None:
        """Send `size` bytes of a file from `start` to the bucket."""
        patience = Patience(self._attempts, self._patience, self._on_wait)
        put = Request("PUT", url)
        headers = headers | {"Content-Length": str(size)}
        while True:
            # The bucket is another host: it must not see the caller's token.
            async with httpx.AsyncClient(timeout=_UPLOAD_SECONDS) as bucket:
                try:
                    sent = await bucket.put(url, headers=headers, content=async_file_chunks(path, start, size))
                except httpx.TransportError as error:
                    seconds = patience.wait_after(put, error)
                    if seconds is None:
                        raise UnreachableError(f"{path.name} was not uploaded: {error}") from error
                else:
                    if sent.status_code < 400:
                        return
                    seconds = patience.wait_after(put, sent)
                    if seconds is None:
                        raise ApiError(sent)
            await async_sleep(seconds)

    async def wait_for_document(
        self,
        document_id: UUID | str,
        *,
        timeout: float = 600.0,
        on_progress: Callable[[models.Document], None] | None = None,
    ) -> models.Document:
        """The document once it is completed or failed. Raises WaitTimeoutError after `timeout` seconds."""
        deadline = time.monotonic() + timeout
        pause = _POLL_SECONDS
        while True:
            document = await self.get_document(document_id)
            if on_progress is not None:
                on_progress(document)
            if document.status in _ENDED:
                return document
            if time.monotonic() + pause > deadline:
                raise WaitTimeoutError(f"{document.title} is still {document.status} after {timeout:.0f} s")
            await async_sleep(pause)
            pause = min(_LONGEST_POLL_SECONDS, pause * 1.3)

    # --- Answers

    async def ask(self, question: str, *, conversation_id: UUID | str | None = None, **options: Any) -> AsyncAnswer:
        """Ask a question, in a new conversation unless one is named; `options` are those of `create_message`."""
        if conversation_id is None:
            conversation_id = (await self.create_conversation()).id
        queued = await self.create_message(conversation_id, content=question, **options)
        return AsyncAnswer(self, queued)

    async def events(self, job_id: UUID | str, *, after: int = 0, timeout: float = 600.0) -> AsyncIterator[Event]:
        """Every event of a job after the event `after`, until the job has ended.

        A stream that ends or breaks is resumed where it stopped: nothing is missed or repeated. Raises
        WaitTimeoutError after `timeout` seconds without an event.
        """
        patience = Patience(self._attempts, self._patience, self._on_wait)
        wanted = Request("GET", f"jobs/{job_id}/events")
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            try:
                async for event in self._response(wanted, after):
                    after = event.number
                    patience, deadline = (
                        Patience(self._attempts, self._patience, self._on_wait),
                        time.monotonic() + timeout,
                    )
                    yield event
                    if event.is_last:
                        return
            except _NoMoreEvents:
                return
            except httpx.TransportError as error:
                seconds = patience.wait_after(wanted, error)
                if seconds is None:
                    raise UnreachableError(f"{self.url} cannot be reached: {error}") from error
                await async_sleep(seconds)
        raise WaitTimeoutError(f"the job {job_id} sent no event for {timeout:.0f} s")

    async def _response(self, wanted: Request, after: int) -> AsyncIterator[Event]:
        """The events of one response, which can end at any time. Raises _NoMoreEvents, ApiError, TransportError."""
        patience, renewed = Patience(self._attempts, self._patience, self._on_wait), False
        while True:
            used = self._tokens
            headers = _authorization(used) | ({"Last-Event-ID": str(after)} if after else {})
            async with aconnect_sse(self._http, "GET", wanted.path, headers=headers) as source:
                response = source.response
                if response.status_code == 204:
                    raise _NoMoreEvents
                if response.status_code < 400:
                    async for sent in source.aiter_sse():
                        if sent.data:  # by the standard, a block without data is no event
                            yield _event(sent)
                    return
                await response.aread()
            if response.status_code == 401 and not renewed and await self._renew(used):
                renewed = True
                continue
            seconds = patience.wait_after(wanted, response)
            if seconds is None:
                raise ApiError(response)
            await async_sleep(seconds)


class _NoMoreEvents(Exception):  # noqa: N818 — it is no error
    """A job has no events after the last one that was seen."""


class AsyncAnswer:
    """An answer that is being made: follow its events, or wait for the stored message."""

    def __init__(self, client: AsyncAlcove, queued: models.QueuedMessage) -> None:
        self._client = client
        self.conversation_id = queued.message.conversation_id
        self.question = queued.message
        self.job = queued.job

    def events(self, *, after: int = 0, timeout: float = 600.0) -> AsyncIterator[Event]:
        """The events of the answer: `AsyncAlcove.events`."""
        return self._client.events(self.job.id, after=after, timeout=timeout)

    async def message(self, *, timeout: float = 600.0) -> models.Message:
        """The stored answer with its sources, once it is there. Raises AnswerFailedError if there is none."""
        async for event in self.events(timeout=timeout):
            if event.is_last:
                return await self.message_of(event)
        job = await self._client.get_job(self.job.id)
        error = job.error.model_dump() if job.error else {}
        return await self.message_of(Event(0, job.status, error | {"message_id": job.answer_id}))

    async def message_of(self, last: Event) -> models.Message:
        """The stored answer of a job whose last event is `last`. Raises AnswerFailedError if there is none."""
        if not last.data.get("message_id"):
            raise AnswerFailedError(last)
        return await self._client.get_message(last.data["message_id"])

    async def cancel(self) -> models.Job:
        """Stop the answer; what was said so far is kept."""
        return await self._client.cancel_job(self.job.id)


def _authorization(tokens: Tokens | None) -> dict[str, str]:
    return {} if tokens is None else {"Authorization": f"Bearer {tokens.access_token}"}


def _event(sent: ServerSentEvent) -> Event:
    return Event(int(sent.id), sent.event, json.loads(sent.data))
