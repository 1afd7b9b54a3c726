"""Pages of `docs/`, and tables in pages, that are generated from the code.

`python -m infra.pages` writes them, a test compares them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import app as _app  # noqa: F401 — registers the routes
from chalicelib.core import errors, openapi
from infra import page_tables
from infra.page_types import type_name

DOCS = Path(__file__).parents[1] / "docs"

_API_HEAD = """# API

Generated from the code by `.venv/bin/python -m infra.pages`. A running service has the same content at `/docs` and
`/openapi.json`.

Requests and responses are JSON in `snake_case`; times are RFC 3339. A route with 🔒 requires
`Authorization: Bearer <access token or API key>`. The page `/docs` also shows what each field means, with examples, and
the errors of each route. Errors are problem documents (RFC 9457) with a stable `code`:
[errors.md](errors.md). A list is `{items, next_cursor}`; send `next_cursor` as `?cursor=` to get the next page. A POST
that creates something can be sent twice safely for a day with an `Idempotency-Key`. Every response has an
`X-Request-Id`, which every log line of the request contains.
"""

_ERRORS_HEAD = """# Errors

Generated from the code by `.venv/bin/python -m infra.pages`. Every error response is `application/problem+json`. `code`
is stable and for programs; `title` is the meaning of the code; `detail` is about this case; `errors` names the fields
that are wrong; `request_id` finds the log lines.

`type` is the address of a page about the code, `/problems/<code>` of the service. What API Gateway answers itself has
the same form: `too_large` for more than 10 MB, `rate_limited`, `unavailable`, `timeout`, `forbidden` by the firewall.

The bucket's errors have another form: XML, when a file is put at a presigned URL. `SignatureDoesNotMatch` (403) means:
the `Content-Type` or the number of bytes differs from what was announced.

| code | status | meaning |
|---|---|---|"""


def api() -> str:
    """`api.md`: every route with its request and its response."""
    document = openapi.document()
    lines = [_API_HEAD]
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            lines += _route(path, method, operation)
    lines += ["# Schemas", ""]
    for name, schema in document["components"]["schemas"].items():
        lines += _schema(name, schema)
    return "\n".join(lines).rstrip() + "\n"


def error_page() -> str:
    """`errors.md`: every code with its status and sentence."""
    lines = [_ERRORS_HEAD]
    lines += [f"| `{code}` | {status} | {sentence} |" for code, (status, sentence) in errors.codes().items()]
    lines += [
        "",
        "## Why a document or a job failed",
        "",
        "The `error` of a document or a job has one of these codes, with a sentence about the case.",
        "",
        "| code | meaning |",
        "|---|---|",
    ]
    lines += [f"| `{code}` | {sentence} |" for code, sentence in errors.failures().items()]
    return "\n".join(lines) + "\n"


def _route(path: str, method: str, operation: dict[str, Any]) -> list[str]:
    lock = " 🔒" if operation["security"] else ""
    lines = [f"## {method.upper()} `{path}`{lock}", "", operation["summary"]]
    if "description" in operation:
        lines[-1] += f" {operation['description']}"
    lines.append("")
    lines += [
        f"- {parameter['in']} `{parameter['name']}`: {type_name(parameter['schema'])}. {parameter['description']}"
        for parameter in operation.get("parameters", [])
        if "$ref" not in parameter
    ]
    if "requestBody" in operation:
        lines.append(f"- body: {type_name(operation['requestBody']['content']['application/json']['schema'])}")
    for status, response in operation["responses"].items():
        if status.startswith("2"):
            lines.append(f"- {status}: {_content(response)}")
    return [*lines, ""]


def _content(response: dict[str, Any]) -> str:
    if "content" not in response:
        return "no content"
    ((kind, media),) = response["content"].items()
    return type_name(media["schema"]) if kind == "application/json" else f"`{kind}`"


def _schema(name: str, schema: dict[str, Any]) -> list[str]:
    lines = [f"## {name}", ""]
    if "description" in schema:
        lines += [" ".join(schema["description"].split()), ""]
    for kind in schema.get("oneOf", []):
        lines.append(
            f"- {type_name(kind)}" if "$ref" in kind else f"- {kind['title']}: {type_name(kind['properties']['data'])}"
        )
    if "enum" in schema:
        lines.append(f"- one of {type_name({key: schema[key] for key in ('enum',)})}")
    for field, kind in schema.get("properties", {}).items():
        needed = "" if field in schema.get("required", []) else ", optional"
        words = kind.get("description", "")
        lines.append(f"- `{field}`: {type_name(kind)}{needed}. {words}".rstrip())
    return [*lines, ""]


# Every generated page, and every page with a generated table, with what makes its text.
PAGES: dict[Path, Callable[[], str]] = {
    DOCS / "api.md": api,
    DOCS / "errors.md": error_page,
    **{
        page: partial(page_tables.filled, page.read_text("utf-8"))
        for page in sorted(DOCS.glob("*.md"))
        if page_tables.has_tables(page.read_text("utf-8"))
    },
}


if __name__ == "__main__":
    for page, text in PAGES.items():
        page.write_text(text(), encoding="utf-8")
        print(f"  {page.name}")
