"""Cross-origin requests (CORS, in the Fetch standard): which pages of other origins may read the API's responses.

`ALCOVE_ALLOWED_ORIGINS` decides: `*` for every page, a list with commas between, or nothing for none. No permission
includes cookies: a page sends a token, which a foreign page does not have.
"""

from chalicelib.core.headers import REQUEST, RESPONSE
from chalicelib.core.settings import settings

# Browsers keep a preflight's answer for at most two hours (Chromium) or a day (Firefox).
_SECONDS = 7200
_METHODS = "GET, POST, PUT, PATCH, DELETE"


def headers(origin: str | None) -> dict[str, str]:
    """What a response to a page of `origin` carries so that the page may read it."""
    if origin is None:
        return {}
    allowed = {entry.strip() for entry in settings().allowed_origins.split(",")}
    if "*" in allowed:
        return {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": ", ".join(RESPONSE)}
    if origin not in allowed:
        return {"Vary": "Origin"}
    exposed = ", ".join(RESPONSE)
    return {"Access-Control-Allow-Origin": origin, "Access-Control-Expose-Headers": exposed, "Vary": "Origin"}


def permissions(origin: str | None) -> dict[str, str]:
    """What the answer to a preflight adds: the methods and headers that the page may send."""
    if "Access-Control-Allow-Origin" not in headers(origin):
        return {}
    return {
        "Access-Control-Allow-Methods": _METHODS,
        "Access-Control-Allow-Headers": ", ".join(REQUEST),
        "Access-Control-Max-Age": str(_SECONDS),
    }
