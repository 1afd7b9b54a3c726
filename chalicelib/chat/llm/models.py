"""What the routes of language models take and give."""

from chalicelib.core.models import Resource


class LlmTestResult(Resource):
    """What a model said to a small question, in milliseconds to its first and last piece."""

    first_piece_ms: int
    latency_ms: int
    model: str
    sample: str
