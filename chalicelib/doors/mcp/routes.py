"""The Model Context Protocol over HTTP: streamable HTTP without state, one JSON response for each request."""

from chalicelib.core.http import Reply, Routes
from chalicelib.doors.mcp import protocol
from chalicelib.doors.mcp.models import McpRequest, McpResponse

routes = Routes(__name__)


@routes.post("/mcp", scope="read", also=(202,))
def send_mcp_message(body: McpRequest) -> Reply[McpResponse | None]:
    """Handle one message of the Model Context Protocol: initialize, tools, resources, ping.

    202 without a body for a notification. A tool may require more than the scope `read`: `ask` requires `chat`,
    `add_document` requires `write`.
    """
    response = protocol.handle(body)
    return Reply(response, status=202 if response is None else 200)
