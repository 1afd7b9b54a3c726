"""Named queries: every statement lives in a `.sql` file beside the module that runs it.

A query begins with a line `-- name: the_name` and runs to the next such line. Parameters are psycopg's `%(name)s`.

What several queries of a file share is a part: `-- part: the_name`, or `-- part: the_name(argument)`. A query, or a
later part, includes it as `{{the_name}}` or `{{the_name: any text}}`; in the part, `{{argument}}` stands for that text.
Another file may include the parts, too: `sql.load(__file__, shared=other.queries)`.

Statements are trusted text from the package, which is the one reason why this module may call a file's contents a
LiteralString.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import LiteralString

_HEAD = re.compile(r"^-- (name|part): (\w+)(?:\((\w+)\))?[^\S\n]*$", re.MULTILINE)
_INCLUSION = re.compile(r"\{\{(\w+)(?::\s*+([^{}]*))?\}\}")
_PARAMETER = re.compile(r"%\((\w+)\)s")


class Queries:
    """The queries of one file, as attributes: `queries.get_document`. The file is read at the first use of a query.

    ValueError when the file gives two queries or parts one name, or includes a part that it does not define before.
    """

    def __init__(self, path: Path, shared: "Queries | None" = None) -> None:
        self._path = path
        self._shared = shared

    @property
    def _statements(self) -> dict[str, LiteralString]:
        return self._contents[0]

    @cached_property
    def _contents(self) -> tuple[dict[str, LiteralString], dict[str, "_Part"]]:
        texts = _HEAD.split(self._path.read_text(encoding="utf-8"))[1:]
        statements: dict[str, LiteralString] = {}
        parts = dict(self._shared._contents[1]) if self._shared is not None else {}
        for kind, name, argument, text in zip(*(iter(texts),) * 4, strict=True):
            if name in statements or name in parts:
                raise ValueError(f"{self._path.name} defines {name} twice")
            body = self._included(text.strip(), parts, argument)
            if kind == "part":
                parts[name] = _Part(argument, body)
            else:
                statements[name] = body
        return statements, parts

    def _included(self, text: str, parts: Mapping[str, "_Part"], own_argument: str | None) -> LiteralString:
        """The text with the parts that it includes; `own_argument` stays as it is."""

        def included(inclusion: re.Match[str]) -> str:
            name, argument = inclusion[1], inclusion[2]
            if name == own_argument:
                return inclusion[0]
            if name not in parts or (argument is None) != (parts[name].argument is None):
                raise ValueError(f"{self._path.name} includes {inclusion[0]}, but defines no such part before")
            body = parts[name].text
            return body if argument is None else body.replace(f"{{{{{parts[name].argument}}}}}", argument.strip())

        return _INCLUSION.sub(included, text)

    def __getattr__(self, name: str) -> LiteralString:
        try:
            return self._statements[name]
        except KeyError:
            raise AttributeError(f"{self._path.name} has no query named {name}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._statements)


@dataclass(frozen=True, slots=True)
class _Part:
    argument: str | None
    text: LiteralString


def load(module_file: str, *, shared: Queries | None = None) -> Queries:
    """The queries of the `.sql` file beside `module_file` (pass `__file__`); they may include the parts of `shared`."""
    return Queries(Path(module_file).with_suffix(".sql"), shared)


def inline(statement: LiteralString, values: Mapping[str, object]) -> LiteralString:
    """The statement with those of its parameters that `values` names quoted into it; the others stay parameters."""
    from psycopg.sql import Literal

    def quoted(parameter: re.Match[str]) -> str:
        name = parameter[1]
        return Literal(values[name]).as_string().replace("%", "%%") if name in values else parameter[0]

    return _PARAMETER.sub(quoted, statement)


@lru_cache(maxsize=64)
def numbered(statement: LiteralString) -> tuple[LiteralString, tuple[str, ...]]:
    """The statement as the server takes it, with `$1` for a parameter, and the names of its parameters in order."""
    names: dict[str, int] = {}

    def number(parameter: re.Match[str]) -> str:
        if parameter[0] == "%%":
            return "%"
        return f"${names.setdefault(parameter[1], len(names) + 1)}"

    return re.sub(rf"{_PARAMETER.pattern}|%%", number, statement), tuple(names)
