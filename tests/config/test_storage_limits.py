"""Storage is bounded by space (K21): charged where the row is, exact under races, given back by the purge."""

import threading
from typing import Any

import httpx
import psycopg

from chalicelib.core import repairs
from tests.config.coverage import changes
from tests.service import Answer, Service, User

MB = 1_000_000


def _limit(service: Service, name: str, megabytes: int) -> None:
    answer = service.administrator().request("PATCH", "/config/dynamic", {name: megabytes})
    assert answer.status == 200, answer.body


def _announce(user: User, size: int, **more: Any) -> Answer:
    return user.post("/documents", {"filename": "a.txt", "size_bytes": size, **more})


def _used(user: User, scope: str = "user") -> tuple[int, int | None]:
    (space,) = [space for space in user.get("/me/storage").json["items"] if space["scope"] == scope]
    return space["used_bytes"], space["limit_bytes"]


@changes("storage_mb_per_user")
def test_k21_a_full_space_takes_no_more_and_says_the_numbers(service: Service) -> None:
    user, other = service.user(), service.user()
    assert _used(user) == (0, 10_000 * MB)
    _limit(service, "storage_mb_per_user", 1)
    assert _announce(user, 600_000).status == 201
    refused = _announce(user, 400_001)
    assert (refused.status, refused.json["code"]) == (409, "storage_full")
    numbers = [refused.json[f"{name}_bytes"] for name in ("used", "limit", "requested")]
    assert numbers == [600_000, MB, 400_001]
    assert "0.6 of 1 MB" in refused.json["detail"]
    assert _announce(user, 400_000).status == 201
    assert user.post("/documents", {"title": "T", "content": "x"}).json["code"] == "storage_full"
    assert _used(user) == (MB, MB)
    assert _announce(other, MB).status == 201
    assert service.rows("select count(*) from documents where owner_id = %s", user.id) == [(2,)]
    _limit(service, "storage_mb_per_user", 0)
    assert _announce(user, 50 * MB).status == 201
    assert _used(user) == (51 * MB, None)


@changes("storage_mb_per_group", "storage_mb_of_organisation")
def test_k21_groups_and_the_organisation_have_limits_of_their_own(service: Service) -> None:
    administrator = service.administrator()
    group = administrator.post("/groups", {"name": "Operators"}).json["id"]
    assert administrator.put(f"/groups/{group}/members/{administrator.id}", {"role": "editor"}).status == 204
    for name, scope in (("storage_mb_per_group", "group"), ("storage_mb_of_organisation", "org")):
        more = {"scope": scope} | ({"group_id": group} if scope == "group" else {})
        _limit(service, name, 1)
        assert _announce(administrator, MB, **more).status == 201
        assert _announce(administrator, 1, **more).json["code"] == "storage_full"
        assert _used(administrator, scope) == (MB, MB)
    assert _used(administrator) == (0, 10_000 * MB)


def test_k21_parallel_announcements_fill_a_space_exactly(service: Service) -> None:
    user = service.user()
    _limit(service, "storage_mb_per_user", 1)
    ((space,),) = service.rows("select id from spaces where user_id = %s", user.id)
    together, statuses = threading.Barrier(12), list[str]()
    insert = (
        "insert into documents (space_id, owner_id, title, filename, source_type, size_bytes, object_key) "
        "values (%s, %s, 'a', 'a.txt', 'upload', 250000, %s)"
    )

    def announce(number: int) -> None:
        with service.database.connect() as conn, conn.transaction():
            conn.execute("select assume_user(%s)", [user.id])
            together.wait()
            try:
                conn.execute(insert, [space, user.id, f"documents/{number}"])
            except psycopg.Error as error:
                statuses.append(str(error.sqlstate))
                raise psycopg.Rollback from None
            statuses.append("announced")

    threads = [threading.Thread(target=announce, args=[number]) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == ["AL507"] * 8 + ["announced"] * 4
    assert _used(user) == (MB, MB)


def test_k21_what_is_deleted_counts_until_it_is_purged(service: Service) -> None:
    user = service.user()
    document = user.add("Pump", "The pump is blue.")["id"]
    assert _used(user)[0] == len("The pump is blue.")
    assert user.delete(f"/documents/{document}").status == 204
    assert _used(user)[0] == len("The pump is blue.")
    service.rows("update documents set deleted_at = now() - interval '31 days' returning 1")
    repairs.run("purge_documents")
    assert _used(user)[0] == 0


def test_k21_a_replacement_is_charged_by_its_difference(service: Service) -> None:
    user = service.user()
    _limit(service, "storage_mb_per_user", 1)
    document = user.add("Pump", "The pump is blue.")["id"]
    replaced = user.put(f"/documents/{document}/content", {"filename": "a.txt", "size_bytes": MB + 1})
    assert replaced.json["code"] == "storage_full"
    replaced = user.put(f"/documents/{document}/content", {"filename": "a.txt", "size_bytes": MB})
    assert replaced.status < 300, replaced.body
    assert _used(user)[0] == MB


def test_k21_a_file_that_is_bigger_than_announced_at_last_fails(service: Service) -> None:
    """An older URL of the same document still takes the size that was announced then."""
    user = service.user()
    document = _announce(user, 900_000).json
    smaller = user.put(f"/documents/{document['id']}/content", {"filename": "a.txt", "size_bytes": 10})
    assert smaller.status < 300, smaller.body
    assert _announce(user, 500_000).status == 201
    _limit(service, "storage_mb_per_user", 1)
    upload = document["upload"]
    assert httpx.put(upload["url"], content=b"a" * 900_000, headers=upload["headers"]).status_code == 200
    service.pump_ingest()
    failed = user.get(f"/documents/{document['id']}").json
    assert (failed["status"], failed["error"]["code"]) == ("failed", "storage_full")
    assert _used(user)[0] == 500_010


def test_the_sums_are_those_of_the_documents(service: Service) -> None:
    """Whatever adds, changes, moves or removes a document."""
    user, other = service.user(), service.user()
    documents = [user.add(f"Pump {number}", f"Pump {number} is blue.")["id"] for number in range(3)]
    assert user.put(f"/documents/{documents[0]}/content", {"content": "The pump is red and blue."}).status == 202
    service.pump_ingest()
    ((space,),) = service.rows("select id from spaces where user_id = %s", other.id)
    moved = "update documents set space_id = %s, owner_id = %s where id = %s returning 1"
    service.rows(moved, space, other.id, documents[1])
    service.rows("delete from documents where id = %s returning 1", documents[2])
    wrong = service.rows(
        "select s.id from spaces s where s.used_bytes <> "
        "(select coalesce(sum(d.size_bytes), 0) from documents d where d.space_id = s.id)"
    )
    assert wrong == []
    assert _used(other)[0] > 0
