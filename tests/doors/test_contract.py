"""What others make of the OpenAPI document: linters find no error, and generated clients do the main job."""

import json
import re
from pathlib import Path
from typing import Any

from chalicelib.ops import reference
from infra.local import stack
from infra.local.api_session import ApiSession
from tests.doors.conftest import HERE, PREPARED, Doors

FILES = ("swagger-ui-bundle.js", "swagger-ui.css", "LICENSE", "NOTICE", "swagger-ui-bundle.js.LICENSE.txt")


def test_redocly_finds_no_error(doors: Doors) -> None:
    doors.npm("redocly", "lint", "--config", "redocly.yaml", "openapi.json", "--format", "stylish")


def test_a_generated_python_client_does_the_main_job(doors: Doors, credentials: dict[str, str]) -> None:
    generated = doors.tool(
        "openapi-python-client", "generate", "--path", "openapi.json", "--output-path", "client", "--meta", "none"
    )
    # Nothing of the document was left out, but for a text that only Prometheus reads.
    assert re.findall(r"WARNING parsing (.*) within", generated) == ["GET /metrics"], generated
    (doors.folder / "generated_client.py").write_bytes((HERE / "generated_client.py").read_bytes())
    _answered(doors.python("generated_client.py", **credentials), "ninety days", "Pump manual")


def test_generated_types_check_and_do_the_main_job(doors: Doors, credentials: dict[str, str]) -> None:
    doors.npm("openapi-typescript", "openapi.json", "--output", "api.d.ts")
    options = "--strict --noEmit false --module nodenext --target es2022 --skipLibCheck --allowImportingTsExtensions"
    doors.npm("tsc", *options.split(), "--rewriteRelativeImportExtensions", "--types", "node", "typed_client.mts")
    _answered(doors.node("typed_client.mjs", **credentials), "five years", "Valve manual")


def _answered(printed: str, words: str, title: str) -> None:
    result = json.loads(printed.strip().splitlines()[-1])
    assert words in result["answer"]
    assert title in result["sources"]
    assert result["events"][0] == "meta"
    assert result["events"][-1] == "done"


def test_the_page_of_the_api_works_and_loads_nothing_from_elsewhere(doors: Doors, running: stack.StackInfo) -> None:
    result: dict[str, Any] = json.loads(doors.node("reference_page.mjs", API=running.api_url).strip().splitlines()[-1])
    assert result["all"] > 100
    assert 0 < len(result["matches"]) < 10
    assert "/me/spending" in result["matches"]
    assert all(address.startswith((running.api_url, "data:")) for address in result["requested"])


def test_the_files_of_the_page_are_those_of_the_npm_package() -> None:
    package = PREPARED / "node_modules" / "swagger-ui-dist"
    folder = Path(reference.__file__).with_name("swagger_ui")
    version = json.loads((package / "package.json").read_text())["version"]
    assert f"?v={version}" in (folder / "index.html").read_text()
    for name in FILES:
        assert (folder / name).read_bytes() == (package / name).read_bytes(), name


# What ends the test's own session, or the work of the others.
_EXCLUDED = (
    "/auth/logout|/auth/logout-all|/me$|/me/password|/me/sessions/|/auth/refresh|/auth/anonymous|"
    "/jobs/.*/events|/embedding-models/.*/activate|/ready|"
    # They ask a provider, which nothing here reaches: a declared 502.
    "/me/provider-keys/|/embedding-models$|/alerts/telegram/test|/llms/.*/test|"
    # Scripts and styles: OpenAPI names one media type for a response.
    "/docs/|/console/"
)
# They ask the reranker's server to rank two sentences; reading and deleting one ask nobody.
_ASK_A_SERVER = ("create_reranker", "update_reranker")


def test_schemathesis_meets_no_failure_and_nothing_undocumented(doors: Doors, running: stack.StackInfo) -> None:
    administrator = ApiSession.log_in_as(
        running.api_url, running.administrator["email"], running.administrator["password"]
    )
    token = administrator.authorization["Authorization"]
    administrator.close()
    checks = "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance"
    printed = doors.tool(
        "schemathesis",
        *("run", "openapi.json", "--url", running.api_url, "--header", f"Authorization: {token}"),
        *("--checks", f"{checks},response_schema_conformance", "--phases", "examples,fuzzing"),
        *("--max-examples", "5", "--workers", "2", "--seed", "7", "--request-timeout", "60"),
        *(part for name in _ASK_A_SERVER for part in ("--exclude-operation-id", name)),
        *("--exclude-path-regex", _EXCLUDED, "--no-color", "--suppress-health-check", "all"),
        may_fail=True,
    )
    assert re.search(r"\d+ generated", printed), printed[-4000:]
    # An address of some 60,000 characters: the gateway refuses it before any route is found.
    assert set(re.findall(r"^ *- (ST\d+ .*)$", printed, re.MULTILINE)) <= {"ST103 Undocumented status code"}, printed
    assert set(re.findall(r"Received: (\d+)", printed)) <= {"431"}, printed
