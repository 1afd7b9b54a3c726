"""The points of a Qdrant server, by its REST interface: the texts of chunks whose files are not at hand."""

import json
import urllib.request
from collections.abc import Iterator, Mapping
from typing import Any

_PAGE = 256
_SECONDS = 60


class Qdrant:
    """A Qdrant server, whose collections have points with `document_id` and `content`."""

    def __init__(self, url: str, api_key: str | None = None) -> None:
        if not url.startswith(("http://", "https://")):
            raise ValueError("VECTORS must be an address that begins with http:// or https://")
        self.url, self.api_key = url.rstrip("/"), api_key

    def texts(self, document_id: str) -> list[Mapping[str, Any]]:
        """The chunks of a document, `{text, start}` each, in their order; from every collection that has some."""
        value: Any = int(document_id) if document_id.isdigit() else document_id
        points = [
            payload
            for collection in self._collections()
            for payload in self._points(collection, {"must": [{"key": "document_id", "match": {"value": value}}]})
        ]
        points.sort(key=lambda payload: payload.get("chunk_index") or 0)
        return [{"text": payload.get("content"), "start": None} for payload in points]

    def _collections(self) -> list[str]:
        listed = self._ask("GET", "/collections")["result"]["collections"]
        return [each["name"] for each in listed]

    def _points(self, collection: str, condition: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        offset = None
        while True:
            body = {"filter": condition, "limit": _PAGE, "with_payload": True, "with_vector": False, "offset": offset}
            result = self._ask("POST", f"/collections/{collection}/points/scroll", body)["result"]
            yield from (point.get("payload") or {} for point in result["points"])
            offset = result.get("next_page_offset")
            if offset is None:
                return

    def _ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        headers = {"Content-Type": "application/json"} | ({"api-key": self.api_key} if self.api_key else {})
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, headers, method=method)  # noqa: S310 — checked above
        with urllib.request.urlopen(request, timeout=_SECONDS) as answer:  # noqa: S310 — checked above
            return json.load(answer)
