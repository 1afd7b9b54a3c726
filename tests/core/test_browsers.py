"""Pages of other origins: CORS on routes, errors and what no route serves, as configured (D6)."""

import pytest

from chalicelib.core import http, process
from tests.service import Answer, Service

ORIGIN = {"Origin": "https://app.example.org"}
PREFLIGHT = {**ORIGIN, "Access-Control-Request-Method": "PATCH", "Access-Control-Request-Headers": "authorization"}


@pytest.fixture
def allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALCOVE_ALLOWED_ORIGINS", "https://app.example.org, https://other.example.org")


def _lists(answer: Answer, header: str) -> set[str]:
    return set(answer.headers[header].split(", "))


def _preflight(service: Service, path: str) -> Answer:
    process.forget()
    return service.gateway("OPTIONS", path, PREFLIGHT)


@pytest.mark.usefixtures("allowed")
def test_every_route_passes_a_preflight(service: Service) -> None:
    for path in {path for path, _, _ in http.operations()}:
        answer = _preflight(service, path.replace("{", "").replace("}", ""))
        assert answer.status == 204, path
        assert answer.headers["Access-Control-Allow-Origin"] == "https://app.example.org"
        assert "PATCH" in _lists(answer, "Access-Control-Allow-Methods")
        sent = {"Authorization", "Content-Type", "Idempotency-Key", "If-Match", "Last-Event-ID", "X-Request-Id"}
        assert sent <= _lists(answer, "Access-Control-Allow-Headers")
        assert answer.headers["Vary"] == "Origin"


@pytest.mark.usefixtures("allowed")
def test_a_page_reads_results_and_problems_with_their_headers(service: Service) -> None:
    user = service.user()
    token = {"Authorization": f"Bearer {user.access_token}"}
    created = service.gateway("POST", "/conversations", {**ORIGIN, **token}, {})
    refused = service.gateway("GET", "/me", ORIGIN)
    missing = service.gateway("GET", "/nowhere", ORIGIN)
    for answer, status in ((created, 201), (refused, 401), (missing, 404)):
        assert answer.status == status
        assert answer.headers["Access-Control-Allow-Origin"] == "https://app.example.org"
        exposed = {"ETag", "Location", "Retry-After", "X-Request-Id"}
        assert exposed <= _lists(answer, "Access-Control-Expose-Headers")


@pytest.mark.usefixtures("allowed")
def test_a_page_of_another_origin_gets_no_permission(service: Service) -> None:
    process.forget()
    for headers in ({"Origin": "https://evil.example.org"}, {"Origin": "null"}, {}):
        for method, path in (("OPTIONS", "/me"), ("GET", "/health"), ("GET", "/nowhere")):
            answer = service.gateway(method, path, headers)
            assert not [name for name in answer.headers if name.startswith("Access-Control")]


def test_origins_are_none_by_default_and_may_be_all(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "Access-Control-Allow-Origin" not in service.gateway("GET", "/health", ORIGIN).headers
    monkeypatch.setenv("ALCOVE_ALLOWED_ORIGINS", "*")
    answer = _preflight(service, "/me")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in answer.headers


def test_what_no_route_serves_is_a_problem(service: Service) -> None:
    missing = service.gateway("GET", "/documents/x/nowhere")
    assert (missing.status, missing.json["code"]) == (404, "not_found")
    wrong = service.gateway("PUT", "/documents")
    assert (wrong.status, wrong.json["code"], wrong.headers["Allow"]) == (405, "method_not_allowed", "GET, POST")
    assert service.gateway("GET", "/documents/reindex").headers["Allow"] == "POST"
    for answer in (missing, wrong):
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.headers["X-Request-Id"] == answer.json["request_id"]


def test_the_type_of_a_problem_leads_to_its_page(service: Service) -> None:
    problem = service.gateway("GET", "/me").json
    assert problem["type"] == "https://answers.example.org/v1/problems/unauthorized"
    page = service.gateway("GET", "/problems/unauthorized")
    assert page.status == 200
    assert page.headers["Content-Type"].startswith("text/html")
    assert "A valid access token is required." in page.body.decode()
    assert service.gateway("GET", "/problems/timed_out").status == 200  # why a document or a job failed
    assert service.gateway("GET", "/problems/no_such_code").status == 404


def test_a_location_is_absolute(service: Service) -> None:
    token = {"Authorization": f"Bearer {service.user().access_token}"}
    created = service.gateway("POST", "/conversations", token, {})
    assert created.headers["Location"] == f"https://answers.example.org/v1/conversations/{created.json['id']}"
    assert service.gateway(
        "GET", created.headers["Location"].removeprefix("https://answers.example.org/v1"), token
    ).json


def test_the_root_says_where_everything_is(service: Service) -> None:
    root = service.gateway("GET", "/").json
    assert root["documentation_url"] == "https://answers.example.org/v1/docs"
    assert service.gateway("GET", root["openapi_url"].removeprefix("https://answers.example.org/v1")).status == 200
    assert service.gateway("POST", "/").status == 405
