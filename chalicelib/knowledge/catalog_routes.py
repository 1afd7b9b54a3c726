"""The catalog over HTTP: which documents searches use, repositories, tags."""

from uuid import UUID

from chalice.app import Blueprint

from chalicelib.auth import audit
from chalicelib.core import db, idempotency
from chalicelib.core.http import Reply, endpoint
from chalicelib.knowledge import repositories, selection, tags
from chalicelib.knowledge.catalog_models import (
    NewRepository,
    NewTag,
    PlacedDocument,
    PlacedDocumentPage,
    PlacedDocumentQuery,
    Placement,
    Repository,
    RepositoryChanges,
    RepositoryPage,
    RepositoryQuery,
    SelectedDocument,
    Selection,
    SelectionPage,
    SelectionQuery,
    Tag,
    TagChanges,
    TagPage,
    TagQuery,
)

routes = Blueprint(__name__)


@routes.route("/selection", methods=["GET"])
@endpoint()
def list_selection(query: SelectionQuery) -> SelectionPage:
    """The documents that the caller may search, and whether searches, or those of a conversation, use them."""
    with db.as_caller() as conn:
        return selection.list_page(conn, query)


@routes.route("/selection/documents/{document_id}", methods=["PUT"], content_types=["*/*"])
@endpoint()
def choose_document(document_id: UUID, body: Selection) -> SelectedDocument:
    """Whether the caller's own searches and answers use a document. Nobody else's change."""
    with db.as_caller() as conn:
        return selection.choose(conn, document_id, body.enabled)


@routes.route("/conversations/{conversation_id}/selection/{document_id}", methods=["PUT"], content_types=["*/*"])
@endpoint()
def override_document(conversation_id: UUID, document_id: UUID, body: Selection) -> SelectedDocument:
    """Whether one conversation uses a document, whatever the caller chose for all."""
    with db.as_caller() as conn:
        return selection.override(conn, conversation_id, document_id, body.enabled)


@routes.route("/conversations/{conversation_id}/selection/{document_id}", methods=["DELETE"])
@endpoint()
def follow_document(conversation_id: UUID, document_id: UUID) -> None:
    """Let a conversation follow the caller's choice about a document again."""
    with db.as_caller() as conn:
        selection.follow(conn, conversation_id, document_id)


@routes.route("/repositories", methods=["POST"], content_types=["*/*"])
@endpoint(limit="document", status=201)
def create_repository(body: NewRepository) -> Reply[Repository]:
    """Make a repository: a collection of documents, each at a path."""
    with db.as_caller() as conn:
        made = idempotency.once(
            conn, lambda: repositories.create(conn, body), lambda repository_id: repositories.get(conn, repository_id)
        )
    return Reply(made, headers={"Location": f"/repositories/{made.id}"})


@routes.route("/repositories", methods=["GET"])
@endpoint()
def list_repositories(query: RepositoryQuery) -> RepositoryPage:
    """The repositories that the caller may see, newest first; with `q`, those of such a name, best first."""
    with db.as_caller() as conn:
        return repositories.list_page(conn, query)


@routes.route("/repositories/{repository_id}", methods=["GET"])
@endpoint()
def get_repository(repository_id: UUID) -> Repository:
    """One repository."""
    with db.as_caller() as conn:
        return repositories.get(conn, repository_id)


@routes.route("/repositories/{repository_id}", methods=["PATCH"], content_types=["*/*"])
@endpoint()
def change_repository(repository_id: UUID, body: RepositoryChanges) -> Repository:
    """Rename, describe or archive a repository. Its documents are found as before."""
    with db.as_caller() as conn:
        return repositories.change(conn, repository_id, body)


@routes.route("/repositories/{repository_id}", methods=["DELETE"])
@endpoint()
def delete_repository(repository_id: UUID) -> None:
    """Delete a repository. Its documents stay."""
    with db.as_caller() as conn:
        repositories.delete(conn, repository_id)
        audit.record(conn, "repository.deleted", "repository", repository_id)


@routes.route("/repositories/{repository_id}/documents", methods=["GET"])
@endpoint()
def list_repository_documents(repository_id: UUID, query: PlacedDocumentQuery) -> PlacedDocumentPage:
    """The documents of a repository by their paths; with `folder`, those in and below it."""
    with db.as_caller() as conn:
        return repositories.documents(conn, repository_id, query)


@routes.route("/repositories/{repository_id}/documents/{document_id}", methods=["PUT"], content_types=["*/*"])
@endpoint()
def place_document(repository_id: UUID, document_id: UUID, body: Placement) -> PlacedDocument:
    """Put a document at a path of a repository, or move it there."""
    with db.as_caller() as conn:
        return repositories.place(conn, repository_id, document_id, body.path)


@routes.route("/repositories/{repository_id}/documents/{document_id}", methods=["DELETE"])
@endpoint()
def remove_document(repository_id: UUID, document_id: UUID) -> None:
    """Take a document out of a repository. It stays otherwise."""
    with db.as_caller() as conn:
        repositories.remove(conn, repository_id, document_id)


@routes.route("/tags", methods=["POST"], content_types=["*/*"])
@endpoint(limit="document", status=201)
def create_tag(body: NewTag) -> Reply[Tag]:
    """Make a tag of one's own, or, as an administrator, one that everybody sees."""
    with db.as_caller() as conn:
        made = idempotency.once(conn, lambda: tags.create(conn, body), lambda tag_id: tags.get(conn, tag_id))
        if made.is_global:
            audit.record(conn, "tag.created", "tag", made.id)
    return Reply(made, headers={"Location": f"/tags/{made.id}"})


@routes.route("/tags", methods=["GET"])
@endpoint()
def list_tags(query: TagQuery) -> TagPage:
    """The caller's own tags and everybody's, newest first; with `q` by name, with an id those of that thing."""
    with db.as_caller() as conn:
        return tags.list_page(conn, query)


@routes.route("/tags/{tag_id}", methods=["GET"])
@endpoint()
def get_tag(tag_id: UUID) -> Tag:
    """One tag."""
    with db.as_caller() as conn:
        return tags.get(conn, tag_id)


@routes.route("/tags/{tag_id}", methods=["PATCH"], content_types=["*/*"])
@endpoint()
def rename_tag(tag_id: UUID, body: TagChanges) -> Tag:
    """Rename a tag. One that everybody sees is renamed by an administrator."""
    with db.as_caller() as conn:
        renamed = tags.rename(conn, tag_id, body.name)
        if renamed.is_global:
            audit.record(conn, "tag.renamed", "tag", tag_id)
    return renamed


@routes.route("/tags/{tag_id}", methods=["DELETE"])
@endpoint()
def delete_tag(tag_id: UUID) -> None:
    """Delete a tag. What had it stays. One that everybody sees is deleted by an administrator."""
    with db.as_caller() as conn:
        tags.delete(conn, tag_id)
        audit.record(conn, "tag.deleted", "tag", tag_id)


@routes.route("/tags/{tag_id}/documents/{document_id}", methods=["PUT"])
@endpoint()
def tag_document(tag_id: UUID, document_id: UUID) -> None:
    """Put a tag on a document."""
    _attach(tag_id, "document", document_id)


@routes.route("/tags/{tag_id}/documents/{document_id}", methods=["DELETE"])
@endpoint()
def untag_document(tag_id: UUID, document_id: UUID) -> None:
    """Take a tag off a document."""
    _detach(tag_id, "document", document_id)


@routes.route("/tags/{tag_id}/repositories/{repository_id}", methods=["PUT"])
@endpoint()
def tag_repository(tag_id: UUID, repository_id: UUID) -> None:
    """Put a tag on a repository, and so on the documents that it holds."""
    _attach(tag_id, "repository", repository_id)


@routes.route("/tags/{tag_id}/repositories/{repository_id}", methods=["DELETE"])
@endpoint()
def untag_repository(tag_id: UUID, repository_id: UUID) -> None:
    """Take a tag off a repository."""
    _detach(tag_id, "repository", repository_id)


@routes.route("/tags/{tag_id}/conversations/{conversation_id}", methods=["PUT"])
@endpoint()
def tag_conversation(tag_id: UUID, conversation_id: UUID) -> None:
    """Put a tag on one of the caller's conversations."""
    _attach(tag_id, "conversation", conversation_id)


@routes.route("/tags/{tag_id}/conversations/{conversation_id}", methods=["DELETE"])
@endpoint()
def untag_conversation(tag_id: UUID, conversation_id: UUID) -> None:
    """Take a tag off a conversation."""
    _detach(tag_id, "conversation", conversation_id)


@routes.route("/tags/{tag_id}/memories/{memory_id}", methods=["PUT"])
@endpoint()
def tag_memory(tag_id: UUID, memory_id: UUID) -> None:
    """Put a tag on one of the caller's memories."""
    _attach(tag_id, "memory", memory_id)


@routes.route("/tags/{tag_id}/memories/{memory_id}", methods=["DELETE"])
@endpoint()
def untag_memory(tag_id: UUID, memory_id: UUID) -> None:
    """Take a tag off a memory."""
    _detach(tag_id, "memory", memory_id)


def _attach(tag_id: UUID, kind: tags.Kind, entity_id: UUID) -> None:
    with db.as_caller() as conn:
        if tags.attach(conn, tag_id, kind, entity_id).is_global:
            audit.record(conn, "tag.attached", kind, entity_id, tag_id=tag_id)


def _detach(tag_id: UUID, kind: tags.Kind, entity_id: UUID) -> None:
    with db.as_caller() as conn:
        if tags.detach(conn, tag_id, kind, entity_id).is_global:
            audit.record(conn, "tag.detached", kind, entity_id, tag_id=tag_id)
