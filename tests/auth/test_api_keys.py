"""API keys (A7): shown once, stored hashed, and able to do what their scopes say."""

from typing import Any

import psycopg
import pytest

from chalicelib.auth.sessions import credentials
from tests.service import Answer, Service, User


def _make(user: User, *scopes: str, **more: Any) -> Any:
    created = user.post("/me/api-keys", {"name": "A key", "scopes": list(scopes), **more})
    assert created.status == 201, created.body
    return created.json


def _with(service: Service, key: Any, method: str, path: str, body: Any = None) -> Answer:
    return service.request(method, path, body, {"Authorization": f"Bearer {key['key']}"})


def test_a_key_is_shown_once_and_stored_hashed(service: Service) -> None:
    user = service.user()
    key = _make(user, "write", "read", expires_in_days=30)
    assert key["key"].startswith("alc_")
    assert key["prefix"] == key["key"][:12]
    (listed,) = user.get("/me/api-keys").json["items"]
    assert listed == {name: value for name, value in key.items() if name != "key"}
    assert listed["scopes"] == ["read", "write"]
    assert key["key"] not in service.dump()
    assert service.rows("select key_hash from api_keys") == [(credentials.api_key_hash(key["key"]),)]
    assert service.rows("select expires_at::date - created_at::date from api_keys") == [(30,)]


def test_an_api_key_is_accepted_like_a_token_and_its_use_is_recorded(service: Service) -> None:
    user = service.user()
    key = _make(user, "read")
    assert key["last_used_at"] is None
    assert _with(service, key, "GET", "/me").json["id"] == str(user.id)
    (listed,) = user.get("/me/api-keys").json["items"]
    assert listed["last_used_at"] is not None
    _with(service, key, "GET", "/me")
    assert user.get("/me/api-keys").json["items"] == [listed], "once a minute is enough"


def test_a_key_does_what_its_scopes_say(service: Service) -> None:
    user = service.user()
    document, conversation = {"title": "T", "content": "Some text."}, {"title": "C"}
    attempts = {
        "read": (("GET", "/documents", None), ("POST", "/search", {"query": "pump"})),
        "write": (("POST", "/documents", document),),
        "chat": (("POST", "/conversations", conversation),),
    }
    for scope in attempts:
        key = _make(user, scope)
        for needed, requests in attempts.items():
            for method, path, body in requests:
                answer = _with(service, key, method, path, body)
                if needed == scope:
                    assert answer.status in {200, 201, 202}, (scope, method, path, answer.body)
                else:
                    assert (answer.status, answer.json["code"]) == (403, "insufficient_scope"), (scope, method, path)


def test_a_refusal_names_what_is_required(service: Service) -> None:
    user = service.user()
    key = _make(user, "read")
    refused = _with(service, key, "POST", "/conversations")
    assert refused.json["detail"] == "This operation requires the scope `chat`."
    assert _with(service, key, "GET", "/me/sessions").json["detail"] == "API keys cannot do this. Log in instead."
    user.post("/auth/logout")
    assert user.get("/me").json["detail"] == "The session has ended. Log in again."


def test_what_a_key_may_not_do_postgres_does_not_do_either(service: Service) -> None:
    """However wrong a route's scope were."""
    administrator = service.administrator()
    reading, chatting = _make(administrator, "read"), _make(administrator, "read", "chat")
    with service.database.connect() as conn:
        with conn.transaction(force_rollback=True):
            conn.execute("select begin_api_key(%s, 'read')", [credentials.api_key_hash(reading["key"])])
            with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
                conn.execute("insert into conversations (user_id, title) values (app_user_id(), 'x')")
        with conn.transaction(force_rollback=True):
            conn.execute("select begin_api_key(%s, 'chat')", [credentials.api_key_hash(chatting["key"])])
            state = conn.execute("select app_is_admin(), app_writable_spaces(), app_administered_groups()").fetchone()
            assert state == (False, [], [])
            assert conn.execute("select count(*) from users").fetchone() == (1,), "only its own"


def test_an_administrators_key_administrates_only_with_the_scope_and_only_while_its_user_does(service: Service) -> None:
    administrator, user = service.administrator(), service.user()
    refused = user.post("/me/api-keys", {"name": "A key", "scopes": ["admin"]})
    assert (refused.status, refused.json["code"]) == (403, "forbidden")
    reading, managing = _make(administrator, "read"), _make(administrator, "admin")
    assert _with(service, reading, "GET", "/users").json["code"] == "insufficient_scope"
    assert _with(service, managing, "GET", "/users").status == 200
    assert administrator.request("PATCH", f"/users/{user.id}", {"is_admin": True}).status == 200
    assert user.request("PATCH", f"/users/{administrator.id}", {"is_admin": False}).status == 200
    demoted = _with(service, managing, "GET", "/users")
    assert (demoted.status, demoted.json["code"]) == (403, "forbidden")


def test_a_key_ends_at_the_next_request_on_every_instance(service: Service) -> None:
    user, administrator = service.user(), service.administrator()
    key, expiring, sleeping = (_make(user, "read") for _ in range(3))
    assert user.delete(f"/me/api-keys/{key['id']}").status == 204
    service.rows("update api_keys set expires_at = now() where id = %s returning id", expiring["id"])
    service.forget_connection()  # another instance
    assert _with(service, key, "GET", "/me").status == 401
    assert _with(service, expiring, "GET", "/me").status == 401
    assert user.delete(f"/me/api-keys/{key['id']}").status == 404
    assert key["id"] not in [listed["id"] for listed in user.get("/me/api-keys").json["items"]]
    for active in (False, True):
        administrator.request("PATCH", f"/users/{user.id}", {"is_active": active})
        assert _with(service, sleeping, "GET", "/me").status == 401, "a deactivation ends keys"


def test_what_only_looks_like_a_key_is_refused(service: Service) -> None:
    user = service.user()
    key = _make(user, "read")["key"]
    for presented in (key[:-1], f"{key}A", key.lower(), "alc_", f"alc_{'é' * 43}", key.replace("alc_", "ALC_")):
        answer = service.request("GET", "/me", headers={"Authorization": f"Bearer {presented}"})
        assert (answer.status, answer.json["code"]) == (401, "unauthorized"), presented


def test_keys_are_bounded(service: Service) -> None:
    user = service.user()
    service.rows(
        "insert into api_keys (user_id, name, key_hash, prefix, scopes, expires_at) "
        "select %s, 'k', sha256(n::text::bytea), 'alc_', '{read}', now() + interval '1 day' "
        "from generate_series(1, 50) n "
        "returning id",
        user.id,
    )
    refused = user.post("/me/api-keys", {"name": "One more", "scopes": ["read"]})
    assert (refused.status, refused.json["code"]) == (409, "too_many")
    for wrong in (
        {"name": "x", "scopes": []},
        {"name": "x", "scopes": ["account"]},
        {"name": " ", "scopes": ["read"]},
        {"name": "x", "scopes": ["read"], "expires_in_days": 731},
    ):
        assert user.post("/me/api-keys", wrong).status == 422, wrong
