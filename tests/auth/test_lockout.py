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
from chalicelib.core import connection, errors
from chalicelib.core.request import Origin
from tests.service import Service

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
            "from finish_login(%s, %s, null, false, null, %s, '1 day', '192.0.2.7', 'a guesser', 'r')",
            [user.id, user.email, number.to_bytes(32, "big")],
        ).fetchone()

    assert _at_once(service, 50, guess) == [(None,)] * 50
    (state,) = service.rows(
        "select failed_logins, locked_until > now() + interval '14 minutes' from users where id = %s", user.id
    )
    assert state == (5, True)
    assert service.rows("select count(*) from audit_logs where action = 'user.locked'") == [(1,)]
    recorded = service.rows(
        "select count(*), min(host(ip_address)), min(user_agent) from login_attempts "
        "where user_id = %s and not success",
        user.id,
    )
    assert recorded == [(50, "192.0.2.7", "a guesser")]
    refused = service.request("POST", "/auth/login", {"email": user.email, "password": user.password})
    assert (refused.status, refused.json["code"]) == (401, "bad_credentials")


def test_a2_a_lock_that_ran_out_starts_a_new_count(service: Service) -> None:
    user = service.user()
    service.rows("update users set failed_logins = 5, locked_until = now() where id = %s returning id", user.id)
    for failures in (1, 2):
        assert service.request("POST", "/auth/login", {"email": user.email, "password": WRONG}).status == 401
        assert service.rows("select failed_logins, locked_until from users where id = %s", user.id) == [
            (failures, None)
        ]


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
    service.rows("update users set locked_until = now() + interval '1 hour' where id = %s returning id", locked.id)
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
    """125 families, eight at once for each: one of the eight wins, the others are reuse and end the family. The one
    family that nobody raced for lives."""
    user = service.user()
    families = [tokens.new_refresh_token()[1] for _ in range(125)]
    with service.database.connect("owner") as conn:
        for presented in families:
            conn.execute(
                "with s as (insert into sessions (user_id, expires_at) values (%s, now() + interval '1 day') "
                "returning id) "
                "insert into refresh_tokens (token_hash, session_id, user_id) select %s, id, %s from s",
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
    assert wins == [1] * 125
    living = service.rows("select count(*) from sessions where user_id = %s and revoked_at is null", user.id)
    assert living == [(1,)]
    assert service.rows("select count(*) from audit_logs where action = 'session.refresh_reused'") == [(125,)]
    assert service.request("POST", "/auth/refresh", {"refresh_token": user.refresh_token}).status == 200
