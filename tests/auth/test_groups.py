"""Groups: who manages them, and who reads and writes the group's documents (K9, A10)."""

import pytest

from chalicelib.auth.sessions.credentials import api_key_hash
from tests.service import Service, User

PUMP = "The coolant pump P-17 is inspected every ninety days. Replace its seal when it leaks."


def _group(administrator: User, **roles: User) -> str:
    created = administrator.post("/groups", {"name": "Operators"})
    assert created.status == 201, created.body
    for role, user in roles.items():
        assert administrator.put(f"/groups/{created.json['id']}/members/{user.id}", {"role": role}).status == 204
    group: str = created.json["id"]
    return group


def test_roles_decide_who_reads_and_who_writes(service: Service) -> None:
    administrator, editor, member, outsider = service.administrator(), service.user(), service.user(), service.user()
    group = _group(administrator, editor=editor, member=member)
    shared = editor.add("Pump", PUMP, scope="group", group_id=group)
    assert (shared["status"], shared["scope"], shared["group_id"]) == ("completed", "group", group)
    path = f"/documents/{shared['id']}"
    for reader in (editor, member):
        assert [hit["document_id"] for hit in reader.search("coolant pump")] == [shared["id"]]
        assert [item["id"] for item in reader.get("/documents").json["items"]] == [shared["id"]]
    for other_user in (outsider, administrator):
        assert other_user.search("coolant pump") == []
        assert other_user.get(path).status == 404
    body = {"title": "Mine", "content": "Text.", "scope": "group", "group_id": group}
    assert (member.post("/documents", body).status, outsider.post("/documents", body).status) == (403, 404)
    assert (member.delete(path).status, outsider.delete(path).status) == (403, 404)
    assert administrator.post("/documents", body).status == 404, "managing a group is not reading it"
    assert editor.delete(path).status == 204


def test_a_role_holds_from_the_next_request_on(service: Service) -> None:
    administrator, editor, member = service.administrator(), service.user(), service.user()
    group = _group(administrator, editor=editor, member=member)
    shared = editor.add("Pump", PUMP, scope="group", group_id=group)
    where = f"/groups/{group}/members/{member.id}"
    assert member.delete(f"/documents/{shared['id']}").status == 403
    assert administrator.delete(where).status == 204
    service.forget_connection()  # another instance
    assert member.get(f"/documents/{shared['id']}").status == 404
    assert member.search("coolant pump") == []
    assert member.get(f"/groups/{group}").status == 404
    assert administrator.delete(where).status == 404
    administrator.put(where, {"role": "editor"})
    assert member.delete(f"/documents/{shared['id']}").status == 204


def test_the_same_text_is_one_document_for_each_space(service: Service) -> None:
    administrator, editor = service.administrator(), service.user()
    group = _group(administrator, editor=editor)
    ids = {editor.add("Pump", PUMP)["id"], editor.add("Pump", PUMP, scope="group", group_id=group)["id"]}
    again = editor.post("/documents", {"title": "P", "content": PUMP, "scope": "group", "group_id": group})
    assert (again.status, again.json["group_id"]) == (200, group)
    assert len(ids) == 2
    assert again.json["id"] in ids


def test_a_group_is_managed_by_its_own_admin_or_an_administrator_and_nobody_else(service: Service) -> None:
    administrator = service.administrator()
    chief, editor, member, outsider, newcomer = (service.user() for _ in range(5))
    group = _group(administrator, admin=chief, editor=editor, member=member)
    where, caller = f"/groups/{group}", f"/groups/{group}/members/{newcomer.id}"
    for manager, status in ((editor, 403), (member, 403), (outsider, 404)):
        before = service.dump()
        assert manager.request("PATCH", where, {"name": "Ours"}).status == 403
        assert manager.delete(where).status == status
        assert manager.put(caller, {"role": "member"}).status == status
        assert manager.put(f"{where}/members/{manager.id}", {"role": "admin"}).status == status
        assert manager.delete(f"{where}/members/{chief.id}").status == status
        assert service.dump() == before
    for manager in (chief, administrator):
        assert manager.put(caller, {"role": "editor"}).status == 204
        assert manager.delete(caller).status == 204
    assert chief.get(where).json["role"] == "admin"
    assert administrator.get(where).json["role"] is None
    assert chief.post("/groups", {"name": "Another"}).status == 403
    other = administrator.post("/groups", {"name": "Other"}).json["id"]
    assert chief.put(f"/groups/{other}/members/{chief.id}", {"role": "admin"}).status == 404
    unknown = chief.put(f"{where}/members/00000000-0000-7000-8000-000000000000", {"role": "member"})
    assert unknown.status == 404
    assert administrator.request("PATCH", where, {"name": "Ours"}).json["name"] == "Ours"
    used = administrator.request("PATCH", where, {"name": "Other"})
    assert (used.status, used.json["code"]) == (409, "conflict")


def test_a_groups_own_admin_does_not_name_it(service: Service) -> None:
    """Claims put people into groups by name: whoever could choose one could catch them."""
    administrator, chief = service.administrator(), service.user()
    group = _group(administrator, admin=chief)
    refused = chief.request("PATCH", f"/groups/{group}", {"name": "Engineering"})
    assert (refused.status, refused.json["code"]) == (403, "forbidden")
    with service.database.connect() as conn, conn.transaction(force_rollback=True):
        conn.execute("select assume_user(%s)", [chief.id])
        assert conn.execute("update groups set name = 'Engineering'").rowcount == 0
    assert administrator.get(f"/groups/{group}").json["name"] == "Operators"


@pytest.mark.parametrize("role", ["member", "editor", "admin"])
def test_a_member_may_leave_a_group_and_remove_no_other_member(service: Service, role: str) -> None:
    administrator, leaver, other = service.administrator(), service.user(), service.user()
    group = _group(administrator, **{role: leaver})
    assert administrator.put(f"/groups/{group}/members/{other.id}", {"role": "editor"}).status == 204
    shared = other.add("Pump", PUMP, scope="group", group_id=group)
    key = leaver.post("/me/api-keys", {"name": "k", "scopes": ["read", "chat"]}).json["key"]
    own = f"/groups/{group}/members/{leaver.id}"
    assert service.request("DELETE", own, headers={"Authorization": f"Bearer {key}"}).status == 403
    assert leaver.delete(own).status == 204
    assert leaver.get(f"/documents/{shared['id']}").status == 404
    assert leaver.search("coolant pump") == []
    assert leaver.delete(own).status == 404
    assert service.rows("select user_id from memberships") == [(other.id,)]
    left = "select user_id, entity_id, details ->> 'group_id' from audit_logs where action = 'membership.removed'"
    assert service.rows(left) == [(leaver.id, leaver.id, group)]


def test_a_key_that_does_not_write_leaves_no_group_in_sql_either(service: Service) -> None:
    administrator, member = service.administrator(), service.user()
    _group(administrator, member=member)
    key = member.post("/me/api-keys", {"name": "k", "scopes": ["read", "chat"]}).json["key"]
    with service.database.connect() as conn, conn.transaction(force_rollback=True):
        conn.execute("select begin_api_key(%s, 'chat')", [api_key_hash(key)])
        assert conn.execute("select user_id from memberships").fetchall() == [(member.id,)]
        assert conn.execute("delete from memberships").rowcount == 0


def test_members_see_one_another_by_name_and_nobody_else_does(service: Service) -> None:
    administrator, member, outsider = service.administrator(), service.user(), service.user()
    group = _group(administrator, member=member)
    administrator.put(f"/groups/{group}/members/{administrator.id}", {"role": "admin"})
    page = member.get(f"/groups/{group}/members?limit=1").json
    rest = member.get(f"/groups/{group}/members?limit=1&cursor={page['next_cursor']}").json
    listed = page["items"] + rest["items"]
    assert [(item["user_id"], item["role"]) for item in listed] == sorted(
        [(str(member.id), "member"), (str(administrator.id), "admin")]
    )
    assert member.email not in str(listed)
    assert outsider.get(f"/groups/{group}/members").status == 404
    assert [item["id"] for item in member.get("/groups").json["items"]] == [group]
    assert outsider.get("/groups").json["items"] == []


def test_a_group_with_documents_stays(service: Service) -> None:
    administrator, editor = service.administrator(), service.user()
    group = _group(administrator, editor=editor)
    shared = editor.add("Pump", PUMP, scope="group", group_id=group)
    refused = administrator.delete(f"/groups/{group}")
    assert (refused.status, refused.json["code"]) == (409, "not_empty")
    assert editor.delete(f"/documents/{shared['id']}").status == 204
    assert administrator.delete(f"/groups/{group}").status == 204
    assert administrator.get(f"/groups/{group}").status == 404
    assert service.rows("select count(*) from spaces where kind = 'group'") == [(0,)]
    assert service.rows("select object_key from object_deletions") == [(f"documents/{shared['id']}",)]


@pytest.mark.parametrize(
    "more", [{"scope": "group"}, {"group_id": "00000000-0000-7000-8000-000000000000"}, {"scope": "all"}]
)
def test_a_group_is_named_exactly_when_it_is_meant(service: Service, more: dict[str, str]) -> None:
    assert service.user().post("/documents", {"title": "T", "content": "x", **more}).status == 422


def test_who_administers_a_group_finds_people_by_their_whole_verified_address_or_username(service: Service) -> None:
    administrator, leader, member, sought = service.administrator(), service.user(), service.user(), service.user()
    group = administrator.post("/groups", {"name": "Operators"}).json["id"]
    for user, role in ((leader, "admin"), (member, "editor")):
        assert administrator.put(f"/groups/{group}/members/{user.id}", {"role": role}).status == 204
    sought.request("PATCH", "/me", {"username": "ada"})
    path = f"/groups/{group}/people"
    result = leader.post(path, {"username": "ada"})
    assert (result.status, set(result.json)) == (200, {"user_id", "display_name", "username"})
    assert result.json["user_id"] == str(sought.id)
    assert leader.post(path, {"email": sought.email}).status == 404, "the address is only claimed"
    service.rows("update users set email_verified = true where id = %s returning 1", sought.id)
    assert leader.post(path, {"email": sought.email}).json["user_id"] == str(sought.id)
    assert leader.post(path, {"email": sought.email.partition("@")[2]}).status == 422
    assert leader.post(path, {"username": "ad"}).status == 404
    assert member.post(path, {"username": "ada"}).status == 403
    assert sought.post(path, {"username": "ada"}).status == 404
    administrator.request("PATCH", f"/users/{sought.id}", {"is_active": False})
    assert leader.post(path, {"username": "ada"}).status == 404


def test_who_administers_a_group_gives_it_a_title_and_sees_its_budget(service: Service) -> None:
    administrator, leader, member = service.administrator(), service.user(), service.user()
    group = administrator.post("/groups", {"name": "operators"}).json["id"]
    for user, role in ((leader, "admin"), (member, "member")):
        assert administrator.put(f"/groups/{group}/members/{user.id}", {"role": role}).status == 204
    assert leader.get(f"/groups/{group}/budget").status == 404
    assert administrator.put(f"/groups/{group}/budget", {"monthly_tokens": 1000}).status == 200
    assert leader.get(f"/groups/{group}/budget").json["monthly_tokens"] == 1000
    assert service.user().get(f"/groups/{group}/budget").status == 404
    renamed = leader.put(f"/groups/{group}/title", {"title": " The people of hall 7 "}).json
    assert (renamed["title"], renamed["name"]) == ("The people of hall 7", "operators"), "claims go by the name"
    assert member.put(f"/groups/{group}/title", {"title": "Mine"}).status == 403
    assert service.user().put(f"/groups/{group}/title", {"title": "Mine"}).status == 404
    assert leader.put(f"/groups/{group}/title", {}).json["title"] is None


def test_a_group_has_several_administrators_who_each_manage_it(service: Service) -> None:
    administrator, first, second, newcomer = service.administrator(), service.user(), service.user(), service.user()
    group = _group(administrator, admin=first)
    path = f"/groups/{group}/members"
    assert first.put(f"{path}/{second.id}", {"role": "admin"}).status == 204
    assert second.put(f"{path}/{newcomer.id}", {"role": "member"}).status == 204
    assert second.delete(f"{path}/{first.id}").status == 204
    assert first.put(f"{path}/{newcomer.id}", {"role": "admin"}).status == 404
    assert second.post("/invitations", {"groups": [{"group_id": group, "role": "admin"}]}).status == 201
    assert second.put(f"/groups/{group}/title", {"title": "Hall 7"}).status == 200
