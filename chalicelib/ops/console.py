"""The console: the page that people open, served from the files that `make console` builds out of console/.

The page asks the API like any other client, so serving it uses no database. Its files have a hash of their contents in
their names, so that browsers keep them for good; the page itself is asked for each time (304 when it has not changed).
"""

import re
from pathlib import Path

from chalicelib.core import process
from chalicelib.ops import static_files

FOLDER = Path(__file__).with_name("console")
# A year, which is the longest that caches take; a changed file has another name.
_FOR_GOOD = "public, max-age=31536000, immutable"
_REVALIDATED = "no-cache"
_HASHED = re.compile(r"-[\w-]{8}\.\w+$")
# The worker that reads PDFs is a script of its own: it loads nothing but its decoders, and has no network.
_PARTS_POLICY = "default-src 'none'; script-src 'self'"


def page() -> tuple[str, dict[str, str]]:
    """The console's page, and its headers."""
    headers = {"Content-Security-Policy": _policy(), "Cache-Control": _REVALIDATED}
    return (FOLDER / "index.html").read_text("utf-8"), headers


def part(name: str) -> tuple[str, dict[str, str]]:
    """A script, a style or an icon of the page, and its headers. Raises NotFound."""
    text, content_type = static_files.part(FOLDER, name)
    # A few parts have the names by which PDF.js asks for them, without a hash.
    caching = _FOR_GOOD if _HASHED.search(name) else _REVALIDATED
    return text, {"Content-Type": content_type, "Cache-Control": caching, "Content-Security-Policy": _PARTS_POLICY}


@process.cached
def _policy() -> str:
    """Scripts, styles and data come from the service alone, and files go to its bucket. Nothing inline is run."""
    from chalicelib.knowledge.documents import bucket

    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        f"connect-src 'self' {bucket.address()}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
