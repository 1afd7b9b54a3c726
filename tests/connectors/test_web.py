"""Connectors of web sites, against a real web server."""

from collections.abc import Iterator

import pytest

from tests.connectors.connected import Library, counts
from tests.peers import web
from tests.service import Service, User

NAVIGATION = "<nav><a href='/docs/'>Home</a> <a href='/docs/pump'>Pump</a> <a href='/docs/valve'>Valve</a></nav>"


@pytest.fixture
def site() -> Iterator[web.Site]:
    with web.serve() as served:
        served.put("/docs/", page("Manuals", "Everything about our machines."))
        served.put("/docs/pump", page("Pump", "The pump is inspected every ninety days."))
        served.put("/docs/valve", page("Valve", "The valve closes at four bar."))
        yield served


def page(title: str, text: str, links: str = "") -> str:
    return (
        f"<html><head><title>{title}</title></head><body>{NAVIGATION}<main><h1>{title}</h1><p>{text}</p>{links}</main>"
        "<footer>Imprint and cookies</footer></body></html>"
    )


@pytest.fixture
def library(connected: Service, admin: User, site: web.Site) -> Library:
    return Library.connect(connected, admin, "web", {"start_urls": [f"{site.url}/docs/"]}, name=site.url)


def test_pages_below_the_start_page_become_documents_without_navigation(library: Library, site: web.Site) -> None:
    site.put("/elsewhere", page("Elsewhere", "Not below the start page."))
    site.put("/docs/valve", page("Valve", "The valve closes at four bar.", "<a href='/elsewhere'>x</a>"))
    run = library.sync()
    assert (run["status"], counts(run)) == ("completed", {"created": 3})
    host = site.url.removeprefix("http://")
    assert set(library.paths()) == {f"{host}/docs/{name}.html" for name in ("index", "pump", "valve")}
    text = library.text(library.paths()[f"{host}/docs/pump.html"])
    assert "ninety days" in text
    assert "Imprint" not in text
    assert library.state()["status"] == "active"
    document = library.user.get(f"/documents/{library.paths()[f'{host}/docs/pump.html']}").json
    assert (document["title"], document["source_type"]) == ("Pump", "web")
    assert (document["original_url"], document["connector_id"]) == (f"{site.url}/docs/pump", library.connector["id"])
    assert any("ninety days" in hit["text"] for hit in library.user.search("When is the pump inspected?"))


def test_a_second_sync_of_an_unchanged_site_downloads_and_stores_nothing(library: Library, site: web.Site) -> None:
    library.sync()
    before, embedded = library.rows(), library.service.rows("select max(indexed_at) from documents")
    site.forget()
    run = library.sync()
    assert counts(run) == {"unchanged": 3}
    assert site.downloads() == 0
    assert library.rows() == before
    assert library.service.rows("select max(indexed_at) from documents") == embedded


def test_a_changed_page_replaces_its_document_and_a_removed_one_is_gone_from_search(
    library: Library, site: web.Site
) -> None:
    library.sync()
    before = library.paths()
    site.put("/docs/pump", page("Pump", "The pump is inspected every thirty days."))
    del site.pages["/docs/valve"]
    run = library.sync()
    assert counts(run) == {"updated": 1, "removed": 1, "unchanged": 1}
    assert set(library.paths().values()) < set(before.values())
    assert not any("valve closes" in text or "ninety" in text for text in library.texts())
    valve = before[f"{site.url.removeprefix('http://')}/docs/valve.html"]
    assert valve not in {hit["document_id"] for hit in library.user.search("valve closes four bar")}


@pytest.mark.parametrize("how", ["redirect", "gone"])
def test_a_page_at_another_address_keeps_its_document(library: Library, site: web.Site, how: str) -> None:
    library.sync()
    host = site.url.removeprefix("http://")
    document = library.paths()[f"{host}/docs/pump.html"]
    site.put("/docs/pumps/coolant", page("Pump", "The pump is inspected every ninety days."))
    site.put("/docs/", page("Manuals", "Everything.", "<a href='/docs/pumps/coolant'>x</a>"))
    if how == "redirect":
        site.redirect("/docs/pump", "/docs/pumps/coolant")
    else:
        del site.pages["/docs/pump"]
    run = library.sync()
    assert "created" not in counts(run)
    assert "removed" not in counts(run)
    assert library.paths()[f"{host}/docs/pumps/coolant.html"] == document
    assert f"{host}/docs/pump.html" not in library.paths()


def test_a_failing_page_keeps_its_document_and_what_it_led_to(library: Library, site: web.Site) -> None:
    site.put("/docs/valve", page("Valve", "The valve closes at four bar.", "<a href='/docs/seal'>x</a>"))
    site.put("/docs/seal", page("Seal", "The seal is made of rubber."))
    library.sync()
    before = library.paths()
    site.fail("/docs/valve", 500)
    run = library.sync()
    assert counts(run) == {"unchanged": 3, "failed": 1}
    assert library.paths() == before
    assert "500" in library.items()[f"{site.url}/docs/valve"]["error"]
    site.put("/docs/valve", page("Valve", "The valve closes at five bar.", "<a href='/docs/seal'>x</a>"))
    assert counts(library.sync()) == {"updated": 1, "unchanged": 3}


@pytest.mark.parametrize("failure", ["empty", "refused", "half", "gone", "down"])
def test_a_source_that_fails_loses_nothing(library: Library, site: web.Site, failure: str) -> None:
    for number in range(8):
        site.put(f"/docs/part-{number}", page(f"Part {number}", f"Part number {number} is blue."))
    links = "".join(f"<a href='/docs/part-{number}'>x</a>" for number in range(8))
    site.put("/docs/", page("Manuals", "Everything.", links))
    library.sync()
    before = library.paths()
    assert len(before) == 11
    if failure == "empty":
        site.pages["/docs/"] = web.Page(b"<html><body><main>Welcome</main></body></html>")
        for name in ("pump", "valve", *(f"part-{number}" for number in range(8))):
            site.pages.pop(f"/docs/{name}", None)
    elif failure == "refused":
        site.credentials = "Basic bm86bm8="
    elif failure == "half":
        site.put("/docs/", page("Manuals", "Everything.", links[:100]))
        for number in range(5, 8):
            del site.pages[f"/docs/part-{number}"]
    elif failure == "gone":
        del site.pages["/docs/"]
    else:
        site.fail("/docs/", 503)
    run = library.sync()
    assert library.paths() == before
    assert run["status"] in {"failed", "stopped", "running"}
    assert (
        run["error"]["code"]
        == {
            "empty": "too_many_removals",
            "refused": "credentials_refused",
            "half": "too_many_removals",
            "gone": "source_not_found",
            "down": "source_unavailable",
        }[failure]
    )


def test_a_person_may_permit_the_removals(library: Library, site: web.Site) -> None:
    library.sync()
    for name in ("pump", "valve"):
        del site.pages[f"/docs/{name}"]
    assert library.sync()["status"] == "stopped"
    assert library.state()["status"] == "error"
    assert library.state()["next_run_at"] is None
    run = library.sync("?allow_removals=true")
    assert (run["status"], counts(run)) == ("completed", {"removed": 2, "unchanged": 1})
    assert library.state()["error"] is None
