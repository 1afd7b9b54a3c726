"""Tags: names to find documents, repositories, conversations and memories by again.

A tag is one's own, or everybody's (global), which administrators make. One's own goes on whatever one sees and is
seen by nobody else, a global one on what one may change, and is seen by whoever sees that.
"""

from typing import TYPE_CHECKING, Literal, LiteralString
from uuid import UUID

from chalicelib.core import errors, identity, rows, sql
from chalicelib.core.models import Page
from chalicelib.knowledge.library.models import NewTag, Tag, TagQuery

if TYPE_CHECKING:
    from chalicelib.core.connection import Conn

queries = sql.load(__file__)

Kind = Literal["document", "repository", "conversation", "memory"]

_MOST = 1_000
_GLOBAL = "Only an administrator makes, renames and deletes tags that everybody sees."
_READ_ONLY = "Only those who may change this may give it a tag that everybody sees, or take one away."
_NAME_CONFLICTS = "There is a tag of this name."

# kind → how a thing of it is found by its id, and tagged.
_KINDS: dict[Kind, tuple[LiteralString, LiteralString]] = {
    "document": (queries.find_document, queries.attach_document),
    "repository": (queries.find_repository, queries.attach_repository),
    "conversation": (queries.find_conversation, queries.attach_conversation),
    "memory": (queries.find_memory, queries.attach_memory),
}


class _TagRow(Tag):
    rank: float


def create(conn: "Conn", new: NewTag) -> Tag:
    """Make a tag.

    Raises Conflict for a name in use (name_taken, whatever its case) or too many tags (too_many), Forbidden for a
    global one by anybody but an administrator.
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
    """The caller's own tags and the global ones, newest first; with `q`, those of such a name, best first."""
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
        raise errors.Forbidden(_GLOBAL)
    return renamed


def delete(conn: "Conn", tag_id: UUID) -> None:
    """Delete a tag; what had it stays. Raises NotFound, Forbidden."""
    get(conn, tag_id)
    if conn.execute(queries.delete, {"id": tag_id}).fetchone() is None:
        raise errors.Forbidden(_GLOBAL)


def attach(conn: "Conn", tag_id: UUID, kind: Kind, entity_id: UUID) -> Tag:
    """Put a tag on a thing, if it is not there. Raises NotFound, Forbidden for a global tag on what one only reads."""
    import psycopg

    tag, entity = get(conn, tag_id), _entity(conn, kind, entity_id)
    try:
        conn.execute(_KINDS[kind][1], {"tag_id": tag_id, "id": entity})
    except psycopg.errors.InsufficientPrivilege as error:
        raise errors.Forbidden(_READ_ONLY) from error
    return tag


def detach(conn: "Conn", tag_id: UUID, kind: Kind, entity_id: UUID) -> Tag:
    """Take a tag off a thing, if it is there. Raises NotFound, Forbidden for a global tag on what one only reads."""
    tag, entity = get(conn, tag_id), _entity(conn, kind, entity_id)
    attached = conn.execute(queries.attached, {"tag_id": tag_id, "kind": kind, "id": entity}).fetchone()
    if attached and conn.execute(queries.detach, {"id": attached[0]}).fetchone() is None:
        raise errors.Forbidden(_READ_ONLY)
    return tag


def _entity(conn: "Conn", kind: Kind, entity_id: UUID) -> UUID:
    row: UUID | None = rows.value(conn, _KINDS[kind][0], {"id": entity_id})
    if row is None:
        raise errors.NotFound
    return row
