"""Documents over HTTP."""

from typing import TYPE_CHECKING
from uuid import UUID

from chalicelib.auth.audit import audit
from chalicelib.auth.sessions import tickets
from chalicelib.auth.sessions.models import Ticket
from chalicelib.core import idempotency, identity
from chalicelib.core.http import Reply, Routes
from chalicelib.core.models import Page, PageQuery, TicketQuery
from chalicelib.knowledge.documents import batches, bulk, contents, documents, originals, parts, storage_use
from chalicelib.knowledge.documents.batches import Batch
from chalicelib.knowledge.documents.bulk import BulkRequest, BulkResult
from chalicelib.knowledge.documents.contents import AnnouncedDocument
from chalicelib.knowledge.documents.models import (
    Chunk,
    Contents,
    Document,
    DocumentChanges,
    DocumentQuery,
    DocumentText,
    DocumentVersion,
    NewDocument,
    ReindexResult,
)
from chalicelib.knowledge.documents.originals import Original, OriginalQuery
from chalicelib.knowledge.documents.parts import PartAddresses, PartsProgress, PartsRequest
from chalicelib.knowledge.documents.storage_use import StorageUse

if TYPE_CHECKING:
    from chalicelib.core.connection import Conn

routes = Routes(__name__)


@routes.post("/documents", limit="document", status=202, also=(200, 201))
def create_document(body: NewDocument) -> Reply[Document]:
    """Add a document: post its text (202), or announce a file and upload it to the URL in `upload` (201).

    The document is searchable when its `status` is `completed`. Text that the caller has already posted returns that
    document (200).
    """
    with identity.as_caller() as conn:

        def create() -> AnnouncedDocument:
            created = contents.create(conn, body)
            if created.status != "completed":
                _record(conn, "document.created", created)
            return created

        document = idempotency.once(conn, create, lambda document_id: contents.get_created(conn, document_id))
    location = {"Location": f"/documents/{document.id}"}
    if document.status == "completed":
        return Reply(document, status=200, headers=location)
    status = 201 if body.content is None else 202
    return Reply(contents.send(document, body), status=status, headers=location)


@routes.get("/me/storage")
def get_storage_use() -> StorageUse:
    """Get how many bytes each of the caller's spaces holds, and its limit."""
    with identity.as_caller() as conn:
        return StorageUse(items=storage_use.of_caller(conn))


@routes.get("/documents")
def list_documents(query: DocumentQuery) -> Page[Document]:
    """The documents that the caller can read, newest first; with `q`, similar titles or filenames, best first."""
    with identity.as_caller() as conn:
        return documents.list_page(conn, query)


@routes.post("/documents/reindex", limit="document", status=202)
def reindex_documents() -> ReindexResult:
    """Ingest all completed documents of the caller again. The present chunks stay searchable until that is done."""
    with identity.as_caller() as conn:
        keys = documents.reindex_all(conn)
        if keys:
            audit.record(conn, "documents.reindexed", "user", identity.caller_id(), documents=len(keys))
    documents.ask(keys)
    return ReindexResult(documents=len(keys))


@routes.post("/documents/bulk", limit="document")
def change_documents(body: BulkRequest) -> BulkResult:
    """Do one action with many documents. Those that it cannot be done with are named, and stay as they are."""
    with identity.as_caller() as conn:
        result, keys = bulk.act(conn, body)
    documents.ask(keys)
    return result


@routes.get("/documents/batches/{batch_id}")
def get_document_batch(batch_id: UUID) -> Batch:
    """The progress of the documents of one upload."""
    with identity.as_caller() as conn:
        return batches.get(conn, batch_id)


@routes.get("/documents/{document_id}")
def get_document(document_id: UUID) -> Document:
    """One document, with the progress of its ingestion."""
    with identity.as_caller() as conn:
        return documents.get(conn, document_id)


@routes.patch("/documents/{document_id}", limit="document")
def update_document(document_id: UUID, body: DocumentChanges) -> Document:
    """Change a document's title or what is said about it, move it, or archive it so that no search finds it."""
    with identity.as_caller() as conn:
        changed = documents.change(conn, document_id, body)
        audit.record(conn, "document.changed", "document", document_id, fields=sorted(body.model_fields_set))
    documents.ask(changed.keys)
    return changed.document


@routes.delete("/documents/{document_id}")
def delete_document(document_id: UUID) -> None:
    """Delete a document: searches stop finding it at once. It can be restored for 30 days."""
    with identity.as_caller() as conn:
        documents.delete(conn, document_id)
        audit.record(conn, "document.deleted", "document", document_id)


@routes.post("/documents/{document_id}/restore", limit="document")
def restore_document(document_id: UUID) -> Document:
    """Undo a deletion within 30 days. If the same bytes were added again meanwhile, that document answers for both."""
    with identity.as_caller() as conn:
        restored = documents.restore(conn, document_id)
        audit.record(conn, "document.restored", "document", document_id)
    documents.ask(restored.keys)
    return restored.document


@routes.post("/documents/{document_id}/reindex", limit="document", status=202)
def reindex_document(document_id: UUID) -> Document:
    """Extract, chunk and embed a document again. The present chunks stay searchable until that is done."""
    with identity.as_caller() as conn:
        changed = documents.reindex(conn, document_id)
        _record(conn, "document.reindexed", changed.document)
    documents.ask(changed.keys)
    return changed.document


@routes.get("/documents/{document_id}/original")
def get_document_original(document_id: UUID, query: OriginalQuery) -> Original:
    """Get a link to the original file, good for five minutes. 404 before the file arrived."""
    with identity.as_caller() as conn:
        return originals.get(conn, document_id, query.page)


@routes.post("/documents/{document_id}/tickets", scope="read")
def create_document_ticket(document_id: UUID) -> Ticket:
    """Get a ticket with which a link downloads a document's text: for this document alone, for one minute."""
    with identity.as_caller() as conn:
        documents.get(conn, document_id)
    return tickets.issue(f"/documents/{document_id}/content")


@routes.get("/documents/{document_id}/content", ticket=True)
def get_document_content(document_id: UUID, query: TicketQuery) -> DocumentText:  # noqa: ARG001 — core.http reads it
    """The extracted text. 404 before the text is extracted.

    One of more than 6 MB is refused: its chunks have its parts.
    """
    with identity.as_caller() as conn:
        return documents.text(conn, document_id)


@routes.put("/documents/{document_id}/content", limit="document", status=202)
def replace_document_content(document_id: UUID, body: Contents) -> Document:
    """Replace a document's bytes. Searches use the old text until the new text is ingested, and never afterwards."""
    with identity.as_caller() as conn:
        document = contents.announce(conn, document_id, body)
        _record(conn, "document.replaced", document)
    return contents.send(document, body)


@routes.post("/documents/{document_id}/parts", limit="document")
def create_document_parts(document_id: UUID, body: PartsRequest) -> PartAddresses:
    """Get the addresses of parts of a file that the caller has announced. They can be sent in any order, and again."""
    with identity.as_caller() as conn:
        return parts.addresses(conn, document_id, body.numbers)


@routes.get("/documents/{document_id}/parts", scope="write")
def get_document_parts(document_id: UUID) -> PartsProgress:
    """Which parts have arrived of a file that the caller has announced: an interrupted upload sends the others.

    When the parts are joined already, all of them have arrived.
    """
    with identity.as_caller() as conn:
        return parts.progress(conn, document_id)


@routes.post("/documents/{document_id}/parts/complete", limit="document", status=202)
def complete_document_parts(document_id: UUID) -> Document:
    """Join the parts of a file after the last one has arrived. The document is then ingested.

    A client that lost the response asks again: when the parts are joined already, nothing happens.
    """
    with identity.as_caller() as conn:
        return parts.complete(conn, document_id)


@routes.get("/documents/{document_id}/versions")
def list_document_versions(document_id: UUID, query: PageQuery) -> Page[DocumentVersion]:
    """When which bytes of a document became searchable, and who sent them; newest first, at most the last 100.

    No route returns the bytes of former versions. A document that moves to another space keeps its present version
    only.
    """
    with identity.as_caller() as conn:
        return documents.versions(conn, document_id, query)


@routes.get("/documents/{document_id}/chunks")
def list_document_chunks(document_id: UUID, query: PageQuery) -> Page[Chunk]:
    """The chunks of a document, in order."""
    with identity.as_caller() as conn:
        return documents.chunks(conn, document_id, query)


def _record(conn: "Conn", action: str, document: Document) -> None:
    """Record the change of a document that others can read in the audit log. Private documents are not recorded."""
    if document.scope != "user":
        audit.record(conn, action, "document", document.id, scope=document.scope, group_id=document.group_id)
