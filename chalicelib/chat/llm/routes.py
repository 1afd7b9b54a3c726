"""Testing a language model over HTTP."""

from uuid import UUID

from chalicelib.chat.llm import trying
from chalicelib.chat.llm.models import LlmTestResult
from chalicelib.core.http import Routes

routes = Routes(__name__)


@routes.post("/llms/{llm_id}/test", admin=True)
def test_llm(llm_id: UUID) -> LlmTestResult:
    """Really ask a model something small. 502 `model_failed` says in plain words why it did not answer."""
    return trying.ask(llm_id)
