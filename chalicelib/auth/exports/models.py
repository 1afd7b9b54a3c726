"""The requests and responses of exports."""

from typing import Any

from pydantic import Field

from chalicelib.core.models import Request, Resource


class ExportQuery(Request):
    """`?limit=` (1 to 1000) and `?cursor=` (a `next_cursor` of the same export)."""

    limit: int = Field(default=200, ge=1, le=1000)
    # It holds a key, such as a source's own id of an item: 1,024 letters of up to four bytes, in base64, and the pass.
    cursor: str | None = Field(default=None, max_length=7000)


class ExportedRow(Resource):
    """A row of a table. docs/schema.md describes the tables."""

    table: str
    row: dict[str, Any]
