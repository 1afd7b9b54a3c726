"""Texts from outside."""

from datetime import UTC, datetime, timedelta, timezone

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


def test_every_time_of_a_listing_is_storable() -> None:
    far, near = timezone(timedelta(hours=23, minutes=59)), timezone(timedelta(hours=-14))
    for spelt, stored in (
        (datetime(2026, 1, 31, 12, tzinfo=far), datetime(2026, 1, 30, 12, 1, tzinfo=UTC)),
        (datetime(9999, 12, 31, 23, 59, tzinfo=near), datetime.max.replace(tzinfo=UTC)),
        (datetime(1, 1, 1, tzinfo=far), datetime.min.replace(tzinfo=UTC)),
    ):
        item = storable(Listing((Item("a", path="a", created_at=spelt, modified_at=spelt),))).items[0]
        assert (item.created_at, item.modified_at) == (stored, stored)
        assert item.created_at is not None
        assert item.created_at.utcoffset() == timedelta()
