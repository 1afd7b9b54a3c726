"""The first requests to a version that was deployed: what depends on nothing, then an upload, a search, a question."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

from chalicelib.ops.updates import deploying
from chalicelib.ops.updates.clouds import Cloud, DeployError

_SECONDS = 180
_POLL_SECONDS = 0.5
_TEXT = b"The pump P-17 of the first requests is inspected every ninety days by the shift engineer.\n"
_QUESTION = "How often is the pump P-17 inspected?"
# Codes of a question that failed for its language model, which the deployment does not vouch for.
_ERRORS_OF_MODELS = {
    "timed_out",
    "wrong_key",
    "not_allowed",
    "quota_exhausted",
    "model_missing",
    "context_overflow",
    "request_rejected",
    "refused",
    "rate_limited",
    "overloaded",
    "unavailable",
    "disconnected",
    "bad_answer",
    "bad_address",
}


def send(cloud: Cloud, function: str, api_url: str) -> str:
    """See that a deployment serves; returns what was seen. Raises DeployError.

    `function` makes an account for it, and erases it afterwards with everything of it.
    """
    deploying.await_ready(api_url)
    _answers_as_they_should(api_url)
    account = deploying.migrate(cloud, function, {"probe": "begin"})
    try:
        session = _request(f"{api_url}/auth/login", "POST", account)
        return _used(api_url, session["access_token"])
    finally:
        deploying.migrate(cloud, function, {"probe": "end"})


def _answers_as_they_should(api_url: str) -> None:
    """With and without the database, and without a credential."""
    for path, expected in (("/openapi.json", 200), ("/auth/providers", 200), ("/me", 401)):
        try:
            with urllib.request.urlopen(f"{api_url}{path}", timeout=30) as reply:
                status = reply.status
        except urllib.error.HTTPError as error:
            status = error.code
        except OSError as error:
            raise DeployError(f"{api_url}{path} does not answer: {error}") from error
        if status != expected:
            raise DeployError(f"{api_url}{path} answers {status} instead of {expected}; its function's log says why.")


def _used(api_url: str, token: str) -> str:
    def call(method: str, path: str, body: Any = None) -> Any:
        return _request(f"{api_url}{path}", method, body, {"Authorization": f"Bearer {token}"})

    announced = call("POST", "/documents", {"filename": "pump.md", "size_bytes": len(_TEXT)})
    upload = announced["upload"]
    _send(urllib.request.Request(upload["url"], _TEXT, upload["headers"], method="PUT"))
    path = f"/documents/{announced['id']}"
    document = _await_end(call, path, "The upload", "It must reach `ingest` by the bucket's event.")
    if document["status"] != "completed":
        raise DeployError(f"The upload is {document['status']}: {document['error']}")
    hits = call("POST", "/search", {"query": _QUESTION})["items"]
    if not any(hit["document_id"] == announced["id"] for hit in hits):
        raise DeployError("A search does not find the document that was uploaded.")
    conversation = call("POST", "/conversations", {})["id"]
    queued = call("POST", f"/conversations/{conversation}/messages", {"content": _QUESTION})["job"]
    job = _await_end(call, f"/jobs/{queued['id']}", "The question", "It must reach `answer` by its queue.")
    if job["status"] == "completed":
        return "upload, search, question"
    error = job["error"] or {}
    if error.get("code") not in _ERRORS_OF_MODELS:
        raise DeployError(f"The question is {job['status']}: {error}")
    return f"upload, search; the language model failed: {error['code']}"


def _await_end(call: Callable[[str, str], Any], path: str, what: str, hint: str) -> Any:
    """A document or a job, once it is completed or failed. DeployError."""
    deadline = time.monotonic() + _SECONDS
    while (result := call("GET", path))["status"] not in {"completed", "failed", "cancelled"}:
        if time.monotonic() > deadline:
            raise DeployError(f"{what} is {result['status']} after {_SECONDS} seconds. {hint}")
        time.sleep(_POLL_SECONDS)
    return result


def _request(url: str, method: str, body: Any = None, headers: dict[str, str] | None = None) -> Any:
    """The JSON that a request answers with. DeployError."""
    content = None if body is None else json.dumps(body).encode()
    sent = urllib.request.Request(url, content, {"Content-Type": "application/json"} | (headers or {}), method=method)
    return json.loads(_send(sent))


def _send(request: urllib.request.Request) -> bytes:
    where = f"{request.get_method()} {request.full_url.partition('?')[0]}"
    try:
        with urllib.request.urlopen(request, timeout=30) as reply:
            content: bytes = reply.read(1_000_000)
            return content
    except urllib.error.HTTPError as error:
        raise DeployError(f"{where} answers {error.code}: {error.read(2000).decode(errors='replace')}") from error
    except OSError as error:
        raise DeployError(f"{where} does not answer: {error}") from error
