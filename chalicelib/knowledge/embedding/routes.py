"""The registry of embedding models over HTTP. It stands here and not with the settings, because it embeds."""

from chalicelib.core import identity
from chalicelib.core.http import Reply, Routes
from chalicelib.core.models import Page
from chalicelib.knowledge.embedding import embedding_models, reembedding, registration
from chalicelib.knowledge.embedding.models import EmbeddingModel, EmbeddingModelChanges, NewEmbeddingModel

routes = Routes(__name__)


@routes.get("/embedding-models", admin=True)
def list_embedding_models() -> Page[EmbeddingModel]:
    """Every registered model, oldest first, on one page."""
    with identity.as_caller() as conn:
        return embedding_models.list_all(conn)


@routes.post("/embedding-models", admin=True, status=201)
def create_embedding_model(body: NewEmbeddingModel) -> Reply[EmbeddingModel]:
    """Register a model, which embeds a sentence first. 422 `embedding_model_refused`, 502 `embedding_failed`."""
    created = registration.register(body)
    return Reply(created, headers={"Location": f"/embedding-models/{created.id}"})


@routes.get("/embedding-models/{embedding_model_id}", admin=True)
def get_embedding_model(embedding_model_id: int) -> EmbeddingModel:
    """One model, with the progress of its preparation."""
    with identity.as_caller() as conn:
        return embedding_models.get(conn, embedding_model_id)


@routes.patch("/embedding-models/{embedding_model_id}", admin=True)
def update_embedding_model(embedding_model_id: int, body: EmbeddingModelChanges) -> EmbeddingModel:
    """Rename a model, or reach it by another address or key. 422 `embedding_model_refused` if vectors would change."""
    return registration.change(embedding_model_id, body)


@routes.delete("/embedding-models/{embedding_model_id}", admin=True)
def delete_embedding_model(embedding_model_id: int) -> None:
    """Remove a model and its vectors. 409 `model_active` or `model_preparing`."""
    embedding_models.delete(embedding_model_id)


@routes.post("/embedding-models/{embedding_model_id}/activate", admin=True, status=202)
def activate_embedding_model(embedding_model_id: int) -> EmbeddingModel:
    """Embed everything with a model in the background; when all of it is there, searches change over at one instant.

    Until then they answer from the present one. Once more for the same model tries again what had failed.
    409 `model_active`, or `model_preparing` while another is being prepared.
    """
    model = embedding_models.activate(embedding_model_id)
    reembedding.wake(model.id)
    return model


@routes.post("/embedding-models/{embedding_model_id}/cancel", admin=True)
def cancel_embedding_model(embedding_model_id: int) -> EmbeddingModel:
    """Stop preparing a model. What was embedded is kept for a week, so that activating it again goes on from there."""
    return embedding_models.cancel(embedding_model_id)
