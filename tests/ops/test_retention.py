"""Retention: whole months go when nothing in them is young enough (O5), deleted conversations after 30 days (M12)."""

from chalicelib.ops import healing
from tests.service import Service

_PARENTS = ("job_events", "usage", "audit_logs", "login_attempts")


_OF_PARENT = (
    "select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid where i.inhparent = %s::regclass"
)
_NAMED = "select %s || to_char(date_trunc('month', now() at time zone 'UTC') - make_interval(months => %s), '_YYYY_MM')"
_BOUNDS = (
    "select lower_bound::text, upper_bound::text "
    "from uuid_month_bounds((date_trunc('month', now() at time zone 'UTC') - make_interval(months => %s))::date)"
)


def _partitions(service: Service, parent: str) -> set[str]:
    return {row[0] for row in service.rows(_OF_PARENT, parent)}


def _add_month(service: Service, parent: str, months_ago: int) -> str:
    """A partition as it would be left from that month."""
    ((name,),) = service.rows(_NAMED, parent, months_ago)
    ((lower, upper),) = service.rows(_BOUNDS, months_ago)
    with service.database.connect("owner") as conn:
        conn.execute(f"create table {name} partition of {parent} for values from ('{lower}') to ('{upper}')")
        conn.execute(f"call protect('{name}')")
    return str(name)


def test_o5_months_are_dropped_when_nothing_in_them_is_kept(service: Service) -> None:
    kept_months = {"job_events": 2, "usage": 13, "audit_logs": 24, "login_attempts": 6}
    for parent in _PARENTS:
        old, young = (_add_month(service, parent, kept_months[parent] + more) for more in (3, 0))
        before = _partitions(service, parent)
        healing.drop_expired()
        assert _partitions(service, parent) == before - {old}, parent
        assert young in before


def test_m12_a_deleted_conversation_is_purged_after_thirty_days(service: Service) -> None:
    user = service.user()
    kept, gone = (user.post("/conversations", {"title": title}).json["id"] for title in ("kept", "gone"))
    for conversation in (kept, gone):
        user.post(f"/conversations/{conversation}/messages", {"content": "Is anybody there?"})
        service.pump_answer()
        assert user.delete(f"/conversations/{conversation}").status == 204
    service.rows("update conversations set deleted_at = now() - interval '31 days' where id = %s returning id", gone)
    healing.keep_house()
    assert service.rows("select id::text from conversations") == [(kept,)]
    assert service.rows("select distinct conversation_id::text from messages") == [(kept,)]
    assert service.rows("select count(*) from llm_jobs") == [(1,)]
    assert user.post(f"/conversations/{kept}/restore").status == 200
    assert user.post(f"/conversations/{gone}/restore").status == 404
