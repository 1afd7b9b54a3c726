"""What authentication, identity and row-level security add to a request, and what the time of a login tells.

Requests: the statement of `GET /documents` as the API runs it, beside the same statement on the same rows by a role
that row-level security does not touch, in turns, on warm connections. Round trips are counted by libpq's trace.
Logins: an unknown account, a wrong password and a locked account, in random order; the two-sample statistic is
Mann and Whitney's U (Annals of Mathematical Statistics 18, 1947) with its normal approximation, given as the
probability that the one takes longer than the other (0.5: time tells nothing) and a two-sided p.
"""

import math
import random
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median, quantiles
from typing import Any

from bench import database
from bench.commands import Command, parser
from bench.summary import p95
from chalicelib.auth.accounts import password_hashes
from chalicelib.auth.sessions import credentials, jws, sessions
from chalicelib.auth.sessions.models import LoginRequest
from chalicelib.core import connection, errors, identity, tick_requests
from chalicelib.core.request import Origin
from chalicelib.knowledge.documents import documents
from chalicelib.knowledge.documents.models import DocumentQuery

COMMAND = Command(
    "What authentication costs, and what the time of a login tells", smallest=("--requests 2 --logins 2",)
)

USERS, DOCUMENTS_EACH = 200, 50
PASSWORD = "a long enough password"
_QUERY = DocumentQuery()


@dataclass(frozen=True)
class Caller:
    """One user among many, with both kinds of credential."""

    email: str
    space: int
    session: identity.Credential
    key: identity.Credential


def _fill(claim: database.Database) -> Caller:
    """Users with documents; the caller is one of them."""
    created = [claim.user(f"user{number}") for number in range(USERS)]
    for user, space in created:
        claim.superuser.execute(
            "insert into documents (space_id, owner_id, title, filename, source_type, object_key, status) "
            "select %s, %s, 'Title ' || n, 'name.txt', 'upload', 'documents/' || %s || '/' || n, 'completed' "
            "from generate_series(1, %s) n",
            [space, user, str(user), DOCUMENTS_EACH],
        )
    user, space = created[USERS // 2]
    key = credentials.API_KEY_PREFIX + "k" * 43
    claim.superuser.execute(
        "insert into api_keys (user_id, name, key_hash, prefix, scopes, expires_at) "
        "values (%s, 'bench', %s, 'alc_', '{read}', now() + interval '1 day')",
        [user, credentials.api_key_hash(key)],
    )
    opened = claim.superuser.execute(
        "insert into sessions (user_id, expires_at) values (%s, now() + interval '1 day') returning id", [user]
    ).fetchone()
    claim.superuser.execute(
        "update users set email = 'caller@example.org', password_hash = %s where id = %s",
        [password_hashes.hash_password(PASSWORD), user],
    )
    claim.superuser.execute("update users set email = username || '@example.org' where email is null")
    claim.superuser.execute("update rate_limits set burst = 1000000, every = '1 microsecond'")
    claim.superuser.execute("vacuum analyze")
    if opened is None:
        raise RuntimeError("no session was opened")
    return Caller("caller@example.org", space, identity.Credential(opened[0]), credentials.authenticate(key))


def _as_caller(credential: identity.Credential, limit: str | None = None) -> None:
    """What a request does between its token and its answer."""
    token = identity.caller.set(identity.Caller(credential, "read", limit))
    try:
        with tick_requests.suppressed(), identity.as_caller() as conn:
            documents.list_page(conn, _QUERY)
    finally:
        identity.caller.reset(token)


def _round_trips(conn: Any, work: Callable[[], object]) -> int:
    with tempfile.TemporaryFile("w+") as trace:
        conn.pgconn.trace(trace.fileno())
        try:
            work()
        finally:
            conn.pgconn.untrace()
        trace.seek(0)
        return sum(line.rstrip().split("\t")[1::2][:2] in (["F", "Query"], ["F", "Sync"]) for line in trace)


def _in_turns(works: Sequence[Callable[[], object]], turns: int) -> list[list[float]]:
    """Milliseconds of each piece of work, `turns` times, in random order within each turn."""
    used: list[list[float]] = [[] for _ in works]
    for turn in range(turns + 3):
        for number in random.sample(range(len(works)), len(works)):
            started = time.perf_counter()
            works[number]()
            if turn >= 3:
                used[number].append((time.perf_counter() - started) * 1000)
    return used


def requests(claim: database.Database, caller: Caller, turns: int) -> None:
    """Print what the parts of a request cost."""
    from joserfc import jwt
    from joserfc.jwk import OctKey

    signing = OctKey.import_key("k" * 48, {"kid": "1", "alg": "HS256"})
    token = jwt.encode({"alg": "HS256", "kid": "1"}, {"sid": "x", "exp": int(time.time()) + 60}, signing)
    claim.superuser.execute("select set_config('app.spaces', %s, false)", [f"{{1,{caller.space}}}"])
    warm: Any = connection._warm.connection
    with connection.connect(
        _secret(claim)
    ) as inside:  # an identity that stays, so that only row-level security is left
        inside.execute("begin")
        inside.execute("select begin_session(%s, 'read')", [caller.session.session_id])
        works: list[tuple[str, Any, Callable[[], object]]] = [
            ("the statement, past row-level security", claim.superuser, lambda: _list(claim.superuser)),
            ("the statement under row-level security", inside, lambda: _list(inside)),
            ("the request, with a session", warm, lambda: _as_caller(caller.session)),
            ("the request, with an API key", warm, lambda: _as_caller(caller.key)),
            ("the request, with a session and a rate limit", warm, lambda: _as_caller(caller.session, "search")),
        ]
        trips = [_round_trips(conn, work) for _, conn, work in works]
        times = _in_turns([work for _, _, work in works], turns)
        inside.execute("rollback")
    (verified,) = _in_turns([lambda: jws.claims(jws.verify(token, [signing], {"HS256"}))], turns)
    base = median(times[0])
    print(f"\n{USERS} users, {DOCUMENTS_EACH} documents each; a page of 20 of one user's; {turns} turns\n")
    print("                                               round trips   median ms   p95 ms   added ms")
    for (title, _, _), count, used in zip(works, trips, times, strict=True):
        print(f"  {title:46} {count:9} {median(used):11.2f} {p95(used):8.2f} {median(used) - base:10.2f}")
    print(f"  {'verifying the access token':46} {0:9} {median(verified):11.2f} {p95(verified):8.2f}")


def _list(conn: Any) -> None:
    documents.list_page(conn, _QUERY)


def _secret(claim: database.Database) -> dict[str, Any]:
    info = claim.app.info
    return {
        "host": info.host,
        "port": info.port,
        "dbname": info.dbname,
        "username": info.user,
        "password": info.password,
    }


def logins(claim: database.Database, caller: Caller, count: int) -> None:
    """Print how long refused logins take, and whether their time tells why."""
    claim.superuser.execute(
        "update users set password_hash = (select password_hash from users where email = %s), "
        "locked_until = case when username = 'user1' then now() + interval '1 day' end",
        [caller.email],
    )
    # A different known account each time, as it takes to try so often without locking one.
    names = {
        "unknown account": lambda number: f"nobody{number}@example.org",
        "wrong password": lambda number: f"user{2 + number % (USERS // 2 - 2)}@example.org",
        "locked account": lambda _: "user1@example.org",
    }
    numbers = iter(range(10**9))
    works = [lambda name=name: _refused(name(next(numbers))) for name in names.values()]
    used = dict(zip(names, _in_turns(works, count), strict=True))
    print(f"\nrefused logins, {count} of each, in random order\n\n                        p5     median     p95  ms")
    for title, times in used.items():
        cuts = quantiles(times, n=20)
        print(f"  {title:18} {cuts[0]:7.1f} {median(times):10.1f} {cuts[-1]:7.1f}")
    for other in ("wrong password", "locked account"):
        longer, p = mann_whitney(used["unknown account"], used[other])
        print(f"  unknown account against {other}: takes longer with probability {longer:.3f}, p = {p:.2f}")


def _refused(email: str) -> None:
    try:
        sessions.log_in(LoginRequest(email=email, password="not the password"), Origin("192.0.2.1", "bench", "r"))
    except errors.Unauthorized:
        return
    raise RuntimeError(f"{email} got in")


def mann_whitney(first: Sequence[float], second: Sequence[float]) -> tuple[float, float]:
    """The probability that a value of `first` exceeds one of `second`, and the two-sided p that both are alike."""
    exceeding = sum((a > b) + (a == b) / 2 for a in first for b in second)
    pairs = len(first) * len(second)
    spread = math.sqrt(pairs * (len(first) + len(second) + 1) / 12)
    return exceeding / pairs, math.erfc(abs(exceeding - pairs / 2) / spread / math.sqrt(2))


def main(arguments: Sequence[str] | None = None) -> None:
    """Both benchmarks on a throw-away database."""
    command_line = parser("bench auth", __doc__)
    command_line.add_argument("--requests", type=int, default=500)
    command_line.add_argument("--logins", type=int, default=150)
    options = command_line.parse_args(arguments)
    with database.throwaway() as claim:
        caller = _fill(claim)
        # The application's own connection, without Secrets Manager: this benchmark needs no emulator.
        connection._warm.connection = connection.connect(_secret(claim))
        try:
            requests(claim, caller, options.requests)
            logins(claim, caller, options.logins)
        finally:
            connection.close()
