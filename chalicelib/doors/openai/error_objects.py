"""Errors in the form that OpenAI's clients expect."""

from typing import Any

from chalicelib.core import errors

# Codes that OpenAI's clients know by another name.
_CODES = {"unauthorized": "invalid_api_key", "budget_exhausted": "insufficient_quota"}


def members(problem: errors.Problem) -> dict[str, Any]:
    """A problem as OpenAI's clients expect it; the other members of the problem document are there as well."""
    fields = problem.members.get("errors") or [{}]
    return {
        "error": {
            "message": problem.detail or problem.title,
            "type": "server_error" if problem.status >= 500 else "invalid_request_error",
            "param": fields[0].get("field"),
            "code": _CODES.get(problem.code, problem.code),
        }
    }
