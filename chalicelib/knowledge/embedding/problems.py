"""Error codes of embedding models, with fixed titles. Sentences about one case stand where the error is raised."""

from chalicelib.core import errors

errors.register(
    model_active=(409, "The embedding model is active."),
    model_preparing=(409, "An embedding model is being prepared. Cancel its preparation first."),
    confirmation_required=(409, "Confirm that private documents are sent to this server."),
    embedding_model_refused=(422, "The embedding model does not return the expected vectors."),
    embedding_failed=(502, "The provider of the embedding model cannot be reached, or refuses to embed."),
)
