"""Erasing one's account: nowhere in the database, nowhere in the bucket, and nothing of others' gone with it."""

import boto3
import pytest

from chalicelib.core import repairs
from tests.isolation import scenario
from tests.isolation.scenario import PUMP, Scenario
from tests.service import Service

# The scenario has a webhook, whose secret is sealed.
pytestmark = pytest.mark.usefixtures("master_key")


def _objects(service: Service) -> set[str]:
    listed = boto3.client("s3").list_object_versions(Bucket=service.bucket)
    versions = {version["Key"] for version in listed.get("Versions", [])}
    return versions | {marker["Key"] for marker in listed.get("DeleteMarkers", [])}


def _world(service: Service) -> Scenario:
    created = scenario.people(service)
    scenario.fill(created)
    created.owner = service.log_in(created.owner.email, created.owner.password)
    return created


def test_nothing_of_an_erased_account_is_left_anywhere(service: Service) -> None:
    world = _world(service)
    owner, identifier = world.owner, str(world.owner.id)
    own = world.ids["document_id"]
    assert owner.put(f"/documents/{own}/content", {"content": "A second version."}).status == 202
    service.pump_ingest()
    service.rows("insert into login_attempts (identifier, success) values (%s, false) returning id", owner.email)
    everything = "\n".join(scenario.snapshot(service))
    assert identifier in everything
    assert owner.email in everything
    assert owner.delete("/me").status == 204
    assert [row for row in scenario.snapshot(service) if identifier in row or owner.email in row] == []
    assert owner.get("/me").status == 401
    assert service.request("POST", "/auth/login", {"email": owner.email, "password": owner.password}).status == 401
    key = {"Authorization": f"Bearer {world.keys['reading']}"}
    assert service.request("GET", "/me", headers=key).status == 401
    assert f"documents/{own}" in _objects(service)
    repairs.run("delete_objects")
    assert f"documents/{own}" not in _objects(service), "every version of it"
    assert service.rows("select count(*) from audit_logs where action = 'user.erased' and user_id is null") == [(1,)]


def test_an_account_with_very_much_goes_document_by_document(service: Service) -> None:
    user, other = service.user(), service.user()
    service.administrator()
    documents = [user.add(f"Pump {number}", f"{PUMP} Number {number}.")["id"] for number in range(3)]
    other.add("Theirs", f"{PUMP} Theirs.")
    service.rows("update documents set chunk_count = 15000 where owner_id = %s returning id", user.id)
    session = user.get("/me/sessions").json["items"][0]["id"]
    with service.database.connect() as conn, conn.transaction(force_rollback=True):
        conn.execute("select begin_session(%s, 'account')", [session])
        assert conn.execute("select erase_account(%s)", [session]).fetchone() == ("too_much",)
        assert conn.execute("select erase_documents(%s, 20000)", [session]).fetchone() == (2,)
    assert user.delete("/me").status == 204
    recorded = {row[0] for row in service.rows("select object_key from object_deletions")}
    assert recorded == {f"documents/{document}" for document in documents}
    assert service.rows("select sum(chunks) from lexeme_counts where lexeme = 0") == [(1,)]
    assert service.rows("select 1 from lexeme_counts group by lexeme having sum(chunks) < 0") == []
    assert len(other.search("coolant pump")) == 1


def test_what_was_uploaded_late_goes_too(service: Service) -> None:
    user = service.user()
    service.administrator()
    key = f"documents/{user.add('Pump', PUMP)['id']}"
    assert user.delete("/me").status == 204
    assert repairs.run("delete_objects")["delete_objects"] == 1
    boto3.client("s3").put_object(Bucket=service.bucket, Key=key, Body=b"by a URL that was given out before")
    assert repairs.run("delete_objects")["delete_objects"] == 0, "not before every such URL has run out"
    service.rows("update object_deletions set due_at = now() returning object_key")
    assert repairs.run("delete_objects")["delete_objects"] == 1
    assert key not in _objects(service)
    assert service.rows("select count(*) from object_deletions") == [(0,)]


def test_documents_of_a_group_and_of_the_organisation_stay(service: Service) -> None:
    administrator, leaving, staying = service.administrator(), service.user(), service.user()
    group = administrator.post("/groups", {"name": "Operators"}).json["id"]
    for user in (leaving, staying):
        administrator.put(f"/groups/{group}/members/{user.id}", {"role": "editor"})
    administrator.request("PATCH", f"/users/{leaving.id}", {"is_admin": True})
    shared = leaving.add("Shared", PUMP, scope="group", group_id=group)["id"]
    shared_ = leaving.add("For all", f"{PUMP} For all.", scope="org")["id"]
    leaving.add("Mine", f"{PUMP} Mine.")
    staying.add("Theirs", f"{PUMP} Theirs.")
    counts = service.rows("select sum(chunks) from lexeme_counts where lexeme = 0")
    assert leaving.delete("/me").status == 204
    assert {hit["document_id"] for hit in staying.search("coolant pump")} >= {shared, shared_}
    owners = dict(service.rows("select id::text, owner_id from documents where id::text = any (%s)", [shared, shared_]))
    assert owners == {shared: staying.id, shared_: administrator.id}
    assert service.rows("select sum(chunks) from lexeme_counts where lexeme = 0") == [(counts[0][0] - 1,)]
    assert service.rows("select 1 from lexeme_counts group by lexeme having sum(chunks) < 0") == []
    assert staying.put(f"/documents/{shared}/content", {"content": "Replaced."}).status == 202


def test_it_takes_a_fresh_login(service: Service) -> None:
    user = service.user()
    service.administrator()
    service.rows(
        "update sessions set created_at = now() - interval '16 minutes' where user_id = %s returning id", user.id
    )
    refused = user.delete("/me")
    assert (refused.status, refused.json["code"]) == (403, "stale_session")
    assert service.log_in(user.email, user.password).delete("/me").status == 204


def test_the_last_administrator_cannot_go(service: Service) -> None:
    administrator = service.administrator()
    refused = administrator.delete("/me")
    assert (refused.status, refused.json["code"]) == (409, "last_administrator")
    assert administrator.get("/me").status == 200
