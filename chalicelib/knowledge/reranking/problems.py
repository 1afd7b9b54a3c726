"""Error codes of rerankers, with fixed titles. Sentences about one case stand where the error is raised."""

from chalicelib.core import errors

errors.register(
    reranker_refused=(422, "The address of the reranker is not allowed, or its server does not rank texts."),
    reranking_failed=(502, "The server of the reranker cannot be reached, or refuses to rank."),
)
