"""How many there may be of something holds when several are made at the same moment."""

import threading
import time
from typing import Any

import pytest

from chalicelib.auth.sessions import api_keys
from chalicelib.core import connection
from chalicelib.knowledge.collections import repositories, tags
from tests.service import Service, User

WAITING = "select count(distinct pid) from pg_locks where not granted"
KINDS: dict[str, tuple[Any, str, str, dict[str, Any]]] = {
    "api_keys": (api_keys, "MAX_KEYS", "/me/api-keys", {"scopes": ["read"]}),
    "tags": (tags, "_MOST", "/tags", {}),
    "repositories": (repositories, "_MOST", "/repositories", {}),
}


def _post(user: User, kind: str, name: str) -> int:
    _, _, path, body = KINDS[kind]
    return user.post(path, {"name": name, **body}).status


def _start(service: Service, thread: threading.Thread, waiting: int) -> None:
    """Start a thread, and go on once so many wait for a lock."""
    thread.start()
    deadline = time.monotonic() + 60
    while service.rows(WAITING) != [(waiting,)]:
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize("kind", KINDS)
def test_the_last_place_is_given_once(service: Service, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    module, most, path, _ = KINDS[kind]
    monkeypatch.setattr(module, most, 2)
    user, other = service.user(), service.user()
    assert _post(user, kind, "First") == 201
    statuses: dict[str, int] = {}

    def send(name: str) -> None:
        statuses[name] = _post(user, kind, name)
        connection.close()

    first, second = (threading.Thread(target=send, args=[name]) for name in ("Second", "Third"))
    with service.database.connect("owner") as conn, conn.transaction():
        # What belongs to the user is counted and written, and then waits here until it may point at the user.
        conn.execute("select from users where id = %s for update", [user.id])
        _start(service, first, 1)
        _start(service, second, 2)
    first.join()
    second.join()
    assert sorted(statuses.values()) == [201, 409]
    assert len(user.get(path).json["items"]) == 2
    assert _post(other, kind, "Mine") == 201
