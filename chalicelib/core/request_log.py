"""The log line of a request: what it holds, and what it never holds (bodies, addresses, names)."""

import re
from collections.abc import Mapping
from uuid import UUID

from chalicelib.core import identity
from chalicelib.core.log import logger, user_hash

_ID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def write(status: int, code: str | None, headers: Mapping[str, object], fields: dict[str, str], seconds: float) -> None:
    """One line for a response: its status, a problem's code, how long it took, and `fields` (see subject)."""
    if code is not None:
        fields = fields | {"code": code}
    if status == 201 and "Location" in headers:
        fields = fields | {"location": str(headers["Location"])}
    logger().info("request", status=status, milliseconds=round(seconds * 1000, 1), extra=fields)


def subject(parts: dict[str, str]) -> dict[str, str]:
    """For the log: the caller, as a hash, and the ids in the path. Other parts of the path may hold anything."""
    caller = identity.caller.get()
    subject = {name: value.lower() for name, value in parts.items() if _ID.fullmatch(value)}
    if "user_id" in subject:
        subject["user_id"] = user_hash(UUID(subject["user_id"]))
    if caller is not None and caller.user_id is not None:
        subject["user"] = user_hash(caller.user_id)
    return subject
