"""The library over HTTP: which documents searches use, repositories, tags."""

from uuid import UUID

from chalice.app import Blueprint

from chalicelib.core import db
from chalicelib.core.http import endpoint
from chalicelib.knowledge import selection
from chalicelib.knowledge.library_models import SelectedDocument, Selection, SelectionPage, SelectionQuery

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
