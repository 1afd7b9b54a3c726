"""Texts of chunks from Qdrant: its own engine, in the local mode of its client, behind the REST interface.

The requests are read by the client's own models, as a server's would be; only HTTP is the test's.
"""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from qdrant_client import QdrantClient, models

from importers import papers
from importers.qdrant import Qdrant

POINTS = {
    "user_1": [
        {"document_id": 7, "chunk_index": 1, "content": "Its seal leaks."},
        {"document_id": 8, "content": "No."},
    ],
    "org": [
        {"document_id": 7, "chunk_index": 0, "content": "The valve V-3 has a seal."},
        {"document_id": "4f1c", "chunk_index": 0, "content": "Known by a text."},
    ],
    "long": [{"document_id": 10, "chunk_index": number, "content": f"Part {number}."} for number in range(600)],
}


class _Handler(BaseHTTPRequestHandler):
    """`GET /collections` and `POST /collections/{name}/points/scroll`."""

    engine: QdrantClient

    def do_GET(self) -> None:
        self._answer(self.engine.get_collections())

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        request = models.ScrollRequest.model_validate_json(content)
        points, next_page = self.engine.scroll(
            self.path.split("/")[2],
            scroll_filter=request.filter,
            limit=request.limit or 10,
            offset=request.offset,
            with_payload=bool(request.with_payload),
        )
        self._answer(models.ScrollResult(points=points, next_page_offset=next_page))

    def _answer(self, result: models.CollectionsResponse | models.ScrollResult) -> None:
        encoded = json.dumps({"result": result.model_dump(mode="json"), "status": "ok"}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(encoded)))
        self.end_headers()
        self.wfile.write(encoded)

    def log_message(self, *_: object) -> None:
        """Nothing is logged."""


@pytest.fixture
def qdrant() -> Iterator[Qdrant]:
    engine = QdrantClient(":memory:")
    for name, payloads in POINTS.items():
        engine.create_collection(name, models.VectorParams(size=2, distance=models.Distance.COSINE))
        # Ids are in no order of the chunks.
        points = [
            models.PointStruct(id=len(payloads) - number, vector=[0.1, 0.2], payload=payload)
            for number, payload in enumerate(payloads)
        ]
        engine.upsert(name, points)
    handler = type("Handler", (_Handler,), {"engine": engine})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield Qdrant(f"http://127.0.0.1:{server.server_port}/")
    server.shutdown()
    server.server_close()
    thread.join()
    engine.close()


def test_the_chunks_of_a_document_are_joined_in_their_order_from_every_collection(qdrant: Qdrant) -> None:
    assert papers.joined(qdrant.texts("7")) == "The valve V-3 has a seal.\n\nIts seal leaks."
    assert papers.joined(qdrant.texts("9")) is None
    assert papers.joined(qdrant.texts("4f1c")) == "Known by a text."


def test_a_document_of_more_points_than_a_page_is_read_whole(qdrant: Qdrant) -> None:
    text = papers.joined(qdrant.texts("10"))
    assert text is not None
    assert text.split("\n\n") == [f"Part {number}." for number in range(600)]


def test_an_address_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="VECTORS"):
        Qdrant("file:///etc/passwd")


def test_chunks_that_overlap_give_their_text_once() -> None:
    chunks = [{"text": "The valve V-3 has a seal.", "start": 0}, {"text": "a seal. It leaks.", "start": 18}]
    assert papers.joined(chunks) == "The valve V-3 has a seal. It leaks."
