"""Guessing and racing (A2, A4): counted right however many come at once, and telling nothing by what is done."""

import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import FrameType
from typing import Any

import psycopg

from chalicelib.auth.sessions import sessions, tokens
from chalicelib.auth.sessions.models import LoginRequest
from chalicelib.core import connection, errors, repairs
from chalicelib.core.request import Origin
from chalicelib.ops import handlers
from tests.service import Answer, Service, User

WRONG = "not the password at all"
ORIGIN = Origin("192.0.2.7", "a guesser", "request")


def _at_once(service: Service, count: int, work: "Callable[[psycopg.Connection[Any], int], object]") -> list[Any]:
    """`work` in `count` threads, each with a connection of its own, let go together; their results."""
    barrier = threading.Barrier(count)

    def run(number: int) -> object:
        with service.database.connect() as conn:
            barrier.wait()
            return work(conn, number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


def test_a2_fifty_parallel_wrong_guesses_lock_once_and_count_right(service: Service) -> None:
    user = service.user()

    def guess(conn: "psycopg.Connection[Any]", number: int) -> object:
        return conn.execute(
            "select session_id "
            "from finish_login(%s, %s, null, false, null, %s, '1 day', '127.0.0.1', 'a guesser', 'r', null, null)",
            [user.id, user.email, number.to_bytes(32, "big")],
        ).fetchone()

    assert _at_once(service, 50, guess) == [(None,)] * 50
    (state,) = service.rows(
        "select failed_logins, locked_until > now() + interval '14 minutes' from login_sources "
        "where user_id = %s and not is_device",
        user.id,
    )
    assert state == (5, True)
    assert service.rows("select count(*) from audit_logs where action = 'user.locked'") == [(1,)]
    recorded = service.rows(
        "select count(*), min(host(ip_address)), min(user_agent) from login_attempts "
        "where user_id = %s and not success",
        user.id,
    )
    assert recorded == [(50, "127.0.0.1", "a guesser")]
    refused = service.request("POST", "/auth/login", {"email": user.email, "password": user.password})
    assert (refused.status, refused.json["code"]) == (401, "bad_credentials")


def test_a2_a_lock_that_ran_out_starts_a_new_count(service: Service) -> None:
    user = service.user()
    source = "select failed_logins, locked_until from login_sources where user_id = %s and not is_device"
    for _ in range(6):
        assert _log_in(service, user, WRONG).status == 401
    ((failures, locked_until),) = service.rows(source, user.id)
    assert (failures, locked_until is None) == (5, False)
    service.rows("update login_sources set locked_until = now() where user_id = %s returning 1", user.id)
    for failures in (1, 2):
        assert _log_in(service, user, WRONG).status == 401
        assert service.rows(source, user.id) == [(failures, None)]


def _log_in(service: Service, user: User, password: str, device: str | None = None) -> Answer:
    body = {"email": user.email, "password": password} | ({"device_token": device} if device else {})
    return service.request("POST", "/auth/login", body)


def _guess_from(service: Service, user: User, address: str, times: int) -> None:
    for number in range(times):
        service.rows(
            "select * from finish_login(%s, %s, null, false, null, %s, '1 day', %s, 'a guesser', 'r', null, null)",
            user.id,
            user.email,
            number.to_bytes(32, "big"),
            address,
        )


def test_strangers_lock_out_neither_another_address_nor_a_known_device(service: Service) -> None:
    user = service.user()
    known = _log_in(service, user, user.password).json["device_token"]
    _guess_from(service, user, "192.0.2.7", 6)
    assert _log_in(service, user, user.password).status == 200, "another address"
    for last in range(30):
        _guess_from(service, user, f"198.51.100.{last}", 5)
    assert _log_in(service, user, user.password).status == 401, "an unknown device"
    for _ in range(2):
        again = _log_in(service, user, user.password, known)
        assert (again.status, again.json["device_token"]) == (200, known)
    assert _log_in(service, user, user.password).status == 401, "the known device has not opened it for others"
    assert _log_in(service, user, user.password, "A" * 43).status == 401, "a made-up device is an unknown one"


def test_a_known_device_counts_for_itself(service: Service) -> None:
    user, other = service.user(), service.user()
    known, second = (_log_in(service, user, user.password).json["device_token"] for _ in range(2))
    foreign = _log_in(service, other, other.password).json["device_token"]
    assert len({known, second, foreign}) == 3
    for _ in range(5):
        assert _log_in(service, user, WRONG, known).status == 401
    assert _log_in(service, user, user.password, known).status == 401
    assert _log_in(service, user, user.password, second).status == 200
    assert _log_in(service, user, user.password).status == 200, "its failures are not those of its address"
    for _ in range(5):
        assert _log_in(service, user, WRONG, foreign).status == 401
    assert _log_in(service, user, user.password, foreign).status == 401, "another user's device is a stranger's"
    assert _log_in(service, other, other.password, foreign).status == 200


def test_a_user_has_at_most_twenty_known_devices(service: Service) -> None:
    user = service.user()
    first = _log_in(service, user, user.password).json["device_token"]
    service.rows(
        "update login_sources set last_used_at = now() - interval '1 hour' where user_id = %s returning 1", user.id
    )
    last = [_log_in(service, user, user.password).json["device_token"] for _ in range(20)]
    assert service.rows("select count(*) from login_sources where user_id = %s", user.id) == [(20,)]
    assert _log_in(service, user, user.password, last[0]).json["device_token"] == last[0]
    assert _log_in(service, user, user.password, first).json["device_token"] != first


def test_an_administrator_and_an_operator_end_every_lock(service: Service) -> None:
    administrator, user = service.administrator(), service.user()
    for unlock in ("administrator", "operator"):
        for last in range(30):
            _guess_from(service, user, f"198.51.100.{last}", 5)
        _guess_from(service, user, "127.0.0.1", 5)
        assert _log_in(service, user, user.password).status == 401
        assert administrator.get(f"/users/{user.id}").json["locked_until"] is not None
        if unlock == "administrator":
            assert administrator.post(f"/users/{user.id}/unlock").json["locked_until"] is None
        else:
            assert handlers.migrate({"unlock": user.email.upper()}) == {"unlocked": True}
            assert handlers.migrate({"unlock": "nobody@example.org"}) == {"unlocked": False}
        assert _log_in(service, user, user.password).status == 200, unlock
    assert service.rows("select count(*) from audit_logs where action = 'user.unlocked'") == [(2,)]
    assert user.post(f"/users/{user.id}/unlock").status == 403


def test_an_administrators_reset_forgets_the_known_devices(service: Service) -> None:
    administrator, user = service.administrator(), service.user()
    known = _log_in(service, user, user.password).json["device_token"]
    reset = administrator.request("PATCH", f"/users/{user.id}", {"password": "quite another password"})
    assert reset.status == 200
    assert _log_in(service, user, "quite another password", known).json["device_token"] != known


def test_devices_and_addresses_are_forgotten(service: Service) -> None:
    user = service.user()
    assert _log_in(service, user, WRONG).status == 401
    assert _log_in(service, user, user.password).status == 200
    assert _log_in(service, user, WRONG).status == 401
    for age, left in (("23 hours", [False, True, True]), ("2 days", [True, True]), ("181 days", [])):
        service.rows(f"update login_sources set last_used_at = now() - interval '{age}' returning 1")
        repairs.run("ensure_partitions", "delete_expired_rows", "delete_idempotency_keys", "delete_old_account_data")
        assert service.rows("select is_device from login_sources order by 1") == [(device,) for device in left]


def _work(login: LoginRequest) -> list[str]:
    """The functions of ours, of argon2 and of psycopg's interface that a refused login calls, in order."""
    called: list[str] = []

    def record(frame: FrameType, event: str, _: object) -> None:
        module = frame.f_globals.get("__name__", "")
        if event == "call" and module.startswith(("chalicelib.", "argon2.", "psycopg.cursor", "psycopg.client_cursor")):
            called.append(f"{module}.{frame.f_code.co_qualname}")

    sys.setprofile(record)
    try:
        sessions.log_in(login, ORIGIN)
    except errors.Unauthorized as refusal:
        assert refusal.code == "bad_credentials"
    finally:
        sys.setprofile(None)
    return called


def test_a2_an_unknown_account_costs_the_same_work_as_a_wrong_password(service: Service) -> None:
    user, locked = service.user(), service.user()
    _guess_from(service, locked, ORIGIN.ip_address or "", 5)
    attempts = [
        LoginRequest(email="nobody@example.org", password=WRONG),
        LoginRequest(email=user.email, password=WRONG),
        LoginRequest(email=locked.email, password=WRONG),
    ]
    for login in attempts:
        _work(login)
    unknown, wrong, shut = (_work(login) for login in attempts)
    assert unknown == wrong == shut
    assert sum("verify" in name and name.startswith("argon2.") for name in unknown) >= 1
    assert "chalicelib.core.identity.ask" in unknown
    connection.close()


def test_a4_a_thousand_refresh_races_leave_one_living_family(service: Service) -> None:
    """125 families whose token was used before the grace, eight at once for each: all are reuse and end the family.
    The one family that nobody raced for lives."""
    user = service.user()
    families = [tokens.new_refresh_token()[1] for _ in range(125)]
    with service.database.connect("owner") as conn:
        for presented in families:
            conn.execute(
                "with s as (insert into sessions (user_id, expires_at) values (%s, now() + interval '1 day') "
                "returning id) "
                "insert into refresh_tokens (token_hash, session_id, user_id, used_at) "
                "select %s, id, %s, now() - refresh_grace() - interval '1 second' from s",
                [user.id, presented, user.id],
            )
    together = threading.Barrier(8)

    def race(conn: "psycopg.Connection[Any]", number: int) -> list[bool]:
        won = []
        for presented in families:
            together.wait()
            row = conn.execute(
                "select session_id from rotate_refresh_token(%s, %s)", [presented, tokens.new_refresh_token()[1]]
            ).fetchone()
            won.append(row is not None)
        return won

    wins = [sum(family) for family in zip(*_at_once(service, 8, race), strict=True)]
    assert wins == [0] * 125
    living = service.rows("select count(*) from sessions where user_id = %s and revoked_at is null", user.id)
    assert living == [(1,)]
    assert service.rows("select count(*) from audit_logs where action = 'session.refresh_reused'") == [(125,)]
    assert service.request("POST", "/auth/refresh", {"refresh_token": user.refresh_token}).status == 200
