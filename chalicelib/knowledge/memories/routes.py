"""Memories over HTTP."""

from uuid import UUID

from chalicelib.core import idempotency, identity
from chalicelib.core.http import Reply, Routes
from chalicelib.core.models import Page
from chalicelib.knowledge.memories import memories
from chalicelib.knowledge.memories.models import (
    Memory,
    MemoryChanges,
    MemoryQuery,
    MemorySearch,
    NewMemory,
    RecalledMemories,
    WrittenMemory,
)

routes = Routes(__name__)


@routes.post("/memories", limit="memory", status=201, also=(200,))
def create_memory(body: NewMemory) -> Reply[WrittenMemory]:
    """Remember something (201). What says the same as an older memory is merged into that one (200)."""
    with identity.as_caller() as conn:
        memory = idempotency.once(
            conn, lambda: memories.write(conn, body), lambda memory_id: memories.written(conn, memory_id)
        )
    return Reply(memory, status=200 if memory.merged else 201, headers={"Location": f"/memories/{memory.id}"})


@routes.get("/memories")
def list_memories(query: MemoryQuery) -> Page[Memory]:
    """The caller's memories, newest first."""
    with identity.as_caller() as conn:
        return memories.list_page(conn, query)


@routes.post("/memories/search", scope="read", limit="search")
def search_memories(body: MemorySearch) -> RecalledMemories:
    """The caller's memories that fit a query, by relevance, recency and importance. Counts as recalling them, except
    with an API key that may only read."""
    with identity.as_caller() as conn:
        return RecalledMemories(items=memories.recall(conn, body))


@routes.get("/memories/{memory_id}")
def get_memory(memory_id: UUID) -> Memory:
    """One memory. Reading it here does not count as recalling it."""
    with identity.as_caller() as conn:
        return memories.get(conn, memory_id)


@routes.patch("/memories/{memory_id}", limit="memory")
def update_memory(memory_id: UUID, body: MemoryChanges) -> Memory:
    """Change a memory's content, kind or importance."""
    with identity.as_caller() as conn:
        return memories.change(conn, memory_id, body)


@routes.delete("/memories/{memory_id}")
def delete_memory(memory_id: UUID) -> None:
    """Forget a memory for good."""
    with identity.as_caller() as conn:
        memories.delete(conn, memory_id)
