"""Repositories: collections of documents, each document at one path.

Like a document, a repository is in the space of a user, a group or the organisation. A user's own repository can
contain every document that the user can see; other repositories contain documents that all of their readers can see.
"""

from typing import TYPE_CHECKING
from uuid import UUID

from chalicelib.auth.audit import audit
from chalicelib.core import errors, rows, sql
from chalicelib.core.models import Page
from chalicelib.knowledge.collections.models import (
    NewRepository,
    Repository,
    RepositoryChanges,
    RepositoryDocument,
    RepositoryDocumentQuery,
    RepositoryQuery,
)
from chalicelib.knowledge.documents.names import Rank

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
_NOT_SHARED = (
    "Some readers of this repository cannot read the document. Add it to the same group, or to the organisation."
)
_NAME_CONFLICTS = "There is a repository of this name in the same place."


class _RepositoryRow(Repository):
    rank: Rank


def create(conn: "Conn", new: NewRepository) -> Repository:
    """Create a repository; the audit log records it when others can read it.

    Raises Forbidden for a space that the caller may only read, NotFound for a group that is not the caller's, Conflict
    for a name in use there in any case (name_taken) or too many repositories (too_many).
    """
    import psycopg
    from psycopg.types.json import Jsonb

    space_id = rows.value(conn, queries.space, {"scope": new.scope, "group_id": new.group_id})
    if space_id is None:
        raise errors.NotFound("The group does not exist, or the caller is not a member.")
    params = new.model_dump() | {"metadata": Jsonb(new.metadata), "space_id": space_id, "most": _MOST}
    rows.hold_limit(conn, "repositories", space_id)
    try:
        created = rows.one(conn, Repository, queries.create, params)
    except psycopg.errors.InsufficientPrivilege as error:
        raise errors.Forbidden(_WRITERS[new.scope]) from error
    except psycopg.errors.UniqueViolation as error:
        raise errors.Conflict(_NAME_CONFLICTS, code="name_taken") from error
    if created is None:
        raise errors.Conflict(f"At most {_MOST:,} repositories are allowed in a scope. Delete one.", code="too_many")
    _record(conn, "created", created)
    return created


def get(conn: "Conn", repository_id: UUID) -> Repository:
    """A repository that the caller may see. Raises NotFound."""
    repository_row = rows.one(conn, Repository, queries.get, {"id": repository_id})
    if repository_row is None:
        raise errors.NotFound
    return repository_row


def list_page(conn: "Conn", query: RepositoryQuery) -> Page[Repository]:
    """The repositories that the caller may see, newest first; with `q`, those with a similar name, best first."""
    params = query.model_dump(exclude={"limit", "cursor"}) | query.place()
    return query.page(rows.many(conn, _RepositoryRow, queries.list, params))


def change(conn: "Conn", repository_id: UUID, changes: RepositoryChanges) -> Repository:
    """Rename, describe or archive a repository; audited like its creation.

    Raises NotFound, Forbidden, Conflict (name_taken).
    """
    import psycopg
    from psycopg.types.json import Jsonb

    _hold(conn, repository_id, "change")
    existing = get(conn, repository_id)
    params = existing.model_dump() | changes.changed_fields()
    try:
        conn.execute(queries.change, params | {"metadata": Jsonb(params["metadata"])})
    except psycopg.errors.UniqueViolation as error:
        raise errors.Conflict(_NAME_CONFLICTS, code="name_taken") from error
    _record(conn, "changed", existing, fields=sorted(changes.model_fields_set))
    return get(conn, repository_id)


def delete(conn: "Conn", repository_id: UUID) -> None:
    """Delete a repository; its documents stay. Raises NotFound, Forbidden."""
    _hold(conn, repository_id, "delete")
    conn.execute(queries.delete, {"id": repository_id})


def place(conn: "Conn", repository_id: UUID, document_id: UUID, path: str) -> RepositoryDocument:
    """Put a document at a path, or move it there; audited like the creation of a repository.

    Raises NotFound, Forbidden when the caller only reads the repository or other readers could not see the document,
    Conflict (path_taken).
    """
    import psycopg

    existing = _hold(conn, repository_id, "put documents into")
    params = {"id": repository_id, "document_id": _document(conn, document_id), "path": path}
    try:
        conn.execute(queries.place, params)
    except psycopg.errors.InsufficientPrivilege as error:
        raise errors.Forbidden(_NOT_SHARED) from error
    except psycopg.errors.UniqueViolation as error:
        raise errors.Conflict(
            "Another document has this path; move or remove that first.", code="path_taken"
        ) from error
    placed_document = rows.one(conn, RepositoryDocument, queries.get_placed_document, params)
    if placed_document is None:
        raise errors.NotFound
    _record(conn, "document_placed", existing, document_id=params["document_id"])
    return placed_document


def remove(conn: "Conn", repository_id: UUID, document_id: UUID) -> None:
    """Take a document out of a repository; the document stays. Audited like a creation. Raises NotFound, Forbidden."""
    existing = _hold(conn, repository_id, "take documents out of")
    document = _document(conn, document_id)
    conn.execute(queries.remove, {"id": repository_id, "document_id": document})
    _record(conn, "document_removed", existing, document_id=document)


def documents(conn: "Conn", repository_id: UUID, query: RepositoryDocumentQuery) -> Page[RepositoryDocument]:
    """The documents of a repository, or of one of its folders with subfolders, by their paths. Raises NotFound."""
    get(conn, repository_id)
    params = {"id": repository_id, "folder": query.folder, "after": query.after_path(), "limit": query.limit + 1}
    return query.page(rows.many(conn, RepositoryDocument, queries.documents, params))


def _hold(conn: "Conn", repository_id: UUID, verb: str) -> Repository:
    repository_row = get(conn, repository_id)
    if conn.execute(queries.lock, {"id": repository_id}).fetchone() is None:
        get(conn, repository_id)  # another request may have deleted it meanwhile: NotFound
        raise errors.Forbidden(_READ_ONLY.format(verb=verb))
    return repository_row


def _document(conn: "Conn", document_id: UUID) -> UUID:
    repository_row: UUID | None = rows.value(conn, queries.document, {"document_id": document_id})
    if repository_row is None:
        raise errors.NotFound
    return repository_row


def _record(conn: "Conn", verb: str, repository: Repository, **details: object) -> None:
    if repository.scope != "user":
        details |= {"scope": repository.scope, "group_id": repository.group_id}
        audit.record(conn, f"repository.{verb}", "repository", repository.id, **details)
