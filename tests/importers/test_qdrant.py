"""Texts of chunks from a Qdrant server, by the REST interface as its documentation describes it."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from importers import papers
from importers.qdrant import Qdrant

POINTS = {
    "user_1": [
        {"document_id": 7, "chunk_index": 1, "content": "Its seal leaks."},
        {"document_id": 8, "content": "No."},
    ],
    "org": [{"document_id": 7, "chunk_index": 0, "content": "The valve V-3 has a seal."}],
}


class _Handler(BaseHTTPRequestHandler):
    """Collections, and points by a condition, one a page."""

    def do_GET(self) -> None:
        self._answer({"result": {"collections": [{"name": name} for name in POINTS]}})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        (condition,) = body["filter"]["must"]
        document_id = condition["match"]["value"]
        points = [point for point in POINTS[self.path.split("/")[2]] if point["document_id"] == document_id]
        first = body["offset"] or 0
        page = {
            "points": [{"id": first, "payload": point} for point in points[first : first + 1]],
            "next_page_offset": first + 1 if first + 1 < len(points) else None,
        }
        self._answer({"result": page})

    def _answer(self, body: object) -> None:
        encoded = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(encoded)))
        self.end_headers()
        self.wfile.write(encoded)

    def log_message(self, *_: object) -> None:
        """Nothing is logged."""


@pytest.fixture
def qdrant() -> Iterator[Qdrant]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield Qdrant(f"http://127.0.0.1:{server.server_port}/")
    server.shutdown()
    server.server_close()
    thread.join()


def test_the_chunks_of_a_document_are_joined_in_their_order_from_every_collection(qdrant: Qdrant) -> None:
    assert papers.joined(qdrant.texts("7")) == "The valve V-3 has a seal.\n\nIts seal leaks."
    assert papers.joined(qdrant.texts("9")) is None


def test_an_address_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="VECTORS"):
        Qdrant("file:///etc/passwd")


def test_chunks_that_overlap_give_their_text_once() -> None:
    chunks = [{"text": "The valve V-3 has a seal.", "start": 0}, {"text": "a seal. It leaks.", "start": 18}]
    assert papers.joined(chunks) == "The valve V-3 has a seal. It leaks."
