"""Cursors belong to their list: a `next_cursor` carries a mark of the list and its filters, and only they accept it.

A wing makes and reads a cursor as it likes. core/http.py marks it on the way out and checks the mark on the way in, so
a new list is covered by itself. The mark keeps lists apart; it is no secret, and rights do not depend on it.
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from chalicelib.core import errors

_MARK_BYTES = 6
_MARK_CHARS = 8  # in base64


def read(route: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a view with the cursor that its list made, instead of the marked one that the request sent.

    Raises BadRequest (bad_cursor) for the cursor of another list, of other filters, or of no list.
    """
    return {name: _read(route, arguments, value) for name, value in arguments.items()}


def unmarked(cursor: str) -> str:
    """What the list itself made of a cursor, whichever list it is of."""
    return cursor[_MARK_CHARS:]


def mark(route: str, arguments: Mapping[str, Any], result: Any) -> Any:
    """The result of a view with a marked `next_cursor`, if it has one."""
    cursor = getattr(result, "next_cursor", None)
    if not isinstance(result, BaseModel) or cursor is None:
        return result
    return result.model_copy(update={"next_cursor": _mark(route, arguments) + cursor})


def _read(route: str, arguments: Mapping[str, Any], value: Any) -> Any:
    cursor = getattr(value, "cursor", None)
    if not isinstance(value, BaseModel) or cursor is None:
        return value
    if cursor[:_MARK_CHARS] != _mark(route, arguments):
        raise errors.BadRequest(code="bad_cursor")
    return value.model_copy(update={"cursor": cursor[_MARK_CHARS:]})


def _mark(route: str, arguments: Mapping[str, Any]) -> str:
    """What a list is: its route, the parts of its path, and every filter; the size of a page may change."""
    filters = {
        name: value.model_dump(mode="json", exclude={"cursor", "limit"}) if isinstance(value, BaseModel) else str(value)
        for name, value in arguments.items()
    }
    identity = json.dumps([route, filters], sort_keys=True).encode()
    return base64.urlsafe_b64encode(hashlib.blake2b(identity, digest_size=_MARK_BYTES).digest()).decode()
