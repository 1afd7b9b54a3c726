"""The other side of the wire, as a process: `python -m tests.auth.peer_server` prints its port and serves.

/github  GitHub's OAuth web flow and the two API calls, as docs.github.com describes their requests and answers
/llm     the model lists of OpenAI and Anthropic and OpenRouter's /key, each for the one key it knows
/canned  answers that a test puts there, and how often each was asked for
"""

import base64
import hashlib
import json
import secrets
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

GITHUB_CLIENT = ("gh-client", "gh-secret")
LLM_KEY = "sk-live-0123456789abcdefWXYZ"


@dataclass
class State:
    """Everything the server knows."""

    user: dict[str, Any] = field(default_factory=dict)
    emails: list[dict[str, Any]] = field(default_factory=list)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    tokens: set[str] = field(default_factory=set)
    canned: dict[str, dict[str, Any]] = field(default_factory=dict)
    queued: list[str] = field(default_factory=list)


class Handler(BaseHTTPRequestHandler):
    """One request. The route is the path without its query."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # an answer is two packets; see tests/peers/serving.py
    state = State()

    def log_message(self, *_: Any) -> None:
        """Nothing: the tests read what they need from /canned/_asked."""

    def do_GET(self) -> None:
        """Serve a GET."""
        self._serve()

    def do_POST(self) -> None:
        """Serve a POST."""
        self._serve()

    def do_PUT(self) -> None:
        """Take what a test wants answered."""
        path, body = urlsplit(self.path).path, json.loads(self._body())
        if path == "/github/_user":
            self.state.user, self.state.emails = body["user"], body["emails"]
        elif path == "/canned/_forget":
            self.state.canned.clear()
            self.state.queued.clear()
        else:
            self.state.canned[path] = body
        self._answer(200, {})

    def _serve(self) -> None:
        path = urlsplit(self.path).path
        body = self._body()
        if path == "/canned/_asked":
            return self._answer(200, self.state.queued)
        self.state.queued.append(path)
        if path.startswith("/github/"):
            return self._github(path.removeprefix("/github"), parse_qs(body.decode()))
        if path.startswith("/llm/"):
            return self._llm(path.removeprefix("/llm"))
        return self._canned(path)

    def _github(self, path: str, form: dict[str, list[str]]) -> None:
        if path == "/login/oauth/authorize":
            return self._authorize({name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()})
        if path == "/login/oauth/access_token":
            return self._answer(200, self._access_token({name: values[0] for name, values in form.items()}))
        if self.headers.get("Authorization", "").removeprefix("Bearer ") not in self.state.tokens:
            return self._answer(401, {"message": "Bad credentials"})
        return self._answer(200, self.state.user if path == "/user" else self.state.emails)

    def _authorize(self, query: dict[str, str]) -> None:
        if query["client_id"] != GITHUB_CLIENT[0] or query.get("code_challenge_method") != "S256":
            return self._answer(404, {})
        code = secrets.token_hex(10)
        self.state.codes[code] = query
        provided = urlencode({"code": code, "state": query["state"]})
        return self._answer(302, {}, {"Location": f"{query['redirect_uri']}?{provided}"})

    def _access_token(self, form: dict[str, str]) -> dict[str, str]:
        if (form["client_id"], form["client_secret"]) != GITHUB_CLIENT:
            return {"error": "incorrect_client_credentials"}
        queued = self.state.codes.pop(form["code"], None)
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if queued is None or queued["redirect_uri"] != form["redirect_uri"] or queued["code_challenge"] != challenge:
            return {"error": "bad_verification_code", "error_description": "The code is incorrect or expired."}
        token = f"gho_{secrets.token_hex(18)}"
        self.state.tokens.add(token)
        return {"access_token": token, "scope": "read:user,user:email", "token_type": "bearer"}

    def _llm(self, path: str) -> None:
        provided = self.headers.get("x-api-key") or self.headers.get("Authorization", "").removeprefix("Bearer ")
        if path == "/openrouter/models":
            return self._answer(200, {"data": []})  # as OpenRouter does: whatever the key
        if path == "/anthropic/v1/models" and not self.headers.get("anthropic-version"):
            return self._answer(400, {"error": {"type": "invalid_request_error"}})
        if provided != LLM_KEY:
            return self._answer(401, {"error": {"message": "Incorrect API key provided"}})
        return self._answer(200, {"data": []})

    def _canned(self, path: str) -> None:
        canned = self.state.canned.get(path, {"status": 404})
        time.sleep(canned.get("seconds", 0))
        self._answer(canned.get("status", 200), canned.get("json"), canned.get("headers"), canned.get("text"))

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _answer(
        self, status: int, document: Any, headers: dict[str, str] | None = None, text: str | None = None
    ) -> None:
        body = (text if text is not None else json.dumps(document)).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main() -> None:
    """Serve on a free port of this machine until the process ends."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_address[1], flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
