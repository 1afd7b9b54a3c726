"""Rows and checksums of every table, and how those of a restored copy differ: for both kinds of drill.

On one machine an archive holds one snapshot, and the copy must be equal to it. In an account others write around the
copy's moment: the digest is taken just before and just after it, of the same versions of rows. A part of a table whose
versions were there both times must be equal in the copy; of others only the number of rows is compared.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chalicelib.core import sql

if TYPE_CHECKING:
    from chalicelib.core.connection import Conn

queries = sql.load(__file__)


@dataclass(frozen=True)
class TableSum:
    """The number of rows, and a sum over all of them that does not depend on their order."""

    rows: int
    checksum: str


_NONE = TableSum(0, "0")

# By table, then by the number of its part.
Digest = dict[str, dict[int, TableSum]]


def of_database(conn: "Conn", parts: int = 1, since: str | None = None) -> Digest:
    """The digest in the connection's snapshot, each table in `parts` parts, a power of two.

    With `since`, a snapshot as text, it has the versions of rows whose transactions were all over then.
    """
    digest: Digest = {}
    for table, part, rows, checksum in conn.execute(queries.tables, {"parts": parts, "since": since}).fetchall():
        sums = digest.setdefault(table, {})
        if part is not None:
            sums[part] = TableSum(rows, checksum)
    return digest


def total(sums: Mapping[int, TableSum]) -> TableSum:
    """Parts of a table as one."""
    return TableSum(sum(part.rows for part in sums.values()), str(sum(int(part.checksum) for part in sums.values())))


def changed(before: Digest, after: Digest) -> dict[str, dict[int, int]]:
    """The parts of tables that differ, each with its rows in `after`, by table; a table that only one has is left out.

    JSON makes text of the numbers of parts; differences() takes them so, too.
    """
    return {
        table: {part: after[table].get(part, _NONE).rows for part in sorted(different)}
        for table in before.keys() & after.keys()
        if (different := _different(before[table], after[table]))
    }


def _different(one: Mapping[int, TableSum], other: Mapping[int, TableSum]) -> set[int]:
    return {part for part in one.keys() | other.keys() if one.get(part) != other.get(part)}


def differences(expected: Digest, actual: Digest, changing: Mapping[str, Mapping[Any, int]] | None = None) -> list[str]:
    """How a copy differs from what was expected: a sentence for each table.

    Parts in `changing`, as of changed(), lost rows while the copy's moment came: they have as many as there, at least.
    """
    sentences = [f"{name} is missing" for name in sorted(expected.keys() - actual.keys())]
    sentences += [f"{name} is too many" for name in sorted(actual.keys() - expected.keys())]
    for name in sorted(expected.keys() & actual.keys()):
        own, there = expected[name], actual[name]
        least = {int(part): rows for part, rows in (changing or {}).get(name, {}).items()}
        different = _different(own, there)
        if all(part in least and least[part] <= there.get(part, _NONE).rows <= _rows(own, part) for part in different):
            continue
        most = total(own).rows
        fewest = most - sum(_rows(own, part) - rows for part, rows in least.items())
        rows_there = total(there).rows
        if fewest <= rows_there <= most:
            sentences.append(f"{name} has other contents")
        else:
            expected_rows = most if fewest == most else f"{fewest} to {most}"
            sentences.append(f"{name} has {rows_there} rows instead of {expected_rows}")
    return sentences


def _rows(sums: Mapping[int, TableSum], part: int) -> int:
    return sums.get(part, _NONE).rows


def as_json(digest: Digest) -> dict[str, list[list[int | str]]]:
    """The digest for a message: by table, lists of part, rows and checksum."""
    return {
        table: [[part, value.rows, value.checksum] for part, value in sorted(sums.items())]
        for table, sums in digest.items()
    }


def from_json(document: Mapping[str, list[list[int | str]]]) -> Digest:
    """What as_json() made a message of."""
    return {
        table: {int(part): TableSum(int(rows), str(checksum)) for part, rows, checksum in sums}
        for table, sums in document.items()
    }
