"""Search over one's own messages, over HTTP."""

from chalice.app import Blueprint

from chalicelib.chat import message_search
from chalicelib.chat.search_models import MessageHitPage, MessageSearch
from chalicelib.core import db
from chalicelib.core.http import endpoint

routes = Blueprint(__name__)


@routes.route("/messages/search", methods=["POST"], content_types=["*/*"])
@endpoint(scope="read", limit="search")
def search_messages(body: MessageSearch) -> MessageHitPage:
    """The caller's own messages, questions and answers, that fit a query best. Deleted conversations are left out."""
    with db.as_caller() as conn:
        return message_search.search(conn, body)
