"""One's own account: sessions, profile, preferences, password (A3, A5)."""

import threading
from typing import Any

import psycopg
import pytest

from tests.service import Service, User

NEW = "a new and long enough password"


def _change(user: User, current: str, new: str) -> Any:
    return user.put("/me/password", {"current_password": current, "new_password": new})


def test_a3_sessions_are_listed_with_where_they_came_from(service: Service) -> None:
    user = service.user()
    body = {"email": user.email, "password": user.password}
    assert service.request("POST", "/auth/login", body, {"User-Agent": "a browser\x00 of sorts"}).status == 200
    listed = user.get("/me/sessions").json["items"]
    assert [session["current"] for session in listed] == [False, True]
    assert listed[0]["user_agent"] == "a browser of sorts"
    assert listed[0]["ip_address"] == "127.0.0.1"
    assert {"created_at", "last_activity_at", "expires_at"} <= listed[0].keys()
    first = user.get("/me/sessions?limit=1").json
    second = user.get(f"/me/sessions?limit=1&cursor={first['next_cursor']}").json
    assert first["items"] + second["items"] == listed
    assert second["next_cursor"] is None


def test_a3_a_session_is_ended_from_another_at_the_next_request_on_every_instance(service: Service) -> None:
    user = service.user()
    other = service.log_in(user.email, user.password)
    (listed,) = [session for session in user.get("/me/sessions").json["items"] if not session["current"]]
    assert user.delete(f"/me/sessions/{listed['id']}").status == 204
    service.forget_connection()  # another instance
    assert other.get("/me").status == 401
    assert service.request("POST", "/auth/refresh", {"refresh_token": other.refresh_token}).status == 401
    assert len(user.get("/me/sessions").json["items"]) == 1
    assert user.delete(f"/me/sessions/{listed['id']}").status == 404


def test_a3_logging_out_everywhere_ends_every_session(service: Service) -> None:
    user, bystander = service.user(), service.user()
    sessions = [user, *(service.log_in(user.email, user.password) for _ in range(2))]
    assert sessions[1].post("/auth/logout-all").status == 204
    service.forget_connection()
    assert [session.get("/me").status for session in sessions] == [401] * 3
    assert bystander.get("/me").status == 200
    assert service.rows("select details from audit_logs where action = 'session.all_closed'") == [({"closed": 3},)]


def test_a3_an_ended_session_stays_ended(service: Service) -> None:
    user = service.user()
    user.post("/auth/logout")
    with service.database.connect() as conn, conn.transaction():
        conn.execute("select assume_user(%s)", [user.id])
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            conn.execute("update sessions set revoked_at = null")


def test_a3_last_activity_is_recorded_but_not_at_every_request(service: Service) -> None:
    user = service.user()
    observed = "select last_activity_at from sessions where user_id = %s"
    first = service.rows(observed, user.id)
    user.get("/me")
    assert service.rows(observed, user.id) == first
    service.rows("update sessions set last_activity_at = now() - interval '2 minutes' returning id")
    user.get("/me")
    assert service.rows(observed, user.id) > first


def test_a_profile_changes_and_a_username_is_ones_own(service: Service) -> None:
    user, other = service.user(), service.user()
    changed = user.request("PATCH", "/me", {"display_name": "Zoë ✨", "username": "Zoe"})
    assert (changed.status, changed.json["display_name"], changed.json["username"]) == (200, "Zoë ✨", "zoe")
    occupied = other.request("PATCH", "/me", {"username": "ZOE"})
    assert (occupied.status, occupied.json["code"]) == (409, "email_taken")
    assert user.request("PATCH", "/me", {"username": None}).json["username"] is None
    assert user.get("/me").json["display_name"] == "Zoë ✨"
    for wrong in ({}, {"display_name": None}, {"display_name": " "}, {"is_admin": True}, {"username": "a b"}):
        assert user.request("PATCH", "/me", wrong).status == 422, wrong


def test_preferences_are_merged_and_taken_back(service: Service) -> None:
    user = service.user()
    assert user.get("/me/preferences").json["theme"] == "system"
    first = user.request("PATCH", "/me/preferences", {"theme": "dark", "preferred_temperature": 0})
    assert (first.json["theme"], first.json["preferred_temperature"]) == ("dark", 0.0)
    second = user.request("PATCH", "/me/preferences", {"preferred_num_documents": 7, "theme": None})
    assert (second.json["theme"], second.json["preferred_temperature"]) == ("system", 0.0), "0 is a value"
    assert user.get("/me/preferences").json == second.json
    for wrong in ({}, {"theme": "pink"}, {"preferred_temperature": 2.5}, {"unknown": 1}, {"preferred_top_k": 0}):
        assert user.request("PATCH", "/me/preferences", wrong).status == 422, wrong


def test_a5_each_of_the_last_five_passwords_is_refused_and_the_sixth_is_not(service: Service) -> None:
    user = service.user()
    used = [user.password]
    for number in range(5):
        new = f"password number {number} is long"
        assert _change(user, used[-1], new).status == 204
        used.append(new)
    for old in used[1:]:
        refused = _change(user, used[-1], old)
        assert (refused.status, refused.json["code"]) == (422, "password_reused"), old
        service.rows("delete from rate_limit_buckets returning name")
    assert _change(user, used[-1], used[0]).status == 204
    remaining = service.rows("select count(*), count(password_hash) from password_history where user_id = %s", user.id)
    assert remaining == [(6, 4)], "hashes are kept for as long as something is compared with them"


def test_a5_a_change_records_who_and_from_where_and_ends_every_other_session(service: Service) -> None:
    user = service.user()
    other = service.log_in(user.email, user.password)
    assert _change(user, user.password, NEW).status == 204
    assert user.get("/me").status == 200
    assert other.get("/me").status == 401
    recorded = service.rows("select user_id, changed_by, host(ip_address) from password_history")
    assert recorded == [(user.id, user.id, "127.0.0.1")]
    assert service.rows("select user_id from audit_logs where action = 'user.password_changed'") == [(user.id,)]
    assert service.request("POST", "/auth/login", {"email": user.email, "password": user.password}).status == 401
    assert service.log_in(user.email, NEW).get("/me").status == 200


def test_a5_the_present_password_is_the_proof(service: Service) -> None:
    user = service.user()
    before = service.rows("select password_hash from users")
    refused = _change(user, "something else entirely", NEW)
    assert (refused.status, refused.json["code"]) == (403, "wrong_password")
    assert service.rows("select password_hash from users") == before
    assert service.rows("select count(*) from password_history") == [(0,)]
    for _ in range(9):
        _change(user, "something else entirely", NEW)
    limited = _change(user, user.password, NEW)
    assert (limited.status, limited.json["code"]) == (429, "rate_limited"), "a stolen token must not guess it"


def test_a5_of_two_changes_at_once_one_is_refused(service: Service) -> None:
    user = service.user()
    together = threading.Barrier(2)
    outcomes: list[bool] = []

    def change(new: str) -> None:
        with service.database.connect() as conn, conn.transaction():
            conn.execute("select assume_user(%s)", [user.id])
            ((present, *_),) = conn.execute("select recent_passwords()").fetchall()[0]
            together.wait()
            row = conn.execute("select set_password(%s, %s, %s, null, null)", [user.id, present, new]).fetchone()
            outcomes.append(row == (True,))

    threads = [threading.Thread(target=change, args=(new,)) for new in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == [False, True]
    assert service.rows("select count(*) from password_history") == [(1,)]


def test_an_account_of_a_provider_has_no_password_to_change(service: Service) -> None:
    user = service.user()
    service.rows("update users set password_hash = null, auth_provider = 'oidc' where id = %s returning id", user.id)
    assert _change(user, user.password, NEW).status == 409
    assert service.rows("select password_hash from users where id = %s", user.id) == [(None,)]


def test_a_client_keeps_data_with_its_session_alone(service: Service) -> None:
    caller = service.user()
    other = service.log_in(caller.email, caller.password)
    answer = caller.put("/me/session/data", {"data": {"page": "documents"}})
    assert (answer.status, answer.json["data"]) == (200, {"page": "documents"})
    assert [each["data"] for each in other.get("/me/sessions").json["items"]] == [{}, {"page": "documents"}]
