"""Texts from outside."""

from datetime import UTC, datetime

from chalicelib.core.texts import storable
from chalicelib.knowledge.connectors.sources import Item, Listing


def test_every_text_of_a_listing_is_storable() -> None:
    bad, good, moment = "a\0b\ud800", "a\ufffdb\ufffd", datetime(2026, 1, 1, tzinfo=UTC)

    def listing(text: str) -> Listing:
        item = Item(
            text,
            path=text,
            title=text,
            authors=(text,),
            created_at=moment,
            metadata={text: [text, 1, None]},
            memory={"links": {"at": (text,)}},
            readers=frozenset({text}),
            size=3,
        )
        return Listing((item,), (text,), (text,), cursor={"at": text}, state={text: text})

    assert storable(listing(bad)) == listing(good)
    assert storable(listing(good)) == listing(good)
