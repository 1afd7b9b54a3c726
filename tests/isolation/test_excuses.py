"""A route may leave no line in the audit log only if nobody else can see what it changes: each excuse is tried (A9)."""

import pytest
from psycopg import sql

from chalicelib.core import identity
from chalicelib.core.http import Operation
from chalicelib.doors import waiting
from tests.isolation.scenario import Scenario, snapshot
from tests.isolation.test_audit import ASKS, OWN, excuse
from tests.isolation.test_routes import CLOSED, NAMES, _body, _filled, _last_resort
from tests.service import User


def _excused(why: str) -> list[tuple[str, str, Operation]]:
    return sorted((entry for entry in CLOSED if excuse(entry[0], entry[1]) == why), key=_last_resort)


def _readable(person: User) -> list[str]:
    """Every row that a person can read, in every column that the application can read."""
    with identity.as_user(person.id) as conn:
        columns = conn.execute(
            "select c.relname, array_agg(a.attname order by a.attnum) from pg_class c join pg_attribute a "
            "on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped "
            "where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition "
            "and has_column_privilege(c.oid, a.attnum, 'select') group by 1 order by 1"
        ).fetchall()
        of_table = sql.SQL("select {} || row({})::text from {}")
        each = [
            of_table.format(
                sql.Literal(f"{table}: "), sql.SQL(", ").join(map(sql.Identifier, names)), sql.Identifier(table)
            )
            for table, names in columns
        ]
        return sorted(str(row[0]) for row in conn.execute(sql.SQL(" union all ").join(each)))


def test_a9_what_is_excused_as_ones_own_changes_nothing_that_others_read(
    world: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "SECONDS", 0)  # no worker runs here
    colleague = world.service.user()
    joined = world.administrator.put(f"/groups/{world.ids['group_id']}/members/{colleague.id}", {"role": "editor"})
    assert joined.status == 204, joined.body
    others = (colleague, world.other_user, world.administrator)
    succeeded, entries = 0, _excused(OWN)
    for path, method, _ in entries:
        before = [_readable(person) for person in others]
        where = _filled(path, NAMES | world.ids)
        answer = world.owner.request(method, where, _body(f"{method} {path}", world.ids))
        assert answer.status < 500 or answer.json["code"] == "answer_unfinished", (method, path, answer.body)
        assert [_readable(person) for person in others] == before, f"{method} {path} changes what others read: audit it"
        succeeded += answer.status < 300
    assert succeeded > 3 * len(entries) / 4


def test_a9_what_is_excused_because_it_asks_changes_nothing(world: Scenario) -> None:
    for path, method, operation in _excused(ASKS):
        before = snapshot(world.service)
        caller = world.administrator if operation.admin else world.owner
        answer = caller.request(method, _filled(path, NAMES | world.ids), _body(f"{method} {path}", world.ids))
        assert answer.status < 500 or answer.json["code"] == "model_failed", answer.body
        assert snapshot(world.service) == before, f"{method} {path} changes something"
