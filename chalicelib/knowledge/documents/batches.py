"""Batches: the progress of the documents of one upload."""

from typing import TYPE_CHECKING
from uuid import UUID

from chalicelib.core import errors, rows, sql
from chalicelib.core.models import Resource

if TYPE_CHECKING:
    from chalicelib.core.connection import Conn

queries = sql.load(__file__)


class BatchStages(Resource):
    """How many documents of a batch are at each stage of their processing."""

    extracting: int
    recognising: int
    chunking: int
    embedding: int
    waiting: int
    storing: int


class Batch(Resource):
    """The progress of the documents of one upload. `total` does not count texts that the caller already had."""

    id: UUID
    total: int
    pending: int
    processing: int
    completed: int
    with_warnings: int
    failed: int
    stages: BatchStages
    chunks_done: int
    chunks_total: int


def get(conn: "Conn", batch_id: UUID) -> Batch:
    """The progress of an upload's documents. Raises NotFound when the caller may see none of them."""
    result = rows.one(conn, Batch, queries.get, {"batch": batch_id})
    if result is None:
        raise errors.NotFound
    return result
