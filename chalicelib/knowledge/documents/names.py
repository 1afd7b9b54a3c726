"""Lists of named things that can be searched by name."""

import base64
import binascii
import struct
import unicodedata
from collections.abc import Sequence
from typing import Annotated, Protocol, TypeVar
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints

from chalicelib.core import errors
from chalicelib.core.models import Identified, Page, PageQuery, Text, page_of

# The least similarity of a name to the typed text. It keeps 99 of 100 titles with one mistake in each word
# (docs/collections.md).
LEAST_NAME_RANK = 0.25


_RANKED = struct.Struct(">f16s")


# Some systems write the accents of names as characters of their own: names and what is searched for are composed (NFC).
COMPOSED = AfterValidator(lambda text: unicodedata.normalize("NFC", text))
# The name_rank() of a row. It decides the row's place in a list, and responses leave it out.
Rank = Annotated[float, Field(exclude=True)]


class Ranked(Identified, Protocol):
    """A row of a list that can be searched by name: `rank` is its name_rank(), 0 without a search."""

    @property
    def rank(self) -> float: ...


R = TypeVar("R", bound=Ranked)


class NameQuery(PageQuery):
    """A list, newest first, or, with `q`, the entries with a similar name (also misspelt), best first."""

    q: Annotated[Text, StringConstraints(min_length=1, max_length=200, pattern=r"\S"), COMPOSED] | None = None

    def place(self) -> dict[str, object]:
        """The parameters of the page: q, least_rank, after_rank, after and limit. Raises BadRequest (bad_cursor)."""
        rank, after = self._ranked() if self.q is not None else (0.0, self.after())
        return {
            "q": self.q,
            "least_rank": LEAST_NAME_RANK,
            "after_rank": rank,
            "after": after,
            "limit": self.limit + 1,
        }

    def _ranked(self) -> tuple[float, UUID | None]:
        if self.cursor is None:
            return 0.0, None
        try:
            rank, key = _RANKED.unpack(base64.urlsafe_b64decode(self.cursor.encode("ascii")))
        except (ValueError, binascii.Error, struct.error) as error:
            raise errors.BadRequest(code="bad_cursor") from error
        return rank, UUID(bytes=key)

    def page(self, rows: Sequence[R]) -> Page[R]:
        """The page from up to `limit + 1` rows."""
        if self.q is None or len(rows) <= self.limit:
            return page_of(rows, self.limit)
        last = rows[self.limit - 1]
        cursor = base64.urlsafe_b64encode(_RANKED.pack(last.rank, last.id.bytes)).decode()
        return Page.model_construct(items=list(rows[: self.limit]), next_cursor=cursor)
