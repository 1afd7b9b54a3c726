"""Retention: whole months go when nothing in them is young enough (O5), deleted conversations after 30 days (M12)."""

import re
from datetime import date, timedelta
from pathlib import Path

import pytest
from psycopg import sql

from chalicelib.core import connection, repairs
from tests.service import Service

ROOT = Path(__file__).parents[2]
_OF_PARENT = (
    "select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid where i.inhparent = %s::regclass"
)
_PERIODS = "select name from retention join pg_partitioned_table on partrelid = to_regclass(name) order by 1"
# The month in which the oldest row that is still kept may lie. A period in days is not a number of months.
_OLDEST_MONTH = "select date_trunc('month', (now() - lifetime) at time zone 'UTC')::date from retention where name = %s"

# Kinds of tables without partitions, and the column that says since when a row is old.
_AGED = {
    "uploads": "announced_at",
    "conversations": "deleted_at",
    "documents": "deleted_at",
    "self_healing_events": "created_at",
    "sessions": "revoked_at",
    "idempotency_keys": "created_at",
}


_REPAIRS = ["delete_expired_rows", "purge_documents", "delete_idempotency_keys"]
_REPAIRS += ["delete_old_account_data", "forget_uploads"]


def _partitions(service: Service, parent: str) -> set[str]:
    return {row[0] for row in service.rows(_OF_PARENT, parent)}


def _add_month(service: Service, parent: str, month: date) -> str:
    """The partition of `parent` for `month`, given by its first day, as an earlier year would have left it."""
    name = f"{parent}_{month:%Y_%m}"
    ((lower, upper),) = service.rows("select lower_bound::text, upper_bound::text from uuid_month_bounds(%s)", month)
    with service.database.connect("owner") as conn:
        conn.execute(f"create table {name} partition of {parent} for values from ('{lower}') to ('{upper}')")
        conn.execute(f"call protect('{name}')")
    return name


def _month_before(month: date) -> date:
    return (month - timedelta(days=1)).replace(day=1)


def test_o5_months_are_dropped_when_nothing_in_them_is_kept(service: Service) -> None:
    # That of host_metrics is partitioned by day: tests/ops/test_hosts.py.
    periods = [name for (name,) in service.rows(_PERIODS) if name != "host_metrics"]
    assert {"audit_logs", "job_events", "login_attempts", "usage"} <= set(periods)
    for parent in periods:
        ((remaining,),) = service.rows(_OLDEST_MONTH, parent)
        young, old = (_add_month(service, parent, month) for month in (remaining, _month_before(remaining)))
        before = _partitions(service, parent)
        repairs.run("drop_expired_partitions")
        assert _partitions(service, parent) == before - {old}, parent
        assert young in before


@pytest.mark.parametrize("time_zone", ["UTC", "Pacific/Kiritimati", "America/Los_Angeles"])
@pytest.mark.parametrize("month", [date(2024, 2, 1), date(2023, 2, 1), date(2023, 7, 1), date(2023, 12, 1)])
def test_o5_a_month_is_dropped_as_soon_as_its_last_moment_has_expired(
    service: Service, month: date, time_zone: str
) -> None:
    """Not an hour early nor late: after a February, a year, a change of summer time, whatever the server's zone."""
    partition = _add_month(service, "usage", month)
    with service.database.connect("owner") as conn:
        name = sql.Identifier(service.database.owner["dbname"])
        conn.execute(sql.SQL("alter database {} set timezone = {}").format(name, time_zone))
    connection.close()
    for seconds, remains in ((60, True), (-60, False)):
        service.rows(
            "update retention set lifetime = now() - (%s::timestamp at time zone 'UTC') + make_interval(secs => %s) "
            "where name = 'usage' returning 1",
            (month + timedelta(days=31)).replace(day=1),
            seconds,
        )
        repairs.run("drop_expired_partitions")
        assert (partition in _partitions(service, "usage")) == remains, seconds


def test_m12_a_deleted_conversation_is_purged_after_thirty_days(service: Service) -> None:
    user = service.user()
    remaining, removed = (user.post("/conversations", {"title": title}).json["id"] for title in ("kept", "gone"))
    for conversation in (remaining, removed):
        user.post(f"/conversations/{conversation}/messages", {"content": "Is anybody there?"})
        service.pump_answer()
        assert user.delete(f"/conversations/{conversation}").status == 204
    service.rows("update conversations set deleted_at = now() - interval '31 days' where id = %s returning id", removed)
    repairs.run("ensure_partitions", "delete_expired_rows", "delete_idempotency_keys", "delete_old_account_data")
    assert service.rows("select id::text from conversations") == [(remaining,)]
    assert service.rows("select distinct conversation_id::text from messages") == [(remaining,)]
    assert service.rows("select count(*) from llm_jobs") == [(1,)]
    assert user.post(f"/conversations/{remaining}/restore").status == 200
    assert user.post(f"/conversations/{removed}/restore").status == 404


@pytest.mark.parametrize("kind", ["conversations", "documents"])
def test_what_was_deleted_can_be_restored_for_as_long_as_retention_says(service: Service, kind: str) -> None:
    user = service.user()
    created = user.add("Pump", "The pump is blue.") if kind == "documents" else user.post("/conversations", {}).json
    path = f"/{kind}/{created['id']}"
    assert user.delete(path).status == 204
    service.rows(f"update {kind} set deleted_at = now() - interval '20 days' where id = %s returning 1", created["id"])
    service.rows("update retention set lifetime = '19 days' where name = %s returning 1", kind)
    assert user.post(f"{path}/restore").status == 404
    service.rows("update retention set lifetime = '21 days' where name = %s returning 1", kind)
    assert user.post(f"{path}/restore").status == 200


def test_rows_go_when_retention_says(service: Service) -> None:
    user = service.user()
    for path in (
        f"/documents/{user.add('Pump', 'Blue.')['id']}",
        f"/conversations/{user.post('/conversations', {}).json['id']}",
    ):
        assert user.delete(path).status == 204
    service.rows(
        "insert into self_healing_events (event_type, severity, description, action_taken) "
        "values ('test', 'info', '', '') returning 1"
    )
    service.rows(
        "insert into idempotency_keys (user_id, key, fingerprint) values (%s, 'k', sha256('k')) returning 1", user.id
    )
    service.rows(
        "insert into uploads (document_id, space_id, user_id, size_bytes) "
        "select id, space_id, owner_id, 1 from documents returning 1"
    )
    for kind, column in _AGED.items():
        service.rows(f"update {kind} set {column} = now() - interval '20 days' returning 1")
        for days, left in ((21, 1), (19, 0)):
            service.rows(
                "update retention set lifetime = make_interval(days => %s) where name = %s returning 1", days, kind
            )
            repairs.run(*_REPAIRS)
            assert service.rows(f"select count(*) from {kind}") == [(left,)], (kind, days)


def test_retention_names_no_period_that_nothing_reads(service: Service) -> None:
    """Either a partitioned table, or a kind whose period a statement asks for."""
    files = [*(ROOT / "chalicelib").rglob("*.sql"), *(ROOT / "migrations" / "functions").rglob("*.sql")]
    statements = "\n".join(path.read_text("utf-8") for path in files)
    read = re.findall(r"retention_period\('(\w+)'\)|r\.name = '(\w+)'", statements)
    named = {name for pair in read for name in pair if name} | {name for (name,) in service.rows(_PERIODS)}
    assert {name for (name,) in service.rows("select name from retention")} == named


def test_o5_every_table_says_how_long_its_rows_are_kept_and_those_that_grow_have_a_line_in_retention(
    service: Service,
) -> None:
    """docs/schema.md has a section for each table (tests/docs); what it says of the time must be so."""
    page = (ROOT / "docs" / "schema.md").read_text("utf-8")
    retained = dict(re.findall(r"^#### `(\w+)`\n(?:(?!^#).*\n)*?(?:.*\*Kept\*)((?:(?!^$).*\n)*)", page, re.MULTILINE))
    tables = "select relname from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') "
    names = {name for (name,) in service.rows(f"{tables} and not relispartition and relname !~ 'yoyo'")}
    assert names - retained.keys() == set(), "say in docs/schema.md how long the rows are kept"
    periods = {name for (name,) in service.rows("select name from retention")}
    assert {name for name in names if "partitioned" in retained[name]} <= periods
    assert {name for name in names if "(security.md#retention)" in retained[name]} - periods == set()
    assert {"host_metrics", "self_healing_events", "workflow_activity", "alerts", "dead_letters"} <= periods


def test_administrators_read_and_change_periods(service: Service) -> None:
    administrator = service.administrator()
    periods = {item["name"]: item["days"] for item in administrator.get("/retention").json["items"]}
    assert periods.keys() == {name for (name,) in service.rows("select name from retention")}
    assert {periods[name] for name in ("host_metrics", "self_healing_events", "workflow_activity")} == {7}, "Arasul's"
    assert administrator.put("/retention/host_metrics", {"days": 30}).json == {"name": "host_metrics", "days": 30}
    assert service.rows("select lifetime = '30 days' from retention where name = 'host_metrics'") == [(True,)]
    assert administrator.put("/retention/unknown", {"days": 30}).status == 404
    assert administrator.put("/retention/host_metrics", {"days": 0}).status == 422
    assert administrator.get("/audit-logs?action=retention.changed").json["items"][0]["details"]["days"] == 30
