"""The pages that the service serves about itself: the API's reference, and one page for each error code.

The reference is Swagger UI (Apache-2.0), in the folder swagger_ui/ as its npm package swagger-ui-dist ships it, with a
page and a script of ours. No function reads these files before somebody opens the page.
"""

import html
from pathlib import Path

from chalicelib.core import errors
from chalicelib.ops import static_files

_FOLDER = Path(__file__).with_name("swagger_ui")
# Scripts and data come from here alone. Swagger UI writes style attributes, and its icons are data.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_PROBLEM_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"


def page() -> tuple[str, dict[str, str]]:
    """The reference's page, and its headers."""
    return (_FOLDER / "index.html").read_text("utf-8"), {"Content-Security-Policy": POLICY}


def part(name: str) -> tuple[str, dict[str, str]]:
    """A script or a style of the page, and its headers. Raises NotFound."""
    text, content_type = static_files.part(_FOLDER, name)
    return text, {"Content-Type": content_type, "Cache-Control": "public, max-age=86400"}


def problem_page(code: str) -> tuple[str, dict[str, str]]:
    """A page about an error code, and its headers. Raises NotFound."""
    status, sentence = errors.codes().get(code) or (None, errors.failures().get(code))
    if sentence is None:
        raise errors.NotFound
    kind = f"HTTP status {status}" if status else "Why a document or a job failed"
    title = html.escape(code)
    text = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>'
        f"{title}</title><style>body{{font:16px/1.5 system-ui,sans-serif;max-width:40rem;margin:3rem auto;"
        f"padding:0 1rem;color-scheme:light dark}}</style></head><body><h1><code>{title}</code></h1><p>{kind}</p>"
        f'<p>{html.escape(sentence)}</p><p><a href="../docs">The API</a></p></body></html>'
    )
    return text, {"Content-Security-Policy": _PROBLEM_POLICY}
