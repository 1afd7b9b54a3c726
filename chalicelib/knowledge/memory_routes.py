"""Memories over HTTP."""

from uuid import UUID

from chalice.app import Blueprint

from chalicelib.core import db, idempotency
from chalicelib.core.http import Reply, endpoint
from chalicelib.knowledge import memories
from chalicelib.knowledge.memory_models import (
    Memory,
    MemoryChanges,
    MemoryPage,
    MemoryQuery,
    MemorySearch,
    NewMemory,
    RecalledMemories,
    WrittenMemory,
)

routes = Blueprint(__name__)


@routes.route("/memories", methods=["POST"], content_types=["*/*"])
@endpoint(limit="memory", status=201, also=(200,))
def create_memory(body: NewMemory) -> Reply[WrittenMemory]:
    """Remember something (201). What says the same as an older memory is merged into that one (200)."""
    with db.as_caller() as conn:
        memory = idempotency.once(
            conn, lambda: memories.write(conn, body), lambda memory_id: memories.written(conn, memory_id)
        )
    return Reply(memory, status=200 if memory.merged else 201, headers={"Location": f"/memories/{memory.id}"})


@routes.route("/memories", methods=["GET"])
@endpoint()
def list_memories(query: MemoryQuery) -> MemoryPage:
    """The caller's memories, newest first."""
    with db.as_caller() as conn:
        return memories.list_page(conn, query)


@routes.route("/memories/search", methods=["POST"], content_types=["*/*"])
@endpoint(scope="read", limit="search")
def search_memories(body: MemorySearch) -> RecalledMemories:
    """The caller's memories that fit a query, by relevance, recency and importance. Counts as recalling them, except
    with an API key that may only read."""
    with db.as_caller() as conn:
        return RecalledMemories(items=memories.recall(conn, body))


@routes.route("/memories/{memory_id}", methods=["GET"])
@endpoint()
def get_memory(memory_id: UUID) -> Memory:
    """One memory. Reading it here does not count as recalling it."""
    with db.as_caller() as conn:
        return memories.get(conn, memory_id)


@routes.route("/memories/{memory_id}", methods=["PATCH"], content_types=["*/*"])
@endpoint(limit="memory")
def change_memory(memory_id: UUID, body: MemoryChanges) -> Memory:
    """Change a memory's content, kind or importance."""
    with db.as_caller() as conn:
        return memories.change(conn, memory_id, body)


@routes.route("/memories/{memory_id}", methods=["DELETE"])
@endpoint()
def delete_memory(memory_id: UUID) -> None:
    """Forget a memory for good."""
    with db.as_caller() as conn:
        memories.delete(conn, memory_id)
