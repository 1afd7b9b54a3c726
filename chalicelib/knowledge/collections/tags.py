"""Tags: names for documents, repositories, conversations and memories.

A user's own tag is visible to that user alone and goes on everything the user can see. A global tag, which an
administrator creates, goes on what the user can change, and everyone who can see that sees the tag.
"""

from typing import TYPE_CHECKING, Literal, LiteralString
from uuid import UUID

from chalicelib.core import errors, identity, rows, sql
from chalicelib.core.models import Page
from chalicelib.knowledge.collections.models import NewTag, Tag, TagQuery
from chalicelib.knowledge.documents.names import Rank

if TYPE_CHECKING:
    from chalicelib.core.connection import Conn

queries = sql.load(__file__)

Kind = Literal["document", "repository", "conversation", "memory"]

_MOST = 1_000
_GLOBAL = "Only an administrator can create, rename and delete global tags."
_READ_ONLY = "A global tag can only be attached or detached by a user who may change the tagged item."
_NAME_CONFLICTS = "There is a tag of this name."

# kind → the statements that find an entity of this kind by its id, and attach a tag to it.
_KINDS: dict[Kind, tuple[LiteralString, LiteralString]] = {
    "document": (queries.find_document, queries.attach_document),
    "repository": (queries.find_repository, queries.attach_repository),
    "conversation": (queries.find_conversation, queries.attach_conversation),
    "memory": (queries.find_memory, queries.attach_memory),
}


class _TagRow(Tag):
    rank: Rank


def create(conn: "Conn", new: NewTag) -> Tag:
    """Create a tag.

    Raises Conflict when the name is in use in any case (name_taken) or there are too many tags (too_many), Forbidden
    when a caller who is no administrator creates a global tag.
    """
    import psycopg

    rows.hold_limit(conn, "tags", "everybody" if new.is_global else identity.caller_id())
    try:
        created = rows.one(conn, Tag, queries.create, {"name": new.name, "is_global": new.is_global, "most": _MOST})
    except psycopg.errors.InsufficientPrivilege as error:
        raise errors.Forbidden(_GLOBAL) from error
    except psycopg.errors.UniqueViolation as error:
        raise errors.Conflict(_NAME_CONFLICTS, code="name_taken") from error
    if created is None:
        raise errors.Conflict(f"At most {_MOST:,} tags are allowed. Delete an unused one first.", code="too_many")
    return created


def get(conn: "Conn", tag_id: UUID) -> Tag:
    """One of the caller's own tags, or a global one. Raises NotFound."""
    row = rows.one(conn, Tag, queries.get, {"id": tag_id})
    if row is None:
        raise errors.NotFound
    return row


def list_page(conn: "Conn", query: TagQuery) -> Page[Tag]:
    """The caller's own tags and the global ones, newest first; with `q`, those with a similar name, best first."""
    params = query.model_dump(exclude={"limit", "cursor"}) | query.place()
    return query.page(rows.many(conn, _TagRow, queries.list, params))


def rename(conn: "Conn", tag_id: UUID, name: str) -> Tag:
    """Rename a tag. Raises NotFound, Forbidden, Conflict (name_taken)."""
    import psycopg

    get(conn, tag_id)
    try:
        renamed = rows.one(conn, Tag, queries.rename, {"id": tag_id, "name": name})
    except psycopg.errors.UniqueViolation as error:
        raise errors.Conflict(_NAME_CONFLICTS, code="name_taken") from error
    if renamed is None:
        raise _refusal(conn, tag_id)
    return renamed


def delete(conn: "Conn", tag_id: UUID) -> None:
    """Delete a tag; the entities that had it stay. Raises NotFound, Forbidden."""
    get(conn, tag_id)
    if conn.execute(queries.delete, {"id": tag_id}).fetchone() is None:
        raise _refusal(conn, tag_id)


def _refusal(conn: "Conn", tag_id: UUID) -> errors.Problem:
    """Why a tag that was there cannot be changed. Raises NotFound when another request has deleted it meanwhile."""
    get(conn, tag_id)
    return errors.Forbidden(_GLOBAL)


def attach(conn: "Conn", tag_id: UUID, kind: Kind, entity_id: UUID) -> Tag:
    """Attach a tag. Raises NotFound, Forbidden for a global tag on an entity that the caller only reads."""
    import psycopg

    tag, entity = get(conn, tag_id), _entity(conn, kind, entity_id)
    try:
        conn.execute(_KINDS[kind][1], {"tag_id": tag_id, "id": entity})
    except psycopg.errors.InsufficientPrivilege as error:
        raise errors.Forbidden(_READ_ONLY) from error
    return tag


def detach(conn: "Conn", tag_id: UUID, kind: Kind, entity_id: UUID) -> Tag:
    """Detach a tag. Raises NotFound, Forbidden for a global tag on an entity that the caller only reads."""
    tag, entity = get(conn, tag_id), _entity(conn, kind, entity_id)
    params = {"tag_id": tag_id, "kind": kind, "id": entity}
    attached = rows.value(conn, queries.attached, params)
    if attached is None or conn.execute(queries.detach, {"id": attached}).fetchone() is not None:
        return tag
    # Another request may have detached it meanwhile.
    if rows.value(conn, queries.attached, params) is not None:
        raise errors.Forbidden(_READ_ONLY)
    return tag


def _entity(conn: "Conn", kind: Kind, entity_id: UUID) -> UUID:
    row: UUID | None = rows.value(conn, _KINDS[kind][0], {"id": entity_id})
    if row is None:
        raise errors.NotFound
    return row
