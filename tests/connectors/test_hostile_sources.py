"""Sources that fail in ways that look like success: nothing is lost, and nothing runs for ever."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from chalicelib.core.browsing import Browser
from chalicelib.knowledge.connectors import bounds, storing, syncing
from chalicelib.knowledge.connectors.sources import ItemError
from chalicelib.knowledge.connectors.types import rest
from tests.connectors.connected import Library, counts
from tests.peers import drives, serving
from tests.service import Service, User


@pytest.fixture
def drive() -> Iterator[drives.DrivePeer]:
    with drives.serve() as served:
        for name in ("a", "b", "c", "d", "e", "f"):
            served.put(name, f"{name}.md", f"The pump {name} is inspected every ninety days.")
        yield served


@pytest.fixture(params=["google_drive", "onedrive"])
def library(request: pytest.FixtureRequest, connected: Service, admin: User, drive: drives.DrivePeer) -> Library:
    return _connect(connected, admin, drive, request.param)


def _connect(connected: Service, admin: User, drive: drives.DrivePeer, kind: str) -> Library:
    settings, credentials = drive.connection(kind)
    return Library.connect(connected, admin, kind, settings, name=f"{kind} {drive.url}", credentials=credentials)


def test_a_login_page_in_place_of_a_file_replaces_no_text(library: Library, drive: drives.DrivePeer) -> None:
    library.sync()
    drive.has_login_page = True
    drive.put("a", "a.md", "The pump a is inspected every day.")
    run = library.sync()
    assert (run["status"], counts(run)["failed"]) == ("completed", 1)
    assert "web page" in library.items()[_id(library, "a")]["error"]
    assert sum("ninety days" in text for text in library.texts()) == 6
    drive.has_login_page = False
    assert counts(library.sync())["updated"] == 1
    assert any("every day" in text for text in library.texts())


@pytest.mark.parametrize("answer", [{}, [], {"value": None, "changes": None}, "maintenance"])
def test_an_answer_of_another_form_loses_nothing(
    connected: Service, admin: User, drive: drives.DrivePeer, answer: object
) -> None:
    for kind in ("google_drive", "onedrive"):
        library = _connect(connected, admin, drive, kind)
        library.sync(ingest=False)
        before = library.paths()
        drive.other_form = answer
        assert library.sync(ingest=False)["error"]["code"] == "source_unavailable"
        assert library.paths() == before
        drive.other_form = None
        library.resume()
        assert library.state()["status"] == "active"


def test_a_file_at_which_the_source_fails_again_and_again_does_not_stop_the_others(
    library: Library, drive: drives.DrivePeer
) -> None:
    drive.broken = {"c"}
    assert library.sync(ingest=False)["error"]["code"] == "source_unavailable"
    for _ in range(2):
        run = library.resume()
    assert (run["status"], counts(run)) == ("completed", {"created": 5, "failed": 1})
    drive.broken.clear()
    assert counts(library.sync(ingest=False))["created"] == 1


def test_a_file_fails_by_itself_only_after_tries_of_its_own_page(library: Library, drive: drives.DrivePeer) -> None:
    drive.status = 500
    library.sync(ingest=False)
    library.resume()
    drive.status, drive.broken = 200, {"f"}
    run = library.resume()  # the third try of the first page, the first one of the page with the broken file
    assert (run["status"], run["failed"]) == ("running", 0)
    assert run["created"] > 0
    drive.broken.clear()
    run = library.resume()
    assert (run["status"], counts(run)) == ("completed", {"created": 6})


def test_a_broken_file_in_the_second_part_of_a_page_does_not_keep_the_run_open(
    library: Library, drive: drives.DrivePeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storing, "_BATCH", 1)
    drive.broken = {"d"}
    library.sync(ingest=False)
    for _ in range(2):
        run = library.resume()
    assert (run["status"], counts(run)) == ("completed", {"created": 5, "failed": 1})


def test_a_file_that_is_refused_alone_ends_no_run(library: Library, drive: drives.DrivePeer) -> None:
    drive.refused = {"c"}
    run = library.sync(ingest=False)
    assert (run["status"], counts(run)) == ("completed", {"created": 5, "failed": 1}), run["error"]


@pytest.mark.parametrize("before", ["unchanged", "gone"])
def test_a_broken_file_behind_one_that_leaves_nothing_to_store_does_not_keep_the_run_open(
    library: Library, drive: drives.DrivePeer, before: str
) -> None:
    drive.page = 6
    library.sync(ingest=False)
    if before == "unchanged":
        drive.put("a", "a.md")
    else:
        drive.put("g", "g.md", "The pump g is inspected every day.")
        drive.missing = {"g"}
    drive.put("b", "b.md", "The pump b is inspected every day.")
    drive.broken = {"b"}
    assert library.sync(ingest=False)["status"] == "running"
    for _ in range(2):
        run = library.resume()
    assert (run["status"], counts(run)) == (
        "completed",
        {"failed": 1} | ({"unchanged": 1} if before == "unchanged" else {}),
    )


def test_names_that_postgres_does_not_store_stop_nothing(library: Library, drive: drives.DrivePeer) -> None:
    drive.put("a", "a\0 \ud800.md", "The pump a is inspected every day.")
    run = library.sync(ingest=False)
    assert (run["status"], counts(run)) == ("completed", {"created": 6}), run["error"]


def test_a_long_listing_of_files_that_are_not_selected_is_no_endless_one(
    library: Library, drive: drives.DrivePeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounds, "MOST_IDLE_PAGES", 3)
    for number in range(16):
        drive.put(f"p{number}", f"p{number}.mp4", "moving pictures", mime="video/mp4")
    run = library.sync(ingest=False)
    assert (run["status"], counts(run)) == ("completed", {"created": 6}), run["error"]


def test_a_file_that_is_bigger_than_the_setting_allows_fails_alone(library: Library, drive: drives.DrivePeer) -> None:
    drive.put("g", "big.md", "x" * 1_100_000)
    library.service.rows("update static_config set max_upload_mb = 1 returning 1")
    try:
        run = library.sync(ingest=False)
    finally:
        library.service.rows("update static_config set max_upload_mb = 1000 returning 1")
    assert (run["status"], counts(run)) == ("completed", {"created": 6, "failed": 1})
    assert "max_upload_mb" in library.items()[_id(library, "g")]["error"]


@pytest.mark.parametrize("seconds", [200.0, 0.0])
def test_a_listing_without_an_end_ends_also_when_each_invocation_reads_a_page(
    connected: Service, admin: User, drive: drives.DrivePeer, monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    monkeypatch.setattr(bounds, "MOST_IDLE_PAGES", 5)
    monkeypatch.setattr(syncing, "WORK_SECONDS", seconds)
    drive.is_endless = False
    library = _connect(connected, admin, drive, "google_drive")
    run = library.sync(ingest=False)
    assert (run["status"], run["error"]["code"], run["created"]) == ("failed", "sync_too_large", 2)
    assert sum(drive.requests.values()) < 60


def test_a_list_without_an_end_within_a_page_ends_with_the_invocation(
    connected: Service, admin: User, drive: drives.DrivePeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(syncing, "ASKING_SECONDS", 2.0)
    drive.is_endless = True
    drive.put("f1", "Manuals")
    library = _connect(connected, admin, drive, "google_drive")
    assert library.sync(ingest=False)["error"]["code"] == "source_unavailable"
    assert library.paths() == {}


def test_a_listing_that_is_gone_from_the_beginning_is_not_asked_for_for_ever(
    library: Library, drive: drives.DrivePeer
) -> None:
    drive.status = 410
    assert library.sync(ingest=False)["error"]["code"] == "source_unavailable"
    assert sum(drive.requests.values()) < 10


def test_an_id_of_graph_in_other_letters_is_the_same_file(
    connected: Service, admin: User, drive: drives.DrivePeer
) -> None:
    library = _connect(connected, admin, drive, "onedrive")
    library.sync(ingest=False)
    before = library.paths()
    node = drive.nodes.pop("a")
    node.id = "A"
    drive.nodes["A"] = node
    drive.put("A", "renamed.md")
    assert counts(library.sync(ingest=False)) == {"unchanged": 1}
    assert library.paths()["renamed.md"] == before["a.md"]


def test_credentials_are_sent_to_the_sources_own_address_alone() -> None:
    seen: list[str] = []

    def answer(request: serving.PeerRequest) -> serving.PeerResponse:
        seen.append(request.header("Authorization"))
        return serving.PeerResponse(200, b"{}")

    with serving.serve(answer) as home, serving.serve(answer) as other, Browser(allow_private=True) as browser:
        browser.home, browser.headers["Authorization"] = f"{home}/api", "Bearer secret"
        browser.get(f"{home}/files/1")
        browser.get(f"{other}/files/1")
    assert seen == ["Bearer secret", ""]


def test_a_file_at_a_private_address_fails_alone(tmp_path: Path) -> None:
    with Browser() as browser, pytest.raises(ItemError, match="not public"):
        rest.download(browser, "http://10.0.0.1/report.pdf", tmp_path / "item", name="report.pdf", check=list)


def _id(library: Library, name: str) -> str:
    return name.upper() if library.connector["type"] == "onedrive" else name
