"""The registry of embedding models (C7): registered after they showed that they embed, reached by sealed keys."""

import json
from dataclasses import replace
from typing import Any

import boto3
import numpy as np
import pytest

from chalicelib.core import process, sealed
from chalicelib.knowledge.embedding import builtin, embedding_models
from chalicelib.knowledge.embedding.recipe import Recipe
from chalicelib.knowledge.embedding.remote import EmbeddingProviderError, RemoteEmbedder
from infra.local import model as local_model
from tests.chat.llm.servers import Connection, serving
from tests.knowledge import embedding_server
from tests.service import Service, User

SHORT = {"name": "short", "model": builtin.BUILT_IN, "dimension": 256}
KEY = local_model.API_KEY


def _remote(url: str, **more: Any) -> dict[str, Any]:
    return {"name": "remote", "provider": "openai", "model": local_model.MODEL_ID, "base_url": url} | more


def _register(admin: User, body: dict[str, Any]) -> Any:
    created = admin.post("/embedding-models", body)
    assert created.status == 201, created.body
    assert created.headers["Location"] == f"/embedding-models/{created.json['id']}"
    return created.json


def test_c7_a_deployment_begins_with_one_model_which_is_active(fresh: Service) -> None:
    admin = fresh.administrator()
    admin.add("Pump", "The coolant pump P-17 is inspected every ninety days.")
    (only,) = admin.get("/embedding-models").json["items"]
    assert (only["id"], only["provider"], only["model"], only["dimension"]) == (1, "builtin", builtin.BUILT_IN, 384)
    assert (only["status"], only["retired_at"], only["error"]) == ("active", None, None)
    assert only["progress"] == {"chunks_done": 1, "chunks_total": 1, "documents_left": 0, "documents_failed": 0}
    assert admin.get("/embedding-models/1").json == only


def test_c7_a_shorter_dimension_is_another_model(fresh: Service) -> None:
    admin = fresh.administrator()
    created = _register(admin, SHORT)
    assert (created["dimension"], created["status"], created["progress"], created["activated_at"]) == (
        256,
        "inactive",
        None,
        None,
    )
    again = admin.post("/embedding-models", SHORT)
    assert (again.status, again.json["code"]) == (409, "conflict")
    audited = fresh.rows("select details->>'name' from audit_logs where action = 'embedding_model.registered'")
    assert audited == [("short",)]
    recipe = embedding_models.recipe(created["id"])
    assert recipe is not None
    whole, cut = builtin.load().embed(["a pump"]), recipe.embed(["a pump"])
    assert cut.shape == (1, 256)
    np.testing.assert_allclose(cut[0], whole[0, :256] / np.linalg.norm(whole[0, :256]), rtol=1e-5)


def test_an_idempotency_key_registers_once(fresh: Service) -> None:
    admin = fresh.administrator()
    first = admin.post("/embedding-models", SHORT, {"Idempotency-Key": "k"})
    second = admin.post("/embedding-models", SHORT, {"Idempotency-Key": "k"})
    assert (first.status, second.status) == (201, 201)
    assert first.json == second.json
    assert len(admin.get("/embedding-models").json["items"]) == 2


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"dimension": 385}, "embedding_model_refused"),
        ({"model": "no-such-model"}, "embedding_model_refused"),
        ({"model": "../all-minilm-l6-v2"}, "embedding_model_refused"),
        ({"dimension": 0}, "validation_failed"),
        ({"api_key": "k"}, "validation_failed"),
        ({"base_url": "http://127.0.0.1:9"}, "validation_failed"),
        ({"provider": "openai"}, "validation_failed"),
        ({"provider": "openai", "base_url": "http://169.254.169.254/v1"}, "embedding_model_refused"),
        ({"provider": "openai", "base_url": "http://2852039166/v1"}, "embedding_model_refused"),
        ({"provider": "openai", "base_url": "http://example.org/v1?key=x"}, "embedding_model_refused"),
        ({"provider": "openai", "base_url": "https://user@example.org"}, "embedding_model_refused"),
        ({"provider": "openai", "base_url": "nonsense"}, "embedding_model_refused"),
    ],
)
def test_a_model_that_cannot_give_these_vectors_is_not_registered(
    fresh: Service, change: dict[str, Any], code: str
) -> None:
    admin = fresh.administrator()
    refused = admin.post("/embedding-models", SHORT | change)
    assert (refused.status, refused.json["code"]) == (422, code), refused.body
    assert len(admin.get("/embedding-models").json["items"]) == 1


def test_at_most_fifty_models_are_registered(fresh: Service) -> None:
    admin = fresh.administrator()
    fresh.rows(
        "insert into embedding_models (name, model, dimension, native_dimension) "
        "select 'model ' || n, 'm', 8, 8 from generate_series(1, 48) n returning 1"
    )
    _register(admin, SHORT)
    refused = admin.post("/embedding-models", SHORT | {"name": "one more"})
    assert (refused.status, refused.json["code"]) == (409, "too_many")
    assert len(admin.get("/embedding-models").json["items"]) == 50


def test_unknown_models_are_not_found(fresh: Service) -> None:
    admin = fresh.administrator()
    for number in ("0", "2", "32767", "32768", "99999999999999999999", "-1", "one"):
        place = f"/embedding-models/{number}"
        for method, path, body in (
            ("GET", place, None),
            ("PATCH", place, {"name": "x"}),
            ("DELETE", place, None),
            ("POST", f"{place}/activate", None),
            ("POST", f"{place}/cancel", None),
        ):
            assert admin.request(method, path, body).status == 404, (method, path)


def test_a_model_is_renamed_and_removed_but_not_the_active_one(fresh: Service) -> None:
    admin = fresh.administrator()
    place = f"/embedding-models/{_register(admin, SHORT)['id']}"
    assert admin.request("PATCH", place, {"name": "shorter"}).json["name"] == "shorter"
    assert admin.request("PATCH", place, {}).json["name"] == "shorter"
    used = admin.request("PATCH", place, {"name": builtin.BUILT_IN})
    assert (used.status, used.json["code"]) == (409, "conflict")
    refused = admin.request("PATCH", place, {"api_key": "k"})
    assert (refused.status, refused.json["code"]) == (422, "embedding_model_refused")
    remaining = admin.delete("/embedding-models/1")
    assert (remaining.status, remaining.json["code"]) == (409, "model_active")
    assert admin.delete(place).status == 204
    assert admin.get(place).status == 404
    actions = fresh.rows("select action from audit_logs where entity_type = 'embedding_model' order by id")
    assert [action for (action,) in actions] == [
        "embedding_model.registered",
        "embedding_model.changed",
        "embedding_model.changed",
        "embedding_model.deleted",
    ]


def test_a_models_key_is_sealed_used_and_never_shown(keeping: Service, remote: str) -> None:
    admin = keeping.administrator()
    created = _register(admin, _remote(remote, api_key=KEY))
    assert (created["dimension"], created["key_last_four"]) == (embedding_server.DIMENSION, KEY[-4:])
    assert KEY not in keeping.dump()
    recipe = embedding_models.recipe(created["id"])
    assert recipe is not None
    vectors = recipe.embed(["a pump"] * 33)
    assert vectors.shape == (33, embedding_server.DIMENSION)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-5)
    assert KEY not in repr(recipe)
    # A sealed key opens for its own model only.
    keeping.rows("update embedding_models set id = default where id = %s returning id", created["id"])
    (moved,) = keeping.rows("select id from embedding_models where provider = 'openai'")
    elsewhere = embedding_models.recipe(moved[0])
    assert elsewhere is not None
    with pytest.raises(EmbeddingProviderError, match="does not open"):
        elsewhere.embed(["a pump"])


def test_a_model_is_registered_only_if_the_key_opens_it(keeping: Service, remote: str) -> None:
    admin = keeping.administrator()
    for wrong in ({"api_key": "sk-wrong-key"}, {}, {"api_key": KEY, "base_url": "http://127.0.0.1:9/v1"}):
        refused = admin.post("/embedding-models", _remote(remote) | wrong)
        assert (refused.status, refused.json["code"]) == (502, "embedding_failed"), refused.body
        assert "sk-wrong" not in refused.body.decode()
    assert len(admin.get("/embedding-models").json["items"]) == 1


def test_another_address_or_key_must_lead_to_the_same_model(keeping: Service, remote: str) -> None:
    admin = keeping.administrator()
    place = f"/embedding-models/{_register(admin, _remote(remote, api_key=KEY))['id']}"
    with embedding_server.serve() as other:
        unkeyed = admin.request("PATCH", place, {"base_url": other})
        assert (unkeyed.status, unkeyed.json["errors"][0]["field"]) == (422, "api_key")
        assert admin.request("PATCH", place, {"base_url": other, "api_key": KEY}).json["base_url"] == other
    for changes, code in (
        ({"api_key": "sk-wrong-key"}, "embedding_failed"),
        ({"base_url": remote, "api_key": None}, "embedding_failed"),
        ({"base_url": "http://169.254.169.254/v1", "api_key": KEY}, "embedding_model_refused"),
    ):
        refused = admin.request("PATCH", place, changes)
        assert refused.json["code"] == code, refused.body
    others: list[list[float]] = [[1.0] + [0.0] * 575, [1.0] * 100, [0.0] * 576, []]
    for vector in others:
        with serving(_answers(vector)) as other_user:
            refused = admin.request("PATCH", place, {"base_url": other_user.url, "api_key": KEY})
            assert (refused.status, refused.json["code"]) == (422, "embedding_model_refused"), refused.body
    renewed = admin.request("PATCH", place, {"base_url": remote, "api_key": KEY})
    assert (renewed.status, renewed.json["base_url"], renewed.json["key_last_four"]) == (200, remote, KEY[-4:])


def test_a_model_may_be_larger_than_what_is_kept_of_it(fresh: Service) -> None:
    admin = fresh.administrator()
    for numbers, dimension, status in ((5_000, 4_000, 201), (5_000, None, 422), (16_001, 8, 422), (0, None, 422)):
        with serving(_answers([1.0] * numbers)) as server:
            body = _remote(server.url, dimension=dimension, name=f"{numbers} {dimension}")
            answer = admin.post("/embedding-models", body)
            assert answer.status == status, answer.body


def test_a_new_master_key_wraps_the_models_keys_anew(
    keeping: Service, remote: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    created = _register(keeping.administrator(), _remote(remote, api_key=KEY))
    kms = boto3.client("kms")
    renewed = kms.create_key()["KeyMetadata"]["Arn"]
    monkeypatch.setenv("ALCOVE_MASTER_KEY", renewed)
    process.forget()
    with keeping.database.connect("owner") as owner:
        assert sealed.rewrap_all(owner) == 1
        assert sealed.rewrap_all(owner) == 0
    assert keeping.rows("select master_key from embedding_models where id = %s", created["id"]) == [(renewed,)]
    recipe = embedding_models.recipe(created["id"])
    assert recipe is not None
    assert recipe.embed(["a pump"]).shape == (1, embedding_server.DIMENSION)


def _answers(*vectors: list[float], status: str = "200 OK", body: Any = None) -> Any:
    """A script that embeds whatever it is asked as these vectors."""

    def script(connection: Connection) -> None:
        document = body or {"data": [{"index": n, "embedding": vector} for n, vector in enumerate(vectors)]}
        connection.head(status, "application/json")
        connection.send(json.dumps(document).encode())

    return script


def test_what_a_server_says_is_believed_only_if_it_is_embeddings() -> None:
    strange: list[Any] = [
        {"data": []},
        {"data": [{"index": 1, "embedding": [1.0]}]},
        {"data": [{"index": 0, "embedding": ["x"]}]},
        {"data": [{"index": 0}]},
        {"data": None},
        ["data"],
        "data",
    ]
    for body in strange:
        with (
            serving(_answers(body=body)) as server,
            pytest.raises(EmbeddingProviderError, match="did not return embeddings") as raised,
        ):
            RemoteEmbedder("m", server.url).embed(["a"])
        assert raised.value.passing
    for vector in ([0.0, 0.0], [float("inf"), 1.0], [1.0]):
        recipe = Recipe(9, "openai", "m", 2, 2, base_url="")
        with serving(_answers(vector)) as server, pytest.raises(EmbeddingProviderError):
            replace(recipe, base_url=server.url).embed(["a"])


def test_vectors_come_back_in_the_order_of_the_texts() -> None:
    body = {"data": [{"index": 1, "embedding": [0.0, 2.0]}, {"index": 0, "embedding": [3.0, 4.0]}]}
    with serving(_answers(body=body)) as server:
        vectors = Recipe(9, "openai", "m", 2, 2, server.url, key="k").embed(["a", "b"])
        assert server.requests[0].json == {"model": "m", "input": ["a", "b"], "encoding_format": "float"}
        assert server.requests[0].headers["authorization"] == "Bearer k"
    np.testing.assert_allclose(vectors, [[0.6, 0.8], [0.0, 1.0]], rtol=1e-6)


@pytest.mark.parametrize(
    ("status", "requests", "passing"),
    [
        ("400 Bad Request", 1, False),
        ("422 Unprocessable Entity", 1, False),
        ("401 Unauthorized", 2, True),
        ("429 Too Many Requests", 2, True),
        ("503 Service Unavailable", 2, True),
        ("302 Found", 2, True),
    ],
)
def test_temporary_and_permanent_errors_of_a_provider_are_distinguished(
    status: str, requests: int, passing: bool
) -> None:
    script = _answers(status=status, body={"error": {"message": "because"}})
    with serving(script) as server:
        with pytest.raises(EmbeddingProviderError, match=f"status {status[:3]}. because") as raised:
            RemoteEmbedder("m", server.url).embed(["a"])
        assert (len(server.requests), raised.value.passing) == (requests, passing)


def test_a_temporary_error_of_the_provider_is_retried() -> None:
    with serving(_answers(status="503 Service Unavailable", body={}), _answers([1.0, 0.0])) as server:
        assert RemoteEmbedder("m", server.url).embed(["a"]).tolist() == [[1.0, 0.0]]


def test_queries_and_texts_get_the_words_that_a_model_was_trained_with(fresh: Service) -> None:
    """As the E5 models expect them; the words belong to the vectors, and cannot change."""
    admin = fresh.administrator()
    admin.add("Pump", "The coolant pump is inspected.")
    prefixes = {"query_prefix": "query: ", "document_prefix": "passage: "}
    with serving(_embeds_every_input) as server:
        created = _register(admin, _remote(server.url, dimension=8, **prefixes))
        assert {name: created[name] for name in prefixes} == prefixes
        place = f"/embedding-models/{created['id']}"
        assert admin.request("PATCH", place, {"query_prefix": "q: "}).status == 422
        assert admin.post(f"{place}/activate?sends_private_documents=true").status == 202
        fresh.pump_ingest()
        assert admin.get(place).json["status"] == "active"
        admin.search("coolant pump")
        inputs = [text for request in server.requests for text in request.json["input"]]
    assert "passage: The coolant pump is inspected." in inputs
    assert inputs[-1] == "query: coolant pump"


def _embeds_every_input(connection: Connection) -> None:
    connection.head("200 OK", "application/json")
    vectors = [{"index": n, "embedding": [1.0] * 8} for n, _ in enumerate(connection.request.json["input"])]
    connection.send(json.dumps({"data": vectors}).encode())


def test_a_choice_of_the_deployment_is_loaded_by_its_own_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    from infra import models
    from infra.models import PackageError

    monkeypatch.setenv("EMBEDDINGS", "bge-small-en-v1.5")
    assert set(models.deployed()) == {*models.FILES, "bge-small-en-v1.5"}
    assert len(models.pins()) == 6
    monkeypatch.setenv("EMBEDDINGS", "nothing")
    with pytest.raises(PackageError, match="the choices are bge-small"):
        models.deployed()
