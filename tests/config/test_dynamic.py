"""Administrators change settings while the service runs, and lose nothing of each other's (C2)."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from chalicelib.config.settings import dynamic
from chalicelib.config.settings.models import DynamicChanges
from chalicelib.core import errors
from tests.service import Service, User


def _administrators(service: Service, count: int) -> list[User]:
    first = service.administrator()
    created = [service.user() for _ in range(count - 1)]
    for user in created:
        assert first.request("PATCH", f"/users/{user.id}", {"is_admin": True}).status == 200
    return [first, *created]


def _change(service: Service, caller: User, changes: dict[str, Any], revision: int | None, ready: Any = None) -> int:
    """What PATCH /config/dynamic does, on a connection of its own; the status that it would answer with."""
    with service.database.connect() as conn, conn.transaction():
        conn.execute("select assume_user(%s)", [caller.id])
        if ready is not None:
            ready.wait()
        try:
            dynamic.change(conn, DynamicChanges(**changes), revision)
        except errors.Problem as problem:
            return problem.status
    return 200


def test_c2_of_concurrent_patches_with_one_etag_one_succeeds_and_the_others_get_412(service: Service) -> None:
    people = _administrators(service, 6)
    fields = ["temperature", "top_p", "bm25_weight", "semantic_weight", "repetition_penalty", "history_tokens"]
    for number in range(1, 6):
        revision = people[0].get("/config/dynamic").json["revision"]
        together = threading.Barrier(len(people))
        with ThreadPoolExecutor(len(people)) as pool:
            outcomes = list(
                pool.map(
                    lambda entry: _change(service, entry[0], {entry[1]: 1, "top_k": number}, revision, together),  # noqa: B023
                    zip(people, fields, strict=True),
                )
            )
        assert sorted(outcomes) == [200, 412, 412, 412, 412, 412]
        present = people[0].get("/config/dynamic").json
        winner = outcomes.index(200)
        assert present["revision"] == revision + 1
        assert (present["updated_by"], present["top_k"]) == (str(people[winner].id), number)
        assert present[fields[winner]] == 1
    written = service.rows("select field_name, user_id from config_audit order by id")
    assert len(written) == 5 + len({name for name, _ in written} - {"top_k"}), "losers wrote nothing"


def test_c2_a_patch_that_waited_for_another_patch_gets_412(service: Service) -> None:
    first, second = _administrators(service, 2)
    revision = first.get("/config/dynamic").json["revision"]
    outcome: list[int] = []
    with service.database.connect() as conn:
        with conn.transaction():
            conn.execute("select assume_user(%s)", [first.id])
            dynamic.change(conn, DynamicChanges(temperature=0), revision)
            waiting = threading.Thread(
                target=lambda: outcome.append(_change(service, second, {"temperature": 1}, revision))
            )
            waiting.start()
            with service.database.connect("owner") as owner:
                while owner.execute("select count(*) from pg_locks where not granted").fetchone() == (0,):
                    assert waiting.is_alive(), "it did not wait for the row"
        waiting.join(20)
    assert outcome == [412]
    assert first.get("/config/dynamic").json["temperature"] == 0


def test_c2_without_if_match_changes_of_different_fields_are_merged(service: Service) -> None:
    people = _administrators(service, 6)
    expected: dict[str, Any] = {"temperature": 0, "top_p": 0, "top_k": 3, "max_tokens": 4}
    expected |= {"use_hybrid_search": False, "system_prompt": ""}
    together = threading.Barrier(len(people))
    with ThreadPoolExecutor(len(people)) as pool:
        outcomes = list(
            pool.map(
                lambda entry: _change(service, entry[0], dict([entry[1]]), None, together),
                zip(people, expected.items(), strict=True),
            )
        )
    assert outcomes == [200] * 6
    present = people[0].get("/config/dynamic").json
    assert {name: present[name] for name in expected} == expected
    assert service.rows("select count(*), count(distinct user_id) from config_audit") == [(6, 6)]


def test_c2_if_match_over_http(service: Service) -> None:
    administrator = service.administrator()
    read = administrator.get("/config/dynamic")
    etag = read.headers["ETag"]
    assert etag == f'"{read.json["revision"]}"'
    changed = administrator.request("PATCH", "/config/dynamic", {"temperature": 0}, {"If-Match": etag})
    assert (changed.status, changed.json["temperature"]) == (200, 0)
    assert changed.headers["ETag"] == administrator.get("/config/dynamic").headers["ETag"] != etag
    stale = administrator.request("PATCH", "/config/dynamic", {"temperature": 1}, {"If-Match": etag})
    assert (stale.status, stale.json["code"]) == (412, "stale_update")
    following = administrator.request(
        "PATCH", "/config/dynamic", {"temperature": None}, {"If-Match": f" {changed.headers['ETag']} "}
    )
    assert (following.status, following.json["temperature"]) == (200, None)
    assert administrator.request("PATCH", "/config/dynamic", {"top_k": 9}, {"If-Match": "*"}).status == 200
    assert administrator.request("PATCH", "/config/dynamic", {"top_k": 8}).status == 200


MALFORMED = ["1", "''", '""', 'W/"1"', '"1', '"x"', '"-1"', '"1.0"', f'"{"9" * 20}"', '"١"', '"1", "2"', "x" * 5000]


def test_c2_a_malformed_or_unknown_if_match_changes_nothing(service: Service) -> None:
    administrator = service.administrator()
    for provided in MALFORMED:
        answer = administrator.request("PATCH", "/config/dynamic", {"temperature": 0}, {"If-Match": provided})
        assert (answer.status, answer.json["code"]) == (412, "stale_update"), provided
    assert administrator.get("/config/dynamic").json["temperature"] is None


def test_c2_only_administrators_read_and_change_the_dynamic_settings(service: Service) -> None:
    user = service.user()
    for method, path in (("GET", "/config/static"), ("GET", "/config/dynamic"), ("GET", "/config/audit")):
        assert user.request(method, path).status == 403
    assert user.request("PATCH", "/config/dynamic", {"temperature": 0}).status == 403
