"""Texts and times from outside, as Postgres can store them."""

import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from datetime import UTC, datetime
from typing import Any, TypeVar, cast

T = TypeVar("T")

# Postgres stores neither NUL nor lone surrogates; JSON can express both.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def storable(value: T) -> T:
    """The text with U+FFFD in place of the characters that Postgres cannot store; the time in UTC.

    A time that is of the year 0 or 10000 in UTC, which Python cannot read, becomes the nearest one that it can. Of a
    mapping, a list, a tuple, a set or a dataclass: the same with every text and every time in it so.
    """
    return cast("T", _storable(value))


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return _UNSTORABLE.sub("\ufffd", value)
    if isinstance(value, datetime) and value.tzinfo is not None:
        return _in_utc(value)
    if isinstance(value, Mapping):
        return {_storable(key): _storable(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return type(value)(_storable(entry) for entry in value)
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{each.name: _storable(getattr(value, each.name)) for each in fields(value)})
    return value


def _in_utc(moment: datetime) -> datetime:
    """Also because Postgres refuses a distance from UTC of 16 hours and more."""
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC) if moment.year > 1 else datetime.min.replace(tzinfo=UTC)
