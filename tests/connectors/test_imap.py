"""Connectors of mailboxes, against a real IMAP server."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.connectors.connected import Library, counts
from tests.peers import imap
from tests.service import Service, User


@pytest.fixture(scope="module")
def mailbox() -> Iterator[imap.MailPeer]:
    with imap.serve() as served:
        yield served


def _settings(mailbox: imap.MailPeer) -> dict[str, Any]:
    folders = ["INBOX", "Archive"]
    return {"host": "127.0.0.1", "port": mailbox.port, "security": "none", "folders": folders}


def test_messages_become_documents_and_stay_right(connected: Service, admin: User, mailbox: imap.MailPeer) -> None:
    for number in range(1, 7):
        mailbox.deliver(number, f"Pump number {number} is blue.")
    credentials = {"username": imap.USER, "password": imap.PASSWORD}
    library = Library.connect(connected, admin, "imap", _settings(mailbox), name="mail", credentials=credentials)
    assert counts(library.sync()) == {"created": 6}
    by_id = {item["metadata"]["message_id"]: item for item in library.items().values()}
    first = by_id["<1@example.org>"]
    assert "number 1 is blue" in library.text(first["document_id"])
    assert first["authors"] == ["Grace <grace@example.org>"]
    stored = library.rows()
    assert counts(library.sync()) == {"unchanged": 6}
    assert library.rows() == stored
    mailbox.move(2, "INBOX", "Archive")
    mailbox.remove(3)
    mailbox.deliver(7, "Pump number 7 is green.")
    assert counts(library.sync()) == {"created": 1, "removed": 1, "unchanged": 5}
    after = {item["metadata"]["message_id"]: item for item in library.items().values()}
    assert set(after) == {f"<{number}@example.org>" for number in (1, 2, 4, 5, 6, 7)}
    assert after["<2@example.org>"]["document_id"] == by_id["<2@example.org>"]["document_id"]
    assert after["<2@example.org>"]["path"].startswith("Archive/")


def test_a_message_with_an_impossible_date_stops_no_other(
    connected: Service, admin: User, mailbox: imap.MailPeer
) -> None:
    dates = ("Thu, 01 Jan 2026 10:00:00 +2359", "Fri, 31 Dec 9999 23:59:59 -1400", "Mon, 01 Jan 0001 00:00:00 +1400")
    for number, date in enumerate(dates, 31):
        mailbox.deliver(number, f"Valve number {number} is red.", "Archive", date)
    credentials = {"username": imap.USER, "password": imap.PASSWORD}
    settings = _settings(mailbox) | {"folders": ["Archive"]}
    library = Library.connect(connected, admin, "imap", settings, name="dated", credentials=credentials)
    before = len(mailbox.client.uid("SEARCH", "ALL")[1][0].split()) if mailbox.client.select("Archive") else 0
    assert counts(library.sync()) == {"created": before}
    for number in range(31, 34):
        mailbox.remove(number, "Archive")


def test_a_mailbox_that_refuses_or_lacks_a_folder_loses_nothing(
    connected: Service, admin: User, mailbox: imap.MailPeer
) -> None:
    mailbox.deliver(20, "Pump number 20 is red.")
    mailbox.deliver(21, "Pump number 21 is red.")
    credentials = {"username": imap.USER, "password": imap.PASSWORD}
    library = Library.connect(connected, admin, "imap", _settings(mailbox), name="refused", credentials=credentials)
    library.sync(ingest=False)
    before = library.paths()
    missing = _settings(mailbox) | {"folders": ["Nowhere"]}
    assert library.user.request("PATCH", library.path, {"settings": missing}).status == 200
    assert library.sync(ingest=False)["error"]["code"] == "source_not_found"
    wrong = {"settings": _settings(mailbox), "credentials": credentials | {"password": "wrong"}}
    assert library.user.request("PATCH", library.path, wrong).status == 200
    assert library.sync(ingest=False)["error"]["code"] == "credentials_refused"
    assert library.paths() == before
