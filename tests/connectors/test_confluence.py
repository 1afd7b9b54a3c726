"""Connectors of Confluence, against servers that answer as Atlassian's references for both of its APIs describe."""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.knowledge.connectors import storing
from chalicelib.knowledge.connectors.types.confluence import spaces
from tests.connectors.connected import Library, counts
from tests.peers import confluence
from tests.service import Service, User


@pytest.fixture(params=["cloud", "server"])
def wiki(request: pytest.FixtureRequest) -> Iterator[confluence.ConfluencePeer]:
    with confluence.serve(request.param) as served:
        served.write("1", "Home", "<p>Everything about pumps.</p>")
        served.write("2", "Pumps", "<p>Pumps are inspected every ninety days.</p>", "1")
        served.write("3", "Pump 7", "<p>The seal is made of rubber.</p>", "2", labels=["seal", "pump"])
        served.write("4", "Valves", "<p>Valves close at four bar.</p>", "1")
        served.write("5", "New pump", "<p>A new pump has come.</p>", kind="blogpost")
        served.comment("3", "<p>Since which year?</p>")
        served.attach("3", "report.txt", b"The pressure is four bar.")
        yield served


@pytest.fixture
def library(connected: Service, admin: User, wiki: confluence.ConfluencePeer) -> Library:
    return _connect(connected, admin, wiki)


def _connect(connected: Service, admin: User, wiki: confluence.ConfluencePeer, *keys: str, **more: Any) -> Library:
    own = {name: more.pop(name) for name in ("include_restricted", "attachments", "blog_posts") if name in more}
    settings, credentials = wiki.connection(*keys, **own)
    name = f"{wiki.deployment} {wiki.url}"
    return Library.connect(connected, admin, "confluence", settings, name=name, credentials=credentials, **more)


PLACES = {
    "Engineering/Home.html",
    "Engineering/Home/Pumps.html",
    "Engineering/Home/Pumps/Pump 7.html",
    "Engineering/Home/Pumps/Pump 7/report.txt",
    "Engineering/Home/Valves.html",
    "Engineering/Blog/2026-01-01 New pump.html",
}


def _texts_requested(wiki: confluence.ConfluencePeer) -> list[str]:
    """The requests for the text of one page, its comments, or a file."""
    ends = ("-comments", "/comment", "/download", "/children")
    return [
        path
        for path in wiki.requests
        if path.endswith(ends)
        or "/attachments/" in path
        or path.rpartition("/")[0].endswith(("pages", "posts", "content"))
        if not path.endswith("/search")
    ]


def test_pages_with_their_comments_become_documents_and_stay_right(
    library: Library, wiki: confluence.ConfluencePeer
) -> None:
    wiki.limited = 1
    run = library.sync()
    assert (run["status"], counts(run)) == ("completed", {"created": 6}), run["error"]
    before, stored = library.paths(), library.rows()
    assert set(before) == PLACES
    text = library.text(before["Engineering/Home/Pumps/Pump 7.html"])
    for words in ("made of rubber", "Since which year?", "Grace Hopper", "Labels: pump, seal"):
        assert words in text
    item = library.items()["page:3"]
    assert item["authors"] == ["Ada Lovelace", "Grace Hopper"]
    assert item["original_url"].startswith(wiki.base)
    assert item["source_modified_at"].startswith("2026-01-01T01:00")
    assert item["metadata"]["labels"] == "pump, seal"
    wiki.requests.clear()
    assert counts(library.sync()) == {"unchanged": 6}
    assert (library.rows(), _texts_requested(wiki)) == (stored, [])
    wiki.write("4", "Valves", "<p>Valves close at five bar.</p>", "1")
    wiki.comment("3", "<p>Since 2019.</p>", parent=wiki.pages["3"].comments[0].id)
    wiki.attach("3", "report.txt", b"The pressure is six bar.")
    wiki.attach("4", "new.txt", b"A new file.")
    del wiki.pages["5"]
    assert counts(library.sync()) == {"created": 1, "updated": 3, "removed": 1, "unchanged": 2}
    after = library.paths()
    assert "Since 2019." in library.text(before["Engineering/Home/Pumps/Pump 7.html"])
    assert "five bar" in library.text(before["Engineering/Home/Valves.html"])
    assert "six bar" in library.text(before["Engineering/Home/Pumps/Pump 7/report.txt"])
    assert set(after) == PLACES - {"Engineering/Blog/2026-01-01 New pump.html"} | {"Engineering/Home/Valves/new.txt"}
    wiki.pages["3"].comments.clear()
    wiki.pages["3"].files.clear()
    assert counts(library.sync()) == {"updated": 1, "removed": 1, "unchanged": 4}
    assert "Since" not in library.text(before["Engineering/Home/Pumps/Pump 7.html"])


def test_a_page_that_is_renamed_or_moved_stays_the_same_document(
    library: Library, wiki: confluence.ConfluencePeer
) -> None:
    library.sync(ingest=False)
    before = library.paths()
    wiki.write("2", "Machines", wiki.pages["2"].markup, "1")
    wiki.pages["3"].parent = "4"
    run = library.sync(ingest=False)
    assert (run["status"], counts(run)) == ("completed", {"updated": 1, "unchanged": 5})
    after = library.paths()
    assert after["Engineering/Home/Machines.html"] == before["Engineering/Home/Pumps.html"]
    assert after["Engineering/Home/Valves/Pump 7.html"] == before["Engineering/Home/Pumps/Pump 7.html"]
    assert after["Engineering/Home/Valves/Pump 7/report.txt"] == before["Engineering/Home/Pumps/Pump 7/report.txt"]
    assert len(after) == 6


@pytest.mark.parametrize("status", ["archived", "trashed"])
def test_archived_and_trashed_pages_go_with_their_attachments(
    library: Library, wiki: confluence.ConfluencePeer, status: str
) -> None:
    library.sync(ingest=False)
    wiki.pages["3"].status = status
    library.service.rows("update connectors set most_removed_percent = 50 where id = %s returning 1", _id(library))
    assert counts(library.sync(ingest=False)) == {"removed": 2, "unchanged": 4}


@pytest.mark.parametrize("failure", [401, 404, 500, "other", "emptied"])
def test_a_site_that_fails_loses_nothing(library: Library, wiki: confluence.ConfluencePeer, failure: int | str) -> None:
    library.sync(ingest=False)
    before = library.paths()
    if failure == "other":
        wiki.other_form = {"results": None}
    elif failure == "emptied":
        wiki.pages.clear()
    else:
        wiki.status = int(failure)
    run = library.sync(ingest=False)
    codes = {401: "credentials_refused", 404: "source_not_found", "emptied": "too_many_removals"}
    assert run["error"]["code"] == codes.get(failure, "source_unavailable")
    assert library.paths() == before


def test_half_a_listing_loses_nothing(library: Library, wiki: confluence.ConfluencePeer) -> None:
    library.sync(ingest=False)
    before = library.paths()
    wiki.listed_at_most = 2
    run = library.sync(ingest=False)
    assert (run["status"], counts(run)) == ("completed", {"unchanged": 6})
    assert library.paths() == before


def test_a_space_that_the_account_does_not_see_ends_the_run(library: Library, wiki: confluence.ConfluencePeer) -> None:
    library.sync(ingest=False)
    before = library.paths()
    del wiki.spaces["ENG"]
    run = library.sync(ingest=False)
    assert run["error"]["code"] == "source_not_found"
    assert "ENG" in run["error"]["message"]
    assert library.paths() == before


def test_a_cursor_that_expires_lists_everything_again_and_doubles_nothing(connected: Service, admin: User) -> None:
    with confluence.serve("cloud") as wiki:
        for number in range(1, 8):
            wiki.write(str(number), f"Pump {number}", f"<p>Pump {number} is blue.</p>")
        library = _connect(connected, admin, wiki)
        library.sync(ingest=False)
        wiki.write("8", "Pump 8", "<p>Pump 8 is blue.</p>")
        del wiki.pages["1"]
        wiki.meanwhile = lambda: setattr(wiki, "meanwhile", wiki.forget)  # after the first page of the list
        run = library.sync(ingest=False)
        assert (run["status"], run["created"], run["removed"]) == ("completed", 1, 1)
        assert {path.rpartition("/")[2] for path in library.paths()} == {
            f"Pump {number}.html" for number in range(2, 9)
        }
        assert wiki.requests["/wiki/api/v2/spaces"] == 3  # once in the first run, twice in this one


def test_a_page_that_a_counted_list_skips_stays(connected: Service, admin: User) -> None:
    with confluence.serve("server") as wiki:
        for number in range(1, 8):
            wiki.write(str(number), f"Pump {number}", f"<p>Pump {number} is blue.</p>")
        library = _connect(connected, admin, wiki)
        library.sync(ingest=False)
        # After the space and the first page of its list, one of that page goes and moves the others up.
        wiki.meanwhile = lambda: setattr(wiki, "meanwhile", lambda: wiki.pages.pop("1"))
        run = library.sync(ingest=False)
        assert (run["status"], counts(run)) == ("completed", {"unchanged": 7})
        assert counts(library.sync(ingest=False)) == {"removed": 1, "unchanged": 6}


def test_a_counted_list_goes_on_behind_what_the_account_does_not_see(connected: Service, admin: User) -> None:
    with confluence.serve("server") as wiki:
        for number in range(1, 8):
            wiki.write(str(number), f"Pump {number}", f"<p>Pump {number} is blue.</p>")
        wiki.unnamed = {"2", "3", "4"}  # one of the first two pages, and both that follow
        library = _connect(connected, admin, wiki)
        assert counts(library.sync(ingest=False)) == {"created": 4}
        assert {path.rpartition("/")[2] for path in library.paths()} == {f"Pump {one}.html" for one in (1, 5, 6, 7)}


@pytest.mark.parametrize("amount", [1, 20])
def test_an_index_that_is_being_rebuilt_loses_nothing(
    library: Library, wiki: confluence.ConfluencePeer, monkeypatch: pytest.MonkeyPatch, amount: int
) -> None:
    monkeypatch.setattr(spaces, "_MOST_UNSEEN", amount)
    wiki.attach("4", "other.txt", b"Another file.")
    library.sync()
    before = library.paths()
    for page in wiki.pages.values():
        wiki.unindexed |= {page.id, *(one.id for one in page.comments), *(one.id for one in page.files.values())}
    wiki.pages["3"].files.pop("report.txt")
    run = library.sync()
    assert (run["status"], run["removed"], run["failed"]) == ("completed", 1, 0), run["error"]
    assert library.paths().keys() == before.keys() - {"Engineering/Home/Pumps/Pump 7/report.txt"}
    assert "Since which year?" in library.text(before["Engineering/Home/Pumps/Pump 7.html"])
    wiki.unindexed = set()
    assert library.sync()["removed"] == 0
    assert "Since which year?" in library.text(before["Engineering/Home/Pumps/Pump 7.html"])


def test_what_the_index_learns_later_is_read_later(library: Library, wiki: confluence.ConfluencePeer) -> None:
    wiki.unindexed = {"2", wiki.pages["3"].comments[0].id, wiki.pages["3"].files["report.txt"].id}
    assert counts(library.sync()) == {"created": 5}
    wiki.unindexed = set()
    assert counts(library.sync()) == {"created": 1, "updated": 1, "unchanged": 4}
    assert "Since which year?" in library.text(library.items()["page:3"]["document_id"])


def test_restricted_pages_and_what_is_below_them_are_left_out_and_counted(
    library: Library, wiki: confluence.ConfluencePeer
) -> None:
    wiki.pages["2"].readers = ["g1"]
    run = library.sync(ingest=False)
    assert (run["status"], counts(run), run["withheld"]) == ("completed", {"created": 3}, 3)
    assert set(library.paths()) == {place for place in PLACES if "Pump" not in place}
    wiki.pages["2"].readers = []
    assert counts(library.sync(ingest=False)) == {"created": 3, "unchanged": 3}


@pytest.mark.parametrize("is_indexed", [True, False])
def test_a_restriction_takes_what_it_hides_at_once_and_whatever_may_be_removed(
    library: Library, wiki: confluence.ConfluencePeer, is_indexed: bool
) -> None:
    word = f"seal{uuid.uuid4().hex}"  # the documents of other tests have the same texts
    wiki.write("3", "Pump 7", f"<p>The {word} is made of rubber.</p>", "2")
    library.sync()
    assert library.user.search(word, mode="lexical")
    if not is_indexed:
        wiki.unindexed = {"1", "2", "3", wiki.pages["3"].files["report.txt"].id}
    wiki.pages["1"].readers = ["g1"]  # five of six documents are below it
    wiki.broken = {"5"}
    wiki.write("5", "New pump", "<p>Another one.</p>")
    run = library.sync(ingest=False)
    assert run["status"] == "running"  # the blog post is tried again, and hides nothing of what was withheld
    assert set(library.paths()) == {"Engineering/Blog/2026-01-01 New pump.html"}
    assert library.user.search(word, mode="lexical") == []
    wiki.broken = set()
    run = library.resume()
    assert (run["status"], counts(run), run["withheld"]) == ("completed", {"updated": 1}, 5)


def test_a_token_that_may_no_longer_read_restrictions_empties_nothing(connected: Service, admin: User) -> None:
    with confluence.serve("cloud") as wiki:
        wiki.write("1", "Home")
        wiki.write("2", "Pump", "<p>Blue.</p>", "1")
        library = _connect(connected, admin, wiki)
        assert counts(library.sync(ingest=False)) == {"created": 2}
        wiki.unindexed, wiki.refused = {"1"}, {"/wiki/rest/api/content/1/restriction/byOperation/read"}
        run = library.sync(ingest=False)
        assert run["error"]["code"] == "credentials_refused"
        assert "right to read restrictions" in str(run["error"])
        assert len(library.paths()) == 2
        wiki.refused = set()
        assert counts(library.sync(ingest=False)) == {"unchanged": 2}


def test_restricted_pages_are_read_where_the_settings_say_so(
    connected: Service, admin: User, wiki: confluence.ConfluencePeer
) -> None:
    wiki.pages["2"].readers = ["g1"]
    library = _connect(connected, admin, wiki, include_restricted=True)
    run = library.sync(ingest=False)
    assert (counts(run), run["withheld"]) == ({"created": 6}, 0)


def test_a_page_owner_ancestor_the_account_does_not_see_is_left_out(connected: Service, admin: User) -> None:
    with confluence.serve("cloud") as wiki:
        wiki.write("1", "Home")
        wiki.write("2", "Plans", kind="folder", parent="1")
        wiki.write("3", "Pump 3", "<p>Blue.</p>", parent="2")
        wiki.write("4", "Pump 4", "<p>Red.</p>")
        library = _connect(connected, admin, wiki)
        assert counts(library.sync(ingest=False)) == {"created": 3}
        assert "Engineering/Home/Plans/Pump 3.html" in library.paths()
        wiki.hidden = {"2"}
        run = library.sync(ingest=False)
        assert (counts(run), run["withheld"]) == ({"unchanged": 2}, 1)
        wiki.hidden, wiki.pages["2"].readers = set(), ["g1"]
        assert library.sync(ingest=False)["withheld"] == 1


def test_a_restricted_page_that_no_list_names_goes(connected: Service, admin: User) -> None:
    with confluence.serve("server") as wiki:
        for number in range(1, 5):
            wiki.write(str(number), f"Pump {number}", f"<p>Pump {number} is blue.</p>")
        library = _connect(connected, admin, wiki)
        library.sync(ingest=False)
        wiki.pages["4"].readers, wiki.listed_at_most = ["g1"], 2
        run = library.sync(ingest=False)
        assert (run["status"], counts(run), run["withheld"]) == ("completed", {"unchanged": 3}, 1)
        assert len(library.paths()) == 3


def test_authors_are_left_out_where_the_account_sees_no_profiles(connected: Service, admin: User) -> None:
    with confluence.serve("cloud") as wiki:
        wiki.write("1", "Home", "<p>Blue.</p>")
        wiki.refused = {"/wiki/api/v2/users-bulk"}
        library = _connect(connected, admin, wiki)
        assert counts(library.sync(ingest=False)) == {"created": 1}
        assert library.items()["page:1"]["authors"] == []


def test_settings_that_choose_less_remove_the_rest(
    connected: Service, admin: User, wiki: confluence.ConfluencePeer
) -> None:
    wiki.spaces["OPS"] = "Operations"
    wiki.write("9", "Runbook", "<p>Restart it.</p>", space="OPS")
    library = _connect(connected, admin, wiki, "ENG", "OPS", most_removed_percent=90)
    assert counts(library.sync(ingest=False)) == {"created": 7}
    settings, _ = wiki.connection("ENG", blog_posts=False, attachments=False)
    assert admin.request("PATCH", library.path, {"settings": settings}).status == 200
    assert counts(library.sync(ingest=False)) == {"removed": 3, "unchanged": 4}


def test_a_page_that_goes_after_it_was_listed_ends_no_run(library: Library, wiki: confluence.ConfluencePeer) -> None:
    wiki.page, texts = 20, {"/wiki/api/v2/pages/2", "/rest/api/content/2"}
    wiki.before = lambda path: wiki.hidden.update({"2"} if path in texts else ())
    run = library.sync(ingest=False)
    assert (run["status"], counts(run)) == ("completed", {"created": 5}), run["error"]
    assert "page:2" not in library.items()


def test_a_page_at_owner_text_the_site_fails_does_not_stop_the_others(
    library: Library, wiki: confluence.ConfluencePeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storing, "_BATCH", 1)
    wiki.broken = {"3"}
    library.sync(ingest=False)
    for _ in range(2):
        run = library.resume()
    assert (run["status"], run["failed"]) == ("completed", 1)
    wiki.broken.clear()
    assert library.sync(ingest=False)["created"] >= 1
    assert set(library.paths()) == PLACES


def test_a_token_is_not_sent_without_encryption_to_a_public_address(connected: Service, admin: User) -> None:
    settings = {"url": "http://wiki.example.org", "spaces": ["ENG"], "deployment": "server"}
    body = {"name": "plain", "type": "confluence", "settings": settings, "credentials": {"token": "t"}}
    created = admin.post("/connectors", body)
    library = Library(connected, admin, created.json)
    run = library.sync(ingest=False)
    assert "https://" in run["error"]["message"]


def _id(library: Library) -> str:
    return str(library.connector["id"])
