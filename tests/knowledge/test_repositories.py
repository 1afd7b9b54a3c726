"""Repositories (K11, K9): documents at paths, in a space; they filter searches and lists."""

from typing import Any
from urllib.parse import quote
from uuid import uuid4

import pytest

from tests.service import Service, User

PUMP = "The coolant pump P-17 is inspected every ninety days. Replace its seal when it leaks."
SPARE = "A spare coolant pump stands in hall four. Its seal was replaced in May."
MODES = ("hybrid", "semantic", "lexical")


def _repository(user: User, name: str, **more: Any) -> str:
    created = user.post("/repositories", {"name": name, **more})
    assert created.status == 201, created.body
    return str(created.json["id"])


def _place(user: User, repository: str, document: str, path: str) -> Any:
    placed = user.put(f"/repositories/{repository}/documents/{document}", {"path": path})
    assert placed.status == 200, placed.body
    return placed.json


def _paths(user: User, repository: str, folder: str | None = None, limit: int = 100) -> list[str]:
    result: list[str] = []
    query = f"limit={limit}" + (f"&folder={quote(folder)}" if folder else "")
    cursor = ""
    while True:
        page = user.get(f"/repositories/{repository}/documents?{query}{cursor}")
        assert page.status == 200, page.body
        result += [item["path"] for item in page.json["items"]]
        if page.json["next_cursor"] is None:
            return result
        cursor = f"&cursor={page.json['next_cursor']}"


def _search_ids(user: User, **filters: Any) -> dict[str, set[str]]:
    return {
        mode: {hit["document_id"] for hit in user.search("coolant pump seal", mode=mode, filters=filters)}
        for mode in MODES
    }


def _everywhere(*documents: str) -> dict[str, set[str]]:
    return {mode: set(documents) for mode in MODES}


def _refused(answer: Any, status: int, code: str) -> None:
    assert (answer.status, answer.json["code"]) == (status, code), answer.body


def test_k11_a_repository_is_made_changed_archived_and_deleted(service: Service) -> None:
    user = service.user()
    body = {
        "name": " Manuals ",
        "description": "All of them",
        "url": "https://example.org/manuals.git",
        "source_type": "github",
        "metadata": {"branch": "main", "stars": 3, "public": False, "licence": None},
    }
    created = user.post("/repositories", body)
    assert (created.status, created.headers["Location"]) == (201, f"/repositories/{created.json['id']}")
    path = f"/repositories/{created.json['id']}"
    assert {key: created.json[key] for key in body} == body | {"name": "Manuals"}
    assert (created.json["scope"], created.json["group_id"], created.json["is_archived"]) == ("user", None, False)
    assert user.get(path).json == created.json
    changed = user.request("PATCH", path, {"name": "Handbooks", "description": None, "is_archived": True}).json
    assert (changed["name"], changed["description"], changed["url"]) == ("Handbooks", None, body["url"])
    assert user.get("/repositories").json["items"] == []
    assert [item["id"] for item in user.get("/repositories?archived=true").json["items"]] == [created.json["id"]]
    pump = user.add("Pump", PUMP)["id"]
    _place(user, created.json["id"], pump, "pump.md")
    assert user.delete(path).status == 204
    assert user.get(path).status == 404
    assert user.get(f"/documents/{pump}").status == 200
    assert user.delete(path).status == 404


def test_k11_documents_lie_at_paths_move_and_are_listed_by_folder(service: Service) -> None:
    user = service.user()
    repository = _repository(user, "Manuals")
    paths = ["src/a.md", "src/a/b.md", "src/a/c.md", "src-old/a.md", "src/ä.md", "src0", "readme.md", "src/a b/%25_.md"]
    created = {}
    for number, path in enumerate(paths):
        created[path] = user.post("/documents", {"title": path, "content": f"Number {number}."}).json["id"]
        _place(user, repository, created[path], path)
    assert _paths(user, repository) == sorted(paths)
    assert _paths(user, repository, limit=3) == sorted(paths)
    assert _paths(user, repository, "src") == sorted(path for path in paths if path.startswith("src/"))
    assert _paths(user, repository, "src", limit=1) == _paths(user, repository, "src")
    assert _paths(user, repository, "src/a") == ["src/a/b.md", "src/a/c.md"]
    assert _paths(user, repository, "sr") == []
    used = user.put(f"/repositories/{repository}/documents/{created['readme.md']}", {"path": "src0"})
    _refused(used, 409, "path_taken")
    moved = _place(user, repository, created["readme.md"], "docs/readme.md")
    assert (moved["id"], moved["path"], moved["title"]) == (created["readme.md"], "docs/readme.md", "readme.md")
    assert _paths(user, repository, "docs") == ["docs/readme.md"]
    assert "readme.md" not in _paths(user, repository), "a document is at one path"
    assert _place(user, _repository(user, "Other"), created["readme.md"], "src0")["path"] == "src0"
    assert user.delete(f"/repositories/{repository}/documents/{created['src0']}").status == 204
    assert user.delete(f"/repositories/{repository}/documents/{created['src0']}").status == 204
    assert "src0" not in _paths(user, repository)
    user.delete(f"/documents/{created['src/a.md']}")
    assert "src/a.md" not in _paths(user, repository)
    user.post(f"/documents/{created['src/a.md']}/restore")
    assert "src/a.md" in _paths(user, repository), "a restored document lies where it lay"


@pytest.mark.parametrize(
    "path", ["", "/a", "a/", "a//b", "a/../b", ".", "a/./b", "a\\b", "a\nb", "a\x00b", "x" * 501, None, 7]
)
def test_paths_are_names_joined_by_slashes(service: Service, path: Any) -> None:
    user = service.user()
    repository = _repository(user, "Manuals")
    document = user.post("/documents", {"title": "T", "content": "Text."}).json["id"]
    assert user.put(f"/repositories/{repository}/documents/{document}", {"path": path}).status == 422


def test_k11_a_repository_filters_searches_and_lists(service: Service) -> None:
    user = service.user()
    pump, spare = (user.add(title, text)["id"] for title, text in (("Pump", PUMP), ("Spare", SPARE)))
    one, two, empty = (_repository(user, name) for name in ("One", "Two", "Empty"))
    _place(user, one, pump, "pump.md")
    _place(user, two, spare, "spare.md")
    assert _search_ids(user, repositories=[one]) == _everywhere(pump)
    assert _search_ids(user, repositories=[one, two]) == _everywhere(pump, spare)
    assert _search_ids(user, repositories=[empty]) == _everywhere()
    assert _search_ids(user, repositories=[str(uuid4())]) == _everywhere()
    assert [item["id"] for item in user.get(f"/documents?repository={two}").json["items"]] == [spare]
    user.put(f"/selection/documents/{pump}", {"enabled": False})
    assert _search_ids(user, repositories=[one, two]) == _everywhere(spare), "selection holds in filtered searches too"


def test_k9_a_repository_is_seen_and_written_as_its_spaces_documents_are(service: Service) -> None:
    administrator, editor, member, other_user = service.administrator(), *(service.user() for _ in range(3))
    group = administrator.post("/groups", {"name": "Operators"}).json["id"]
    for person, role in ((editor, "editor"), (member, "member")):
        assert administrator.put(f"/groups/{group}/members/{person.id}", {"role": role}).status == 204
    in_group = {"scope": "group", "group_id": group}
    _refused(member.post("/repositories", {"name": "Mine", **in_group}), 403, "forbidden")
    _refused(other_user.post("/repositories", {"name": "Mine", **in_group}), 404, "not_found")
    _refused(editor.post("/repositories", {"name": "Mine", "scope": "org"}), 403, "forbidden")
    shared = _repository(editor, "Manuals", **in_group)
    theirs = _repository(administrator, "Rules", scope="org")
    pump = editor.add("Pump", PUMP, **in_group)["id"]
    shared_ = administrator.add("Rules", SPARE, scope="org")["id"]
    own = editor.add("Own", f"{PUMP} Mine.")["id"]
    _place(editor, shared, pump, "pump.md")
    _place(editor, shared, shared_, "rules.md")
    _place(administrator, theirs, shared_, "rules.md")
    refused = editor.put(f"/repositories/{shared}/documents/{own}", {"path": "own.md"})
    _refused(refused, 403, "forbidden")
    assert "Some readers" in refused.json["detail"]
    for method, path, body in (
        ("PUT", f"/repositories/{shared}/documents/{pump}", {"path": "moved.md"}),
        ("DELETE", f"/repositories/{shared}/documents/{pump}", None),
        ("PATCH", f"/repositories/{shared}", {"name": "Mine"}),
        ("DELETE", f"/repositories/{shared}", None),
    ):
        _refused(member.request(method, path, body), 403, "forbidden")
        _refused(other_user.request(method, path, body), 404, "not_found")
    assert _paths(member, shared) == ["pump.md", "rules.md"]
    assert _paths(other_user, theirs) == ["rules.md"]
    assert [item["id"] for item in other_user.get("/repositories").json["items"]] == [theirs]
    assert _search_ids(member, repositories=[shared]) == _everywhere(pump, shared_)
    assert _search_ids(other_user, repositories=[shared]) == _everywhere()
    own_ = _repository(member, "Mine")
    _place(member, own_, pump, "theirs.md")
    assert administrator.delete(f"/groups/{group}/members/{member.id}").status == 204
    assert _paths(member, own_) == [], "what one no longer sees is not in one's own either"
    assert _search_ids(member, repositories=[own_]) == _everywhere()


def test_another_users_repository_is_not_there(service: Service) -> None:
    owner, other_user = service.user(), service.user()
    repository, pump = _repository(owner, "Manuals"), owner.add("Pump", PUMP)["id"]
    _place(owner, repository, pump, "pump.md")
    own, spare = _repository(other_user, "Own"), other_user.add("Spare", SPARE)["id"]
    before = service.dump()
    for method, path, body in (
        ("GET", f"/repositories/{repository}", None),
        ("PATCH", f"/repositories/{repository}", {"name": "x"}),
        ("DELETE", f"/repositories/{repository}", None),
        ("GET", f"/repositories/{repository}/documents", None),
        ("PUT", f"/repositories/{repository}/documents/{spare}", {"path": "x"}),
        ("PUT", f"/repositories/{own}/documents/{pump}", {"path": "x"}),
        ("DELETE", f"/repositories/{own}/documents/{pump}", None),
        ("DELETE", f"/repositories/{repository}/documents/{pump}", None),
    ):
        _refused(other_user.request(method, path, body), 404, "not_found")
    assert other_user.get(f"/documents?repository={repository}").json["items"] == []
    assert service.dump() == before


def test_names_are_unique_in_a_place_and_found_misspelt(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    from chalicelib.knowledge.collections import repositories

    user, other = service.user(), service.user()
    created = {name: _repository(user, name) for name in ("Manuals", "Safety rules", "Holiday plans")}
    _refused(user.post("/repositories", {"name": "MANUALS"}), 409, "name_taken")
    _refused(user.request("PATCH", f"/repositories/{created['Safety rules']}", {"name": "manuals"}), 409, "name_taken")
    _repository(other, "Manuals")
    assert [item["id"] for item in user.get("/repositories?q=saftey").json["items"]] == [created["Safety rules"]]
    first = user.get("/repositories?limit=2").json
    rest = user.get(f"/repositories?limit=2&cursor={first['next_cursor']}").json
    assert [item["id"] for item in first["items"] + rest["items"]] == list(created.values())[::-1]
    monkeypatch.setattr(repositories, "_MOST", 3)
    _refused(user.post("/repositories", {"name": "One too many"}), 409, "too_many")


def test_a_key_makes_one_repository(service: Service) -> None:
    user = service.user()
    first, again = (user.post("/repositories", {"name": "Once"}, {"Idempotency-Key": "k"}) for _ in range(2))
    assert first.json == again.json


@pytest.mark.parametrize(
    "body",
    [
        {"name": " "},
        {"name": "n", "url": "ftp://example.org"},
        {"name": "n", "url": "javascript:alert(1)"},
        {"name": "n", "scope": "group"},
        {"name": "n", "group_id": str(uuid4())},
        {"name": "n", "metadata": {"a": {"b": 1}}},
        {"name": "n", "metadata": {"a": "x\x00"}},
        {"name": "n", "metadata": {"": 1}},
        {"name": "n", "metadata": {str(n): n for n in range(51)}},
        {"name": "n", "metadata": {"a": "x" * 1001}},
        {"name": "n", "metadata": {"a": ["x"]}},
    ],
)
def test_repositories_are_bounded(service: Service, body: Any) -> None:
    user = service.user()
    assert user.post("/repositories", body).status == 422


def test_an_erased_accounts_repositories_go_and_a_groups_stay(service: Service) -> None:
    administrator, user = service.administrator(), service.user()
    group = administrator.post("/groups", {"name": "Operators"}).json["id"]
    assert administrator.put(f"/groups/{group}/members/{user.id}", {"role": "editor"}).status == 204
    _repository(user, "Own")
    shared = _repository(user, "Shared", scope="group", group_id=group)
    assert administrator.put(f"/groups/{group}/members/{administrator.id}", {"role": "admin"}).status == 204
    assert user.delete("/me").status == 204
    assert service.rows("select id::text, owner_id from repositories") == [(shared, None)]
    assert administrator.get(f"/repositories/{shared}").json["name"] == "Shared"
    assert administrator.delete(f"/groups/{group}").status == 204
    assert service.rows("select count(*) from repositories") == [(0,)]
