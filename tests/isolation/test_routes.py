"""Routes × identities (A3, A7, A10): every operation, those of tomorrow included, as everybody who may not.

Nothing here names routes, except EXAMPLES, which gives each body a valid one, and IDS: a new route with a body or a
new kind of id fails until it has an entry.
"""

import functools
import json
import time
import uuid
from typing import Any

import httpx
import pytest
from pydantic import TypeAdapter

from chalicelib.auth.sessions import tokens
from chalicelib.core import http, openapi
from chalicelib.core.http import Operation
from chalicelib.doors import waiting
from chalicelib.ops import console
from tests.isolation import scenario
from tests.isolation.scenario import PUMP, Scenario
from tests.service import Answer, User

# Parts of paths that name no user's thing.
NAMES = {
    "provider": "openai",
    "login_provider": "github",
    "embedding_model_id": "1",
    "file_name": "page.js",
    "asset_name": next(path.name for path in console.FOLDER.glob("index-*.js")),
    "code": "not_found",
    "model_id": "extractive",
    "retention_name": "host_metrics",
}
# The service's own things: everybody reads them, administrators change them.
SHARED = {"prompt_id", "llm_id", "assistant_id", "announcement_id", "reranker_id"}
# A valid body for each operation that takes one, so that it is refused for nothing but who asks. `{name}` stands for
# the owner's id of that name.
EXAMPLES: dict[str, Any] = {
    "POST /ab/pool": {"name": "Another"},
    "PATCH /ab/pool/{variant_id}": {"weight": 2},
    "POST /analytics/compare": {"first": "{conversation_id}", "second": "{conversation_id}"},
    "POST /updates": {"size_bytes": 1000},
    "POST /announcements": {"message": "We move.", "ends_at": "2999-01-01T00:00:00Z"},
    "PUT /users/{user_id}/storage-limit": {"megabytes": 20000},
    "PUT /groups/{group_id}/storage-limit": {"megabytes": 20000},
    "POST /assistants": {"name": "Expert"},
    "PATCH /assistants/{assistant_id}": {"name": "Another name"},
    "POST /auth/anonymous": {"client_id": "A" * 43},
    "POST /auth/anonymous/upgrade": {"register": {"email": "up@example.org", "password": "a long enough password"}},
    "POST /auth/invitation": {"token": "A" * 43},
    "POST /auth/invitation/acceptance": {"token": "A" * 43, "password": "a long enough password"},
    "POST /auth/password/forgotten": {"email": "somebody@example.org"},
    "POST /auth/password/reset": {"token": "A" * 43, "new_password": "a long enough password"},
    "POST /auth/unlock": {"token": "A" * 43},
    "POST /auth/unlock/request": {"email": "somebody@example.org"},
    "POST /auth/verification": {"token": "A" * 43, "password": "a long enough password"},
    "POST /auth/verification/request": {"email": "somebody@example.org"},
    "POST /auth/login": {"email": "somebody@example.org", "password": "a long enough password"},
    "POST /auth/refresh": {"refresh_token": "x"},
    "POST /auth/register": {"email": "somebody@example.org", "password": "a long enough password"},
    "POST /comparisons/{comparison_id}/preference": {"preference": "tie"},
    "PATCH /config/dynamic": {"temperature": 0},
    "POST /connectors": {"name": "A source", "type": "web", "settings": {"start_urls": ["https://example.org/"]}},
    "PATCH /connectors/{connector_id}": {"name": "Another name"},
    "POST /connectors/{connector_id}/authorization": {"redirect_uri": "https://example.org/connected"},
    "POST /connectors/{connector_id}/authorization/code": {
        "code": "c",
        "state": "s",
        "redirect_uri": "https://example.org/connected",
    },
    "POST /conversations": {"title": "Mine"},
    "PATCH /conversations/{conversation_id}": {"title": "Another title", "settings": {"temperature": 0}},
    "POST /conversations/{conversation_id}/comparisons": {"content": "What?"},
    "POST /conversations/{conversation_id}/messages": {"content": "What?"},
    "PUT /conversations/{conversation_id}/selection/{document_id}": {"enabled": True},
    "POST /documents": {"title": "Mine", "content": "Some text."},
    "POST /documents/bulk": {"action": "archive", "documents": ["{document_id}"]},
    "PATCH /documents/{document_id}": {"title": "Another title"},
    "POST /documents/{document_id}/parts": {"numbers": [1]},
    "PUT /documents/{document_id}/content": {"content": "Other text."},
    "POST /embedding-models": {"name": "short", "model": "all-minilm-l6-v2", "dimension": 128},
    "PATCH /embedding-models/{embedding_model_id}": {"name": "another name"},
    "POST /evals/sets": {"name": "Questions", "questions": [{"question": "Which pump leaks?"}]},
    "POST /evals/sets/{eval_set_id}/import": {"format": "jsonl", "content": '{"question": "Which pump leaks?"}'},
    "POST /evals/sets/{eval_set_id}/collect": {"origin": "likes"},
    "POST /evals/runs": {"set_id": "{eval_set_id}", "settings": {"active_pipeline": "search"}},
    "POST /evals/schedules": {"set_id": "{eval_set_id}", "schedule": "0 3 * * 1"},
    "POST /groups": {"name": "A group"},
    "PATCH /groups/{group_id}": {"name": "Another name"},
    "POST /groups/{group_id}/people": {"username": "nobody-at-all"},
    "PUT /groups/{group_id}/title": {"title": "The people of hall 7"},
    "PUT /groups/{group_id}/budget": {"monthly_tokens": 1_000_000},
    "PUT /groups/{group_id}/members/{user_id}": {"role": "admin"},
    "POST /invitations": {"groups": [{"group_id": "{group_id}"}]},
    "PATCH /jobs/{job_id}": {"priority": 1},
    "PATCH /alerts/email": {"recipients": ["alarms@example.org"]},
    "PATCH /alerts/telegram": {"chat_id": "-1001234567890"},
    "POST /host-metrics": {"host": "web-1", "leaves": True, "measurements": []},
    "POST /llms": {"name": "another", "provider": "openai", "model_id": "m"},
    "PATCH /llms/{llm_id}": {"model_id": "another"},
    "POST /mcp": {"jsonrpc": "2.0", "id": 1, "method": "ping"},
    "PATCH /me": {"display_name": "Somebody"},
    "POST /me/api-keys": {"name": "a key", "scopes": ["read"]},
    "POST /me/email-change": {"email": "another@example.org"},
    "POST /users/{user_id}/email-change": {"email": "another@example.org"},
    "POST /me/email-change/confirmation": {"token": "A" * 43},
    "POST /me/invitations": {"token": "A" * 43},
    "POST /me/second-factor/confirmation": {"code": "123456"},
    "PUT /me/session/data": {"data": {"page": "documents"}},
    "POST /me/session/proof": {"password": "another long enough password"},
    "PUT /me/password": {"current_password": "another long enough password", "new_password": "yet another password"},
    "PATCH /me/preferences": {"theme": "dark"},
    "PUT /me/provider-keys/{provider}": {"key": "sk-0123456789abcdef0123456789"},
    "POST /memories": {"content": "My valve leaks."},
    "PATCH /memories/{memory_id}": {"importance": 1},
    "POST /memories/search": {"query": "What leaks?"},
    "POST /messages/search": {"query": "pump", "conversation_id": "{conversation_id}"},
    "POST /messages/{message_id}/feedback": {"kind": "dislike"},
    "PUT /messages/{message_id}/mistake": {"is_mistake": True},
    "POST /messages/{message_id}/regenerate": {},
    "POST /openai/v1/chat/completions": {
        "model": "alcove",
        "messages": [{"role": "user", "content": "How often is the pump inspected?"}],
        "metadata": {"conversation_id": "{conversation_id}"},
    },
    "POST /openai/v1/embeddings": {"model": "alcove", "input": "pump"},
    "POST /prompts": {"kind": "system", "name": "another", "content": "Answer."},
    "PATCH /prompts/{prompt_id}": {"content": "Answer well."},
    "POST /repositories": {"name": "A repository"},
    "PATCH /repositories/{repository_id}": {"name": "Another name"},
    "PUT /repositories/{repository_id}/documents/{document_id}": {"path": "manuals/pump.md"},
    "POST /rerankers": {"name": "another", "provider": "tei", "base_url": "http://127.0.0.1:9"},
    "PATCH /rerankers/{reranker_id}": {"api_key": None},
    "POST /search": {"query": "pump"},
    "PUT /retention/{retention_name}": {"days": 8},
    "PUT /selection/documents/{document_id}": {"enabled": True},
    "PUT /selection": {"mode": "all_but", "documents": []},
    "PUT /conversations/{conversation_id}/selection": {"mode": "only", "documents": []},
    "POST /shares": {"conversation_id": "{conversation_id}", "group_id": "{group_id}"},
    "POST /shared-conversations": {"token": "A" * 43},
    "POST /tags": {"name": "a tag"},
    "PATCH /tags/{tag_id}": {"name": "another name"},
    "POST /users/{user_id}/handover": {"heir_id": "{user_id}"},
    "POST /users": {"email": "new@example.org"},
    "PATCH /users/{user_id}": {"display_name": "Somebody"},
    "PUT /users/{user_id}/budget": {"monthly_tokens": 1_000_000},
    "POST /webhooks": {"url": "https://hooks.example.org/another", "events": ["document.completed"]},
    "PATCH /webhooks/{webhook_id}": {"description": "Tells the wiki"},
}

OPERATIONS = [(path, method, operation) for path, method, operation in http.operations()]
CLOSED = [entry for entry in OPERATIONS if entry[2].authenticated]
FOREIGN = [entry for entry in CLOSED if set(entry[2].path) - set(NAMES) - SHARED]
COMMON = [entry for entry in CLOSED if set(entry[2].path) & SHARED]
ADMINISTRATIVE = [entry for entry in CLOSED if entry[2].admin]
BEYOND_READING = [entry for entry in CLOSED if entry[2].required_scope(entry[1]) != "read"]
BEYOND_KEYS = [entry for entry in CLOSED if entry[2].required_scope(entry[1]) in {"account", "admin"}]


def _each(entries: list[tuple[str, str, Operation]]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(
        ("path", "method", "operation"), [pytest.param(*entry, id=f"{entry[1]} {entry[0]}") for entry in entries]
    )


def _ask(world: Scenario, path: str, method: str, token: str | None) -> Answer:
    """The operation with the owner's ids and a valid body, with this in the Authorization header."""
    where = _filled(path, NAMES | world.ids)
    assert "{" not in where, f"{path}: say in tests/isolation/scenario.py what the owner has of this kind"
    headers = {} if token is None else {"Authorization": token}
    answer = world.service.request(method, where, _body(f"{method} {path}", world.ids), headers)
    declared = _declared(path, method)
    code = answer.json["code"] if answer.status >= 400 else None
    # What core/reachable.py read from the code is what happens; the walks meet every route in many ways.
    assert answer.status in declared, f"{method} {path} answers {answer.status} {code}, and declares {set(declared)}"
    assert code is None or code in declared[answer.status], f"{method} {path} declares no {answer.status} {code}"
    return answer


@functools.cache
def _declared(path: str, method: str) -> dict[int, set[str]]:
    """The statuses of a route with their error codes, as the OpenAPI document declares them."""
    (operation,) = [operation for known, verb, operation in OPERATIONS if (known, verb) == (path, method)]
    return openapi.outcomes(operation)


def _filled(text: str, ids: dict[str, str]) -> str:
    for name, value in ids.items():
        text = text.replace("{" + name + "}", value)
    return text


def _body(operation: str, ids: dict[str, str]) -> Any:
    return json.loads(_filled(json.dumps(EXAMPLES.get(operation)), ids))


def _bearer(user: User) -> str:
    return f"Bearer {user.access_token}"


@pytest.fixture(scope="module")
def outsiders(world: Scenario) -> dict[str, str]:
    """Authorization headers that open nothing, by what is wrong with them."""
    from joserfc import jwt

    service, owner = world.service, world.owner
    closed, removed = service.log_in(owner.email, owner.password), service.user()
    assert closed.post("/auth/logout").status == 204
    assert removed.get("/me").status == 200
    assert world.administrator.request("PATCH", f"/users/{removed.id}", {"is_active": False}).status == 200
    ended = []
    for column in ("revoked_at", "expires_at"):
        key = owner.post("/me/api-keys", {"name": "ended", "scopes": ["read", "write", "chat"]}).json
        service.rows(f"update api_keys set {column} = now() where id = %s returning id", key["id"])
        ended.append(key["key"])
    ring, now = tokens._ring().current(), int(time.time())
    (session,) = service.rows(
        "select id::text from sessions where user_id = %s and revoked_at is null limit 1", owner.id
    )
    claims = {"iss": "alcove/test", "aud": "alcove", "sub": str(owner.id), "sid": session[0], "iat": now - 3600}
    expired = jwt.encode(
        {"alg": "HS256", "kid": ring.kid}, claims | {"nbf": now - 3600, "exp": now - 1800}, ring, algorithms=["HS256"]
    )
    return {
        "garbage": "Bearer garbage",
        "another scheme": f"Basic {owner.access_token}",
        "an expired token": f"Bearer {expired}",
        "a closed session": _bearer(closed),
        "a deactivated user": _bearer(removed),
        "an unknown key": "Bearer alc_" + "A" * 43,
        "a revoked key": f"Bearer {ended[0]}",
        "an expired key": f"Bearer {ended[1]}",
    }


@_each(CLOSED)
def test_a_request_without_a_credential_gets_401_and_changes_nothing(
    world: Scenario, outsiders: dict[str, str], path: str, method: str, operation: Operation
) -> None:
    before = scenario.snapshot(world.service)
    for wrong, token in {"nothing": None, **outsiders}.items():
        answer = _ask(world, path, method, token)
        assert (answer.status, answer.json["code"]) == (401, "unauthorized"), wrong
    assert scenario.snapshot(world.service) == before


@_each(FOREIGN)
def test_another_users_rows_are_404(world: Scenario, path: str, method: str, operation: Operation) -> None:
    before = scenario.snapshot(world.service)
    answer = _ask(world, path, method, _bearer(world.other_user))
    expected = (403, "forbidden") if operation.admin else (404, "not_found")
    assert (answer.status, answer.json["code"]) == expected
    assert scenario.snapshot(world.service) == before


@_each(COMMON)
def test_what_belongs_to_the_service_is_read_by_every_user_and_changed_by_administrators(
    world: Scenario, path: str, method: str, operation: Operation
) -> None:
    assert operation.admin == (method != "GET")
    before = scenario.snapshot(world.service)
    answer = _ask(world, path, method, _bearer(world.other_user))
    assert answer.status == (403 if operation.admin else 200)
    assert scenario.snapshot(world.service) == before


# What an administrator manages, not what people keep: users, their groups, who is in them, what is compared.
MANAGED = {"user_id", "group_id", "variant_id", "invitation_id"}
# The queue's order is an administrator's, who learns nothing of the job on the way.
ORDERED = ("/jobs/{job_id}", "PATCH")


def test_an_administrator_moves_a_job_without_opening_it(world: Scenario) -> None:
    path, method = ORDERED
    answer = _ask(world, path, method, _bearer(world.administrator))
    assert (answer.status, answer.body) == (204, b"")
    assert _ask(world, path, "GET", _bearer(world.administrator)).status == 404


@_each([entry for entry in FOREIGN if not set(entry[2].path) & MANAGED and entry[:2] != ORDERED])
def test_an_administrator_does_not_read_other_users_rows(
    world: Scenario, path: str, method: str, operation: Operation
) -> None:
    before = scenario.snapshot(world.service)
    answer = _ask(world, path, method, _bearer(world.administrator))
    assert (answer.status, answer.json["code"]) == (404, "not_found")
    assert scenario.snapshot(world.service) == before


@_each(ADMINISTRATIVE)
def test_only_administrators_get_to_administrators_routes(
    world: Scenario, path: str, method: str, operation: Operation
) -> None:
    before = scenario.snapshot(world.service)
    answer = _ask(world, path, method, _bearer(world.owner))
    assert (answer.status, answer.json["code"]) == (403, "forbidden")
    assert scenario.snapshot(world.service) == before


@_each(BEYOND_READING)
def test_a7_a_reading_key_changes_nothing(world: Scenario, path: str, method: str, operation: Operation) -> None:
    before = scenario.snapshot(world.service)
    answer = _ask(world, path, method, f"Bearer {world.keys['reading']}")
    assert (answer.status, answer.json["code"]) == (403, "insufficient_scope")
    assert scenario.snapshot(world.service) == before


@_each(BEYOND_KEYS)
def test_a7_no_key_manages_the_account_or_others(world: Scenario, path: str, method: str, operation: Operation) -> None:
    before = scenario.snapshot(world.service)
    answer = _ask(world, path, method, f"Bearer {world.keys['everything']}")
    assert (answer.status, answer.json["code"]) == (403, "insufficient_scope")
    assert scenario.snapshot(world.service) == before


@_each(CLOSED)
def test_every_body_has_an_example(path: str, method: str, operation: Operation) -> None:
    assert (operation.body is not None) == (f"{method} {path}" in EXAMPLES), "add a valid body to EXAMPLES"
    if operation.body is not None:
        names = ["conversation_id", "document_id", "eval_set_id", "group_id", "user_id"]
        nobodys = dict.fromkeys(names, str(uuid.uuid4()))
        operation.body.model_validate(_body(f"{method} {path}", nobodys))


@_each(CLOSED)
def test_a_users_own_account_requires_a_session_and_others_an_administrator(
    path: str, method: str, operation: Operation
) -> None:
    first = path.split("/")[1]
    if first in {"me", "auth"} and method != "GET":
        assert operation.required_scope(method) == "account", "no API key may do this: @endpoint(scope='account')"
    if first in {"users", "audit-logs", "budgets", "ab", "reports"}:
        assert operation.admin
    if first == "config" and path != "/config/effective":
        assert operation.admin


def test_every_limit_that_a_route_names_exists(world: Scenario) -> None:
    named = {operation.charged_limit(method) for _, method, operation in OPERATIONS} - {None} | {"invalid"}
    named.add("mail")  # queue_mail() counts by it
    assert {"login", "register", "refresh", "search", "document", "ask"} <= named
    assert named == {row[0] for row in world.service.rows("select name from rate_limits")}


def test_ids_in_bodies_reach_no_other_users_rows(world: Scenario) -> None:
    other_user, ids = world.other_user, world.ids
    own = other_user.post("/conversations", {}).json["id"]
    before = scenario.snapshot(world.service)
    for path, body in (
        (f"/conversations/{own}/messages", {"content": "What?", "parent_message_id": ids["message_id"]}),
        (f"/conversations/{own}/comparisons", {"content": "What?", "parent_message_id": ids["message_id"]}),
        ("/documents", {"title": "Mine", "content": PUMP, "scope": "group", "group_id": ids["group_id"]}),
        ("/analytics/compare", {"first": own, "second": ids["conversation_id"]}),
        ("/messages/search", {"query": "pump", "conversation_id": ids["conversation_id"]}),
    ):
        answer = other_user.post(path, body)
        assert (answer.status, answer.json["code"]) == (404, "not_found"), path
    assert other_user.search("coolant pump", filters={"documents": [ids["document_id"]]}) == []
    assert scenario.snapshot(world.service) == before


def test_neighbours_and_explanations_are_of_the_callers_hits_alone(world: Scenario) -> None:
    """Two users have the same long text: what comes with a hit is from the document that the hit is in."""
    text = "\n\n".join(f"Station {number}. {PUMP} It stands in hall {number}." for number in range(40))
    chunks: dict[str, set[str]] = {}
    for user in (world.owner, world.other_user):
        document = user.add("Stations", text)["id"]
        own_ = user.get(f"/documents/{document}/chunks?limit=100").json["items"]
        chunks[document] = {chunk["id"] for chunk in own_}
        assert len(own_) > 3
        hits = user.search("coolant pump in hall 7", top_k=100, neighbours=5, explain=True)
        assert len([hit for hit in hits if hit["document_id"] == document]) == len(own_)
        for hit in hits:
            others = {other["chunk_id"] for other in hit["neighbours"]}
            assert hit["explanation"]["score"] == hit["score"]
            assert others <= chunks.get(hit["document_id"], set()) - {hit["chunk_id"]}
            assert others or hit["document_id"] != document
    for observed in world.other_user.search("coolant pump", top_k=100, neighbours=5):
        assert observed["document_id"] == document


def test_another_users_deleted_conversation_is_not_restored(world: Scenario) -> None:
    deleted = world.owner.post("/conversations", {}).json["id"]
    assert world.owner.delete(f"/conversations/{deleted}").status == 204
    before = scenario.snapshot(world.service)
    for other in (world.other_user, world.administrator):
        assert other.post(f"/conversations/{deleted}/restore").status == 404
    assert scenario.snapshot(world.service) == before


def test_unknown_ids_are_answered_like_other_users_ids(world: Scenario) -> None:
    for name, foreign in world.ids.items():
        for path, method, operation in FOREIGN:
            if set(operation.path) == {name} and not operation.admin and method == "GET":
                theirs = world.other_user.get(path.replace("{" + name + "}", foreign))
                nobodys = world.other_user.get(path.replace("{" + name + "}", str(uuid.uuid4())))
                assert {**theirs.json, "request_id": ""} == {**nobodys.json, "request_id": ""}, path


def _last_resort(entry: tuple[str, str, Operation]) -> tuple[int, int]:
    """Deletions last, sub-resources before what they belong to, the account at the very end."""
    path, method, _ = entry
    return (2 if (method, path) == ("DELETE", "/me") else method == "DELETE", -len(path))


# Other tests show that these work: with a provider, a key service, a server of e-mails, an invitation.
ELSEWHERE = (
    *("/me/provider-keys", "/auth/anonymous", "/me/second-factor", "/me/recovery-codes"),
    *("/me/email-change", "/users/{user_id}/email-change", "/me/invitations"),
)


def _named_for_finding(world: Scenario) -> None:
    """Somebody who has the username of the example."""
    name = EXAMPLES["POST /groups/{group_id}/people"]["username"]
    assert world.administrator.request("PATCH", "/me", {"username": name}).status == 200


def _send_in_parts(world: Scenario, owner: User, template: str) -> None:
    """Announce new bytes of the document, and send the only part of them, for the routes that are about parts."""
    if not template.startswith("/documents/{document_id}/parts"):
        return
    path = f"/documents/{world.ids['document_id']}"
    assert owner.put(f"{path}/content", {"filename": "pump.txt", "size_bytes": 5}).status == 202
    [part] = owner.post(f"{path}/parts", EXAMPLES["POST /documents/{document_id}/parts"]).json["items"]
    assert httpx.put(part["url"], headers=part["headers"], content=b"Pump.").status_code == 200


def test_the_owner_may_do_all_of_it(world: Scenario, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: ids and bodies above are good, for the one whose they are. It runs last, and ends the account."""
    monkeypatch.setattr(waiting, "SECONDS", 0)
    owner = world.owner
    _named_for_finding(world)
    for path, method, operation in sorted(CLOSED, key=_last_resort):
        is_elsewhere = path.startswith(ELSEWHERE) or "/authorization" in path
        if operation.admin or is_elsewhere or (method, path) == ("POST", "/shared-conversations"):
            continue  # other tests show that those work: for the administrator, with a provider, a key service, a link
        if owner.get("/me").status == 401:
            owner = world.service.log_in(owner.email, owner.password)
        if path == "/me/sessions/{session_id}":
            world.ids["session_id"] = (
                world.service.log_in(owner.email, owner.password).get("/me/sessions").json["items"][0]["id"]
            )
        if path == "/me/api-keys/{key_id}":  # the former ones ended with the password
            world.ids["key_id"] = owner.post("/me/api-keys", EXAMPLES["POST /me/api-keys"]).json["id"]
        if path == "/conversations/{conversation_id}/restore":
            assert _ask(world, "/conversations/{conversation_id}", "DELETE", _bearer(owner)).status == 204
        if (method, path) == ("DELETE", "/jobs/{job_id}"):  # the first one ended with its conversation
            conversation = owner.post("/conversations", {}).json["id"]
            queued = owner.post(f"/conversations/{conversation}/messages", {"content": "What?"})
            world.ids["job_id"] = queued.json["job"]["id"]
        _send_in_parts(world, owner, path)
        answer = _ask(world, path, method, _bearer(owner))
        left = (method, path) == ("DELETE", "/groups/{group_id}")  # the line before ended the membership
        unanswered = path == "/openai/v1/chat/completions"  # no worker runs here
        allowed = {404} if left else {504} if unanswered else {200, 201, 202, 204}
        assert answer.status in allowed, (method, path, answer.body)
        if answer.status < 300 and answer.headers.get("Content-Type") == "application/json":
            # No field that the API's description does not declare.
            adapter = TypeAdapter(operation.result)
            assert json.loads(adapter.dump_json(adapter.validate_json(answer.body, extra="ignore"))) == answer.json
        if (method, path) == ("PUT", "/me/password"):
            owner.password = EXAMPLES["PUT /me/password"]["new_password"]
    assert world.service.rows("select count(*) from users where id = %s", owner.id) == [(0,)]
