"""The original of a document: its link, its name and type, its page (K17)."""

from email.message import EmailMessage
from typing import Any
from urllib.parse import unquote, urldefrag

import httpx
import pytest

from chalicelib.knowledge.documents import originals
from tests import make_files
from tests.service import Service, User

PUMP = "The coolant pump P-17 is inspected every ninety days."


def _uploaded(service: Service, user: User, filename: str, content: bytes, content_type: str, **more: Any) -> str:
    new = {"filename": filename, "size_bytes": len(content), "content_type": content_type} | more
    created = user.post("/documents", new).json
    upload = created["upload"]
    assert user.get(f"/documents/{created['id']}/original").status == 404
    assert httpx.request("PUT", upload["url"], headers=upload["headers"], content=content).status_code == 200
    service.pump_ingest()
    return str(created["id"])


def test_k17_whoever_may_read_a_document_gets_its_file_under_its_name_and_type(service: Service) -> None:
    administrator, reader = service.administrator(), service.user()
    content = make_files.pdf([["First page."], [PUMP]])
    name = 'Prüfbericht "Pumpe".pdf'
    document = _uploaded(service, administrator, name, content, "application/pdf", scope="org")
    original = reader.get(f"/documents/{document}/original?page=2").json
    url, fragment = urldefrag(original["url"])
    assert (fragment, original["filename"], original["size_bytes"]) == ("page=2", name, len(content))
    fetched = httpx.get(url)
    assert (fetched.status_code, fetched.content, fetched.headers["Content-Type"]) == (200, content, "application/pdf")
    disposition = fetched.headers["Content-Disposition"]
    assert disposition.startswith("inline; ")
    assert unquote(disposition.partition("filename*=UTF-8''")[2]) == name
    private = administrator.add("Private", "Only mine.")["id"]
    assert reader.get(f"/documents/{private}/original").status == 404
    assert administrator.get(f"/documents/{private}/original").json["content_type"] == "text/markdown"


def test_k17_what_a_browser_would_run_is_saved_and_pages_are_of_pdfs(service: Service) -> None:
    user = service.user()
    document = _uploaded(service, user, "page.html", f"<p>{PUMP}</p>".encode(), "text/html")
    original = user.get(f"/documents/{document}/original?page=2").json
    assert "#" not in original["url"]
    assert httpx.get(original["url"]).headers["Content-Disposition"].startswith("attachment; ")


def test_k17_hits_and_citations_have_the_link_to_their_page(service: Service) -> None:
    user = service.user()
    document = _uploaded(service, user, "manual.pdf", make_files.pdf([["Cover."], [PUMP]]), "application/pdf")
    hit = user.search("coolant pump inspected")[0]
    assert hit["original"] == f"/documents/{document}/original?page={hit['page']}"
    assert urldefrag(user.get(hit["original"]).json["url"])[1] == f"page={hit['page']}"
    conversation = user.post("/conversations", {}).json["id"]
    user.post(f"/conversations/{conversation}/messages", {"content": "How often is the coolant pump inspected?"})
    service.pump_answer()
    answer = user.get(f"/conversations/{conversation}/messages").json["items"][1]
    assert [source["original"] for source in answer["sources"]] == [
        f"/documents/{document}/original?page={source['page']}" for source in answer["sources"]
    ]
    assert answer["sources"]


def test_a_file_that_never_arrived_has_no_link_and_one_that_could_not_be_read_has(service: Service) -> None:
    user = service.user()
    refused = user.post("/documents", {"filename": "a.txt", "size_bytes": 3}).json
    longer = refused["upload"]["url"]
    service.rows("update uploads set size_bytes = 4 where document_id = %s returning 1", refused["id"])
    assert httpx.put(longer, headers=refused["upload"]["headers"], content=b"abc").status_code == 200
    service.pump_ingest()
    damaged = _uploaded(service, user, "b.pdf", b"%PDF-1.4 nothing", "application/pdf")
    errors = [user.get(f"/documents/{each}").json["error"]["code"] for each in (refused["id"], damaged)]
    assert errors == ["upload_refused", "corrupt"]
    assert user.get(f"/documents/{refused['id']}/original").status == 404
    assert httpx.get(user.get(f"/documents/{damaged}/original").json["url"]).content == b"%PDF-1.4 nothing"


@pytest.mark.parametrize("name", ["a.pdf", "ä ö.txt", 'x"y.md', "100%.md", "日本.pdf"])
def test_k17_names_of_every_script_survive_the_header(name: str) -> None:
    header = originals._named(name)
    assert header.isascii()
    message = EmailMessage()
    message["Content-Disposition"] = f"attachment; filename*={header.partition('filename*=')[2]}"
    assert message.get_filename() == name
