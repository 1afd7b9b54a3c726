"""Rate limits: one bucket for all functions, counted right, and no round trip of their own."""

import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from chalicelib.core import connection, repairs
from tests.service import Answer, Service, User


def _tighten(service: Service, name: str, burst: int = 3) -> None:
    service.rows("update rate_limits set burst = %s, every = '1 hour' where name = %s returning name", burst, name)


@contextmanager
def round_trips(*messages: str) -> "Iterator[list[int]]":
    """Counts, in a list of one, the requests that this thread's connection sends: libpq's own trace says so.

    With `messages`, what is counted is these: `Query` and `Parse` are the statements, apart from prepared ones.
    """
    kinds = messages or ("Query", "Sync")
    counted = [0]
    with tempfile.TemporaryFile("w+") as trace:
        conn: Any = connection._warm.connection
        conn.pgconn.trace(trace.fileno())
        try:
            yield counted
        finally:
            conn.pgconn.untrace()
        trace.seek(0)
        counted[0] = sum(line.rstrip().split("\t")[1::2][:2] in [["F", kind] for kind in kinds] for line in trace)


def _search(user: User) -> Answer:
    return user.post("/search", {"query": "pump"})


def test_a_limit_holds_for_a_user_on_every_instance_and_says_when_to_come_again(service: Service) -> None:
    user, other = service.user(), service.user()
    _tighten(service, "search")
    for _ in range(3):
        assert _search(user).status == 200
        service.forget_connection()  # another instance each time
    refused = _search(user)
    assert (refused.status, refused.json["code"]) == (429, "rate_limited")
    assert 3500 < int(refused.headers["Retry-After"]) <= 3600
    assert _search(other).status == 200
    assert user.get("/documents").status == 200
    service.rows("update rate_limit_buckets set full_at = full_at - interval '1 hour' returning name")
    assert _search(user).status == 200
    assert _search(user).status == 429


def test_refused_work_is_counted_too(service: Service) -> None:
    user = service.user()
    _tighten(service, "document", 2)
    for _ in range(2):
        assert user.post("/documents", {"title": "T", "content": "x", "scope": "org"}).status == 403
    assert user.post("/documents", {"title": "T", "content": "x"}).status == 429
    assert service.rows("select count(*) from documents") == [(0,)]


def test_logging_in_and_registering_are_limited_by_address(service: Service) -> None:
    user = service.user()
    for name in ("login", "register", "refresh"):
        _tighten(service, name, 1)
    service.rows("delete from rate_limit_buckets returning name")
    for path, body in (
        ("/auth/login", {"email": user.email, "password": "wrong"}),
        ("/auth/register", {"email": "new@example.org", "password": "a long enough password"}),
        ("/auth/refresh", {"refresh_token": "unknown"}),
    ):
        assert service.request("POST", path, body).status in {201, 401}
        before = service.dump()
        refused = service.request("POST", path, body)
        assert (refused.status, refused.json["code"]) == (429, "rate_limited"), path
        if path != "/auth/login":
            assert service.dump() == before
    assert service.rows("select distinct subject from rate_limit_buckets") == [("127.0.0.1",)]


def test_a_dead_session_does_not_use_up_its_users_limit(service: Service) -> None:
    user = service.user()
    _tighten(service, "search", 1)
    old = service.log_in(user.email, user.password)
    old.post("/auth/logout")
    for _ in range(3):
        assert _search(old).status == 401
    assert _search(user).status == 200


def test_parallel_requests_get_exactly_what_the_bucket_holds(service: Service) -> None:
    user = service.user()
    _tighten(service, "ask", 10)
    ((session,),) = service.rows("select id from sessions where user_id = %s", user.id)
    admitted: list[bool] = []
    together = threading.Barrier(40)

    def charge() -> None:
        with service.database.connect() as conn:
            together.wait()
            row = conn.execute("select charge('ask', %s, null, null)", [session]).fetchone()
            admitted.append(row == (None,))

    threads = [threading.Thread(target=charge) for _ in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(admitted), sum(admitted)) == (40, 10)


def test_an_ipv6_client_is_a_network(service: Service) -> None:
    _tighten(service, "login", 1)
    with service.database.connect() as conn:
        charged = [
            conn.execute("select charge('login', null, null, %s::inet)", [address]).fetchone() == (None,)
            for address in ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", "2001:db8:1:3::1", None, None)
        ]
    assert charged == [True, False, True, True, False]


def test_full_buckets_and_old_sessions_are_forgotten(service: Service) -> None:
    user = service.user()
    _search(user)
    old = service.log_in(user.email, user.password)
    service.rows(
        "update rate_limit_buckets set full_at = now() - interval '1 second' where name = 'search' returning name"
    )
    service.rows(
        "update sessions set revoked_at = now() - interval '8 days' where id = %s returning id",
        old.get("/me/sessions").json["items"][0]["id"],
    )
    repairs.run("ensure_partitions", "delete_expired_rows", "delete_idempotency_keys", "delete_old_account_data")
    assert service.rows("select count(*) from rate_limit_buckets where name = 'search'") == [(0,)]
    assert service.rows("select count(*) from sessions") == [(1,)]
    assert user.get("/me").status == 200


def test_authentication_limits_and_the_audit_log_cost_no_round_trip_of_their_own(service: Service) -> None:
    user = service.user()
    key = {"Authorization": f"Bearer {user.post('/me/api-keys', {'name': 'k', 'scopes': ['read']}).json['key']}"}
    _search(user)
    credentials = {"email": user.email, "password": user.password}
    requests: list[tuple[int, Callable[[], Answer]]] = [
        (3, lambda: user.get("/me")),
        (3, lambda: service.request("GET", "/me", headers=key)),
        (3, lambda: user.request("PATCH", "/me", {"display_name": "New"})),
        (3, lambda: _search(user)),
        (3, lambda: service.request("POST", "/auth/login", credentials)),
        (3, lambda: service.request("POST", "/auth/refresh", {"refresh_token": user.refresh_token})),
    ]
    for number, (expected, ask) in enumerate(requests):
        with round_trips() as counted:
            assert ask().status == 200
        assert counted == [expected], number
