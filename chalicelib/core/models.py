"""The bases of all API models: strictness, bounded text, pages."""

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import accumulate
from typing import Annotated, ClassVar, Generic, Protocol, TypeVar
from uuid import UUID

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
    WithJsonSchema,
    model_validator,
)

from chalicelib.core import errors

_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d")

Item = TypeVar("Item", covariant=True)
Row = TypeVar("Row", bound="Identified")


class Identified(Protocol):
    """Anything with an id."""

    @property
    def id(self) -> UUID: ...


def _storable(text: str) -> str:
    if "\x00" in text:
        raise ValueError("must not contain the NUL character")
    return text


def _read_time(value: object) -> object:
    """pydantic also reads a number as seconds since 1970; here it is a mistake."""
    if isinstance(value, datetime):
        return value
    try:
        if isinstance(value, str) and _RFC3339.match(value):
            return datetime.fromisoformat(value.upper())
    except ValueError:
        pass
    raise ValueError("must be a time such as 2026-01-31T12:00:00Z")


def _in_utc(moment: datetime) -> datetime:
    """Postgres takes no distance of 16 hours and more, and Python reads no time of another year than 1 to 9999."""
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("must be a time of the years 1 to 9999 in UTC") from None


def _rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


# Text that Postgres can store. Each field limits the length. A field that strips blanks uses Annotated[str,
# StringConstraints(…), STORABLE]: constraints on Text would measure the length before they strip.
STORABLE = AfterValidator(_storable)
Text = Annotated[str, STORABLE]
_LEAST_REAL = 2.0**-126
# For a column of the type `real`, which refuses a number that is too small for it: such a number is 0.
REAL = AfterValidator(lambda value: value if abs(value) >= _LEAST_REAL else 0.0)
Timestamp = Annotated[
    datetime,
    PlainSerializer(_rfc3339, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}, mode="serialization"),
]
# A time in a request (RFC 3339): read with its distance from UTC, and then in UTC.
Moment = Annotated[AwareDatetime, BeforeValidator(_read_time), AfterValidator(_in_utc)]


# Regular expression → the sentence of a text that does not match.
_pattern_sentences = {r"\S": "must not be blank"}


def matching(
    pattern: str, sentence: str, *, min_length: int | None = None, max_length: int | None = None
) -> StringConstraints:
    """The constraint that a text matches `pattern`. `sentence` tells users what the text must be."""
    _pattern_sentences[pattern] = sentence
    return StringConstraints(pattern=pattern, min_length=min_length, max_length=max_length)


def pattern_sentence(pattern: str) -> str:
    """The sentence for a text that does not match `pattern`."""
    return _pattern_sentences.get(pattern, "is not valid")


WebAddress = Annotated[
    Text,
    matching(r"^https?://[^\s]+$", "must be an address such as https://example.org, without blanks", max_length=2048),
]


@dataclass(frozen=True, slots=True)
class Shape:
    """One of the shapes of a request body: the fields that it requires and lacks, and the values of some fields."""

    description: str
    required: frozenset[str] = frozenset()
    without: frozenset[str] = frozenset()
    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


class Request(BaseModel):
    """A request body or query string: unknown fields are refused.

    `_shapes` are the shapes of a body that has several, by the names that clients know them by.
    """

    _shapes: ClassVar[Mapping[str, Shape]] = {}

    # Validators are built at first use, so that a function's cold start only pays for those that it uses.
    model_config = ConfigDict(extra="forbid", defer_build=True)

    @classmethod
    def shapes(cls) -> Mapping[str, Shape]:
        """The shapes of this body, if it has several."""
        return cls._shapes


class Changes(Request):
    """A partial change: omitted fields stay as they are, and at least one field is required."""

    # The fields that null clears; None means every field.
    _nullable: ClassVar[frozenset[str] | None] = frozenset()

    @model_validator(mode="after")
    def _something(self) -> "Changes":
        if not self.model_fields_set:
            raise ValueError("at least one field is required")
        for name in self.model_fields_set - (self.model_fields_set if self._nullable is None else self._nullable):
            if getattr(self, name) is None:
                raise ValueError(f"`{name}` must not be null")
        return self

    def changed_fields(self) -> dict[str, object]:
        """The fields that the request names, with their new values."""
        return self.model_dump(include=set(self.model_fields_set))


class Resource(BaseModel):
    """Something the API returns. Columns that it does not show are ignored."""

    model_config = ConfigDict(extra="ignore", defer_build=True)


class Failure(Resource):
    """Why a document or a job failed: a stable code (docs/errors.md) and a sentence."""

    code: str
    message: str


class DocumentWarning(Resource):
    """What a document's file holds that was not read: a stable code (docs/formats.md) and a sentence."""

    code: str
    message: str
    page: int | None = None


# UTF-8 has up to four bytes for a character, and a response 6 MB.
_MOST_CHARACTERS = 1_500_000


def _characters(value: object) -> int:
    """How much text a value holds, roughly."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, BaseModel):
        return sum(map(_characters, vars(value).values()))
    if isinstance(value, dict):
        return sum(map(_characters, value.values()))
    return sum(map(_characters, value)) if isinstance(value, list | tuple) else 0


class Page(Resource, Generic[Item]):
    """One page of a list. `next_cursor` is null on the last."""

    items: list[Item]
    next_cursor: str | None = None


class TicketQuery(Request):
    """`?ticket=` replaces the header `Authorization` for clients that cannot set headers."""

    ticket: Annotated[str, Field(max_length=1000)] | None = None


class PageQuery(Request):
    """`?limit=` (1 to 100) and `?cursor=` (a `next_cursor` of the same list)."""

    limit: int = Field(default=20, ge=1, le=100)
    cursor: str | None = Field(default=None, max_length=200)

    def after(self) -> UUID | None:
        """The id that the page starts after. Raises BadRequest for a cursor that no list returned."""
        if self.cursor is None:
            return None
        try:
            return UUID(bytes=base64.urlsafe_b64decode(self.cursor.encode("ascii")))
        except (ValueError, binascii.Error) as error:
            raise errors.BadRequest(code="bad_cursor") from error


def page_of(rows: Sequence[Row], limit: int) -> Page[Row]:
    """A page from up to `limit + 1` rows: an extra row means that there is a next page.

    A page with much text has fewer rows, so that its response is not too large.
    """
    sizes = accumulate(map(_characters, rows))
    limit = min(limit, max(1, sum(size <= _MOST_CHARACTERS for size in sizes)))
    more = len(rows) > limit
    cursor = base64.urlsafe_b64encode(rows[limit - 1].id.bytes).decode() if more else None
    return Page.model_construct(items=list(rows[:limit]), next_cursor=cursor)
