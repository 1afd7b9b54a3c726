"""The headers of requests and responses that clients use: CORS permits them, the OpenAPI document describes them."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Header:
    """A header: what it means, and an example. `pattern` is a regular expression of its values."""

    description: str
    example: str
    pattern: str | None = None


REQUEST: Mapping[str, Header] = {
    "Authorization": Header("`Bearer` and an access token or an API key.", "Bearer alc_…"),
    "Content-Type": Header("The body's media type: always `application/json`.", "application/json"),
    "Idempotency-Key": Header(
        "A value of the client's choice that names this request. The same request with the same key, within a day, "
        "creates nothing again and returns what the first one created.",
        "3f1c2a4e-upload-17",
        r"^[!-~]{1,200}$",
    ),
    "If-Match": Header(
        "The `ETag` of the version that the client has read. 412 `stale_update` when it has changed since.",
        '"7"',
        r'^(\*|"[0-9]{1,18}")$',
    ),
    "If-None-Match": Header("The `ETag` of the version that the client has. 304 when it is the newest.", '"7"'),
    "Last-Event-ID": Header(
        "The number of the last event that the client has received. The stream continues after it.",
        "12",
        r"^[0-9]{1,9}$",
    ),
    "X-Login-Secret": Header(
        "The `login_secret` of this login's start. It replaces the cookie for clients without cookies.",
        "iVbN1mVn0Qk3bqK2XvC9y4G0y0a7cXoQe2l8vKkqv3A",
    ),
    "X-Request-Id": Header(
        "A name of the client's choice for this request. It appears in the response and in the log.",
        "checkout-42",
        r"^[A-Za-z0-9._-]{1,100}$",
    ),
}

RESPONSE: Mapping[str, Header] = {
    "Allow": Header("The methods that the path has.", "GET, PATCH"),
    "ETag": Header("The version of the resource, for `If-Match`.", '"7"'),
    "Location": Header("The address of what was created, or where to look next.", "https://answers.example.org/me"),
    "Retry-After": Header("The number of seconds to wait before the next try.", "3", r"^[0-9]+$"),
    "WWW-Authenticate": Header("How to authenticate: `Bearer`.", "Bearer"),
    "X-Request-Id": Header("The name of this request in the log: the client's own, or a new one.", "checkout-42"),
}
