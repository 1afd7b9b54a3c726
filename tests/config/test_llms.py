"""The registry of language models (C6): what is offered, one default, and keys that nobody reads."""

import json
import threading
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from psycopg.types.json import Jsonb

from chalicelib.config.registry import llms
from chalicelib.config.registry.llm_providers import OWN_KEY_PROVIDERS
from chalicelib.config.registry.models import LlmChanges
from chalicelib.config.settings import dynamic, preferences
from chalicelib.config.settings.models import DynamicChanges, PreferenceChanges
from chalicelib.core import errors, identity, process, sealed
from tests.auth.peer_server import LLM_KEY
from tests.auth.peers import Peer
from tests.service import Answer, Service, User

KEY = "sk-registry-0123456789abcdefQRST"
REMOTE: dict[str, Any] = {"provider": "openai", "model_id": "gpt-4.1-mini"}
OWN: dict[str, Any] = {"provider": "ollama", "model_id": "llama3", "endpoint": "http://10.0.0.7:11434/v1"}


def _make(administrator: User, name: str = "remote", **more: Any) -> Any:
    created = administrator.post("/llms", {"name": name, **(more if "provider" in more else REMOTE | more)})
    assert created.status == 201, created.body
    assert created.headers["Location"] == f"/llms/{created.json['id']}"
    return created.json


def _id(administrator: User, name: str) -> str:
    result = [item["id"] for item in administrator.get("/llms").json["items"] if item["name"] == name]
    assert len(result) == 1
    return str(result[0])


def _patch(caller: User, llm_id: str, **changes: Any) -> Answer:
    return caller.request("PATCH", f"/llms/{llm_id}", changes)


def _code(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.json["code"]


def _connect(user: User, name: str) -> llms.LlmConnection:
    with identity.as_user(user.id) as conn:
        return llms.connect(conn, name)


def test_c6_the_built_in_reader_cannot_be_deleted(service: Service) -> None:
    administrator = service.administrator()
    (reader,) = administrator.get("/llms").json["items"]
    assert (reader["name"], reader["provider"], reader["is_default"], reader["is_enabled"]) == (
        *("extractive", "extractive"),
        *(True, True),
    )
    assert _code(administrator.delete(f"/llms/{reader['id']}")) == (409, "conflict")
    for changes in ({"model_id": "x"}, {"endpoint": "https://example.org"}, {"api_key": KEY}, {"prompt_price": 1}):
        assert _code(_patch(administrator, reader["id"], **changes)) == (409, "conflict"), changes
    assert _code(_patch(administrator, reader["id"], is_enabled=False)) == (409, "in_use"), "it is the default"
    again = administrator.post("/llms", {"name": "reader", "provider": "extractive", "model_id": "x"})
    assert again.status == 422, "there is one, and it is built in"
    connection = _connect(service.user(), "extractive")
    assert (connection.provider, connection.base_url, connection.api_key) == ("extractive", None, None)


def test_c6_a_model_is_registered_changed_listed_and_deleted(service: Service) -> None:
    administrator = service.administrator()
    created = _make(administrator, max_tokens=500, prompt_price=0.4, completion_price=1.6, context_tokens=128_000)
    displayed = administrator.get(f"/llms/{created['id']}").json
    assert displayed == created
    assert (displayed["max_tokens"], displayed["prompt_price"], displayed["completion_price"]) == (500, 0.4, 1.6)
    changed = _patch(
        administrator, created["id"], model_id="gpt-4.1", max_tokens=None, context_tokens=256, prompt_price=2
    )
    assert changed.status == 200, changed.body
    assert changed.json == created | {
        "model_id": "gpt-4.1",
        "max_tokens": None,
        "context_tokens": 256,
        "prompt_price": 2,
        "updated_at": changed.json["updated_at"],
    }
    _make(administrator, "second", **OWN)
    first = administrator.get("/llms?limit=2").json
    then = administrator.get(f"/llms?limit=2&cursor={first['next_cursor']}").json
    assert [item["name"] for item in first["items"] + then["items"]] == ["second", "remote", "extractive"]
    assert administrator.delete(f"/llms/{created['id']}").status == 204
    assert administrator.get(f"/llms/{created['id']}").status == 404
    audited = service.rows(
        "select action, details ->> 'name' from audit_logs where entity_id = %s order by id", created["id"]
    )
    assert audited == [("llm.created", "remote"), ("llm.changed", "remote"), ("llm.deleted", None)]


WRONG_MODELS: list[dict[str, Any]] = [
    {"name": "x", "provider": "nobody", "model_id": "m"},
    {"name": "", **REMOTE},
    {"name": "a b", **REMOTE},
    {"name": "x" * 101, **REMOTE},
    {"name": "x", "provider": "openai"},
    {"name": "x", "provider": "openai", "model_id": " "},
    {"name": "x", **REMOTE, "api_key": ""},
    {"name": "x", **REMOTE, "api_key": "with a blank"},
    {"name": "x", **REMOTE, "api_key": "x" * 501},
    {"name": "x", **REMOTE, "context_tokens": 255},
    {"name": "x", **REMOTE, "max_tokens": 0},
    {"name": "x", **REMOTE, "prompt_price": -0.01},
    {"name": "x", **REMOTE, "completion_price": 1e9},
    {"name": "x", **REMOTE, "is_enabled": True},
    *({"name": "x", "provider": provider, "model_id": "m"} for provider in ("vllm", "tgi", "ollama")),
    {"name": "x", "provider": "bedrock", "model_id": "m", "endpoint": "https://example.org"},
]
WRONG_ENDPOINTS = [
    "http://169.254.169.254/latest/meta-data",
    "http://[fe80::1]:8000/v1",
    "http://169.254.170.2/v2/credentials",
    "ftp://models.example.org",
    "file:///etc/passwd",
    "models.example.org",
    "https://",
    "https://user:secret@models.example.org",
    "https://models.example.org/v1?key=1",
    "https://models.example.org/#x",
    "https://[::1",
    "javascript:alert(1)",
]


def test_c6_wrong_models_are_refused(service: Service) -> None:
    administrator = service.administrator()
    for body in WRONG_MODELS:
        answer = administrator.post("/llms", body)
        assert _code(answer) == (422, "validation_failed"), (body, answer.body)
    assert service.rows("select count(*) from llms") == [(1,)]


def test_c6_endpoints_are_plain_addresses_and_never_link_local(service: Service) -> None:
    administrator = service.administrator()
    remaining = _make(administrator, **OWN)
    for endpoint in WRONG_ENDPOINTS:
        created = administrator.post("/llms", {"name": "x", **OWN, "endpoint": endpoint})
        assert _code(created) == (422, "validation_failed"), (endpoint, created.body)
        assert created.json["errors"][0]["field"] == "endpoint"
        assert "secret" not in created.body.decode()
        assert _code(_patch(administrator, remaining["id"], endpoint=endpoint)) == (422, "validation_failed"), endpoint
    assert administrator.get(f"/llms/{remaining['id']}").json["endpoint"] == OWN["endpoint"]


def test_c6_some_providers_require_an_endpoint_and_bedrock_refuses_one(service: Service) -> None:
    administrator = service.administrator()
    own, remote = _make(administrator, "own", **OWN), _make(administrator, endpoint="https://models.example.org/v1")
    bedrock = _make(administrator, "bedrock", provider="bedrock", model_id="anthropic.claude")
    assert _code(_patch(administrator, own["id"], endpoint=None)) == (422, "validation_failed")
    assert _code(_patch(administrator, bedrock["id"], endpoint="https://example.org")) == (422, "validation_failed")
    assert _patch(administrator, remote["id"], endpoint=None).json["endpoint"] is None


def test_c6_only_models_of_offered_providers_can_be_used(service: Service) -> None:
    administrator, user = service.administrator(), service.user()
    created = _make(administrator)
    service.rows("update static_config set available_providers = '{extractive,ollama}' returning 1")
    refused = administrator.post("/llms", {"name": "another", **REMOTE})
    assert _code(refused) == (422, "validation_failed")
    assert refused.json["errors"] == [{"field": "provider", "message": "this deployment does not offer this provider"}]
    _make(administrator, "own", **OWN)
    assert _patch(administrator, created["id"], is_default=True).status == 409
    with pytest.raises(errors.NotFound, match="remote"):
        _connect(user, "remote")


def test_c6_the_setting_active_model_is_the_only_default(service: Service) -> None:
    administrator = service.administrator()
    one, two = _make(administrator, "one", is_default=True), _make(administrator, "two")
    assert one["is_default"]
    changed = _patch(administrator, two["id"], is_default=True)
    assert changed.json["is_default"]
    defaults = [item["name"] for item in administrator.get("/llms").json["items"] if item["is_default"]]
    assert defaults == ["two"]
    assert administrator.get("/config/dynamic").json["active_model"] == "two"
    rows = service.rows("select field_name, old_value, new_value, user_id from config_audit order by id")
    assert rows == [
        ("active_model", None, "one", administrator.id),
        ("active_model", "one", "two", administrator.id),
    ]
    assert _patch(administrator, two["id"], is_default=False).status == 422, "another one takes its place instead"
    assert _code(_patch(administrator, two["id"], is_enabled=False)) == (409, "in_use")
    assert _patch(administrator, one["id"], is_enabled=False).status == 200
    assert _code(_patch(administrator, one["id"], is_default=True)) == (409, "conflict")
    assert _patch(administrator, one["id"], is_enabled=True, is_default=True).json["is_default"]
    assert administrator.request("PATCH", "/config/dynamic", {"active_model": None}).status == 200
    defaults = [item["name"] for item in administrator.get("/llms").json["items"] if item["is_default"]]
    assert defaults == ["extractive"]


def test_c6_concurrent_requests_never_disable_the_default_model(service: Service) -> None:
    administrator = service.administrator()
    created = _make(administrator)
    for number in range(12):
        together = threading.Barrier(2)
        threads = [
            threading.Thread(
                target=_race, args=(service, administrator, together, created["id"], number % 2 == 0, what)
            )
            for what in ("disable", "default")
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        (state,) = service.rows(
            "select coalesce(d.active_model, s.active_model) = 'remote', l.is_enabled "
            "from dynamic_config d, static_config s, llms l where l.name = 'remote'"
        )
        assert state in {(True, True), (False, False)}, "one of the two came first"
        assert administrator.request("PATCH", "/config/dynamic", {"active_model": None}).status == 200
        assert _patch(administrator, created["id"], is_enabled=True).status == 200


def _race(service: Service, caller: User, together: Any, llm_id: Any, by_setting: bool, what: str) -> None:
    with service.database.connect() as conn:
        try:
            with conn.transaction():
                conn.execute("select assume_user(%s)", [caller.id])
                together.wait()
                if what == "disable":
                    llms.change(conn, llm_id, LlmChanges(is_enabled=False))
                elif by_setting:
                    dynamic.change(conn, DynamicChanges(active_model="remote"), None)
                else:
                    llms.change(conn, llm_id, LlmChanges(is_default=True))
        except errors.Problem:
            return


def test_c6_a_model_that_the_settings_or_an_assistant_name_is_in_use(service: Service) -> None:
    administrator = service.administrator()
    created = _make(administrator, is_default=True)
    path = f"/llms/{created['id']}"
    assert _code(administrator.delete(path)) == (409, "in_use")
    assert administrator.request("PATCH", "/config/dynamic", {"active_model": None}).status == 200
    assistant = administrator.post("/assistants", {"name": "Expert", "llm_id": created["id"]}).json
    assert _code(administrator.delete(path)) == (409, "in_use")
    assert administrator.request("PATCH", f"/assistants/{assistant['id']}", {"llm_id": None}).status == 200
    service.rows("update static_config set active_model = 'remote' returning 1")
    assert _code(administrator.delete(path)) == (409, "in_use")
    service.rows("update static_config set active_model = 'extractive' returning 1")
    assert administrator.delete(path).status == 204
    assert administrator.delete(path).status == 404


def test_c6_after_a_chosen_model_is_deleted_the_settings_apply_again(service: Service) -> None:
    administrator, user = service.administrator(), service.user()
    created = _make(administrator)
    assert user.request("PATCH", "/me/preferences", {"preferred_model": "remote", "preferred_top_k": 7}).status == 200
    own = {"active_model": "remote", "top_k": 8}
    conversation = user.post("/conversations", {"settings": own}).json["id"]
    assert administrator.delete(f"/llms/{created['id']}").status == 204
    effective = user.get(f"/config/effective?conversation_id={conversation}").json
    assert effective["active_model"] == {"value": "extractive", "level": "static", "passed_over": []}
    assert effective["top_k"] == {"value": 8, "level": "conversation", "passed_over": []}
    assert user.get("/me/preferences").json["preferred_model"] is None
    assert user.get("/me/preferences").json["preferred_top_k"] == 7


def test_c6_a_model_that_is_chosen_during_its_deletion_does_not_stay_chosen(service: Service) -> None:
    administrator, user = service.administrator(), service.user()
    created = _make(administrator)

    def delete() -> None:
        with service.database.connect() as conn, conn.transaction():
            conn.execute("select assume_user(%s)", [administrator.id])
            llms.delete(conn, created["id"])

    deleting = threading.Thread(target=delete)
    with service.database.connect() as conn:
        with conn.transaction():
            conn.execute("select assume_user(%s)", [user.id])
            preferences.change(conn, PreferenceChanges(preferred_model="remote"))
            deleting.start()
            with service.database.connect("owner") as owner:
                while owner.execute("select count(*) from pg_locks where not granted").fetchone() == (0,):
                    assert deleting.is_alive(), "it did not wait for who was choosing"
        deleting.join(20)
    assert administrator.get(f"/llms/{created['id']}").status == 404
    assert user.get("/me/preferences").json["preferred_model"] is None


def test_c6_names_are_unique_and_one_idempotency_key_creates_one_model(service: Service, master_key: str) -> None:
    administrator = service.administrator()
    body = {"name": "remote", **REMOTE, "api_key": KEY}
    created = [administrator.post("/llms", body, {"Idempotency-Key": "one"}) for _ in range(2)]
    assert [answer.status for answer in created] == [201, 201]
    assert created[0].json == created[1].json
    assert _code(administrator.post("/llms", body)) == (409, "conflict")


def test_c6_users_list_models_and_only_administrators_manage_them_and_get_endpoints(
    service: Service, master_key: str
) -> None:
    administrator, user = service.administrator(), service.user()
    created = _make(administrator, **OWN, api_key=KEY)
    assert (created["endpoint"], created["key_last_four"]) == (OWN["endpoint"], KEY[-4:])
    displayed = [user.get(f"/llms/{created['id']}").json, user.get("/llms").json["items"][0]]
    for entry in displayed:
        assert entry == created | {"endpoint": None, "key_last_four": None}
    assert user.post("/llms", {"name": "mine", **REMOTE}).status == 403
    assert _patch(user, created["id"], model_id="x").status == 403
    assert user.delete(f"/llms/{created['id']}").status == 403
    assert service.request("GET", "/llms").status == 401


def test_c6_a_key_is_sealed_and_leaves_only_towards_its_provider(
    service: Service, master_key: str, caplog: pytest.LogCaptureFixture
) -> None:
    administrator, user = service.administrator(), service.user()
    answers = [administrator.post("/llms", {"name": "remote", **REMOTE, "api_key": KEY})]
    llm_id = answers[0].json["id"]
    answers += [administrator.get("/llms"), administrator.get(f"/llms/{llm_id}"), user.get("/llms")]
    answers.append(_patch(administrator, llm_id, api_key=f"{KEY}-new"))
    answers.append(administrator.get("/config/audit"))
    answers.append(user.get("/config/effective"))
    output = "".join(answer.body.decode() for answer in answers)
    output += service.dump() + "".join(str(record.__dict__) for record in caplog.records)
    for secret in (KEY, KEY.encode().hex(), KEY[:12]):
        assert secret not in output
    (row,) = service.rows("select ciphertext, wrapped_key, master_key, key_last_four from llms where id = %s", llm_id)
    assert KEY.encode() not in row[0] + row[1]
    assert row[2:] == (sealed.master_key_arn(), "-new")
    connection = _connect(user, "remote")
    assert (connection.api_key, connection.key_owner) == (f"{KEY}-new", "registry")
    assert connection.base_url == "https://api.openai.com/v1"
    # A key is for the server that it was given for: nobody learns it by having it sent elsewhere.
    moved = _patch(administrator, llm_id, endpoint="https://example.org/v1")
    assert (moved.status, moved.json["errors"][0]["field"]) == (422, "api_key")
    assert _connect(user, "remote").base_url == connection.base_url
    assert _patch(administrator, llm_id, endpoint="https://example.org/v1", api_key=KEY).status == 200
    assert _patch(administrator, llm_id, endpoint="https://example.org/v1").status == 200, "it is the one it has"
    removed = _patch(administrator, llm_id, api_key=None)
    assert removed.json["key_last_four"] is None
    assert _connect(user, "remote").api_key is None
    short = _make(administrator, "short", **REMOTE, api_key="elevenchars")
    assert short["key_last_four"] is None, "four characters would be too much of it"


def test_c6_a_key_opens_for_its_own_model_only(service: Service, master_key: str) -> None:
    administrator, user = service.administrator(), service.user()
    _make(administrator, "one", **REMOTE, api_key=KEY)
    _make(administrator, "two", **REMOTE)
    service.rows(
        "update llms t set ciphertext = s.ciphertext, wrapped_key = s.wrapped_key, master_key = s.master_key "
        "from llms s where t.name = 'two' and s.name = 'one' returning 1"
    )
    process.forget()
    with pytest.raises(sealed.BrokenSealError):
        _connect(user, "two")
    assert _connect(user, "one").api_key == KEY


def test_c6_rotating_the_master_key_loses_no_models_key(service: Service, master_key: str) -> None:
    administrator, user = service.administrator(), service.user()
    for number in range(3):
        _make(administrator, f"model-{number}", **REMOTE, api_key=f"{KEY}{number}")
    _make(administrator, "keyless")
    kms = boto3.client("kms")
    former = sealed.master_key_arn()
    kms.update_alias(AliasName=master_key, TargetKeyId=kms.create_key()["KeyMetadata"]["KeyId"])
    present = sealed.master_key_arn()
    process.forget()
    assert [_connect(user, f"model-{number}").api_key for number in range(3)] == [
        f"{KEY}{number}" for number in range(3)
    ]
    service.rows("update llms set wrapped_key = '\\x00' where name = 'model-0' returning 1")
    with service.database.connect("owner") as owner:
        assert sealed.rewrap_all(owner) == 2
        assert sealed.rewrap_all(owner) == 0
    kms.disable_key(KeyId=former)
    process.forget()
    assert [_connect(user, f"model-{number}").api_key for number in (1, 2)] == [f"{KEY}{number}" for number in (1, 2)]
    masters = service.rows("select distinct master_key from llms where name in ('model-1', 'model-2')")
    assert masters == [(present,)]
    with pytest.raises(errors.Unavailable):
        _connect(user, "model-0")


def test_c6_without_a_master_key_a_models_key_is_not_stored(
    service: Service, master_key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    administrator = service.administrator()
    monkeypatch.delenv("ALCOVE_MASTER_KEY")
    process.forget()
    assert _code(administrator.post("/llms", {"name": "x", **REMOTE, "api_key": KEY})) == (503, "unavailable")
    assert service.rows("select count(*) from llms where name = 'x'") == [(0,)]
    _make(administrator, "keyless")


@pytest.fixture
def keyed(service: Service, master_key: str, peer: Peer) -> Iterator[Service]:
    """The service with a master key, and with LLM providers that run on this machine."""
    urls = {name: f"{peer.url}/llm/{name}" for name in OWN_KEY_PROVIDERS}
    service.rows("update static_config set provider_base_urls = %s::jsonb returning 1", json.dumps(urls))
    yield service


def test_c6_a_users_own_key_comes_first_and_goes_to_the_providers_own_address_only(keyed: Service, peer: Peer) -> None:
    administrator, user, other = keyed.administrator(), keyed.user(), keyed.user()
    for provider in OWN_KEY_PROVIDERS:
        _make(administrator, provider, provider=provider, model_id="m", api_key=KEY)
        elsewhere = {"endpoint": "https://models.example.org/v1", "api_key": f"{KEY}-elsewhere"}
        _make(administrator, f"{provider}-elsewhere", provider=provider, model_id="m", **elsewhere)
        assert user.put(f"/me/provider-keys/{provider}", {"key": LLM_KEY}).status == 200
        own_, theirs = _connect(user, provider), _connect(other, provider)
        assert (own_.api_key, own_.key_owner) == (LLM_KEY, "user")
        assert (theirs.api_key, theirs.key_owner) == (KEY, "registry")
        assert own_.base_url == theirs.base_url == f"{peer.url}/llm/{provider}"
        registered = _connect(user, f"{provider}-elsewhere")
        assert (registered.api_key, registered.key_owner) == (f"{KEY}-elsewhere", "registry")
        assert registered.base_url == "https://models.example.org/v1"
        assert user.delete(f"/me/provider-keys/{provider}").status == 204
        assert _connect(user, provider).key_owner == "registry"
    _make(administrator, "own", **OWN)
    local = _connect(user, "own")
    assert (local.base_url, local.api_key, local.key_owner) == (OWN["endpoint"], None, None)


def test_c6_the_connection_has_the_registered_values(service: Service) -> None:
    administrator, user = service.administrator(), service.user()
    prices: dict[str, Any] = {"prompt_price": 0.15, "completion_price": 0.6, "max_tokens": 500, "context_tokens": 4096}
    created = _make(administrator, **OWN, **prices)
    connection = _connect(user, "remote")
    assert connection == llms.LlmConnection(
        name="remote",
        provider="ollama",
        model_id="llama3",
        base_url=OWN["endpoint"],
        api_key=None,
        key_owner=None,
        **prices,
    )
    assert _patch(administrator, created["id"], is_enabled=False).status == 200
    for name in ("remote", "nobody-registered-it"):
        with pytest.raises(errors.NotFound, match=name):
            _connect(user, name)


def test_a_models_own_temperature_takes_the_place_of_the_deployments_alone(service: Service) -> None:
    administrator = service.administrator()
    new = {"name": "warm", "provider": "vllm", "model_id": "m", "endpoint": "http://127.0.0.1:1/v1"}
    created = administrator.post("/llms", {**new, "temperature": 0.7, "is_default": True})
    assert (created.status, created.json["temperature"]) == (201, 0.7)
    conversation = administrator.post("/conversations", {}).json["id"]

    def temperature(**overrides: object) -> object:
        statement = "select job_settings(%s, %s) ->> 'temperature'"
        with service.database.connect() as conn, conn.transaction():
            conn.execute("select assume_user(%s)", [administrator.id])
            return (conn.execute(statement, [conversation, Jsonb(overrides)]).fetchone() or (None,))[0]

    assert (temperature(), temperature(active_model="extractive"), temperature(temperature=1)) == ("0.7", "0.2", "1")
    administrator.request("PATCH", "/config/dynamic", {"temperature": 0.1})
    assert temperature() == "0.1"
