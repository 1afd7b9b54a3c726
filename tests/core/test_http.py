"""What every route does with bad input: a clear problem, never a 5xx, nothing written."""

import json
import re
import secrets
from collections.abc import Callable
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import pytest
from pydantic_core import from_json

from chalicelib.core import connection, errors, http, process, validation
from chalicelib.core.http import Operation
from chalicelib.ops import console
from tests.isolation.scenario import reranker
from tests.service import Answer, Service, User

# As nasty as text gets, each kind once; every field of every route meets them all.
HOSTILE = [
    "",
    " ",
    "\x00",
    "a\x00b",
    "\ud800",
    "\u202e\u0660\u200d\ufeff",
    "ﷺ" * 50,
    "'; drop table users; --",
    "' or '1'='1",
    "%s%(id)s{0}{context}${x}",
    "../../../../etc/passwd",
    "<script>alert(1)</script>",
    "\\",
    '"',
    "\r\nSet-Cookie: a=b",
    "🧨" * 100,
    "Ω≈ç√∫˜µ≤≥÷",
    "1e309",
    "NaN",
    "true",
    "x" * 3000,
]
# Times that RFC 3339 permits, and either Python or Postgres does not have.
EDGES = ["9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00", "2026-01-31T12:00:00+23:59"]
BATCH = "11111111-2222-4333-8444-555555555555"
INNER: list[Any] = [{}, {"name": 1}, {"x": 1}, {"email": "x", "password": 1}]
WRONG_TYPES: list[Any] = [None, True, 0, -1, 1e308, [], ["x"], {}, {"x": {"y": []}}]


def _problem(answer: Answer, *statuses: int) -> None:
    assert answer.status in statuses, (answer.status, answer.body)
    assert answer.headers["Content-Type"] == "application/problem+json"
    document = answer.json
    assert document["status"] == answer.status
    assert document["code"]
    assert document["title"]
    assert document["request_id"] == answer.headers["X-Request-Id"]


def _fields(model: Any) -> list[str]:
    """The fields' names in requests."""
    return [info.alias or name for name, info in model.model_fields.items()]


def _refusal(model: Any, raw: bytes) -> str:
    """The errors with which a model refuses a body; empty when it accepts the body."""
    try:
        validation.validate(model, from_json(raw))
    except errors.Unprocessable as problem:
        return str(problem.members["errors"])
    except ValueError:
        return "no JSON"
    return ""


def _operations(expected: Callable[[Operation], object] = lambda _: True) -> list[Any]:
    return [pytest.param(*entry, id=f"{entry[1]} {entry[0]}") for entry in http.operations() if expected(entry[2])]


def test_only_reading_and_ending_take_no_body() -> None:
    bodiless = {(method, path) for path, method, operation in http.operations() if operation.body is None}
    assert {method for method, _ in bodiless} - {"GET", "DELETE"} <= {"POST", "PUT"}
    assert all(path.startswith("/tags/{tag_id}/") for method, path in bodiless if method == "PUT")
    posted = {path for method, path in bodiless if method == "POST"}
    models = {f"/embedding-models/{{embedding_model_id}}/{verb}" for verb in ("activate", "cancel")} | {
        "/llms/{llm_id}/test",
        "/ab/pool/{variant_id}/promote",
    }
    ended = {"/auth/logout", "/auth/logout-all", "/users/{user_id}/unlock", "/conversations/{conversation_id}/restore"}
    documents = {f"/documents/{verb}" for verb in ("reindex", "{document_id}/reindex", "{document_id}/restore")}
    tickets = {"/jobs/{job_id}/tickets", "/documents/{document_id}/tickets"}
    documents |= {"/documents/{document_id}/parts/complete"}
    webhooks = {"/webhooks/{webhook_id}/secret", "/webhooks/{webhook_id}/test"}
    webhooks |= {"/webhooks/{webhook_id}/deliveries/{delivery_id}/retry"}
    evals = {f"/evals/runs/{{eval_run_id}}/{verb}" for verb in ("advance", "cancel")}
    people = {"/me/second-factor", "/me/recovery-codes", "/users/{user_id}/restore"}
    people |= {"/shared-conversations/{share_id}/fork"}
    documents |= {"/messages/{message_id}/replay"}
    connectors = {f"/connectors/{{connector_id}}/{verb}" for verb in ("sync", "take-over")}
    alerts = {"/alerts/telegram/test", "/alerts/email/test"}
    assert posted == ended | models | documents | tickets | webhooks | evals | people | connectors | alerts


SITE = {"type": "web", "settings": {"start_urls": ["https://example.org/"]}}


def _filled(path: str, user: User) -> str:
    """The path with ids of the user's own things where it wants some."""

    name = f"n{next(user.service.numbers)}"

    def created(path: str, body: dict[str, Any]) -> Any:
        answer = user.post(path, body)
        assert answer.status in {200, 201, 202}, answer.body
        return answer.json

    def conversation() -> str:
        return str(created("/conversations", {})["id"])

    def queued() -> Any:
        return created(f"/conversations/{conversation()}/messages", {"content": "What?"})

    def document() -> str:
        return str(created("/documents", {"title": "T", "content": "Some text to keep.", "batch": BATCH})["id"])

    def provider() -> str:  # somewhere near, where nobody answers
        nowhere = '{"openai": "http://127.0.0.1:9"}'
        user.service.rows("update static_config set provider_base_urls = %s::jsonb returning 1", nowhere)
        return "openai"

    def batch() -> str:
        document()
        return BATCH

    def challenger() -> str:
        user.post("/ab/pool", {"name": f"{name} champion", "is_champion": True})  # the pool may have one
        return str(created("/ab/pool", {"name": name})["id"])

    def comparison() -> str:
        challenger()
        return str(created(f"/conversations/{conversation()}/comparisons", {"content": "What?"})["id"])

    def webhook() -> str:
        present = user.get("/webhooks").json["items"]
        new = {"url": "https://hooks.invalid/", "events": ["document.failed"]}
        return str((present or [created("/webhooks", new)])[0]["id"])

    ids: dict[str, Callable[[], str]] = {
        "eval_set_id": lambda: created("/evals/sets", {"name": name, "questions": [{"question": "What?"}]})["id"],
        "eval_run_id": lambda: created("/evals/runs", {"set_id": ids["eval_set_id"]()})["id"],
        "other_run_id": lambda: created("/evals/runs", {"set_id": ids["eval_set_id"]()})["id"],
        "conversation_id": conversation,
        "job_id": lambda: queued()["job"]["id"],
        "message_id": lambda: queued()["message"]["id"],
        "document_id": document,
        "batch_id": batch,
        "repository_id": lambda: created("/repositories", {"name": name})["id"],
        "tag_id": lambda: created("/tags", {"name": name})["id"],
        "group_id": lambda: created("/groups", {"name": name})["id"],
        "user_id": lambda: str(user.service.user().id),
        "key_id": lambda: created("/me/api-keys", {"name": name, "scopes": ["read"]})["id"],
        "session_id": lambda: user.get("/me/sessions").json["items"][0]["id"],
        "provider": provider,
        "embedding_model_id": lambda: "1",
        "reranker_id": lambda: reranker(user.service, name),
        "memory_id": lambda: created("/memories", {"content": "My pump leaks."})["id"],
        "share_id": lambda: created("/shares", {"conversation_id": created("/conversations", {})["id"]})["id"],
        "prompt_id": lambda: created("/prompts", {"kind": "system", "name": name, "content": "Answer."})["id"],
        "llm_id": lambda: created("/llms", {"name": name, "provider": "openai", "model_id": "m"})["id"],
        "assistant_id": lambda: created("/assistants", {"name": name})["id"],
        "variant_id": challenger,
        "comparison_id": comparison,
        "webhook_id": webhook,
        "connector_id": lambda: created("/connectors", SITE | {"name": name})["id"],
        "run_id": lambda: str(uuid4()),
        "delivery_id": lambda: created(f"/webhooks/{webhook()}/test", {})["id"],
        "file_name": lambda: "page.js",
        "asset_name": lambda: next(path.name for path in console.FOLDER.glob("index-*.js")),
        "retention_name": lambda: "host_metrics",
        "code": lambda: "not_found",
    }
    # A name without an entry is a KeyError: say above whose id it is.
    return re.sub(r"\{(\w+)\}", lambda result: ids[result[1]](), path)


def _retrying(service: Service, user: User, method: str, path: str, body: bytes) -> Answer:
    """The answer once the rate limits, which have tests of their own, have let a minute pass."""
    answer = user.request(method, path, body)
    if answer.status == 429:
        service.rows("delete from rate_limit_buckets returning 1")
        answer = user.request(method, path, body)
    return answer


@pytest.mark.parametrize(("path", "method", "operation"), _operations(lambda operation: operation.body))
def test_bad_bodies_are_refused_and_change_nothing(walker: User, path: str, method: str, operation: Any) -> None:
    user, service = walker, walker.service
    path = _filled(path, user)
    before = service.dump()
    wrong: list[Any] = [None, [], 7, "x", {"no_such_field": 1}]
    sent: list[tuple[Any, int]] = [
        (b"{", 400),
        (b"", 400),
        (b"\xff\xfe", 400),
        (b"[" * 100_000, 400),
        (b'{"a": NaN}', 400),
        (b"x" * (validation.MAX_BODY_BYTES + 1), 413),
        *((json.dumps(body).encode(), 422) for body in wrong),
    ]
    for body, status in sent:
        _problem(_retrying(service, user, method, path, body), status)
    service.rows("delete from rate_limit_buckets returning 1")
    _problem(user.request(method, path, {}, {"Content-Type": "text/plain"}), 415)
    assert service.dump() == before


def test_validation_errors_use_the_words_of_json(service: Service) -> None:
    user = service.user()
    for path, body, field, message in (
        ("/search", {"query": "pump", "limti": 3}, "limti", "is not a known field"),
        ("/search", {"query": " \t"}, "query", "must not be blank"),
        ("/search", {}, "query", "is required"),
        ("/search", [1], "", "must be a JSON object"),
        (
            "/auth/register",
            {"email": "a@example.org", "password": "short"},
            "password",
            "must have at least 8 characters (has 5)",
        ),
    ):
        (failure_kind,) = user.post(path, body).json["errors"]
        assert failure_kind["field"] == field
        assert message in failure_kind["message"]
    assert user.request("POST", "/search", b"").json["detail"] == "A JSON object is required as the body."


# What pydantic's own sentences and regular expressions contain, and no sentence of the API does.
FOREIGN = re.compile(r"Input should|should (be|have|match)|String|pattern|\[\^|\]\{|\\x|\(\?|Value error|Decoding")
# The sentences begin with a verb, or name the fields that do not fit together.
VOICE = re.compile(r"must |is |(either |at least )?`?\w+`? .*(required|allowed|must )|at least one field is required$")
# Each broken in another way: the type, the length, the characters, the range.
BROKEN: list[Any] = [*HOSTILE, *WRONG_TYPES, 10**30, -(10**30), 1.5, "x" * 600_000, ["x"] * 5000, "2026-01-31T12:00:00"]


@pytest.mark.parametrize(
    "model",
    dict.fromkeys(
        model for _, _, operation in http.operations() for model in (operation.body, operation.query) if model
    ),
    ids=lambda model: model.__qualname__,
)
def test_sentences_of_validation_are_the_services_own(model: Any) -> None:
    """No sentence of pydantic and no regular expression, for a body broken in every field of every model."""
    fields = [info.alias or name for name, info in model.model_fields.items()]
    bodies = [{field: value} for field in fields for value in BROKEN]
    for field, info in model.model_fields.items():  # models inside of the model
        bodies += [{info.alias or field: wrapped} for inner in INNER for wrapped in (inner, [inner])]
    messages = set()
    every: list[Any] = [None, [], {}, *bodies]
    for body in every:
        try:
            validation.validate(model, body)
        except errors.Unprocessable as problem:
            messages |= {error["message"] for error in problem.members["errors"]}
    assert messages
    assert not {message for message in messages if FOREIGN.search(message) or not VOICE.match(message)}
    assert "is not valid" not in messages  # of no type of errors that the routes know


# Values within values, where a field may have values of several types.
NESTED: list[Any] = [{"a": {"b": [1]}}, {"a": [[1]]}, {"x" * 500: 1}, [{"a": 1}], [[{}]], [{"type": "text", "text": 1}]]


def _leads(parts: list[str], value: Any) -> bool:
    """Whether a path leads through `value` to a field, which may be missing there."""
    if not parts:
        return True
    if isinstance(value, list):
        return parts[0].isdecimal() and int(parts[0]) < len(value) and _leads(parts[1:], value[int(parts[0])])
    return isinstance(value, dict) and (len(parts) == 1 or (parts[0] in value and _leads(parts[1:], value[parts[0]])))


@pytest.mark.parametrize(
    "model",
    dict.fromkeys(operation.body for _, _, operation in http.operations() if operation.body),
    ids=lambda model: model.__qualname__,
)
def test_the_field_of_an_error_is_one_of_the_body(model: Any) -> None:
    """Not the name of a validator, with an address in the process's memory."""
    fields = _fields(model)
    bodies: list[Any] = [{field: value} for field in fields for value in [*WRONG_TYPES, *INNER, *NESTED]]
    for field, info in model.model_fields.items():
        bodies += [{info.alias or field: {inner: value}} for inner in ("content", "role") for value in NESTED]
        bodies += [{info.alias or field: [{inner: value}]} for inner in ("content", "role") for value in NESTED]
    for body in bodies:
        try:
            validation.validate(model, json.dumps(body).encode())
        except errors.Unprocessable as problem:
            named = [error["field"] for error in problem.members["errors"]]
            assert all(not name or _leads(name.split("."), body) for name in named), (body, named)
            assert len(named) == len(set(named)), (body, named)


def test_a_field_of_several_types_has_one_sentence_with_all_of_them(service: Service) -> None:
    refused = service.user().post("/documents", {"title": "a", "content": "b", "metadata": {"a": [1]}})
    sentence = "must be text, or must be true or false, or must be a whole number, or must be a number"
    assert refused.json["errors"] == [{"field": "metadata.a", "message": sentence}]


def test_a_title_of_blanks_is_no_title(service: Service) -> None:
    user = service.user()
    _problem(user.post("/documents", {"title": " \t ", "content": "Some text."}), 422)
    _problem(user.post("/conversations", {"title": "\n"}), 422)
    _problem(user.post("/documents", {"title": "T", "content": " \t\n "}), 422)
    _problem(user.post("/documents", {"filename": "empty.txt", "size_bytes": 0}), 422)
    assert user.post("/documents", {"title": "  Kept  ", "content": "Some text."}).json["title"] == "Kept"


@pytest.mark.parametrize(("path", "method", "operation"), _operations(lambda operation: operation.body))
def test_hostile_values_are_stored_or_refused_never_a_failure(
    service: Service, master_key: str, path: str, method: str, operation: Any
) -> None:
    """What the body's model refuses with the same errors as another value of the field is not sent again."""
    user = service.administrator()
    where = _filled(path, user)
    for field in _fields(operation.body):
        refused = set()
        for value in [*HOSTILE, *WRONG_TYPES]:
            raw = json.dumps({field: value}).encode()
            if (refusal := _refusal(operation.body, raw)) in refused:
                continue
            refused |= {refusal} - {""}
            answer = _retrying(service, user, method, where, raw)
            unreachable = (
                answer.json["code"] in {"provider_unreachable", "reranking_failed"} if answer.status >= 500 else False
            )
            assert answer.status < 500 or unreachable, (field, value, answer.body)
            if answer.status >= 400:
                _problem(answer, 400, 401, 403, 404, 409, 413, 422, 429, 502)


@pytest.mark.parametrize(
    ("path", "method", "operation"), _operations(lambda operation: operation.path or operation.query)
)
def test_hostile_paths_and_queries_are_refused(walker: User, path: str, method: str, operation: Any) -> None:
    user = walker
    for value in ("nonsense", "%00", "%F0%9F%A7%A8", "0", "a" * 500, "..%2F..%2Fusers"):
        where = path
        for name in operation.path:
            where = where.replace(f"{{{name}}}", value)
        if operation.path:
            # The name of a period is open: its body is judged before it is looked up.
            body = {"days": 8} if "retention_name" in operation.path else {}
            _problem(user.request(method, where, body), 404)
    if operation.query is not None:
        where = _filled(path, user)
        for name in [*_fields(operation.query), "no_such_parameter"]:
            user.service.rows("delete from rate_limit_buckets returning name")  # the limits have tests of their own
            for value in ("nonsense%00", "-1", "999999999999999999999", "%27%20or%201=1", *map(quote, EDGES)):
                answer = user.request(method, f"{where}?{name}={value}")
                assert answer.status < 500, (name, value, answer.body)
                if answer.status >= 400:
                    _problem(answer, 400, 401, 404, 409, 422, 429)  # 409: what the request before it has ended
            if name == "no_such_parameter":
                assert answer.status == 422


def test_authorisation_errors_take_precedence_over_validation_errors(service: Service) -> None:
    user = service.user()
    routes = [(path, method) for path, method, operation in http.operations() if operation.authenticated]
    for path, method in routes:
        for sent in (None, "Bearer x", "Basic eDp4", "Bearer"):
            headers = {"Authorization": sent} if sent else {}
            _problem(service.request(method, path, b"{", headers), 401)
    user.post("/auth/logout")
    for path, method in routes:
        _problem(user.request(method, path, b"{"), 401)


def test_a_request_id_is_returned_and_a_malformed_one_is_replaced(service: Service) -> None:
    provided = service.request("GET", "/health", headers={"X-Request-Id": "my-id.1"})
    assert provided.headers["X-Request-Id"] == "my-id.1"
    for silly in ("a b", "x" * 200, "é", "\r\nX: y"):
        created = service.request("GET", "/health", headers={"X-Request-Id": silly})
        assert created.headers["X-Request-Id"] != silly
        assert created.status == 200


def test_health_ready_and_the_description(service: Service) -> None:
    assert service.request("GET", "/health").json == {"status": "ok"}
    assert service.request("GET", "/ready").json == {"status": "ready", "database": "ok"}
    document = service.request("GET", "/openapi.json").json
    assert document["openapi"] == "3.1.0"
    described = {(path, method.upper()) for path, methods in document["paths"].items() for method in methods}
    assert described == {(path, method) for path, method, _ in http.operations()}


@pytest.mark.parametrize("path", ["/docs", "/openapi.json"])
def test_the_descriptions_are_cached_and_do_not_use_the_database(service: Service, path: str) -> None:
    service.forget_connection()
    first = service.request("GET", path)
    assert first.headers["Cache-Control"] == "public, max-age=300"
    known = {"If-None-Match": f'"other", W/{first.headers["ETag"]}'}
    again = service.request("GET", path, headers=known)
    assert (again.status, again.body) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]
    assert service.request("GET", path, headers={"If-None-Match": '"other"'}).body == first.body
    assert getattr(connection._warm, "connection", None) is None, "the database was connected"


def test_a_database_that_is_away_is_a_503_and_comes_back(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    user = service.user()
    with monkeypatch.context() as broken:
        broken.setitem(service.database.app, "port", 9)
        service.put_secret("DATABASE", service.database.app)
        service.forget_connection()
        process.forget()
        _problem(user.get("/me"), 503)
        _problem(service.request("GET", "/ready"), 503)
    service.put_secret("DATABASE", service.database.app)
    assert user.get("/me").status == 200


def test_a_killed_connection_is_replaced_once_and_unseen(service: Service) -> None:
    user = service.user()
    _terminate(service)
    assert user.get("/me").status == 200


def test_a_connection_that_was_ended_for_being_idle_is_not_trusted_with_what_may_run_once_only(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An anonymous account is made by such a statement; after a pause it gets a new connection."""
    user = service.user()
    assert user.get("/me").status == 200
    _terminate(service)
    monkeypatch.setattr(connection._warm, "used_at", connection._warm.used_at - connection._TRUSTED_SECONDS)
    assert service.request("POST", "/auth/anonymous", {"client_id": secrets.token_urlsafe(24)}).status == 200


def _terminate(service: Service) -> None:
    """End the application's connections, as a failing-over server does."""
    with service.database.connect("app") as conn:
        ended = conn.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity "
            "where usename = current_user and pid <> pg_backend_pid() and datname = current_database()"
        ).fetchall()
    assert ended
