"""The registry of rerankers over HTTP. It is here and not with the settings, because it asks the servers."""

from uuid import UUID

from chalicelib.core import identity
from chalicelib.core.http import Reply, Routes
from chalicelib.core.models import Page, PageQuery
from chalicelib.knowledge.reranking import rerankers
from chalicelib.knowledge.reranking.models import NewReranker, Reranker, RerankerChanges

routes = Routes(__name__)


@routes.get("/rerankers")
def list_rerankers(query: PageQuery) -> Page[Reranker]:
    """Rerankers on servers, newest first. The setting `active_reranker` chooses one by its name."""
    with identity.as_caller() as conn:
        return rerankers.list_page(conn, query)


@routes.post("/rerankers", admin=True, status=201)
def create_reranker(body: NewReranker) -> Reply[Reranker]:
    """Register a reranker. Its server must rank two sentences first: 422 `reranker_refused`, 502 `reranking_failed`."""
    created = rerankers.register(body)
    return Reply(created, headers={"Location": f"/rerankers/{created.id}"})


@routes.get("/rerankers/{reranker_id}")
def get_reranker(reranker_id: UUID) -> Reranker:
    """A reranker."""
    with identity.as_caller() as conn:
        return rerankers.get(conn, reranker_id)


@routes.patch("/rerankers/{reranker_id}", admin=True)
def update_reranker(reranker_id: UUID, body: RerankerChanges) -> Reranker:
    """Change a reranker's model, address or key. Its server must rank two sentences first."""
    return rerankers.change(reranker_id, body)


@routes.delete("/rerankers/{reranker_id}", admin=True)
def delete_reranker(reranker_id: UUID) -> None:
    """Delete a reranker. 409 `in_use` while the settings name it."""
    with identity.as_caller() as conn:
        rerankers.delete(conn, reranker_id)
