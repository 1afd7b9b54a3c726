"""A setting that nothing reads is a defect: each has a test that changes it and sees the system behave differently."""

import json
import secrets
from datetime import datetime
from itertools import pairwise
from typing import Any

import pytest

from chalicelib.core import process
from chalicelib.ops import deployment
from tests.auth.peer_server import LLM_KEY
from tests.auth.peers import Peer
from tests.config import coverage
from tests.config.coverage import changes
from tests.service import Answer, Service

PUMP = "The coolant pump P-17 is inspected every ninety days. Its seal is replaced when it leaks."
BOOKKEEPING = {"id", "revision", "updated_by", "created_at", "updated_at"}
REMOTE = {"provider": "openai", "model_id": "m"}


def test_every_setting_has_a_test_that_shows_what_it_changes(service: Service) -> None:
    columns = service.rows(
        "select distinct column_name from information_schema.columns "
        "where table_schema = 'public' and table_name in ('static_config', 'dynamic_config')"
    )
    settings = {name for (name,) in columns} - BOOKKEEPING
    assert len(settings) > 25
    assert settings - coverage.displayed().keys() == set(), "write one, with @changes(...)"
    assert coverage.displayed().keys() - settings == set(), "no such setting"


def _deploy(service: Service, **values: Any) -> None:
    """What a deploy does to the static settings."""
    with service.database.connect("owner") as owner:
        for name, value in values.items():
            owner.execute(f"update static_config set {name} = %s", [value])


def _set(service: Service, **values: Any) -> None:
    """What an administrator does to the dynamic ones."""
    answer = service.administrator().request("PATCH", "/config/dynamic", values)
    assert answer.status == 200, answer.body


def _enter(service: Service) -> Answer:
    return service.request("POST", "/auth/anonymous", {"client_id": secrets.token_urlsafe(24)})


@changes("deployment_name")
def test_a_page_for_logging_in_learns_the_deployments_name(service: Service) -> None:
    for name in ("Alcove", "Wärme & Kälte <Archive>"):
        _deploy(service, deployment_name=name)
        assert service.request("GET", "/auth/providers").json["deployment_name"] == name


@changes("session_lifetime_days")
def test_how_long_a_session_lives(service: Service) -> None:
    for days in (30, 1):
        _deploy(service, session_lifetime_days=days)
        (session,) = service.user().get("/me/sessions").json["items"]
        started_at, ends = (datetime.fromisoformat(session[name]) for name in ("created_at", "expires_at"))
        assert round((ends - started_at).total_seconds()) == days * 86_400


@changes("registration_open")
def test_whether_registration_is_open(service: Service) -> None:
    body = {"email": "somebody@example.org", "password": "a long enough password"}
    _deploy(service, registration_open=False)
    refused = service.request("POST", "/auth/register", body)
    assert (refused.status, refused.json["code"]) == (403, "registration_closed")
    assert _enter(service).json["code"] == "anonymous_off", "a new anonymous user is a stranger too"
    _deploy(service, registration_open=True)
    assert service.request("POST", "/auth/register", body).status == 201


def test_a14_an_administrator_opens_and_closes_registration_and_the_audit_log_says_so(service: Service) -> None:
    administrator = service.administrator()
    known = _enter(service)
    _deploy(service, registration_open=False)
    for number, (choice, is_open) in enumerate(((None, False), (True, True), (False, False), (None, False))):
        changed = administrator.request("PATCH", "/config/dynamic", {"registration_open": choice})
        assert (changed.status, changed.json["registration_open"]) == (200, choice)
        body = {"email": f"somebody{number}@example.org", "password": "a long enough password"}
        answer = service.request("POST", "/auth/register", body)
        assert (answer.status, answer.json.get("code")) == ((201, None) if is_open else (403, "registration_closed"))
        effective = administrator.get("/config/effective").json["registration_open"]
        assert (effective["value"], effective["level"]) == (is_open, "static" if choice is None else "dynamic")
    assert known.status == 200
    recorded = service.rows(
        "select old_value, new_value, user_id from config_audit where field_name = 'registration_open' "
        "and config_type = 'dynamic' order by id"
    )
    assert [(old, new) for old, new, _ in recorded] == [(None, True), (True, False), (False, None)]
    assert {user_id for *_, user_id in recorded} == {administrator.id}


def test_a14_a_new_deployment_lets_no_stranger_in_unless_its_parameter_says_so(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    for provided, is_open in (("false", False), ("true", True), ("", False)):
        monkeypatch.setenv("ALCOVE_REGISTRATION_OPEN", provided)
        process.forget()
        deployment.migrate()
        assert service.rows("select registration_open from static_config") == [(is_open,)], provided
    fresh = "select column_default from information_schema.columns where column_name = 'registration_open'"
    assert ("false",) in service.rows(fresh + " and table_name = 'static_config'")


@changes("anonymous_allowed", "anonymous_reads_organisation")
def test_whether_anonymous_users_are_allowed_and_what_they_read(service: Service) -> None:
    document = service.user().add("Pump", PUMP)
    service.rows("update documents set space_id = 1 where id = %s returning 1", document["id"])
    token = _enter(service).json["access_token"]
    result = []
    for allowed in (False, True):
        _deploy(service, anonymous_reads_organisation=allowed)
        headers = {"Authorization": f"Bearer {token}"}
        result.append(len(service.request("POST", "/search", {"query": "coolant pump"}, headers).json["items"]))
    assert result == [0, 1]
    _deploy(service, anonymous_allowed=False)
    assert _enter(service).json["code"] == "anonymous_off"


def test_only_administrators_get_the_providers_addresses(service: Service) -> None:
    administrator, user = service.administrator(), service.user()
    inside = "https://llm.inside.example"
    _deploy(service, provider_base_urls=json.dumps({"openai": inside}))
    anonymous = {"Authorization": f"Bearer {_enter(service).json['access_token']}"}
    conversation = user.post("/conversations", {}).json["id"]
    assert user.post(f"/conversations/{conversation}/messages", {"content": "What?"}).status == 202
    for answer in (
        service.request("GET", "/config/effective", headers=anonymous),
        user.get("/config/effective"),
        user.get(f"/config/effective?conversation_id={conversation}"),
        user.get("/me/export?limit=1000"),
    ):
        assert answer.status == 200, answer.body
        assert inside.encode() not in answer.body
        assert b"temperature" in answer.body
    displayed = administrator.get("/config/effective").json["provider_base_urls"]
    assert displayed == {"value": {"openai": inside}, "level": "static", "passed_over": []}


@changes("provider_base_urls")
def test_the_address_that_checks_users_own_keys(service: Service, master_key: str, peer: Peer) -> None:
    user = service.user()
    for path in ("llm/openai", "canned/elsewhere"):
        _deploy(service, provider_base_urls=json.dumps({"openai": f"{peer.url}/{path}"}))
        user.put("/me/provider-keys/openai", {"key": LLM_KEY})
        assert peer.requests()[-1] == f"/{path}/models"


def _chunks(service: Service, text: str) -> list[Any]:
    user = service.user()
    document = user.add("Long", text)
    items: list[Any] = user.get(f"/documents/{document['id']}/chunks?limit=100").json["items"]
    return items


@changes("gpu_threshold_chunks")
def test_which_documents_wait_for_the_gpu_task(service: Service) -> None:
    text = " ".join(f"Sentence number {number} speaks of nothing in particular." for number in range(120))
    _deploy(service, gpu_threshold_chunks=2)
    waiting = service.user().add("Long", text)
    assert (waiting["status"], waiting["stage"]) == ("processing", "waiting")
    _deploy(service, gpu_threshold_chunks=1000)
    assert service.user().add("Long", text)["status"] == "completed"


@changes("chunk_size", "chunk_overlap")
def test_how_documents_are_chunked(service: Service) -> None:
    text = " ".join(f"Sentence number {number} speaks of nothing in particular." for number in range(120))
    _deploy(service, chunk_overlap=0, chunk_size=128)
    long = _chunks(service, text)
    _deploy(service, chunk_size=32)
    short = _chunks(service, text)
    assert len(short) > 2 * len(long)
    assert max(chunk["token_count"] for chunk in long) > 64 > 32 >= max(chunk["token_count"] for chunk in short)
    _deploy(service, chunk_overlap=16)
    overlapping = _chunks(service, text)

    def shared(chunks: list[Any]) -> int:
        return sum(max(0, before["end_char"] - after["start_char"]) for before, after in pairwise(chunks))

    assert shared(short) == 0 < shared(overlapping)


@changes("available_pipelines")
def test_which_pipelines_may_be_chosen(service: Service) -> None:
    administrator = service.administrator()
    assert administrator.request("PATCH", "/config/dynamic", {"active_pipeline": "search"}).status == 200
    assert administrator.request("PATCH", "/config/dynamic", {"active_pipeline": None}).status == 200
    _deploy(service, available_pipelines=["qa"])
    assert administrator.request("PATCH", "/config/dynamic", {"active_pipeline": "search"}).status == 422
    conversation = administrator.post("/conversations", {}).json["id"]
    queued = administrator.post(f"/conversations/{conversation}/messages", {"content": "?", "pipeline": "search"})
    assert queued.status == 422


@changes("available_providers")
def test_which_providers_models_may_be_registered(service: Service) -> None:
    administrator = service.administrator()
    _deploy(service, available_providers=["extractive", "anthropic"])
    assert administrator.post("/llms", {"name": "one", **REMOTE}).status == 422
    _deploy(service, available_providers=["extractive", "anthropic", "openai"])
    assert administrator.post("/llms", {"name": "one", **REMOTE}).status == 201


@changes("num_documents_to_retrieve")
def test_how_many_chunks_a_search_returns(service: Service) -> None:
    user = service.user()
    for number in range(4):
        user.add(f"Pump {number}", f"{PUMP} This is pump number {number}.")
    for expected in (1, 3):
        _set(service, num_documents_to_retrieve=expected)
        assert len(user.search("coolant pump")) == expected
    assert len(user.search("coolant pump", top_k=2)) == 2, "unless it says how many"


@changes("use_hybrid_search")
def test_whether_lexical_search_counts_beside_vector_search(service: Service) -> None:
    user = service.user()
    user.add("Pump", PUMP)
    unlike = user.add("Seal", "Gaskets stop liquids from escaping where two parts of a machine meet.")["id"]
    scores = {}
    for hybrid in (True, False):
        _set(service, use_hybrid_search=hybrid)
        scores[hybrid] = {hit["document_id"]: hit["score"] for hit in user.search("coolant pump")}
    assert scores[True].keys() == scores[False].keys()
    assert scores[True][unlike] < scores[False][unlike], "it shares no word with the query"


@changes("bm25_weight", "semantic_weight")
def test_the_weights_of_lexical_and_vector_search(service: Service) -> None:
    user = service.user()
    by_words = user.add("Words", "Zyxgate P-17. Zyxgate P-17. Zyxgate P-17.")
    by_meaning = user.add("Meaning", "The machine that moves coolant is checked four times each year.")
    query = "How often do you service the cooling liquid mover Zyxgate P-17?"
    orders = []
    for lexical, semantic in ((1, 0), (0, 1)):
        _set(service, bm25_weight=lexical, semantic_weight=semantic)
        orders.append([hit["document_id"] for hit in user.search(query)])
    assert orders[0][0] == by_words["id"]
    assert orders[1][0] == by_meaning["id"]
    _set(service, bm25_weight=0.5, semantic_weight=0.5)
    even = {hit["document_id"]: hit["score"] for hit in user.search(query)}
    _set(service, semantic_weight=1)
    heavier = {hit["document_id"]: hit["score"] for hit in user.search(query)}
    assert heavier[by_meaning["id"]] > even[by_meaning["id"]]
