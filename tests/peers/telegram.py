"""A server that speaks the part of Telegram's Bot API that Alcove uses: `sendMessage`.

Its answers are those that the Bot API documents (https://core.telegram.org/bots/api#making-requests): 401 for an
unknown token, 400 for an unknown chat, an empty or a long text, 429 with `retry_after`; and what a server that is down
answers.
"""

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN, CHAT = "123456789:AAEhBP0av28FrMPbCyEEjEkqCrjWx3u9cWk", "-1001234567890"


class BotApi:
    """Messages that arrived, as texts. `mode`: `up`, `down` (502), `busy` (429), or `silent` (closes connections)."""

    def __init__(self) -> None:
        peer = self
        self.texts: list[str] = []
        self.requests = 0
        self.mode = "up"

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                peer.requests += 1
                if peer.mode == "silent":
                    self.close_connection = True
                    return
                status, content = peer.answer(self.path, body)
                data = json.dumps(content).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: Any) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def answer(self, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """The status and the content of the answer to one request."""
        if self.mode == "down":
            return _refusal(502, "Bad Gateway")
        match = re.fullmatch(r"/bot([^/]+)/(\w+)", path)
        if match is None or match[2] != "sendMessage":
            return _refusal(404, "Not Found")
        if match[1] != TOKEN:
            return _refusal(401, "Unauthorized")
        if self.mode == "busy":
            status, content = _refusal(429, "Too Many Requests: retry after 30")
            return status, content | {"parameters": {"retry_after": 30}}
        text = body.get("text")
        if body.get("chat_id") != CHAT:
            return _refusal(400, "Bad Request: chat not found")
        if not isinstance(text, str) or not text.strip():
            return _refusal(400, "Bad Request: message text is empty")
        if len(text) > 4096:
            return _refusal(400, "Bad Request: message is too long")
        self.texts.append(text)
        return 200, {"ok": True, "result": {"message_id": len(self.texts), "text": text}}

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _refusal(status: int, description: str) -> tuple[int, dict[str, Any]]:
    return status, {"ok": False, "error_code": status, "description": description}
