"""Items of awkward names and places: named twice, at one path, moved to another's path, in many folders."""

import unicodedata
from collections.abc import Iterator

import pytest

from chalicelib.knowledge.connectors import storing
from chalicelib.knowledge.connectors.types.web import WebSettings, frontier
from tests.connectors.connected import Library, counts
from tests.connectors.test_file import Bucket, bucket
from tests.peers import drives, web
from tests.service import Service, User

__all__ = ["bucket"]


@pytest.fixture
def drive() -> Iterator[drives.DrivePeer]:
    with drives.serve() as served:
        served.page = 400
        yield served


@pytest.fixture(params=["google_drive", "onedrive"])
def library(request: pytest.FixtureRequest, connected: Service, admin: User, drive: drives.DrivePeer) -> Library:
    settings, credentials = drive.connection(request.param)
    return Library.connect(connected, admin, request.param, settings, name=drive.url, credentials=credentials)


@pytest.fixture
def files(connected: Service, admin: User, bucket: Bucket, endpoint_url: str) -> Library:
    settings = {"bucket": bucket.name, "prefix": "all/", "endpoint_url": endpoint_url}
    credentials = {"access_key_id": "test", "secret_access_key": "test"}
    return Library.connect(connected, admin, "file", settings, name=bucket.name, credentials=credentials)


def test_a_file_that_a_page_names_twice_is_one_document_with_its_last_word(
    library: Library, drive: drives.DrivePeer
) -> None:
    library.sync(ingest=False)
    drive.put("a", "first.md", "The pump is inspected every ninety days.")
    drive.put("a", "second.md", "The pump is inspected every thirty days.")
    drive.put("b", "gone.md", "The valve closes.")
    drive.delete("b")
    run = library.sync(ingest=False)
    assert (run["status"], counts(run)) == ("completed", {"created": 1})
    assert set(library.paths()) == {"second.md"}


def test_addresses_that_redirect_to_one_page_are_one_document(connected: Service, admin: User) -> None:
    with web.serve() as site:
        site.put("/docs/", "<main>Manuals <a href='/docs/old'>x</a> <a href='/docs/older'>y</a></main>")
        site.put("/docs/pump", "<title>Pump</title><main>The pump is inspected every ninety days.</main>")
        site.redirect("/docs/old", "/docs/pump")
        site.redirect("/docs/older", "/docs/pump")
        library = Library.connect(connected, admin, "web", {"start_urls": [f"{site.url}/docs/"]}, name=site.url)
        run = library.sync(ingest=False)
        assert (run["status"], counts(run)) == ("completed", {"created": 2})
        assert counts(library.sync(ingest=False)) == {"unchanged": 2}


def test_pages_for_which_there_was_no_room_are_not_gone(
    connected: Service, admin: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    with web.serve() as site:
        links = "".join(f"<a href='/docs/{number}'>x</a>" for number in range(6))
        site.put("/docs/", f"<main>Manuals {links}</main>")
        for number in range(6):
            site.put(f"/docs/{number}", f"<title>Pump {number}</title><main>Pump number {number} is blue.</main>")
        settings = {"start_urls": [f"{site.url}/docs/"]}
        library = Library.connect(connected, admin, "web", settings, name=site.url, most_removed_percent=100)
        assert counts(library.sync(ingest=False)) == {"created": 7}
        monkeypatch.setattr(frontier, "_MOST_CHARS", 60)
        run = library.sync(ingest=False)
        assert (run["status"], counts(run)) == ("completed", {"unchanged": 7})


def test_an_address_has_room_in_the_queue_or_is_not_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frontier, "_MOST_CHARS", 100)
    root = "https://example.org/"
    crawl = frontier.Frontier(WebSettings(start_urls=[root]), [root], [], set())
    assert all(crawl.add(f"{root}{number}", 1) for number in range(4))
    crawl.follow([f"{root}0"], 0)  # it waits already
    failures = [crawl.has_failures]
    assert not crawl.add(f"{root}4", 1)
    assert [*failures, crawl.has_failures] == [False, True]
    assert len(crawl.queue) == 4


def test_a_path_that_only_others_see_taken_stops_no_run(library: Library, drive: drives.DrivePeer) -> None:
    for name in ("a", "b"):
        drive.put(name, "pump.md", f"The pump {name} is inspected every ninety days.")
    library.sync(ingest=False)
    before = library.paths()
    (marked,) = set(before) - {"pump.md"}
    taken, repository = library.service.user().add("Pump", "Another pump."), library.connector["repository_id"]
    library.service.rows("delete from repo_documents where document_id = %s returning 1", before["pump.md"])
    hidden = (
        "insert into repo_documents (repository_id, document_id, space_id, path) "
        "select r.id, d.id, r.space_id, 'pump.md' from repositories r, documents d "
        "where r.id = %s and d.id = %s returning 1"
    )
    assert library.service.rows(hidden, repository, taken["id"])
    readers = (
        "update repo_documents r set readers_space_id = d.space_id from documents d "
        "where d.id = r.document_id and d.id = %s returning 1"
    )
    assert library.service.rows(readers, taken["id"])
    assert library.sync(ingest=False)["status"] == "completed"
    assert library.paths() == {marked: before[marked]}


def test_one_file_that_became_two_stays_one_document_and_makes_another(files: Library, bucket: Bucket) -> None:
    bucket.put("all/pump.md", "The pump is inspected every ninety days.")
    bucket.put("all/valve.md", "The valve closes at four bar.")
    files.sync(ingest=False)
    before = files.paths()
    bucket.delete("all/pump.md")
    for name in ("one", "two"):
        bucket.put(f"all/{name}.md", "The pump is inspected every ninety days.")
    run = files.sync(ingest=False)
    assert (run["status"], counts(run)) == ("completed", {"created": 1, "unchanged": 2})
    after = files.paths()
    assert set(after) == {"one.md", "two.md", "valve.md"}
    assert before["pump.md"] in {after["one.md"], after["two.md"]}
    assert counts(files.sync(ingest=False)) == {"unchanged": 3}


def test_files_that_change_places_have_each_others_paths(
    library: Library, drive: drives.DrivePeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storing, "_BATCH", 1)
    names = {"a": "one.md", "b": "two.md", "c": "three.md"}
    for node, name in names.items():
        drive.put(node, name, f"The pump {node} is inspected every ninety days.")
    library.sync(ingest=False)
    before = library.paths()
    for node, name in zip(names, ("two.md", "three.md", "one.md"), strict=True):
        drive.put(node, name)
    run = library.sync(ingest=False)
    assert (run["status"], counts(run)) == ("completed", {"unchanged": 3})
    renamed = {"two.md": before["one.md"], "three.md": before["two.md"], "one.md": before["three.md"]}
    assert library.paths() == renamed
    assert library.user.get(f"/documents/{before['one.md']}").json["title"] == "two.md"


def test_two_files_at_one_path_are_two_documents_and_the_path_is_the_remaining_ones(
    library: Library, drive: drives.DrivePeer
) -> None:
    for node in ("a", "b", "c"):
        drive.put(node, "pump.md", f"The pump {node} is inspected every ninety days.")
    assert counts(library.sync(ingest=False)) == {"created": 3}
    paths = library.paths()
    assert len(paths) == 3
    assert sum(path == "pump.md" for path in paths) == 1
    assert all(path.startswith("pump~") for path in paths if path != "pump.md")
    first = next(item for item in library.items().values() if item["document_id"] == paths["pump.md"])
    drive.delete(first["source_id"].lower())
    assert counts(library.sync(ingest=False))["removed"] == 1
    after = library.paths()
    assert len(after) == 2
    assert after["pump.md"] in set(paths.values()) - {paths["pump.md"]}


def test_names_that_differ_in_letters_case_or_form_alone_are_files_of_their_own(files: Library, bucket: Bucket) -> None:
    names = ["pump.md", "Pump.md", "PUMP.md"]
    names += [unicodedata.normalize(form, "Prüfung.md") for form in ("NFC", "NFD")]
    for number, name in enumerate(names):
        bucket.put(f"all/{name}", f"The pump {number} is inspected every ninety days.")
    assert counts(files.sync(ingest=False)) == {"created": 5}
    assert set(files.paths()) == set(names)
    stored = files.rows()
    assert counts(files.sync(ingest=False)) == {"unchanged": 5}
    assert files.rows() == stored


def test_a_file_below_three_hundred_folders_has_its_name(
    library: Library, drive: drives.DrivePeer, files: Library, bucket: Bucket
) -> None:
    for number in range(300):
        drive.put(f"f{number}", f"folder{number}", parent=f"f{number - 1}" if number else "root")
    drive.put("a", "pump.md", "The pump is inspected every ninety days.", parent="f299")
    drive.put("b", "pump.md", "The pump is inspected every thirty days.", parent="f298")
    bucket.put(f"all/{'a/' * 300}pump.md", "The pump is inspected every ninety days.")
    assert counts(library.sync(ingest=False)) == {"created": 2}
    assert counts(files.sync(ingest=False)) == {"created": 1}
    for one in (library, files):
        paths = one.paths()
        assert all(path.endswith("/pump.md") and len(path) <= 500 for path in paths)
        titles = {one.user.get(f"/documents/{document}").json["title"] for document in paths.values()}
        assert titles == {"pump.md"}
    assert counts(library.sync(ingest=False)) == {"unchanged": 2}


def test_more_folders_than_a_run_takes_end_it_with_a_word(
    connected: Service, admin: User, drive: drives.DrivePeer
) -> None:
    for number in range(3_000):
        drive.put(f"f{number}", "x" * 1_400, parent="root")
    drive.page = 2_900
    settings, credentials = drive.connection("onedrive")
    library = Library.connect(connected, admin, "onedrive", settings, name=drive.url, credentials=credentials)
    run = library.sync(ingest=False)
    assert (run["status"], run["error"]["code"]) == ("failed", "sync_too_large"), run
