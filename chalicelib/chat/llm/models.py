"""Requests and responses of the routes of language models."""

from chalicelib.core.models import Resource


class LlmTestResult(Resource):
    """A model's answer to a small question: milliseconds to its first and last delta, its own name, and a sample."""

    first_piece_ms: int
    latency_ms: int
    model: str
    sample: str
