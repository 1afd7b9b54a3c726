"""The registry of embedding models over HTTP. It is here and not with the settings, because it embeds."""

from chalicelib.core import identity
from chalicelib.core.http import Reply, Routes
from chalicelib.core.models import Page
from chalicelib.knowledge.embedding import data_processors, embedding_models, reembedding, registration
from chalicelib.knowledge.embedding.models import (
    DataProcessor,
    EmbeddingActivation,
    EmbeddingModel,
    EmbeddingModelChanges,
    NewEmbeddingModel,
)

routes = Routes(__name__)


@routes.get("/data-processors")
def list_data_processors() -> Page[DataProcessor]:
    """Where documents and questions go: every server outside that receives them, on one page, for every user."""
    with identity.as_caller() as conn:
        return data_processors.list_all(conn)


@routes.get("/embedding-models", admin=True)
def list_embedding_models() -> Page[EmbeddingModel]:
    """Every registered model, oldest first, on one page."""
    with identity.as_caller() as conn:
        return embedding_models.list_all(conn)


@routes.post("/embedding-models", admin=True, status=201)
def create_embedding_model(body: NewEmbeddingModel) -> Reply[EmbeddingModel]:
    """Register a model. It must embed a sentence first: 422 `embedding_model_refused`, 502 `embedding_failed`."""
    created = registration.register(body)
    return Reply(created, headers={"Location": f"/embedding-models/{created.id}"})


@routes.get("/embedding-models/{embedding_model_id}", admin=True)
def get_embedding_model(embedding_model_id: int) -> EmbeddingModel:
    """One model, with the progress of its preparation."""
    with identity.as_caller() as conn:
        return embedding_models.get(conn, embedding_model_id)


@routes.patch("/embedding-models/{embedding_model_id}", admin=True)
def update_embedding_model(embedding_model_id: int, body: EmbeddingModelChanges) -> EmbeddingModel:
    """Rename a model, or change its address or key. 422 `embedding_model_refused` if its vectors would change."""
    return registration.change(embedding_model_id, body)


@routes.delete("/embedding-models/{embedding_model_id}", admin=True)
def delete_embedding_model(embedding_model_id: int) -> None:
    """Delete a model and its vectors. 409 `model_active` or `model_preparing`."""
    embedding_models.delete(embedding_model_id)


@routes.post("/embedding-models/{embedding_model_id}/activate", admin=True, status=202)
def activate_embedding_model(embedding_model_id: int, query: EmbeddingActivation) -> EmbeddingModel:
    """Embed every chunk with a model in the background. Then searches use the model, all from the same instant.

    Until then, searches use the present model. A second call for the same model tries failed documents again.
    A model on a server receives the chunks of all documents, private ones included: `sends_private_documents=true`
    confirms it, or the answer is 409 `confirmation_required`. Every user sees the server in `GET /data-processors`.
    409 `model_active`, or `model_preparing` while another model is in preparation.
    """
    model = embedding_models.activate(embedding_model_id, confirmed=query.sends_private_documents)
    reembedding.wake(model.id)
    return model


@routes.post("/embedding-models/{embedding_model_id}/cancel", admin=True)
def cancel_embedding_model(embedding_model_id: int) -> EmbeddingModel:
    """Stop the preparation of a model. Its vectors stay for a week, so that a new activation continues from there."""
    return embedding_models.cancel(embedding_model_id)
