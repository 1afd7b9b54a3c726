"""What of a web site is read: robots.txt, sitemaps, feeds, canonical links, bounds, encodings."""

import base64
import gzip
import itertools
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from tests.connectors.connected import Library, counts
from tests.peers import web
from tests.service import Service, User


@pytest.fixture
def site() -> Iterator[web.Site]:
    with web.serve() as served:
        yield served


@pytest.fixture
def connect(connected: Service, admin: User, site: web.Site) -> Any:
    """Connects the site's folder /docs/, with more settings."""
    numbers = itertools.count()

    def connecting(credentials: dict[str, str] | None = None, **settings: Any) -> Library:
        name = f"{site.url} {next(numbers)}"
        own = {"start_urls": [f"{site.url}/docs/"]} | settings
        more = {"credentials": credentials} if credentials else {}
        return Library.connect(connected, admin, "web", own, name=name, **more)

    return connecting


def _write(site: web.Site, name: str, links: str = "", head: str = "") -> None:
    led_to = "".join(f"<a href='{link}'>{link}</a>" for link in links.split())
    site.put(f"/docs/{name}", f"<title>{name}</title>{head}<main>The page {name or 'index'} has words. {led_to}</main>")


def _names(library: Library, site: web.Site) -> set[str]:
    """What was read, below /docs/."""
    return {url.removeprefix(f"{site.url}/docs/") for url in library.items()}


def test_what_robots_txt_forbids_is_not_asked_for(connect: Any, site: web.Site) -> None:
    _write(site, "", "open secret ours")
    for name in ("open", "secret", "ours"):
        _write(site, name)
    rules = "User-agent: *\nDisallow: /docs/\n\nUser-agent: alcove\nDisallow: /docs/secret\n"
    site.pages["/robots.txt"] = web.Page(rules.encode(), "text/plain")
    library = connect()
    assert counts(library.sync(ingest=False)) == {"created": 3}
    assert _names(library, site) == {"", "open", "ours"}
    assert ("/docs/secret", 200) not in site.requests


def test_a_robots_txt_that_cannot_be_read_permits_nothing_and_loses_nothing(connect: Any, site: web.Site) -> None:
    _write(site, "")
    library = connect()
    library.sync(ingest=False)
    site.forget()
    site.fail("/robots.txt", 500)
    assert library.sync(ingest=False)["error"]["code"] == "source_unavailable"
    assert ("/docs/", 200) not in site.requests
    assert len(library.items()) == 1


def test_sitemaps_and_their_indexes_are_followed_packed_ones_too(connect: Any, site: web.Site) -> None:
    _write(site, "")
    for name in ("first", "second", "third"):
        _write(site, name)
    space = "xmlns='http://www.sitemaps.org/schemas/sitemap/0.9'"
    index = f"<sitemapindex {space}><sitemap><loc>{site.url}/more.xml.gz</loc></sitemap></sitemapindex>"
    urls = "".join(f"<url><loc>{site.url}/{path}</loc></url>" for path in ("docs/first", "docs/second", "other"))
    packed = gzip.compress(f"<urlset {space}>{urls}</urlset>".encode())
    site.pages["/map.xml"] = web.Page(index.encode(), "application/xml")
    site.pages["/more.xml.gz"] = web.Page(packed, "application/gzip")
    site.pages["/robots.txt"] = web.Page(f"Sitemap: {site.url}/map.xml\n".encode(), "text/plain")
    library = connect()
    assert counts(library.sync(ingest=False)) == {"created": 3}
    assert _names(library, site) == {"", "first", "second"}
    assert connect(sitemaps=False).sync(ingest=False)["created"] == 1


@pytest.mark.parametrize("kind", ["rss", "atom"])
def test_a_feed_leads_to_its_entries(connect: Any, site: web.Site, kind: str) -> None:
    for name in ("first", "second"):
        _write(site, name)
    links = {
        "rss": "".join(f"<item><link>{site.url}/docs/{name}</link></item>" for name in ("first", "second")),
        "atom": "".join(f"<entry><link href='/docs/{name}'/></entry>" for name in ("first", "second")),
    }[kind]
    feed = {"rss": f"<rss><channel>{links}</channel></rss>"}.get(
        kind, f"<feed xmlns='http://www.w3.org/2005/Atom'>{links}</feed>"
    )
    site.pages["/docs/feed.xml"] = web.Page(feed.encode(), f"application/{kind}+xml")
    library = connect(start_urls=[f"{site.url}/docs/feed.xml"])
    assert counts(library.sync(ingest=False)) == {"created": 2}
    assert _names(library, site) == {"first", "second"}


def test_a_page_is_read_at_its_canonical_address_and_what_asks_not_to_be_read_is_not(
    connect: Any, site: web.Site
) -> None:
    _write(site, "", "print hidden followed#part followed?utm_source=mail")
    _write(site, "print", head="<link rel='canonical' href='/docs/pump'>")
    _write(site, "pump")
    _write(site, "hidden", "below", head="<meta name='robots' content='noindex'>")
    _write(site, "below", "never", head="<meta name='robots' content='nofollow'>")
    _write(site, "followed")
    _write(site, "never")
    library = connect()
    library.sync(ingest=False)
    assert _names(library, site) == {"", "pump", "below", "followed"}


def test_depth_patterns_and_the_number_of_pages_bound_what_is_read(connect: Any, site: web.Site) -> None:
    _write(site, "", "one picture.png")
    for name, links in (("one", "two"), ("two", "three private"), ("three", ""), ("private", "")):
        _write(site, name, links)

    def read(**settings: Any) -> set[str]:
        library = connect(sitemaps=False, **settings)
        library.sync(ingest=False)
        return _names(library, site)

    assert read() == {"", "one", "two", "three", "private"}
    assert read(max_depth=0) == {""}
    assert read(max_depth=1) == {"", "one"}
    assert read(exclude=["*/private"]) == {"", "one", "two", "three"}
    assert read(include=["*/docs/", "*/one"]) == {"", "one"}
    assert len(read(max_pages=2)) == 2
    assert not any(path.endswith(".png") for path, _ in site.requests)


def test_what_is_in_memory_is_stored_before_more_is_visited(
    connect: Any, site: web.Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    from chalicelib.knowledge.connectors.types.web import site as visits

    monkeypatch.setattr(visits, "_PAGE_BYTES", 3_000)
    _write(site, "", " ".join(f"report-{number}.txt" for number in range(8)))
    for number in range(8):
        site.pages[f"/docs/report-{number}.txt"] = web.Page(f"Bar {number}.".encode() * 300, "text/plain")
    run = connect().sync(ingest=False)
    assert (run["created"], run["pages"]) == (9, 5)  # the start page, then two reports at a time


@pytest.mark.parametrize("where", ["header", "meta", "nowhere"])
def test_pages_are_read_in_their_own_encoding(connect: Any, site: web.Site, where: str) -> None:
    declared = "<meta charset='iso-8859-2'>" if where == "meta" else ""
    page = f"{declared}<title>Żółw</title><main>Żółw źle śpi.</main>"
    parameters = "; charset=ISO-8859-2" if where == "header" else ""
    encoding = "utf-8" if where == "nowhere" else "iso-8859-2"
    site.pages["/docs/"] = web.Page(page.encode(encoding), f"text/html{parameters}")
    library = connect()
    library.sync()
    assert "Żółw źle śpi." in library.texts()[0]


@pytest.mark.parametrize("link", ["http://[draft]/", "//[", "http://ex℀ample/", "http://a:port/", "http://a:99999/"])
def test_what_is_no_address_hides_nothing_else(connect: Any, site: web.Site, link: str) -> None:
    head = f"<base href='{link}'><link rel=canonical href='{link}'>"
    _write(site, "", f"{link} {site.url}/docs/other {site.url}/docs/moved", head)
    _write(site, "other")
    site.redirect("/docs/moved", link if link.isascii() else "//[")
    run = connect().sync(ingest=False)
    assert (run["status"], counts(run)) == ("completed", {"created": 2})


BROKEN = {
    "cut": gzip.compress(b"<urlset><url><loc>http://a.example/</loc></url></urlset>")[:-12],
    "damaged": b"\x1f\x8b" + b"no gzip" * 9,
    "no-xml": b"<urlset><url>",
}


@pytest.mark.parametrize("broken", BROKEN)
@pytest.mark.parametrize("path", ["/sitemap.xml", "/docs/feed.xml"])
def test_a_broken_sitemap_or_feed_ends_no_run_and_removes_nothing(
    connect: Any, site: web.Site, broken: str, path: str
) -> None:
    names = [f"page-{number}" for number in range(9)]
    for name in names:
        _write(site, name)
    _write(site, "", "page-0 page-1 page-2 page-3 page-4 page-5 page-6 page-7 /docs/feed.xml")
    listed = f"<urlset><url><loc>{site.url}/docs/page-8</loc></url></urlset>".encode()
    site.pages[path] = web.Page(listed, "application/xml")
    library = connect()
    assert counts(library.sync(ingest=False)) == {"created": 10}
    site.pages[path] = web.Page(BROKEN[broken], "application/xml")
    assert counts(library.sync(ingest=False)) == {"unchanged": 10}


@pytest.mark.parametrize("encoding", ["shift_jis", "euc-kr", "gb2312", "windows-1252"])
def test_a_sitemap_in_an_encoding_of_its_country_is_read(connect: Any, site: web.Site, encoding: str) -> None:
    names = {"shift_jis": "ポンプの点検", "euc-kr": "펌프점검", "gb2312": "水泵检查", "windows-1252": "Prüfung"}
    _write(site, "")
    site.put(f"/docs/{quote(names[encoding])}", "<main>The pump has words.</main>")
    listed = f"<urlset><url><loc>{site.url}/docs/{names[encoding]}</loc></url></urlset>"
    body = f"<?xml version='1.0' encoding='{encoding}'?>{listed}".encode(encoding)
    site.pages["/sitemap.xml"] = web.Page(body, "application/xml")
    assert counts(connect().sync(ingest=False)) == {"created": 2}


def test_a_site_that_asks_for_a_name_and_a_password_gets_them(connect: Any, site: web.Site) -> None:
    _write(site, "")
    site.credentials = f"Basic {base64.b64encode(b'ada:secret word').decode()}"
    wrong = connect({"username": "ada", "password": "wrong"})
    assert wrong.sync(ingest=False)["error"]["code"] == "credentials_refused"
    right = connect({"username": "ada", "password": "secret word"})
    assert counts(right.sync(ingest=False)) == {"created": 1}


def test_files_that_a_page_leads_to_are_documents_and_programs_are_not(connect: Any, site: web.Site) -> None:
    _write(site, "", "report.txt table.csv setup.exe data.bin")
    site.pages["/docs/report.txt"] = web.Page(b"The pressure is four bar.", "text/plain")
    site.pages["/docs/table.csv"] = web.Page(b"pump,bar\n1,4\n", "text/csv")
    site.pages["/docs/data.bin"] = web.Page(b"\0\1\2", "application/octet-stream")
    library = connect()
    assert counts(library.sync(ingest=False)) == {"created": 3}
    assert _names(library, site) == {"", "report.txt", "table.csv"}
