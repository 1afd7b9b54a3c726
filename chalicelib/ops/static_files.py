"""Files of the pages that the service serves: scripts, styles and icons that lie beside the code."""

from pathlib import Path

from chalicelib.core import errors

_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


def part(folder: Path, name: str) -> tuple[str, str]:
    """The text of a script, a style or an icon of `folder`, and its media type. Raises NotFound for any other name."""
    path = folder / name
    if path.suffix not in _TYPES or path not in folder.iterdir():
        raise errors.NotFound
    return path.read_text("utf-8"), _TYPES[path.suffix]
