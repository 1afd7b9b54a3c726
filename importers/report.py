"""What a person reads after a move and after its check: Markdown."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from importers.move import Move, queries

if TYPE_CHECKING:
    from importers.verify import StepCheck


def of_move(move: Move) -> str:
    """What became of the rows of each table, and the reasons."""
    return "\n".join(_of_move(move)) + "\n"


def _of_move(move: Move) -> Iterator[str]:
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    reasons: dict[str, Counter[tuple[str, str]]] = defaultdict(Counter)
    for kind, outcome, reason, count in move.owner.execute(queries.outcomes, {"source": move.source}).fetchall():
        counts[kind][outcome] += count
        for sentence in (reason or "").split("; "):
            if sentence:
                reasons[kind][outcome, sentence] += count
    yield f"# Moved from {move.source}\n"
    yield "| table of the source | moved | merged | skipped |\n|---|---:|---:|---:|"
    for kind, each in counts.items():
        yield f"| {kind} | {each['moved']:,} | {each['merged']:,} | {each['skipped']:,} |"
    documents = move.owner.execute(queries.documents, {"source": move.source}).fetchall()
    if documents:
        yield "\nDocuments here: " + ", ".join(f"{count:,} {status}" for status, count in documents) + "."
    for kind, entries in reasons.items():
        yield f"\n## {kind}\n"
        for (outcome, reason), count in entries.most_common():
            yield f"- {count:,} {outcome}: {reason}"


def of_check(move: Move, checks: "Sequence[StepCheck]") -> str:
    """What is equal and what is different, table by table."""
    return "\n".join(_of_check(move, checks)) + "\n"


def _of_check(move: Move, checks: "Sequence[StepCheck]") -> Iterator[str]:
    verdict = "Both sides are equal." if all(each.is_equal for each in checks) else "The two sides differ."
    yield f"# Check of {move.source}\n\n{verdict}\n"
    yield "| table of the source | rows | moved | merged | skipped | not moved yet | missing here | columns equal |"
    yield "|---|---:|---:|---:|---:|---:|---:|---|"
    for each in checks:
        rows, equal = each.rows, sum(not column.different for column in each.columns.values())
        yield (
            f"| {each.title} | {sum(rows.values()):,} | {rows['moved']:,} | {rows['merged']:,} | {rows['skipped']:,} "
            f"| {rows['new']:,} | {each.missing:,} | {equal} of {len(each.columns)} |"
        )
    yield "\n| table of the source | table and column here | equal | different | hash there | hash here |"
    yield "|---|---|---:|---:|---|---|"
    for each in checks:
        for (table, column), entry in each.columns.items():
            yield (
                f"| {each.title} | {table}.{column} | {entry.equal:,} | {entry.different:,} "
                f"| {entry.there:064x} | {entry.here:064x} |"
            )
