"""The engine: reads a step's rows in order, writes them in batches, and can be killed at any instant.

A batch is one transaction here: its rows, what became of each (`moved_rows`) and the position of the last one
(`migration_state`). A pass continues behind that position; after the last step's end the next pass begins from the
front, and a row that is known already is passed over. The source is one snapshot, in a transaction that cannot write.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from importers.ids import key_hash
from importers.move import Move, MoveError, queries
from importers.records import Row, Skipped, Step, Target, plain
from importers.references import resolve

if TYPE_CHECKING:
    import psycopg

BATCH = 500
# After so many rows of a step, the move says how far it is.
PROGRESS = 10_000


@dataclass
class Batch:
    """What a batch writes."""

    rows: list[Row] = field(default_factory=list)
    targets: list[tuple[Row, list[Target]]] = field(default_factory=list)
    skipped: list[tuple[Row, str]] = field(default_factory=list)


def run(
    move: Move,
    steps: Callable[[Move], Sequence[Step]],
    *,
    dry: bool = False,
    notify: Callable[[str], None] = lambda _: None,
    report: Callable[[], None] = lambda: None,
) -> None:
    """Move everything that was not moved yet. Raises MoveError.

    With `dry`, everything is written in one transaction, which does not last; `report` is called before it ends.
    """
    if not (move.owner.execute(queries.lock, {"source": move.source}).fetchone() or (False,))[0]:
        raise MoveError("Another process is moving the same source. Wait until it has ended.")
    begin_reading(move)
    move.owner.execute(queries.ensure_partitions)
    with move.owner.transaction(force_rollback=True) if dry else nullcontext():
        for step in steps(move):
            present = as_present(move, step)
            if present is None:
                notify(f"{step.title}: the source has no such table")
                continue
            done = _run_step(move, present, notify)
            notify(f"{step.title}: {done:,} rows read")
        report()


def begin_reading(move: Move) -> None:
    """Begin the one transaction in which the source is read: a snapshot, which cannot write."""
    from psycopg import IsolationLevel

    move.reader.rollback()
    move.reader.isolation_level, move.reader.read_only = IsolationLevel.REPEATABLE_READ, True


def as_present(move: Move, step: Step) -> Step | None:
    """The step as this version of the source can be read; None when it has nothing for it."""
    if all(_exists(move.reader, table) for table in step.requires or (step.kind,)):
        return step
    if step.otherwise is not None and _exists(move.reader, step.kind):
        return replace(step, read=step.otherwise)
    return None


def _run_step(move: Move, step: Step, notify: Callable[[str], None]) -> int:
    state = {"source": move.source, "step": step.title}
    with move.owner.transaction():
        move.owner.execute(queries.begin, state)
        position, _ = move.owner.execute(queries.position, state).fetchone() or (None, 0)
    done = 0
    for page in pages(move, step, None if position is None else json.loads(position)):
        with move.owner.transaction():
            moved, merged, skipped = _write(move, step, [row for row, _ in page])
            counts = {"moved": moved, "merged": merged, "skipped": skipped}
            move.owner.execute(queries.advance, state | counts | {"position": json.dumps(page[-1][1])})
        done += len(page)
        if done // PROGRESS > (done - len(page)) // PROGRESS:
            notify(f"{step.title}: {done:,} rows read so far")
    with move.owner.transaction():
        move.owner.execute(queries.end_pass, state)
    return done


def pages(move: Move, step: Step, position: Sequence[str] | None) -> Iterator[list[tuple[Row, list[str]]]]:
    """The rows of a step behind `position`, in batches, each row with its own position. Memory holds one batch."""
    with move.reader.cursor(name="moving") as cursor:
        cursor.itersize = BATCH
        cursor.execute(*reading(step, position))
        while fetched := cursor.fetchmany(BATCH):
            page = []
            for values, place in fetched:
                page.append((Row(step.kind, step.key_of(values), values), place))
            yield page


def reading(step: Step, position: Sequence[str] | None) -> "tuple[Any, list[Any]]":
    """The statement that reads a step's rows behind `position`, and its parameters."""
    from psycopg.sql import SQL, Identifier

    columns = SQL(", ").join(SQL("q.{}").format(Identifier(column)) for column, _ in step.order)
    texts = SQL(", ").join(SQL("q.{}::text").format(Identifier(column)) for column, _ in step.order)
    values = SQL(", ").join(SQL("%s::") + SQL(kind) for _, kind in step.order)
    behind = SQL("where ({}) > ({})").format(columns, values) if position is not None else SQL("")
    statement = SQL("select q.row, array[{texts}] from ({read}) q {behind} order by {columns}").format(
        texts=texts, read=SQL(step.read), behind=behind, columns=columns
    )
    return statement, list(position or ())


def prepare(move: Move, step: Step, rows: Sequence[Row]) -> Batch:
    """What these rows become, without writing it."""
    resolve(move, step, rows)
    batch = Batch(list(rows))
    for row in rows:
        try:
            batch.targets.append((row, list(step.transform(row, move))))
        except Skipped as reason:
            batch.skipped.append((row, str(reason)))
    return batch


def _write(move: Move, step: Step, rows: Sequence[Row]) -> tuple[int, int, int]:
    """Write the rows that are not known yet; returns how many were moved, merged and skipped."""
    hashes = [key_hash(row.key) for row in rows]
    params = {"source": move.source, "kind": step.title, "hashes": hashes}
    known = {bytes(hashed) for (hashed,) in move.owner.execute(queries.known, params).fetchall()}
    batch = prepare(move, step, [row for row, hashed in zip(rows, hashes, strict=True) if hashed not in known])
    _allow_times(move.owner)
    if not _written(move.owner, [targets for _, targets in batch.targets]):
        _one_by_one(move, step, batch)
    entries = [_entry(row, targets) for row, targets in batch.targets]
    entries += [_skip(row, reason) for row, reason in batch.skipped]
    if entries:
        remembered = {"source": move.source, "kind": step.title, "rows": as_json(entries)}
        move.owner.execute(queries.remember, remembered)
    merged = sum(entry["outcome"] == "merged" for entry in entries)
    return len(batch.targets) - merged, merged, len(batch.skipped)


def _one_by_one(move: Move, step: Step, batch: Batch) -> None:
    """After a batch that a rule of the database refused: each row by itself, so that only refused ones are left out.

    A row is transformed again, because it can depend on rows of the same batch that stand here now.
    """
    rows, batch.targets = [row for row, _ in batch.targets], []
    for row in rows:
        row.notes.clear()
        try:
            targets = list(step.transform(row, move))
        except Skipped as reason:
            batch.skipped.append((row, str(reason)))
            continue
        if _written(move.owner, [targets]):
            batch.targets.append((row, targets))
        else:
            batch.skipped.append((row, f"a rule of the database refuses it: {_last_rule(move)}"))


_RULES: dict[int, str] = {}


def _last_rule(move: Move) -> str:
    return _RULES.get(id(move.owner), "unknown")


def _written(conn: "psycopg.Connection[Any]", rows: Sequence[Sequence[Target]]) -> bool:
    """Whether the database took these rows; if it refused one, it has none of them."""
    import psycopg

    try:
        with conn.transaction():
            for group in grouped(rows):
                _insert(conn, group)
    except psycopg.Error as error:
        if conn.closed or not isinstance(error, (psycopg.IntegrityError, psycopg.DataError)):
            raise
        _RULES[id(conn)] = error.diag.constraint_name or f"{error.sqlstate} of {error.diag.table_name}"
        return False
    return True


def grouped(rows: Sequence[Sequence[Target]]) -> Iterator[list[Target]]:
    """The targets by table and columns, in the order in which they first come."""
    groups: dict[tuple[object, ...], list[Target]] = {}
    for targets in rows:
        for target in targets:
            if not target.merged:
                columns = tuple(target.values)
                groups.setdefault((target.table, target.update, target.shared, target.key, columns), []).append(target)
    yield from groups.values()


def _insert(conn: "psycopg.Connection[Any]", targets: Sequence[Target]) -> None:
    from psycopg.sql import SQL, Identifier

    first, columns = targets[0], list(targets[0].values)
    names = SQL(", ").join(map(Identifier, columns))
    taken = SQL(", ").join(
        SQL("coalesce(n.{}, 'null')" if column in first.json_nulls else "n.{}").format(Identifier(column))
        for column in columns
    )
    source = SQL("jsonb_populate_recordset(null::{}, %s) n").format(Identifier(first.table))
    if first.update:
        changed = [column for column in columns if column not in first.key]
        sets = SQL(", ").join(
            SQL("{0} = t.{0} || n.{0}" if column in first.json_merged else "{0} = n.{0}").format(Identifier(column))
            for column in changed
        )
        match = SQL(" and ").join(SQL("t.{0} = n.{0}").format(Identifier(column)) for column in first.key)
        statement = SQL("update {} t set {} from {} where {}").format(Identifier(first.table), sets, source, match)
    else:
        conflict = SQL(" on conflict do nothing") if first.shared else SQL("")
        statement = SQL("insert into {} ({}) overriding system value select {} from {}{}").format(
            Identifier(first.table), names, taken, source, conflict
        )
    conn.execute(statement, [as_json([target.values for target in targets])])


def as_json(rows: Sequence[object]) -> str:
    """Rows as JSON for jsonb_populate_recordset(): bytes as Postgres writes them."""
    return json.dumps(rows, default=_storable, ensure_ascii=False)


def _storable(value: object) -> object:
    if isinstance(value, (bytes, memoryview)):
        return f"\\x{bytes(value).hex()}"
    return value.isoformat() if hasattr(value, "isoformat") else plain(value)


def _entry(row: Row, targets: Sequence[Target]) -> dict[str, Any]:
    # What several rows bring, such as a job, is nobody's own.
    own = next((each for each in targets if not each.shared and not each.update), targets[-1])
    return {
        "key_hash": key_hash(row.key).hex(),
        "target": own.table,
        "new_id": own.id,
        "outcome": "merged" if own.merged else "moved",
        "reason": "; ".join(row.notes)[:1000] or None,
    }


def _skip(row: Row, reason: str) -> dict[str, Any]:
    hashed = key_hash(row.key).hex()
    return {"key_hash": hashed, "target": None, "new_id": None, "outcome": "skipped", "reason": reason[:1000]}


def _allow_times(conn: "psycopg.Connection[Any]") -> None:
    """In this transaction, a row keeps the time of its last change (touch_updated_at)."""
    conn.execute("select set_config('app.moving_in', 'true', true)")


def _exists(conn: "psycopg.Connection[Any]", table: str) -> bool:
    return bool((conn.execute("select to_regclass(%s) is not null", [f'"{table}"']).fetchone() or (False,))[0])
