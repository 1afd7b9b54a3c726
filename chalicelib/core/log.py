"""Structured logs. Every line has the request id; no line has content or secrets."""

import hashlib
from functools import cache
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from aws_lambda_powertools import Logger


@cache
def logger() -> "Logger":
    """The process's logger. Its service name differs from the app's, or every line would come twice."""
    from aws_lambda_powertools import Logger

    return Logger(service="alcove-service", log_uncaught_exceptions=False)


def user_hash(user_id: UUID) -> str:
    """A user in log lines: 12 hex digits, always the same for the same user. Ids of users are never logged."""
    return hashlib.sha256(user_id.bytes).hexdigest()[:12]
