"""Collections over HTTP: which documents searches use, repositories, tags."""

from uuid import UUID

from chalicelib.auth.audit import audit
from chalicelib.core import idempotency, identity
from chalicelib.core.http import Reply, Routes
from chalicelib.core.models import Page
from chalicelib.knowledge.collections import repositories, selection, tags
from chalicelib.knowledge.collections.models import (
    BulkSelection,
    NewRepository,
    NewTag,
    Repository,
    RepositoryChanges,
    RepositoryDocument,
    RepositoryDocumentQuery,
    RepositoryPlacement,
    RepositoryQuery,
    SelectedDocument,
    Selection,
    SelectionCounts,
    SelectionQuery,
    Tag,
    TagChanges,
    TagQuery,
)

routes = Routes(__name__)


@routes.get("/selection")
def list_selection(query: SelectionQuery) -> Page[SelectedDocument]:
    """The documents that the caller may search, and whether searches, or those of a conversation, use them."""
    with identity.as_caller() as conn:
        return selection.list_page(conn, query)


@routes.put("/selection/documents/{document_id}")
def select_document(document_id: UUID, body: Selection) -> SelectedDocument:
    """Set whether the caller's own searches and answers use a document. Other users are not affected."""
    with identity.as_caller() as conn:
        return selection.choose(conn, document_id, body.enabled)


@routes.put("/selection")
def select_documents(body: BulkSelection) -> SelectionCounts:
    """Set which of the documents that the caller can see the caller's searches use: only these, or all but these."""
    with identity.as_caller() as conn:
        return selection.choose_many(conn, body)


@routes.put("/conversations/{conversation_id}/selection")
def set_conversation_selections(conversation_id: UUID, body: BulkSelection) -> SelectionCounts:
    """Set which documents one conversation uses: only these, or all but these. It takes precedence."""
    with identity.as_caller() as conn:
        return selection.override_many(conn, conversation_id, body)


@routes.put("/conversations/{conversation_id}/selection/{document_id}")
def set_conversation_selection(conversation_id: UUID, document_id: UUID, body: Selection) -> SelectedDocument:
    """Set whether one conversation uses a document. It takes precedence over the caller's general choice."""
    with identity.as_caller() as conn:
        return selection.override(conn, conversation_id, document_id, body.enabled)


@routes.delete("/conversations/{conversation_id}/selection/{document_id}")
def delete_conversation_selection(conversation_id: UUID, document_id: UUID) -> None:
    """Remove a conversation's choice: the caller's general choice about the document applies again."""
    with identity.as_caller() as conn:
        selection.follow(conn, conversation_id, document_id)


@routes.post("/repositories", limit="document", status=201)
def create_repository(body: NewRepository) -> Reply[Repository]:
    """Create a repository: a collection of documents, each at a path."""
    with identity.as_caller() as conn:
        created = idempotency.once(
            conn, lambda: repositories.create(conn, body), lambda repository_id: repositories.get(conn, repository_id)
        )
    return Reply(created, headers={"Location": f"/repositories/{created.id}"})


@routes.get("/repositories")
def list_repositories(query: RepositoryQuery) -> Page[Repository]:
    """The repositories that the caller may see, newest first; with `q`, those with a similar name, best first."""
    with identity.as_caller() as conn:
        return repositories.list_page(conn, query)


@routes.get("/repositories/{repository_id}")
def get_repository(repository_id: UUID) -> Repository:
    """One repository."""
    with identity.as_caller() as conn:
        return repositories.get(conn, repository_id)


@routes.patch("/repositories/{repository_id}")
def update_repository(repository_id: UUID, body: RepositoryChanges) -> Repository:
    """Rename, describe or archive a repository. Searches still find its documents."""
    with identity.as_caller() as conn:
        return repositories.change(conn, repository_id, body)


@routes.delete("/repositories/{repository_id}")
def delete_repository(repository_id: UUID) -> None:
    """Delete a repository. Its documents stay."""
    with identity.as_caller() as conn:
        repositories.delete(conn, repository_id)
        audit.record(conn, "repository.deleted", "repository", repository_id)


@routes.get("/repositories/{repository_id}/documents")
def list_repository_documents(repository_id: UUID, query: RepositoryDocumentQuery) -> Page[RepositoryDocument]:
    """The documents of a repository by their paths; with `folder`, those in and below it."""
    with identity.as_caller() as conn:
        return repositories.documents(conn, repository_id, query)


@routes.put("/repositories/{repository_id}/documents/{document_id}")
def add_repository_document(repository_id: UUID, document_id: UUID, body: RepositoryPlacement) -> RepositoryDocument:
    """Put a document at a path of a repository, or move it there."""
    with identity.as_caller() as conn:
        return repositories.place(conn, repository_id, document_id, body.path)


@routes.delete("/repositories/{repository_id}/documents/{document_id}")
def remove_repository_document(repository_id: UUID, document_id: UUID) -> None:
    """Take a document out of a repository. The document itself stays."""
    with identity.as_caller() as conn:
        repositories.remove(conn, repository_id, document_id)


@routes.post("/tags", limit="document", status=201)
def create_tag(body: NewTag) -> Reply[Tag]:
    """Create a tag of the caller's own, or, as an administrator, a global tag for all users."""
    with identity.as_caller() as conn:

        def create() -> Tag:
            created = tags.create(conn, body)
            if created.is_global:
                audit.record(conn, "tag.created", "tag", created.id)
            return created

        created = idempotency.once(conn, create, lambda tag_id: tags.get(conn, tag_id))
    return Reply(created, headers={"Location": f"/tags/{created.id}"})


@routes.get("/tags")
def list_tags(query: TagQuery) -> Page[Tag]:
    """The caller's own tags and the global ones, newest first; with `q` by name, with an id those of that entity."""
    with identity.as_caller() as conn:
        return tags.list_page(conn, query)


@routes.get("/tags/{tag_id}")
def get_tag(tag_id: UUID) -> Tag:
    """One tag."""
    with identity.as_caller() as conn:
        return tags.get(conn, tag_id)


@routes.patch("/tags/{tag_id}")
def update_tag(tag_id: UUID, body: TagChanges) -> Tag:
    """Rename a tag. Only an administrator can rename a global tag."""
    with identity.as_caller() as conn:
        renamed = tags.rename(conn, tag_id, body.name)
        if renamed.is_global:
            audit.record(conn, "tag.renamed", "tag", tag_id)
    return renamed


@routes.delete("/tags/{tag_id}")
def delete_tag(tag_id: UUID) -> None:
    """Delete a tag. Documents and other things that had the tag stay. Only an administrator can delete a global tag."""
    with identity.as_caller() as conn:
        tags.delete(conn, tag_id)
        audit.record(conn, "tag.deleted", "tag", tag_id)


@routes.put("/tags/{tag_id}/documents/{document_id}")
def tag_document(tag_id: UUID, document_id: UUID) -> None:
    """Attach a tag to a document."""
    _attach(tag_id, "document", document_id)


@routes.delete("/tags/{tag_id}/documents/{document_id}")
def untag_document(tag_id: UUID, document_id: UUID) -> None:
    """Detach a tag from a document."""
    _detach(tag_id, "document", document_id)


@routes.put("/tags/{tag_id}/repositories/{repository_id}")
def tag_repository(tag_id: UUID, repository_id: UUID) -> None:
    """Attach a tag to a repository, and so to the documents in it."""
    _attach(tag_id, "repository", repository_id)


@routes.delete("/tags/{tag_id}/repositories/{repository_id}")
def untag_repository(tag_id: UUID, repository_id: UUID) -> None:
    """Detach a tag from a repository."""
    _detach(tag_id, "repository", repository_id)


@routes.put("/tags/{tag_id}/conversations/{conversation_id}")
def tag_conversation(tag_id: UUID, conversation_id: UUID) -> None:
    """Attach a tag to one of the caller's conversations."""
    _attach(tag_id, "conversation", conversation_id)


@routes.delete("/tags/{tag_id}/conversations/{conversation_id}")
def untag_conversation(tag_id: UUID, conversation_id: UUID) -> None:
    """Detach a tag from a conversation."""
    _detach(tag_id, "conversation", conversation_id)


@routes.put("/tags/{tag_id}/memories/{memory_id}")
def tag_memory(tag_id: UUID, memory_id: UUID) -> None:
    """Attach a tag to one of the caller's memories."""
    _attach(tag_id, "memory", memory_id)


@routes.delete("/tags/{tag_id}/memories/{memory_id}")
def untag_memory(tag_id: UUID, memory_id: UUID) -> None:
    """Detach a tag from a memory."""
    _detach(tag_id, "memory", memory_id)


def _attach(tag_id: UUID, kind: tags.Kind, entity_id: UUID) -> None:
    with identity.as_caller() as conn:
        if tags.attach(conn, tag_id, kind, entity_id).is_global:
            audit.record(conn, "tag.attached", kind, entity_id, tag_id=tag_id)


def _detach(tag_id: UUID, kind: tags.Kind, entity_id: UUID) -> None:
    with identity.as_caller() as conn:
        if tags.detach(conn, tag_id, kind, entity_id).is_global:
            audit.record(conn, "tag.detached", kind, entity_id, tag_id=tag_id)
