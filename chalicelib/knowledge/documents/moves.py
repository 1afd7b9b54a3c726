"""Moves: a document goes to another space, with everything that hangs on it.

Its text, chunks, embeddings, postings, announced uploads and tags follow through their foreign keys, its copies and
what is packed into it with it. Repositories whose readers cannot all see it there lose it.
"""

from typing import TYPE_CHECKING
from uuid import UUID

from chalicelib.core import errors, rows, sql
from chalicelib.core.models import Resource
from chalicelib.knowledge.documents.models import Document, Scope

if TYPE_CHECKING:
    from chalicelib.core.connection import Conn

queries = sql.load(__file__)

# Each chunk's vector enters another part of the index, about 2 ms each. More chunks than these are read again instead,
# which no request waits for.
MOVED_AT_ONCE = 1_000

_WRITERS = {
    "user": "This API key may not write documents.",
    "group": "Only editors and admins of the group may move documents to it.",
    "org": "Only an administrator may move documents to the whole organisation.",
}


class _MovedTree(Resource):
    documents: list[UUID]
    chunks: int


def move(conn: "Conn", document: Document, scope: Scope, group_id: UUID | None) -> list[str]:
    """Move a locked document to another space. Returns the keys of objects to ingest.

    The new owner is the caller where the present owner cannot write to that space. Raises NotFound for a group that is
    not the caller's, Forbidden for a space that the caller may only read, Conflict for a document that is packed into
    another one, and when the space is full.
    """
    import psycopg

    if (document.scope, document.group_id) == (scope, group_id):
        return []
    if document.parent_id is not None:
        raise errors.Conflict("This document is packed into another one. Move that document.", code="packed")
    if document.connector_id is not None:
        raise errors.Conflict("A connector keeps this document in its own space.", code="from_connector")
    params: dict[str, object] = {"id": document.id, "scope": scope, "group_id": group_id}
    space = rows.value(conn, queries.space, params)
    if space is None:
        raise errors.NotFound("The group does not exist, or the caller is not a member.")
    params["space_id"] = space
    tree = rows.one(conn, _MovedTree, queries.tree, params)
    if tree is not None and tree.chunks > MOVED_AT_ONCE:
        params["documents"] = tree.documents
        for statement in (queries.uncount, queries.drop_texts, queries.drop_chunks, queries.read_again):
            conn.execute(statement, params)
    try:
        conn.execute(queries.move, params)
    except psycopg.errors.InsufficientPrivilege as error:
        raise errors.Forbidden(_WRITERS[scope]) from error
    conn.execute(queries.leave_repositories, params)
    return [row[0] for row in conn.execute(queries.unread, params).fetchall()]
