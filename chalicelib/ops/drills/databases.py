"""The steps of a drill in the databases, which migrate alone reaches (drill.py)."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from chalicelib.core import activity, connection, logins, rows, tick_requests
from chalicelib.core.logins import Login
from chalicelib.core.settings import settings
from chalicelib.ops.drills import digests, recording
from chalicelib.ops.updates import smoke

if TYPE_CHECKING:
    from chalicelib.core.connection import Conn

# A database that was paused for days.
_DATABASE_SECONDS = 300
# Objects that are compared with the bucket, and the largest of them in bytes.
_OBJECTS, _OBJECT_BYTES = 20, 50_000_000


def work(event: Mapping[str, Any]) -> dict[str, Any]:
    """One step: `digest` of the live database, `copy` compared, keys that are `present`, or the `record` of a drill."""
    if "digest" in event:
        return _digest_twice(int(event["digest"]))
    if "copy" in event:
        return _look_at_copy(event["copy"])
    with connection.connect(_owner()) as conn:
        if "present" in event:
            params = {"keys": event["present"]}
            return {"present": [key for (key,) in conn.execute(digests.queries.present, params).fetchall()]}
        recording.record(conn, event["record"])
        tick_requests.request()  # its event becomes an alert
        return {}


def _digest_twice(parts: int) -> dict[str, Any]:
    """Digests before and after a moment: the first one, the parts that lost rows until the second, and the moment."""
    connection.await_server(_owner(), _DATABASE_SECONDS)
    with connection.connect(_owner()) as conn:
        with _snapshot(conn):
            since = rows.value(conn, digests.queries.snapshot)
            before = digests.of_database(conn, parts, since)
        moment, size = conn.execute(digests.queries.moment).fetchone() or (None, 0)
        conn.execute(digests.queries.pass_moment, {"moment": moment})
        with _snapshot(conn):
            after = digests.of_database(conn, parts, since)
    return {
        "at": moment.isoformat(),
        "size_bytes": size,
        "since": since,
        "tables": digests.as_json(before),
        "changing": digests.changed(before, after),
    }


def _look_at_copy(event: Mapping[str, Any]) -> dict[str, Any]:
    """The copy's digest, a sample of the objects that its documents refer to, and whether the product finds its text.

    `event`: host and port; `passwords`, tokens of IAM by role, where the roles have no passwords of their own; `parts`
    and `since` of the digest that it is compared with.
    """
    owner, app = (
        _at_copy(logins.of(role, secret), event)
        for role, secret in ((logins.OWNER, settings().owner_secret), (logins.APP, settings().database_secret))
    )
    connection.await_server(owner, _DATABASE_SECONDS)
    with connection.connect(owner) as conn:
        with _snapshot(conn):
            copy = digests.of_database(conn, event["parts"], event["since"])
            params = {"amount": _OBJECTS, "most_bytes": _OBJECT_BYTES}
            objects = conn.execute(digests.queries.objects, params).fetchall()
        with connection.elsewhere(app), tick_requests.suppressed():
            answer = _search(conn)
    return {"tables": digests.as_json(copy), "objects": [list(item) for item in objects]} | answer


def _search(owner: "Conn") -> dict[str, Any]:
    try:
        return {"searches": smoke.search(owner), "search_error": None}
    except Exception as error:  # noqa: BLE001 — whatever fails here fails for users, too
        return {"searches": 0, "search_error": activity.error_text(error)}


def _at_copy(login: Login, event: Mapping[str, Any]) -> dict[str, Any]:
    address = {"host": event["host"], "port": event["port"]}
    token = {"password": event["passwords"][login["username"]]} if logins.is_by_iam(login) else {}
    return {**login, **address, **token}


def _snapshot(conn: "Conn") -> Any:
    """A transaction that sees one moment."""
    import psycopg

    conn.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    return conn.transaction()


def _owner() -> Login:
    return logins.of(logins.OWNER, settings().owner_secret)
