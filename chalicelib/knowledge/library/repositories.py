"""Repositories: collections of documents, each document at one path.

A repository lives in a space as documents do: a user's own, a group's, the organisation's. One's own holds any
document that one sees; a group's or the organisation's holds those that all its readers see.
"""

from typing import TYPE_CHECKING
from uuid import UUID

from chalicelib.auth.audit import audit
from chalicelib.core import errors, rows, sql
from chalicelib.core.models import Page
from chalicelib.knowledge.library.models import (
    NewRepository,
    PlacedDocument,
    PlacedDocumentQuery,
    Repository,
    RepositoryChanges,
    RepositoryQuery,
)

if TYPE_CHECKING:
    from chalicelib.core.connection import Conn

queries = sql.load(__file__)

_MOST = 1_000
_WRITERS = {
    "user": "This API key may not write repositories.",
    "group": "Only editors and admins of the group may make repositories for it.",
    "org": "Only an administrator may make repositories for the whole organisation.",
}
_READ_ONLY = "Only those who may write to this repository's space may {verb} it."
_NOT_EVERYBODYS = (
    "Not everybody who reads this repository may read the document; put it into the same group, or the organisation."
)
_TAKEN = "There is a repository of this name in the same place."


class _Listed(Repository):
    rank: float


def create(conn: "Conn", new: NewRepository) -> Repository:
    """Make a repository; one that others read is audited.

    Raises Forbidden for a space that the caller may only read, NotFound for a group that is not the caller's, Conflict
    for a name in use there (name_taken, whatever its case) or too many repositories (too_many).
    """
    import psycopg
    from psycopg.types.json import Jsonb

    space_id = rows.value(conn, queries.space, {"scope": new.scope, "group_id": new.group_id})
    if space_id is None:
        raise errors.NotFound("There is no such group, or it is not the caller's.")
    wanted = new.model_dump() | {"metadata": Jsonb(new.metadata), "space_id": space_id, "most": _MOST}
    rows.hold_limit(conn, "repositories", space_id)
    try:
        made = rows.one(conn, Repository, queries.create, wanted)
    except psycopg.errors.InsufficientPrivilege as error:
        raise errors.Forbidden(_WRITERS[new.scope]) from error
    except psycopg.errors.UniqueViolation as error:
        raise errors.Conflict(_TAKEN, code="name_taken") from error
    if made is None:
        raise errors.Conflict(f"There may be {_MOST:,} repositories in one place; delete one.", code="too_many")
    _record(conn, "created", made)
    return made


def get(conn: "Conn", repository_id: UUID) -> Repository:
    """A repository that the caller may see. Raises NotFound."""
    found = rows.one(conn, Repository, queries.get, {"id": repository_id})
    if found is None:
        raise errors.NotFound
    return found


def list_page(conn: "Conn", query: RepositoryQuery) -> Page[Repository]:
    """The repositories that the caller may see, newest first; with `q`, those of such a name, best first."""
    wanted = query.model_dump(exclude={"limit", "cursor"}) | query.place()
    return query.page(rows.many(conn, _Listed, queries.list, wanted))


def change(conn: "Conn", repository_id: UUID, changes: RepositoryChanges) -> Repository:
    """Rename, describe or archive a repository; audited like making one.

    Raises NotFound, Forbidden, Conflict (name_taken).
    """
    import psycopg
    from psycopg.types.json import Jsonb

    _hold(conn, repository_id, "change")
    held = get(conn, repository_id)
    wanted = held.model_dump() | changes.given()
    try:
        conn.execute(queries.change, wanted | {"metadata": Jsonb(wanted["metadata"])})
    except psycopg.errors.UniqueViolation as error:
        raise errors.Conflict(_TAKEN, code="name_taken") from error
    _record(conn, "changed", held, fields=sorted(changes.model_fields_set))
    return get(conn, repository_id)


def delete(conn: "Conn", repository_id: UUID) -> None:
    """Delete a repository; its documents stay. Raises NotFound, Forbidden."""
    _hold(conn, repository_id, "delete")
    conn.execute(queries.delete, {"id": repository_id})


def place(conn: "Conn", repository_id: UUID, document_id: UUID, path: str) -> PlacedDocument:
    """Put a document at a path, or move it there; audited like making a repository.

    Raises NotFound, Forbidden when the caller only reads the repository or others would not see the document, Conflict
    (path_taken).
    """
    import psycopg

    held = _hold(conn, repository_id, "put documents into")
    wanted = {"id": repository_id, "document_id": _document(conn, document_id), "path": path}
    try:
        conn.execute(queries.place, wanted)
    except psycopg.errors.InsufficientPrivilege as error:
        raise errors.Forbidden(_NOT_EVERYBODYS) from error
    except psycopg.errors.UniqueViolation as error:
        raise errors.Conflict(
            "Another document has this path; move or remove that first.", code="path_taken"
        ) from error
    placed = rows.one(conn, PlacedDocument, queries.placed, wanted)
    if placed is None:
        raise errors.NotFound
    _record(conn, "document_placed", held, document_id=wanted["document_id"])
    return placed


def remove(conn: "Conn", repository_id: UUID, document_id: UUID) -> None:
    """Take a document out of a repository; it stays otherwise. Audited like making one. Raises NotFound, Forbidden."""
    held = _hold(conn, repository_id, "take documents out of")
    taken = _document(conn, document_id)
    conn.execute(queries.remove, {"id": repository_id, "document_id": taken})
    _record(conn, "document_removed", held, document_id=taken)


def documents(conn: "Conn", repository_id: UUID, query: PlacedDocumentQuery) -> Page[PlacedDocument]:
    """The documents of a repository, or of one of its folders with all below, by their paths. Raises NotFound."""
    get(conn, repository_id)
    wanted = {"id": repository_id, "folder": query.folder, "after": query.after_path(), "limit": query.limit + 1}
    return query.page(rows.many(conn, PlacedDocument, queries.documents, wanted))


def _hold(conn: "Conn", repository_id: UUID, verb: str) -> Repository:
    found = get(conn, repository_id)
    if conn.execute(queries.lock, {"id": repository_id}).fetchone() is None:
        raise errors.Forbidden(_READ_ONLY.format(verb=verb))
    return found


def _document(conn: "Conn", document_id: UUID) -> UUID:
    found: UUID | None = rows.value(conn, queries.document, {"document_id": document_id})
    if found is None:
        raise errors.NotFound
    return found


def _record(conn: "Conn", verb: str, repository: Repository, **details: object) -> None:
    if repository.scope != "user":
        details |= {"scope": repository.scope, "group_id": repository.group_id}
        audit.record(conn, f"repository.{verb}", "repository", repository.id, **details)
