"""Tickets: an EventSource and a link authenticate for one request, for one minute (D6)."""

import io
import urllib.parse
from datetime import datetime

import pytest

from chalicelib.auth.sessions import tickets
from chalicelib.core.log import logger
from tests.service import Answer, Service, User

BASE = "https://answers.example.org/v1"


def _as(service: Service, user: User, method: str, path: str) -> Answer:
    return service.gateway(method, path, {"Authorization": f"Bearer {user.access_token}"})


def _job(user: User) -> str:
    conversation = user.post("/conversations", {}).json["id"]
    return str(user.post(f"/conversations/{conversation}/messages", {"content": "What?"}).json["job"]["id"])


def _ticket(service: Service, user: User, path: str) -> str:
    answer = _as(service, user, "POST", f"{path}/tickets")
    assert answer.status == 200, answer.body
    return str(answer.json["url"].removeprefix(BASE))


def test_an_event_source_follows_a_job_with_a_ticket(service: Service) -> None:
    user = service.user()
    job = _job(user)
    created = _as(service, user, "POST", f"/jobs/{job}/tickets").json
    assert created["url"] == f"{BASE}/jobs/{job}/events?ticket={created['ticket']}"
    assert 0 < (datetime.fromisoformat(created["expires_at"]) - datetime.now().astimezone()).total_seconds() <= 60
    events = service.gateway("GET", created["url"].removeprefix(BASE))
    assert (events.status, events.headers["Content-Type"]) == (200, "text/event-stream")
    assert b"event: meta" in events.body
    later = service.gateway("GET", f"{created['url'].removeprefix(BASE)}&after=0")
    assert later.status == 200


def test_a_link_downloads_a_documents_text_with_a_ticket(service: Service) -> None:
    user = service.user()
    document = user.add("Pump manual", "The coolant pump P-17 is inspected every ninety days.")
    link = _ticket(service, user, f"/documents/{document['id']}")
    assert "P-17" in service.gateway("GET", link).json["text"]


def test_a_ticket_is_for_its_own_request_alone(service: Service) -> None:
    user = service.user()
    first, second = _job(user), _job(user)
    ticket = _ticket(service, user, f"/jobs/{first}").partition("?")[2]
    for method, path in (
        ("GET", f"/jobs/{second}/events"),
        ("GET", f"/jobs/{first}"),
        ("GET", "/me"),
        ("DELETE", f"/jobs/{first}"),
    ):
        assert service.gateway(method, f"{path}?{ticket}").status == 401
    token = urllib.parse.parse_qs(ticket)["ticket"][0]
    bearer = service.gateway("GET", f"/jobs/{first}/events", {"Authorization": f"Bearer {token}"})
    assert bearer.status == 401
    access = service.gateway("GET", f"/jobs/{first}/events?ticket={user.access_token}")
    assert access.status == 401


def test_a_ticket_expires(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    user = service.user()
    monkeypatch.setattr(tickets, "SECONDS", -10)
    link = _ticket(service, user, f"/jobs/{_job(user)}")
    answer = service.gateway("GET", link)
    assert (answer.status, answer.json["code"]) == (401, "unauthorized")


def test_a_ticket_ends_with_its_session(service: Service) -> None:
    user = service.user()
    link = _ticket(service, user, f"/jobs/{_job(user)}")
    assert service.gateway("GET", link).status == 200
    user.post("/auth/logout")
    assert service.gateway("GET", link).status == 401


def test_an_api_key_makes_tickets_that_end_with_it(service: Service) -> None:
    user = service.user()
    key = user.post("/me/api-keys", {"name": "page", "scopes": ["read"]}).json
    job = _job(user)
    created = service.gateway("POST", f"/jobs/{job}/tickets", {"Authorization": f"Bearer {key['key']}"})
    link = created.json["url"].removeprefix(BASE)
    assert key["key"] not in created.body.decode()
    assert service.gateway("GET", link).status == 200
    user.delete(f"/me/api-keys/{key['id']}")
    assert service.gateway("GET", link).status == 401


def test_nobody_makes_a_ticket_for_anothers_job(service: Service) -> None:
    job = _job(service.user())
    other = service.user()
    assert _as(service, other, "POST", f"/jobs/{job}/tickets").status == 404
    assert service.gateway("POST", f"/jobs/{job}/tickets").status == 401


def test_a_ticket_is_in_no_log(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(logger().registered_handler, "stream", stream)
    user = service.user()
    link = _ticket(service, user, f"/jobs/{_job(user)}")
    service.gateway("GET", link)
    assert "GET /jobs/{job_id}/events" in stream.getvalue()
    assert urllib.parse.parse_qs(link.partition("?")[2])["ticket"][0] not in stream.getvalue()
