"""Named queries: every statement lives in a `.sql` file beside the module that runs it.

A query begins with a line `-- name: the_name` and runs to the next such line. Parameters are
psycopg's `%(name)s`. Statements are trusted text from the package, which is the one reason why
this module may call a file's contents a LiteralString.
"""

import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import LiteralString, cast

_NAME = re.compile(r"^-- name: (\w+)\s*$", re.MULTILINE)
_PARAMETER = re.compile(r"%\((\w+)\)s")


class Queries:
    """The queries of one file, as attributes: `queries.get_document`. The file is read when one is first asked for.

    ValueError when the file names a query twice.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    @cached_property
    def _statements(self) -> dict[str, LiteralString]:
        parts = _NAME.split(self._path.read_text(encoding="utf-8"))
        names, statements = parts[1::2], parts[2::2]
        if len(set(names)) != len(names):
            raise ValueError(f"{self._path.name} names a query twice")
        return {name: cast("LiteralString", text.strip()) for name, text in zip(names, statements, strict=True)}

    def __getattr__(self, name: str) -> LiteralString:
        try:
            return self._statements[name]
        except KeyError:
            raise AttributeError(f"{self._path.name} has no query named {name}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._statements)


def load(module_file: str) -> Queries:
    """The queries of the `.sql` file beside `module_file` (pass `__file__`)."""
    return Queries(Path(module_file).with_suffix(".sql"))


def inline(statement: LiteralString, values: Mapping[str, object]) -> LiteralString:
    """The statement with those of its parameters that `values` names quoted into it; the others stay parameters."""
    from psycopg.sql import Literal

    def quoted(parameter: re.Match[str]) -> str:
        name = parameter[1]
        return Literal(values[name]).as_string().replace("%", "%%") if name in values else parameter[0]

    return _PARAMETER.sub(quoted, statement)
