"""People who leave: counted, handed over unread, and erased after a wait (A12)."""

from typing import Any

from chalicelib.core import repairs
from tests.isolation.scenario import PUMP
from tests.knowledge.test_children import VALVE, family, ingested, zipped
from tests.service import Service, User


def _leave(administrator: User, leaver: User) -> Any:
    deleted = administrator.delete(f"/users/{leaver.id}")
    assert deleted.status == 202, deleted.body
    return deleted.json


def _let_the_wait_end(service: Service) -> None:
    service.rows("update users set delete_after = now() where delete_after is not null returning 1")


def test_a_deleted_account_is_erased_when_its_wait_is_over(service: Service) -> None:
    administrator, leaver = service.administrator(), service.user()
    document = leaver.add("Pump", PUMP)["id"]
    deleted = _leave(administrator, leaver)
    assert (deleted["is_active"], deleted["delete_after"] is not None) == (False, True)
    assert leaver.get("/me").status == 401
    repairs.run("erase_deleted_accounts")
    assert administrator.get(f"/users/{leaver.id}").status == 200, "its wait is not over"
    assert _leave(administrator, leaver)["delete_after"] == deleted["delete_after"], "a second request changes nothing"
    _let_the_wait_end(service)
    assert repairs.run("erase_deleted_accounts")["erase_deleted_accounts"] == 1
    assert administrator.get(f"/users/{leaver.id}").status == 404
    assert service.rows("select count(*) from documents where id = %s", document) == [(0,)]
    assert service.rows("select object_key from object_deletions") == [(f"documents/{document}",)]
    recorded = service.rows("select action from audit_logs where action ~ '^user.(erased|deletion)' order by id")
    assert recorded == [("user.deletion_scheduled",), ("user.deletion_scheduled",), ("user.erased",)]


def test_the_wait_is_as_long_as_retention_says(service: Service) -> None:
    administrator, leaver = service.administrator(), service.user()
    assert administrator.put("/retention/leavers", {"days": 7}).status == 200
    _leave(administrator, leaver)
    waits = (
        "select delete_after between now() + interval '6 days' and now() + interval '7 days' from users where id = %s"
    )
    assert service.rows(waits, leaver.id) == [(True,)]


def test_a_deleted_account_can_be_restored_until_then(service: Service) -> None:
    administrator, leaver = service.administrator(), service.user()
    assert administrator.post(f"/users/{leaver.id}/restore").status == 404
    _leave(administrator, leaver)
    restored = administrator.post(f"/users/{leaver.id}/restore").json
    recorded = service.rows("select count(*) from audit_logs where action = 'user.restored'")
    assert recorded == [(1,)]
    assert (restored["is_active"], restored["delete_after"]) == (True, None)
    assert service.log_in(leaver.email, leaver.password).id == leaver.id
    _leave(administrator, leaver)
    activated = administrator.request("PATCH", f"/users/{leaver.id}", {"is_active": True}).json
    assert activated["delete_after"] is None, "to activate it is to keep it"
    repairs.run("erase_deleted_accounts")
    assert administrator.get(f"/users/{leaver.id}").status == 200


def test_an_administrator_does_not_delete_the_own_account_so(service: Service) -> None:
    administrator = service.administrator()
    assert administrator.delete(f"/users/{administrator.id}").json["code"] == "conflict"
    assert administrator.get("/me").status == 200


def test_much_is_erased_in_parts(service: Service) -> None:
    administrator, leaver = service.administrator(), service.user()
    for number in range(3):
        leaver.add(f"Pump {number}", f"{PUMP} Number {number}.")
    service.rows("update documents set chunk_count = 15000 where owner_id = %s returning id", leaver.id)
    _leave(administrator, leaver)
    _let_the_wait_end(service)
    with service.database.connect() as conn:
        assert conn.execute("select erase_leaver(20000)").fetchone() == ("too_much",)
        assert conn.execute("select count(*) from documents").fetchone() == (0,), "without identity nothing is seen"
    assert service.rows("select count(*) from documents") == [(1,)]
    assert repairs.run("erase_deleted_accounts")["erase_deleted_accounts"] == 1
    assert service.rows("select count(*) from documents") == [(0,)]


def test_what_a_leaver_leaves_is_seen_in_numbers(service: Service) -> None:
    administrator, leaver = service.administrator(), service.user()
    group = administrator.post("/groups", {"name": "Operators"}).json["id"]
    assert administrator.put(f"/groups/{group}/members/{leaver.id}", {"role": "admin"}).status == 204
    leaver.add("Pump", PUMP)
    leaver.add("Shared", f"{PUMP} Shared.", scope="group", group_id=group)
    leaver.post("/conversations", {"title": "The leaver's secret"})
    leaver.post("/memories", {"content": "My pump leaks."})
    holdings = administrator.get(f"/users/{leaver.id}/holdings")
    assert holdings.json == {
        "private_documents": 1,
        "private_bytes": holdings.json["private_bytes"],
        "shared_documents": 1,
        "repositories": 0,
        "connectors": 0,
        "conversations": 1,
        "memories": 1,
        "api_keys": 0,
        "invitations": 0,
        "groups_without_other_administrator": 1,
    }
    assert leaver.get(f"/users/{leaver.id}/holdings").status == 403


def test_an_heir_gets_documents_and_repositories_and_nothing_else(service: Service) -> None:
    administrator, leaver, heir = service.administrator(), service.user(), service.user()
    documents = [leaver.add(f"Pump {number}", f"{PUMP} Number {number}.")["id"] for number in range(2)]
    repositories = [user.post("/repositories", {"name": "Manuals"}).json["id"] for user in (leaver, heir)]
    leaver.put(f"/repositories/{repositories[0]}/documents/{documents[0]}", {"path": "pump.md"})
    conversation = leaver.post("/conversations", {"title": "The leaver's secret"}).json["id"]
    path, to_heir = f"/users/{leaver.id}/handover", {"heir_id": str(heir.id)}
    assert administrator.post(path, to_heir).json["code"] == "conflict", "it is in use"
    _leave(administrator, leaver)
    assert administrator.post(path, {"heir_id": str(administrator.id)}).json["code"] == "conflict"
    assert administrator.post(path, {"heir_id": str(leaver.id)}).status == 404
    assert heir.post(path, to_heir).status == 403
    assert administrator.post(path, to_heir).status == 204
    assert {hit["document_id"] for hit in heir.search("coolant pump")} == set(documents)
    assert administrator.search("coolant pump") == [], "who hands over reads nothing"
    result = heir.get(f"/repositories/{repositories[0]}").json
    assert result["name"].startswith("Manuals "), "of two with one name, both stay"
    assert heir.get(f"/repositories/{repositories[0]}/documents").json["items"][0]["path"] == "pump.md"
    assert heir.get(f"/conversations/{conversation}").status == 404
    assert administrator.get(f"/users/{leaver.id}/holdings").json["private_documents"] == 0
    ((used_bytes,),) = service.rows("select used_bytes from spaces where user_id = %s", leaver.id)
    assert used_bytes == 0
    recorded = service.rows("select details from audit_logs where action = 'user.handed_over'")
    assert recorded == [({"to": str(heir.id)},)]
    _let_the_wait_end(service)
    repairs.run("erase_deleted_accounts")
    assert {hit["document_id"] for hit in heir.search("coolant pump")} == set(documents), "they outlive the account"


def test_a_full_space_gets_nothing(service: Service) -> None:
    administrator, leaver, heir = service.administrator(), service.user(), service.user()
    document = leaver.add("Pump", PUMP)["id"]
    _leave(administrator, leaver)
    service.rows("update documents set size_bytes = 1500000 where id = %s returning 1", document)
    assert administrator.request("PATCH", "/config/dynamic", {"storage_mb_per_user": 1}).status == 200
    full = administrator.post(f"/users/{leaver.id}/handover", {"heir_id": str(heir.id)})
    assert (full.status, full.json["code"]) == (409, "storage_full")
    assert service.rows("select owner_id from documents where id = %s", document) == [(leaver.id,)]


def _in_parts(service: Service, administrator: User, leaver: User, heir: User) -> None:
    """Hand over as few documents at a time as possible, each in a transaction of its own."""
    with service.database.connect() as conn:
        for _ in range(50):
            with conn.transaction():
                conn.execute("select assume_user(%s)", [administrator.id])
                outcome = conn.execute("select hand_over_documents(%s, %s, 1)", [leaver.id, heir.id]).fetchone()
            if outcome == ("done",):
                return
            assert outcome == ("more",)
    raise AssertionError("it does not end")


def test_what_hangs_together_is_handed_over_together_in_whatever_parts(service: Service) -> None:
    """Copies of the leaver's and of the heir's own, an archive with its files, tags, and what is in the trash."""
    administrator, leaver, heir = service.administrator(), service.user(), service.user()
    heir.add("The heir's own", PUMP)
    first = leaver.add("One", PUMP)["id"]
    tag = leaver.post("/tags", {"name": "important"}).json["id"]
    assert leaver.put(f"/tags/{tag}/documents/{first}").status == 204
    archive = ingested(leaver, "plant.zip", zipped({"one.txt": PUMP, "two.txt": VALVE}))["id"]
    copies = [leaver.upload(f"copy{number}.txt", b"Copied words.")["id"] for number in range(2)]
    service.pump_ingest()
    replaced = {"filename": "new.txt", "size_bytes": 10}
    assert leaver.put(f"/documents/{copies[0]}/content", replaced).status == 202
    removed = leaver.add("Removed", "The removed words.")["id"]
    assert leaver.delete(f"/documents/{removed}").status == 204
    files = set(family(leaver, archive))
    _leave(administrator, leaver)
    _in_parts(service, administrator, leaver, heir)
    for document in (first, archive, *copies):
        assert heir.get(f"/documents/{document}").status == 200
    assert set(family(heir, archive)) == files
    assert service.rows("select count(*) from documents where owner_id = %s", leaver.id) == [(0,)]
    _let_the_wait_end(service)
    assert repairs.run("erase_deleted_accounts")["erase_deleted_accounts"] == 1
    assert heir.search("safety officer")[0]["title"] == "two.txt"
    assert heir.get(f"/documents/{first}/content").json["text"] == PUMP
    assert heir.post(f"/documents/{first}/reindex").status == 202
    service.pump_ingest()
    assert heir.get(f"/documents/{first}").json["status"] == "completed"
    wrong = service.rows(
        "select s.id from spaces s where s.used_bytes <> "
        "(select coalesce(sum(d.size_bytes), 0) from documents d where d.space_id = s.id)"
    )
    assert wrong == []
