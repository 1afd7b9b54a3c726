"""What `core.rows` promises about statements that a connection keeps planned."""

from dataclasses import dataclass
from typing import Any

import psycopg
import pytest

from chalicelib.core import identity, rows, sql
from tests.service import Service


@dataclass(frozen=True)
class _Sum:
    total: int


def _stored(conn: "psycopg.Connection[Any]") -> list[tuple[str, int, int]]:
    return conn.execute("select statement, generic_plans, custom_plans from pg_prepared_statements").fetchall()


def test_a_statement_is_planned_once_and_runs_with_any_parameters(service: Service) -> None:
    statement = sql.inline("select %(fixed)s + %(one)s::integer as total", {"fixed": 40})
    with identity.as_user(service.user().id) as conn:
        for one in (1, 2, 300):
            assert rows.many_prepared(conn, _Sum, statement, {"one": one}) == [_Sum(40 + one)]
        assert _stored(conn) == [("select 40 + $1::integer as total", 3, 0)]
        assert rows.value(conn, "show plan_cache_mode") == "auto"


def test_a_connection_keeps_a_bounded_number_of_plans(service: Service) -> None:
    with identity.as_user(service.user().id) as conn:
        for number in range(20):
            statement = sql.inline("select %(fixed)s + %(one)s::integer as total", {"fixed": number})
            assert rows.many_prepared(conn, _Sum, statement, {"one": 1}) == [_Sum(number + 1)]
        assert 1 <= len(_stored(conn)) <= 5


def test_a_failed_statement_says_why_and_the_connection_goes_on(service: Service) -> None:
    user = service.user()
    statement = sql.inline("select 1 / %(one)s::integer as total", {})
    with pytest.raises(psycopg.errors.DivisionByZero), identity.as_user(user.id) as conn:
        rows.many_prepared(conn, _Sum, statement, {"one": 0})
    with identity.as_user(user.id) as conn:
        assert rows.many_prepared(conn, _Sum, statement, {"one": 1}) == [_Sum(1)]


def test_failed_statements_leave_no_plans_behind(service: Service) -> None:
    user = service.user()
    statement = sql.inline("select 1 / %(one)s::integer as total", {})
    for _ in range(5):
        with pytest.raises(psycopg.errors.DivisionByZero), identity.as_user(user.id) as conn:
            rows.many_prepared(conn, _Sum, statement, {"one": 0})
        with identity.as_user(user.id) as conn:
            assert _stored(conn) == []


def test_one_plan_serves_every_type_of_parameter(service: Service) -> None:
    statement = sql.inline(
        "select %(one)s::integer + coalesce(%(two)s::integer, 0) + cardinality(%(list)s::integer[]) as total",
        {},
    )
    with identity.as_user(service.user().id) as conn:
        for one, two, numbers in ((1, None, []), (300, 70_000, [1]), (70_000, 1, [70_000, 2])):
            queued = {"one": one, "two": two, "list": numbers}
            assert rows.many_prepared(conn, _Sum, statement, queued) == [_Sum(one + (two or 0) + len(numbers))]
        assert [(generic, custom) for _, generic, custom in _stored(conn)] == [(3, 0)]


def test_a_kept_plan_follows_a_change_of_the_schema(service: Service) -> None:
    user = service.user()
    counted = sql.inline("select count(*)::integer as total from documents where title = %(title)s::text", {})
    user.add("Pump", "The coolant pump is inspected every ninety days.")
    for change in ("create index held on documents (title)", "drop index held"):
        with identity.as_user(user.id) as conn:
            assert rows.many_prepared(conn, _Sum, counted, {"title": "Pump"}) == [_Sum(1)]
        with service.database.connect("owner") as owner:
            owner.execute(change.encode())
    with identity.as_user(user.id) as conn:
        assert rows.many_prepared(conn, _Sum, counted, {"title": "Pump"}) == [_Sum(1)]
        assert len([row for row in _stored(conn) if "from documents where title" in row[0]]) == 1


def test_what_is_written_into_a_statement_is_quoted() -> None:
    inlined = sql.inline("select %(text)s, %(other)s, 5 %% 2", {"text": "100 % o'clock"})
    assert inlined == "select '100 %% o''clock', %(other)s, 5 %% 2"
