"""A small client of the API, written as any client would be: the demo, the benchmarks and chaos use it.

Uploads go to the bucket by presigned URL; answers are read from the event stream, reconnecting as any
EventSource client does.
"""

from __future__ import annotations

import json
import mimetypes
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from httpx_sse import ServerSentEvent, connect_sse

_TERMINAL = {"done", "error", "cancelled"}


class ApiError(RuntimeError):
    """The API answered with a problem document."""

    def __init__(self, response: httpx.Response) -> None:
        try:
            self.problem: dict[str, Any] = response.json()
        except ValueError:
            self.problem = {"code": "unknown", "title": response.text[:200]}
        self.status = response.status_code
        self.retry_after = int(response.headers.get("Retry-After", 1))  # seconds
        super().__init__(
            f"{self.status} {self.problem.get('code')}: {self.problem.get('detail') or self.problem.get('title')}"
        )


@dataclass(frozen=True)
class Event:
    """One event of a job's stream."""

    number: int
    name: str
    data: dict[str, Any]


class Alcove:
    """A session of one user, opened again by itself when it has expired or a recent login is required."""

    def __init__(self, api_url: str, credentials: dict[str, str] | None = None, timeout: float = 60) -> None:
        self.http = httpx.Client(base_url=api_url, timeout=timeout)
        self._credentials = credentials

    @classmethod
    def register(cls, api_url: str, email: str, password: str, timeout: float = 60) -> Alcove:
        """Make an account and log in to it."""
        created = cls(api_url, {"email": email, "password": password}, timeout)
        try:
            created.call("POST", "/auth/register", created._credentials)
            created._log_in()
        except BaseException:
            created.close()
            raise
        return created

    @classmethod
    def log_in(cls, api_url: str, email: str, password: str, timeout: float = 60) -> Alcove:
        """Open a session."""
        created = cls(api_url, {"email": email, "password": password}, timeout)
        created._log_in()
        return created

    def _log_in(self) -> None:
        response = self.http.post("auth/login", json=self._credentials)
        if response.status_code >= 400:
            raise ApiError(response)
        self.http.headers["Authorization"] = f"Bearer {response.json()['access_token']}"

    def close(self) -> None:
        """Close the connections."""
        self.http.close()

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """One request; returns the JSON of the response. Raises ApiError for a problem."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        response = self.http.request(method, path.lstrip("/"), json=body, headers=named)
        if "Authorization" in self.http.headers and _requires_login(response):
            self._log_in()
            response = self.http.request(method, path.lstrip("/"), json=body, headers=named)
        if response.status_code >= 400:
            raise ApiError(response)
        return response.json() if response.content else None

    def upload(self, path: Path) -> Any:
        """Announce a file and put its bytes into the bucket; returns the document."""
        content = path.read_bytes()
        announced = {
            "filename": path.name,
            "content_type": mimetypes.guess_type(path.name)[0] or "application/octet-stream",
            "size_bytes": len(content),
        }
        document = self.call("POST", "/documents", announced)
        self.send(document["upload"], content)
        return document

    @staticmethod
    def send(upload: dict[str, Any], content: bytes) -> None:
        """Send bytes where a document's `upload` says."""
        sent = httpx.request(upload["method"], upload["url"], headers=upload["headers"], content=content, timeout=60)
        sent.raise_for_status()

    def ask(self, conversation_id: str, question: str) -> Any:
        """Ask; returns `{message, job}`."""
        return self.call("POST", f"/conversations/{conversation_id}/messages", {"content": question})

    def events(self, job_id: str, after: int = 0, seconds: float = 120) -> Iterator[Event]:
        """Every event of a job until it has ended, reconnecting after each response. Raises TimeoutError."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            headers = {"Last-Event-ID": str(after)} if after else {}
            with connect_sse(self.http, "GET", f"jobs/{job_id}/events", headers=headers) as source:
                if source.response.status_code == 204:
                    return
                if source.response.status_code >= 400:
                    source.response.read()
                    raise ApiError(source.response)
                for sent in source.iter_sse():
                    if not sent.data:  # by the standard, a block without data is no event
                        continue
                    event = _event(sent)
                    after = event.number
                    yield event
                    if event.name in _TERMINAL:
                        return
        raise TimeoutError(f"job {job_id} did not end within {seconds:.0f} s")


def _requires_login(response: httpx.Response) -> bool:
    """Whether the access token has expired, or the request requires a recent login."""
    return response.status_code == 401 or (
        response.status_code == 403
        and ApiError(response).problem.get("code") in {"recent_login_required", "stale_session"}
    )


def _event(sent: ServerSentEvent) -> Event:
    return Event(int(sent.id), sent.event, json.loads(sent.data))
