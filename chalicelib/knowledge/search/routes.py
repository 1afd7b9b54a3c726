"""Search over HTTP."""

from chalicelib.core import identity
from chalicelib.core.http import Routes
from chalicelib.knowledge.search import retrieval
from chalicelib.knowledge.search.models import SearchRequest, SearchResult

routes = Routes(__name__)


@routes.post("/search", scope="read", limit="search")
def search_documents(body: SearchRequest) -> SearchResult:
    """The chunks that match a query best, among the documents that the caller can read and selects."""
    return retrieval.find(body, identity.as_caller)
