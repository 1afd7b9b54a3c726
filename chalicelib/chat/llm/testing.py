"""Testing a language model with a small question."""

import time
from uuid import UUID

from chalicelib.chat.llm.models import LlmTestResult
from chalicelib.config.registry import llms
from chalicelib.core import errors, identity

# API Gateway waits 29 seconds for a function.
_TOTAL_SECONDS = 25.0
_QUESTION = "How often is the pump inspected?"
_SAMPLE_CHUNK = "The pump is inspected every ninety days."


def test(llm_id: UUID) -> LlmTestResult:
    """Call a model outside any transaction. Raises NotFound, BadGateway (model_failed) with the reason."""
    with identity.as_caller() as conn:
        name = llms.get(conn, llm_id).name
        connection = llms.connect(conn, name)
    if connection.provider == llms.EXTRACTIVE:
        return _read()
    from chalicelib.chat.llm import LlmError, ModelEndpoint, Timeouts, check

    model = ModelEndpoint(
        connection.provider,
        connection.model_id,
        connection.base_url,
        connection.api_key,
        Timeouts(connect=3, first_byte=20, idle=10, total=_TOTAL_SECONDS),
    )
    try:
        checked = check(model)
    except LlmError as error:
        raise errors.BadGateway(error.sentence, code="model_failed", reason=error.code) from error
    return LlmTestResult(
        first_piece_ms=checked.first_piece_ms,
        latency_ms=checked.latency_ms,
        model=checked.model,
        sample=checked.sample,
    )


def _read() -> LlmTestResult:
    """Test the built-in reader with one chunk."""
    from chalicelib.chat.reader import reader
    from chalicelib.chat.reader.chunks import RetrievedChunk
    from chalicelib.knowledge.embedding import builtin

    started = time.perf_counter()
    nowhere = UUID(int=0)
    chunk = RetrievedChunk(nowhere, nowhere, "Pump", _SAMPLE_CHUNK, None, None, 1.0)
    answer = reader.read(_QUESTION, [chunk], builtin.load())
    milliseconds = round((time.perf_counter() - started) * 1000)
    return LlmTestResult(
        first_piece_ms=milliseconds, latency_ms=milliseconds, model=llms.EXTRACTIVE, sample=answer.text
    )
