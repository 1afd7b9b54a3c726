"""The page /docs: whole without any other server, locked by a policy, and in nobody's way."""

import re
import subprocess
import sys
from pathlib import Path

from chalicelib.ops import reference
from tests.service import Answer, Service

FOLDER = Path(reference.__file__).with_name("swagger_ui")


def _text(answer: Answer) -> str:
    assert answer.status == 200, answer.body
    return answer.body.decode()


def test_the_page_loads_its_own_files_alone(service: Service) -> None:
    page = service.request("GET", "/docs")
    addresses = re.findall(r'(?:src|href)="([^"]+)"', _text(page))
    assert {"docs/page.js", "openapi.json"} <= {address.partition("?")[0] for address in addresses}
    for address in addresses:
        if address != "data:,":
            assert _text(service.request("GET", f"/{address.partition('?')[0]}"))
    policy = dict(part.split(" ", 1) for part in page.headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["connect-src"] == "'self'"
    assert "<script>" not in _text(page)


def test_files_of_the_page_have_their_types_and_are_kept_by_browsers(service: Service) -> None:
    script = service.request("GET", "/docs/swagger-ui-bundle.js")
    assert script.headers["Content-Type"].startswith("text/javascript")
    assert script.headers["Cache-Control"] == "public, max-age=86400"
    style = service.request("GET", "/docs/swagger-ui.css")
    assert style.headers["Content-Type"].startswith("text/css")
    again = service.request("GET", "/docs/swagger-ui.css", headers={"If-None-Match": style.headers["ETag"]})
    assert (again.status, again.body) == (304, b"")


def test_no_other_file_is_served(service: Service) -> None:
    for name in ("LICENSE", "index.html", "..%2Freference.py", "../reference.py", "x.js"):
        assert service.gateway("GET", f"/docs/{name}").status == 404


def test_the_licence_is_kept_beside_the_files() -> None:
    assert "Apache License" in (FOLDER / "LICENSE").read_text("utf-8")
    assert (FOLDER / "NOTICE").is_file()
    assert (FOLDER / "swagger-ui-bundle.js.LICENSE.txt").is_file()


def test_the_page_is_read_by_no_function_before_it_is_requested() -> None:
    code = (
        "import sys\n"
        "opened = []\n"
        "sys.addaudithook(lambda event, args: opened.append(str(args[0])) if event == 'open' else None)\n"
        "import app\n"
        "assert len(app.app.routes) > 50\n"
        "print(*(path for path in opened if 'swagger' in path or path.endswith(('.toml', 'openapi.json'))))"
    )
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert finished.stdout.split() == []


def test_the_files_of_the_page_are_small_enough_for_one_response() -> None:
    assert max(path.stat().st_size for path in FOLDER.iterdir()) < 4_000_000  # Lambda's response has 6 MB at most
