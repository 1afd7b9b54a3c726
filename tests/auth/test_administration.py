"""Administrators: accounts, the lock, the last administrator, the audit log (A9)."""

import re
import threading
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import psycopg
import pytest

from tests.service import Service, User

PASSWORD = "given by an administrator"


def _patch(caller: User, user_id: Any, **changes: Any) -> Any:
    return caller.request("PATCH", f"/users/{user_id}", changes)


def test_registration_can_be_closed_and_administrators_still_make_accounts(service: Service) -> None:
    administrator = service.administrator()
    service.rows("update static_config set registration_open = false returning id")
    closed = service.request("POST", "/auth/register", {"email": "me@example.org", "password": PASSWORD})
    assert (closed.status, closed.json["code"]) == (403, "registration_closed")
    created = administrator.post("/users", {"email": "Me@Example.org", "password": PASSWORD})
    assert (created.status, created.json["email"], created.json["display_name"]) == (201, "me@example.org", "me")
    assert created.headers["Location"] == f"/users/{created.json['id']}"
    assert str(service.log_in("me@example.org", PASSWORD).id) == created.json["id"]
    again = administrator.post("/users", {"email": "me@example.org"})
    assert (again.status, again.json["code"]) == (409, "email_taken")
    without = administrator.post("/users", {"email": "sso@example.org", "is_admin": True}).json
    assert without["is_admin"] is True
    assert service.request("POST", "/auth/login", {"email": "sso@example.org", "password": PASSWORD}).status == 401


def test_an_idempotency_key_makes_one_account(service: Service) -> None:
    administrator = service.administrator()
    body, key = {"email": "once@example.org"}, {"Idempotency-Key": "k"}
    assert administrator.post("/users", body, key).json["id"] == administrator.post("/users", body, key).json["id"]
    assert service.rows("select count(*) from audit_logs where action = 'user.created'") == [(1,)]


def test_a3_who_is_let_in_again_logs_in_again(service: Service) -> None:
    administrator, user = service.administrator(), service.user()
    assert _patch(administrator, user.id, is_active=False).json["is_active"] is False
    service.forget_connection()
    assert user.get("/me").status == 401
    ended = service.rows("select revoked_at from sessions where user_id = %s", user.id)
    service.rows("update sessions set revoked_at = null where user_id = %s returning id", user.id)
    assert user.get("/me").status == 401, "not even with a session that somehow lives"
    service.rows("update sessions set revoked_at = %s where user_id = %s returning id", ended[0][0], user.id)
    assert service.request("POST", "/auth/login", {"email": user.email, "password": user.password}).status == 401
    assert _patch(administrator, user.id, is_active=True).json["is_active"] is True
    assert user.get("/me").status == 401, "the old session is over"
    assert service.log_in(user.email, user.password).get("/me").status == 200


def test_a_locked_account_is_unlocked(service: Service) -> None:
    administrator, user = service.administrator(), service.user()
    for _ in range(5):
        service.request("POST", "/auth/login", {"email": user.email, "password": "wrong"})
    assert administrator.get(f"/users/{user.id}").json["locked_until"] is not None
    unlocked = administrator.post(f"/users/{user.id}/unlock")
    assert (unlocked.json["failed_logins"], unlocked.json["locked_until"]) == (0, None)
    assert service.log_in(user.email, user.password).get("/me").status == 200
    actions = [
        row[0] for row in service.rows("select action from audit_logs where entity_id = %s order by id", user.id)
    ]
    assert actions == ["user.registered", "user.locked", "user.unlocked"]


def test_a_new_password_from_an_administrator_ends_sessions_and_says_whose_it_was(service: Service) -> None:
    administrator, user = service.administrator(), service.user()
    assert _patch(administrator, user.id, password=PASSWORD).status == 200
    assert user.get("/me").status == 401
    assert service.log_in(user.email, PASSWORD).get("/me").status == 200
    assert service.rows("select user_id, changed_by from password_history") == [(user.id, administrator.id)]
    assert _patch(administrator, administrator.id, password=PASSWORD).status == 409
    assert _patch(administrator, "00000000-0000-7000-8000-000000000000", password=PASSWORD).status == 404


def test_a5_an_administrator_gives_none_of_the_last_five_passwords_either(service: Service) -> None:
    administrator, user = service.administrator(), service.user()
    for number in range(5):
        assert _patch(administrator, user.id, password=f"{PASSWORD} {number}").status == 200
    for number in range(5):
        before = service.rows("select password_hash from users where id = %s", user.id)
        refused = _patch(administrator, user.id, password=f"{PASSWORD} {number}")
        assert (refused.status, refused.json["code"]) == (422, "password_reused"), number
        assert service.rows("select password_hash from users where id = %s", user.id) == before
    assert _patch(administrator, user.id, password=user.password).status == 200, "the sixth"
    events = "select user_id, entity_id, host(ip_address) from audit_logs where action = 'user.password_refused'"
    assert service.rows(events) == [(administrator.id, user.id, "127.0.0.1")] * 5
    first = administrator.post("/users", {"email": "sso@example.org"}).json["id"]
    assert _patch(administrator, first, password=PASSWORD).status == 200, "there was none before"


def test_a5_nobody_else_is_given_an_accounts_hashes(service: Service) -> None:
    administrator, user, other = service.administrator(), service.user(), service.user()
    for caller, result in ((administrator, True), (user, True), (other, False)):
        with service.database.connect() as conn, conn.transaction(force_rollback=True):
            conn.execute("select assume_user(%s)", [caller.id])
            row = conn.execute("select recent_passwords_of(%s) is not null", [user.id]).fetchone()
            assert row == (result,)


def test_the_last_administrator_stays(service: Service) -> None:
    administrator, user = service.administrator(), service.user()
    for changes in ({"is_admin": False}, {"is_active": False}):
        refused = _patch(administrator, administrator.id, **changes)
        assert (refused.status, refused.json["code"]) == (409, "last_administrator")
    assert _patch(administrator, user.id, is_admin=True).status == 200
    assert _patch(user, administrator.id, is_admin=False).status == 200
    assert administrator.get("/users").status == 403
    assert service.rows("select count(*) from audit_logs where action = 'user.changed'") == [(2,)], (
        "refusals leave none"
    )


def test_two_administrators_who_leave_at_once_do_not_both_leave(service: Service) -> None:
    users = [service.administrator(), service.user()]
    assert _patch(users[0], users[1].id, is_admin=True).status == 200
    together, outcomes = threading.Barrier(2), []

    def leave(user: User) -> None:
        with service.database.connect() as conn:
            try:
                with conn.transaction():
                    conn.execute("select assume_user(%s)", [user.id])
                    together.wait()
                    conn.execute("update users set is_admin = false where id = %s", [user.id])
                outcomes.append("left")
            except psycopg.errors.CheckViolation as error:
                outcomes.append(str(error.diag.constraint_name))

    threads = [threading.Thread(target=leave, args=(user,)) for user in users]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["left", "users_last_administrator"]
    assert service.rows("select count(*) from users where is_admin") == [(1,)]


@pytest.mark.parametrize(
    "change",
    [
        "is_admin = true",
        "is_active = false",
        "failed_logins = 0, locked_until = now()",
        "password_hash = 'x'",
        "email = 'a@b'",
    ],
)
def test_a_user_cannot_change_in_sql_what_an_administrator_decides(service: Service, change: str) -> None:
    user = service.user()
    before = service.rows("select * from users")
    with service.database.connect() as conn:
        conn.execute("begin")
        conn.execute("select assume_user(%s)", [user.id])
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            conn.execute(f"update users set {change}")
    assert service.rows("select * from users") == before


def test_accounts_are_listed_filtered_and_found_when_misspelt(service: Service) -> None:
    administrator = service.administrator()
    created = [
        administrator.post("/users", {"email": f"{name}@example.org", "display_name": displayed}).json["id"]
        for name, displayed in (("kj", "Katherine Johnson"), ("gh", "Grace Hopper"), ("al", "Ada Lovelace"))
    ]
    _patch(administrator, created[1], is_active=False)
    first = administrator.get("/users?limit=3").json
    rest = administrator.get(f"/users?limit=3&cursor={first['next_cursor']}").json
    assert rest["next_cursor"] is None
    assert [user["id"] for user in first["items"] + rest["items"]] == [*reversed(created), str(administrator.id)]
    assert [user["id"] for user in administrator.get("/users?is_active=false").json["items"]] == [created[1]]
    for expected, result in (
        ("Jonson", created[0]),
        ("GRACE", created[1]),
        ("al@example", created[2]),
        ("lovelase", created[2]),
    ):
        hits = administrator.get(f"/users?q={quote(expected)}").json["items"]
        assert [user["id"] for user in hits][:1] == [result], expected
    assert administrator.get("/users?q=%25%25").json["items"] == []
    assert "password" not in administrator.get("/users").body.decode()


def test_a9_every_administrative_and_security_relevant_action_is_in_the_log(service: Service) -> None:
    administrator, user = service.administrator(), service.user()
    group = administrator.post("/groups", {"name": "G"}).json["id"]
    administrator.request("PATCH", f"/groups/{group}", {"name": "H"})
    administrator.put(f"/groups/{group}/members/{user.id}", {"role": "editor"})
    administrator.delete(f"/groups/{group}/members/{user.id}")
    administrator.delete(f"/groups/{group}")
    _patch(administrator, user.id, is_admin=True)
    _patch(administrator, user.id, is_admin=False)
    key = user.post("/me/api-keys", {"name": "k", "scopes": ["read"]}).json["id"]
    user.delete(f"/me/api-keys/{key}")
    user.request("PATCH", "/me", {"display_name": "New"})
    user.post("/auth/logout")
    entries = administrator.get("/audit-logs?limit=100").json["items"]
    assert [entry["action"] for entry in reversed(entries)] == [
        "session.opened", "user.registered", "session.opened", "group.created", "group.changed", "membership.set",
        "membership.removed", "group.deleted", "user.changed", "user.changed", "api_key.created", "api_key.revoked",
        "user.changed", "session.closed",
    ]  # fmt: skip
    assert {entry["ip_address"] for entry in entries} == {"127.0.0.1"}
    assert all(entry["request_id"] and entry["entity_id"] and entry["user_id"] for entry in entries)
    by_action = {entry["action"]: entry for entry in entries}
    assert by_action["membership.set"]["details"] == {"group_id": group, "role": "editor"}
    assert by_action["membership.set"]["entity_id"] == str(user.id)


def test_a9_the_log_is_filtered_by_user_action_entity_and_time_and_paged(service: Service) -> None:
    administrator, user = service.administrator(), service.user()
    _patch(administrator, user.id, display_name="Another")

    def actions(query: str) -> list[str]:
        return [entry["action"] for entry in administrator.get(f"/audit-logs?{query}").json["items"]]

    assert actions(f"user_id={user.id}") == ["session.opened", "user.registered"]
    assert actions("action=user.changed") == ["user.changed"]
    assert actions(f"entity_type=user&entity_id={user.id}") == ["user.changed", "user.registered"]
    service.rows(
        "update audit_logs set created_at = now() + interval '1 day', id = uuid_floor(now() + interval '1 day') "
        "where action = 'user.changed' returning id"
    )
    middle = (datetime.now(UTC) + timedelta(hours=12)).isoformat()
    assert actions(f"entity_id={user.id}&from={quote(middle)}") == ["user.changed"]
    assert actions(f"entity_id={user.id}&to={quote(middle)}") == ["user.registered"]
    assert actions("from=0001-01-01T00:00:00Z&to=9999-12-31T23:59:59Z&action=user.changed") == ["user.changed"]
    first = administrator.get("/audit-logs?limit=2").json
    rest = administrator.get(f"/audit-logs?limit=2&cursor={first['next_cursor']}").json
    assert len({entry["id"] for entry in first["items"] + rest["items"]}) == 4
    for wrong in ("from=yesterday", "user_id=7", "from=2026-01-01T00:00:00", "unknown=1"):
        assert administrator.get(f"/audit-logs?{wrong}").status == 422, wrong


def test_a9_the_log_uses_its_partitions(service: Service) -> None:
    with service.database.connect("owner") as conn:
        plan = conn.execute(
            "explain (analyze, costs off, timing off, summary off) select * from audit_logs "
            "where id >= uuid_floor(greatest(now(), 'epoch')) and id < uuid_floor(now() + interval '1 hour')"
        ).fetchall()
    scanned = [row[0] for row in plan if "audit_logs_" in row[0] and "never executed" not in row[0]]
    # Two while an hour from now is in the next month. A bitmap scan names the partition and its index.
    assert 1 <= len({month for line in scanned for month in re.findall(r"audit_logs_\d{4}_\d{2}", line)}) <= 2
