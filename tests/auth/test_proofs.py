"""What a stolen access token does not become: sensitive acts require a recent proof, credentials end together (A13).

The walks go over every route of the app; those of tomorrow included.
"""

from typing import Any

import httpx
import pytest

from chalicelib.core import http
from tests.auth.peers import IdentityProvider, Login, Peer, session
from tests.isolation import scenario
from tests.isolation.test_routes import EXAMPLES
from tests.service import Answer, Service, User

OPERATIONS = [(method, path, operation) for path, method, operation in http.operations() if operation.authenticated]
PROVEN = [(method, path) for method, path, operation in OPERATIONS if operation.proof]
# A body with one of these fields makes, or replaces, what somebody logs in or acts with.
CREDENTIALS = {"password", "new_password", "is_admin", "scopes", "key"}
# Routes whose body is itself the proof, and that an anonymous user calls, who has none.
OWN_PROOF = {("PUT", "/me/password"), ("POST", "/me/session/proof"), ("POST", "/auth/anonymous/upgrade")}
NEW_KEY = {"name": "a key", "scopes": ["read"]}


def let_the_proof_end(service: Service) -> None:
    """Let every login, and every other proof, be longer ago than proof_lifetime()."""
    service.rows(
        "update sessions set created_at = created_at - proof_lifetime(), proven_at = proven_at - proof_lifetime() "
        "returning 1"
    )


def _refresh(user: User) -> User:
    tokens = user.service.request("POST", "/auth/refresh", {"refresh_token": user.refresh_token}).json
    user.access_token, user.refresh_token = tokens["access_token"], tokens["refresh_token"]
    return user


def _key(user: User, name: str = "a key") -> Any:
    created = user.post("/me/api-keys", NEW_KEY | {"name": name})
    assert created.status == 201, created.body
    return created.json


def _with_key(service: Service, key: Any) -> Answer:
    return service.request("GET", "/documents", headers={"Authorization": f"Bearer {key['key']}"})


def test_every_route_that_makes_a_credential_requires_a_recent_proof() -> None:
    for method, path, operation in OPERATIONS:
        makes = operation.body is not None and CREDENTIALS & set(operation.body.model_fields)
        if makes and (method, path) not in OWN_PROOF and operation.required_scope(method) in {"account", "admin"}:
            is_about_people = path.startswith(("/me", "/users", "/auth"))
            assert operation.proof or not is_about_people, f"{method} {path}: @routes…(…, proof=True)"
    assert {
        ("POST", "/me/api-keys"),
        ("PUT", "/me/provider-keys/{provider}"),
        ("DELETE", "/me/login-providers/{login_provider}"),
        ("GET", "/me/export"),
        ("GET", "/organisation/export"),
        ("POST", "/users"),
        ("PATCH", "/users/{user_id}"),
    } <= set(PROVEN)


@pytest.mark.parametrize(("method", "path"), PROVEN)
def test_without_a_recent_proof_nothing_is_done(service: Service, method: str, path: str) -> None:
    """A refreshed token is none; the password is, for this session."""
    user = service.administrator()
    let_the_proof_end(service)
    other, _ = service.log_in(user.email, user.password), _refresh(user)
    names = {"provider": "openai", "login_provider": "github", "retention_name": "host_metrics"}
    where = path.format(user_id=user.id, webhook_id=user.id, **names)
    before = scenario.snapshot(service)
    refused = user.request(method, where, EXAMPLES.get(f"{method} {path}"))
    assert (refused.status, refused.json["code"]) == (403, "recent_login_required")
    assert "/me/session/proof" in refused.json["title"]
    assert scenario.snapshot(service) == before
    answered = other.request(method, where, EXAMPLES.get(f"{method} {path}"))
    assert answered.json["code"] != "recent_login_required" if answered.status >= 400 else True
    assert user.post("/me/session/proof", {"password": user.password}).status == 200
    answered = user.request(method, where, EXAMPLES.get(f"{method} {path}"))
    assert answered.status < 400 or answered.json["code"] != "recent_login_required"


def test_a_proof_is_the_password_and_lasts_for_its_session_alone(service: Service) -> None:
    user = service.user()
    other = service.log_in(user.email, user.password)
    let_the_proof_end(service)
    wrong = user.post("/me/session/proof", {"password": "not the password"})
    assert (wrong.status, wrong.json["code"]) == (403, "wrong_password")
    assert user.post("/me/api-keys", NEW_KEY).status == 403
    proof = user.post("/me/session/proof", {"password": user.password}).json
    ((until,),) = service.rows("select max(proven_at) + proof_lifetime() from sessions where user_id = %s", user.id)
    assert proof["expires_at"].startswith(f"{until:%Y-%m-%dT%H:%M:%S}")
    assert user.post("/me/api-keys", NEW_KEY).status == 201
    assert other.post("/me/api-keys", NEW_KEY).status == 403
    recorded = service.rows("select action from audit_logs where action like 'session.pro%%' order by id")
    assert recorded == [("session.proof_refused",), ("session.proven",)]


def test_erasing_an_account_takes_a_proof_that_the_password_gives(service: Service) -> None:
    user = service.user()
    let_the_proof_end(service)
    refused = user.delete("/me")
    assert (refused.status, refused.json["code"]) == (403, "stale_session")
    assert user.post("/me/session/proof", {"password": user.password}).status == 200
    assert user.delete("/me").status == 204


def test_an_account_without_a_password_proves_itself_by_logging_in_again(login: Login, peer: Peer) -> None:
    login.github(peer)
    peer.github_user()
    user = session(login.service, login.with_github())
    let_the_proof_end(login.service)
    assert user.post("/me/session/proof", {"password": "anything at all"}).status == 409
    assert user.post("/me/api-keys", NEW_KEY).status == 403
    assert session(login.service, login.with_github()).post("/me/api-keys", NEW_KEY).status == 201


def test_linking_a_login_provider_takes_a_proof_and_a_session_that_lives(
    login: Login, idp: IdentityProvider, peer: Peer
) -> None:
    service = login.service
    login.github(peer)
    peer.github_user()
    victim = service.user()
    let_the_proof_end(service)
    refused = login.start("github", victim)
    assert (refused.status, refused.json["code"]) == (403, "recent_login_required")
    thief = service.log_in(victim.email, victim.password)
    location = login.start("github", thief).headers["Location"]
    assert victim.post("/auth/logout-all").status == 204
    finished = login.come_back("github", httpx.get(location).headers["Location"])
    assert (finished.status, finished.json["code"]) == (400, "login_state_invalid"), "it ended with its session"
    assert service.rows("select github_id from users where id = %s", victim.id) == [(None,)]


def test_an_anonymous_user_becomes_an_account_however_old_the_session(login: Login, peer: Peer) -> None:
    login.github(peer)
    peer.github_user()
    tokens = login.service.request("POST", "/auth/anonymous", {"client_id": "0123456789abcdefghijklmnop"})
    anonymous = session(login.service, tokens)
    let_the_proof_end(login.service)
    assert anonymous.post("/me/api-keys", NEW_KEY).status == 403
    assert session(login.service, login.with_github(anonymous)).id == anonymous.id


def _log_out(user: User, administrator: User, retain: bool) -> Answer:
    return user.post(f"/auth/logout-all?keep_api_keys={str(retain).lower()}" if retain else "/auth/logout-all")


def _change_password(user: User, administrator: User, retain: bool) -> Answer:
    body = {"current_password": user.password, "new_password": "another long password"}
    return user.put("/me/password", body | ({"keep_api_keys": True} if retain else {}))


def _reset_password(user: User, administrator: User, retain: bool) -> Answer:
    body: dict[str, Any] = {"password": "another long password"} | ({"keep_api_keys": True} if retain else {})
    return administrator.request("PATCH", f"/users/{user.id}", body)


def _deactivate(user: User, administrator: User, retain: bool) -> Answer:
    body: dict[str, Any] = {"is_active": False} | ({"keep_api_keys": True} if retain else {})
    answer = administrator.request("PATCH", f"/users/{user.id}", body)
    assert administrator.request("PATCH", f"/users/{user.id}", {"is_active": True}).status == 200
    return answer


@pytest.mark.parametrize("retain", [False, True])
@pytest.mark.parametrize("end", [_log_out, _change_password, _reset_password, _deactivate])
def test_a13_keys_end_with_what_made_them_unless_they_are_kept(service: Service, end: Any, retain: bool) -> None:
    administrator, user, other = service.administrator(), service.user(), service.user()
    key, others = _key(user), _key(other)
    assert end(user, administrator, retain).status in {200, 204}
    service.forget_connection()
    assert _with_key(service, key).status == (200 if retain else 401)
    assert _with_key(service, others).status == 200
    listed = administrator.get(f"/users/{user.id}/api-keys").json["items"]
    assert [entry["id"] for entry in listed] == ([key["id"]] if retain else [])


def test_a13_administrators_see_and_end_users_keys_but_never_the_keys(service: Service) -> None:
    administrator, user, other = service.administrator(), service.user(), service.user()
    keys = [_key(user, name) for name in ("first", "second")]
    path = f"/users/{user.id}/api-keys"
    listed = administrator.get(path)
    assert [entry["name"] for entry in listed.json["items"]] == ["second", "first"]
    assert listed.json["items"] == user.get("/me/api-keys").json["items"]
    assert not any(key["key"].encode() in listed.body for key in keys)
    page = administrator.get(f"{path}?limit=1").json
    assert [entry["name"] for entry in page["items"]] == ["second"]
    assert administrator.get(f"{path}?limit=1&cursor={page['next_cursor']}").json["items"] == listed.json["items"][1:]
    assert administrator.delete(f"/users/{other.id}/api-keys/{keys[0]['id']}").status == 404
    assert administrator.delete(f"{path}/{keys[0]['id']}").status == 204
    assert [_with_key(service, key).status for key in keys] == [401, 200]
    assert administrator.delete(f"{path}/{keys[0]['id']}").status == 404
    assert other.get(path).status == other.delete(f"{path}/{keys[1]['id']}").status == 403
    unknown = "00000000-0000-7000-8000-000000000000"
    assert administrator.get(f"/users/{unknown}/api-keys").status == 404
    recorded = service.rows("select user_id, entity_id::text from audit_logs where action = 'api_key.revoked'")
    assert recorded == [(administrator.id, keys[0]["id"])]


def test_no_key_makes_a_key(service: Service) -> None:
    administrator = service.administrator()
    body = {"name": "all", "scopes": ["admin", "chat", "read", "write"]}
    key = administrator.post("/me/api-keys", body).json["key"]
    answer = service.request("POST", "/me/api-keys", NEW_KEY, {"Authorization": f"Bearer {key}"})
    assert (answer.status, answer.json["code"]) == (403, "insufficient_scope")


def test_linked_login_providers_are_shown_and_unlinked(login: Login, idp: IdentityProvider, peer: Peer) -> None:
    service = login.service
    login.github(peer)
    login.oidc(idp.url)
    idp.set_users(ada={})
    peer.github_user()
    administrator, user = service.administrator(), service.user()
    assert [way["name"] for way in user.get("/me").json["login_providers"]] == ["local"]
    session(service, login.with_github(user))
    visitor = session(service, login.with_oidc(idp, "ada", user))
    me = user.get("/me").json
    local = {"name": "local", "account": user.email}
    linked = [{"name": "github", "account": "Octo-Cat"}, {"name": "oidc", "account": "ada"}]
    assert me["login_providers"] == [local, *linked]
    assert administrator.get(f"/users/{user.id}").json["login_providers"] == me["login_providers"]
    assert user.delete("/me/login-providers/oidc").status == 204
    assert visitor.get("/me").status == 401, "who came in that way is out"
    assert user.get("/me").json["login_providers"] == [local, *linked[:1]]
    assert user.delete("/me/login-providers/oidc").status == 404
    assert session(service, login.with_oidc(idp, "ada")).id != str(user.id)
    recorded = service.rows("select user_id, details from audit_logs where action = 'user.unlinked'")
    assert recorded == [(user.id, {"provider": "oidc"})]


def test_the_last_way_to_log_in_stays(login: Login, idp: IdentityProvider, peer: Peer) -> None:
    service = login.service
    login.github(peer)
    login.oidc(idp.url)
    idp.set_users(ada={})
    peer.github_user()
    user = session(service, login.with_github())
    refused = user.delete("/me/login-providers/github")
    assert (refused.status, refused.json["code"]) == (409, "last_login_way")
    user = session(service, login.with_oidc(idp, "ada", user))
    assert user.delete("/me/login-providers/github").status == 204
    assert user.get("/me").json["auth_provider"] == "oidc"
    assert user.delete("/me/login-providers/oidc").json["code"] == "last_login_way"
    assert session(service, login.with_oidc(idp, "ada")).id == user.id
