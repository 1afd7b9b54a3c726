"""A user of the service in the demo, benchmarks and tests: the Python client, with requests by path.

Benchmarks and faults at length look at every response as it comes, so nothing is sent again by itself (`attempts` is
one), and a response stays the JSON that it is. What the client does else, such as following events, it does as for
everybody.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import httpx

from alcove import Alcove, ApiError, UnreachableError
from alcove.transport import Request


class ApiSession(Alcove):
    """A session of one user, opened again by itself when it has ended or a recent login is required."""

    def __init__(self, api_url: str, email: str, password: str, timeout: float = 60) -> None:
        super().__init__(api_url, timeout=timeout, attempts=1, user_agent="alcove-api-session")
        self._email, self._password = email, password

    @classmethod
    def register(cls, api_url: str, email: str, password: str, timeout: float = 60) -> ApiSession:
        """Make an account and log in to it."""
        created = cls(api_url, email, password, timeout)
        try:
            created.register_user(email=email, password=password)
            created.log_in_again()
        except BaseException:
            created.close()
            raise
        return created

    @classmethod
    def log_in_as(cls, api_url: str, email: str, password: str, timeout: float = 60) -> ApiSession:
        """Open a session."""
        created = cls(api_url, email, password, timeout)
        created.log_in_again()
        return created

    def log_in_again(self) -> None:
        """Open another session of the same account."""
        self.sign_in(self._email, self._password)

    @property
    def authorization(self) -> dict[str, str]:
        """The header with the present access token, for another client."""
        return {"Authorization": f"Bearer {self.tokens.access_token}"} if self.tokens else {}

    def json(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """One request; returns the JSON of the response. Raises ApiError for a problem, UnreachableError."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        address, _, query = path.lstrip("/").partition("?")
        sent = Request(method, address, tuple(parse_qsl(query, keep_blank_values=True)), body, named)
        try:
            response = self.send(sent)
        except ApiError as error:
            if error.code not in {"unauthorized", "recent_login_required", "stale_session"}:
                raise
            self.log_in_again()
            response = self.send(sent)
        return response.json() if response.content else None

    def upload_json(self, path: Path) -> Any:
        """Announce a file and put its bytes into the bucket; returns the document as JSON."""
        return self.upload(path).model_dump(mode="json")

    @staticmethod
    def send_content(upload: dict[str, Any], content: bytes) -> None:
        """Send bytes where a document's `upload` says. Raises UnreachableError unless the bucket takes them."""
        try:
            httpx.put(upload["url"], headers=upload["headers"], content=content, timeout=60).raise_for_status()
        except httpx.HTTPError as error:
            raise UnreachableError(f"The bucket did not take the bytes: {error}") from error

    def enqueue(self, conversation_id: str, question: str) -> Any:
        """Ask; returns `{message, job}` as JSON."""
        return self.json("POST", f"/conversations/{conversation_id}/messages", {"content": question})
