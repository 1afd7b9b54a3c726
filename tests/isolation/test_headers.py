"""Every response tells browsers to run, load and frame nothing of it: every route, whatever the answer."""

import pytest

from chalicelib.core import http
from tests.isolation.scenario import Scenario

EVERY = {"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer"}
ROUTES = sorted({(path, method) for path, method, _ in http.operations()})


def _check(headers: dict[str, str]) -> None:
    assert {name: headers.get(name) for name in EVERY} == EVERY
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe-eval" not in policy
    scripts = [part for part in policy.split(";") if part.strip().startswith("script-src")]
    assert not any("unsafe-inline" in part or "*" in part for part in scripts)


@pytest.mark.parametrize(("path", "method"), ROUTES)
def test_every_route_protects_its_responses(people: Scenario, path: str, method: str) -> None:
    filled = path.replace("{", "").replace("}", "")
    _check(people.service.request(method, filled, {}).headers)


def test_successes_and_failures_are_protected_alike(people: Scenario) -> None:
    for answer, status in (
        (people.service.request("GET", "/health"), 200),
        (people.service.request("GET", "/docs"), 200),
        (people.owner.get("/documents"), 200),
        (people.owner.get("/documents/00000000-0000-7000-8000-000000000000"), 404),
        (people.owner.request("DELETE", "/me/sessions/00000000-0000-7000-8000-000000000000"), 404),
    ):
        assert answer.status == status
        _check(answer.headers)
