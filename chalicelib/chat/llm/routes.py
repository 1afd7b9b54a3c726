"""Testing a language model over HTTP."""

from uuid import UUID

from chalicelib.chat.llm import testing
from chalicelib.chat.llm.models import LlmTestResult
from chalicelib.core.http import Routes

routes = Routes(__name__)


@routes.post("/llms/{llm_id}/test", admin=True)
def test_llm(llm_id: UUID) -> LlmTestResult:
    """Call a language model with a small question. 502 `model_failed` has the reason why it did not answer."""
    return testing.test(llm_id)
