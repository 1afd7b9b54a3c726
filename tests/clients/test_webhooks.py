"""Webhooks against a real receiver, which verifies with the library that Standard Webhooks publishes."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, get_args

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from chalicelib.core import outbound
from chalicelib.doors.webhooks import deliveries, events, models
from tests.auth.conftest import master_key
from tests.service import Answer, Service, User

__all__ = ["master_key"]

PUMP = "The coolant pump P-17 is inspected every ninety days. Replace its seal when it leaks."
EVERYTHING_OWN = ["document.completed", "document.failed", "document.deleted", "answer.completed", "answer.cancelled"]


@dataclass
class Receiver:
    """A server that keeps what it was sent, and answers with `status`, or with one by the event's name."""

    url: str = ""
    status: int = 204
    of_event: dict[str, int] = field(default_factory=dict)
    received: list[tuple[dict[str, str], str]] = field(default_factory=list)

    def events(self) -> list[str]:
        return [json.loads(body)["type"] for _, body in self.received]

    def verified(self, secret: str) -> list[Any]:
        """The payloads, each verified. Raises WebhookVerificationError."""
        return [Webhook(secret).verify(body, headers) for headers, body in self.received]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    running = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            running.received.append(({name.lower(): value for name, value in self.headers.items()}, body))
            status = running.of_event.get(json.loads(body)["type"], running.status)
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("Location", f"{running.url}/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    running.url = f"http://127.0.0.1:{server.server_port}/hook"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield running
    server.shutdown()
    thread.join()
    server.server_close()


def a_webhook(user: User, url: str, *names: str, **more: Any) -> Any:
    """A webhook of a user on this machine, as an administrator allows it."""
    service = user.service
    service.rows("update users set is_admin = true where id = %s returning 1", user.id)
    created = create(user, url, *names, allow_private_addresses=True, **more)
    assert created.status == 201, created.body
    return created.json


def create(user: User, url: str, *names: str, **more: Any) -> Answer:
    return user.post("/webhooks", {"url": url, "events": list(names or EVERYTHING_OWN), **more})


def a_minute_later(service: Service) -> None:
    """Everything that waits for a time is due."""
    service.rows(
        "with moved as (update webhooks set attempted_at = attempted_at - interval '1 minute') "
        "update webhook_deliveries set next_attempt_at = now() where status = 'pending' returning 1"
    )


def log(user: User, webhook: Any, query: str = "") -> list[Any]:
    listed = user.get(f"/webhooks/{webhook['id']}/deliveries{query}")
    assert listed.status == 200, listed.body
    items: list[Any] = listed.json["items"]
    return items


def test_documents_and_answers_are_told_signed_and_with_what_the_event_declares(
    service: Service, master_key: str, receiver: Receiver
) -> None:
    user = service.user()
    webhook = a_webhook(user, receiver.url)
    document = user.add("Pump", PUMP)
    conversation = user.post("/conversations", {}).json["id"]
    job = user.post(f"/conversations/{conversation}/messages", {"content": "How often is the pump inspected?"}).json
    service.pump_answer()
    assert user.delete(f"/documents/{document['id']}").status == 204
    service.tick()
    assert sorted(receiver.events()) == ["answer.completed", "document.completed", "document.deleted"]
    payloads = receiver.verified(webhook["secret"])
    for payload in payloads:
        events.registered()[payload["type"]].model_validate(payload["data"])
    by_name = {payload["type"]: payload["data"] for payload in payloads}
    assert by_name["document.completed"]["document_id"] == document["id"]
    assert by_name["answer.completed"]["job_id"] == job["job"]["id"]
    assert "pump" not in json.dumps(payloads), "events name things and do not contain them"
    with pytest.raises(WebhookVerificationError):
        receiver.verified("whsec_" + "A" * 44)
    assert [entry["status"] for entry in log(user, webhook)] == ["delivered"] * 3
    assert {entry["response_status"] for entry in log(user, webhook)} == {204}
    service.tick()
    assert len(receiver.received) == 3, "what was delivered is not sent again"


def test_an_event_is_written_in_the_transaction_of_what_happened(
    service: Service, master_key: str, receiver: Receiver
) -> None:
    user = service.user()
    webhook = a_webhook(user, receiver.url, "document.deleted")
    document = user.add("Pump", PUMP)
    with service.database.connect("owner") as conn, conn.transaction(force_rollback=True):
        conn.execute("update documents set deleted_at = now() where id = %s", [document["id"]])
        assert conn.execute("select count(*) from webhook_deliveries").fetchone() == (1,)
    assert log(user, webhook) == []


def test_nobody_is_told_of_what_belongs_to_somebody_else(service: Service, master_key: str, receiver: Receiver) -> None:
    administrator, user, other = service.administrator(), service.user(), service.user()
    shared = a_webhook(administrator, receiver.url, "document.completed", "budget.spent", "alert.raised", scope="org")
    own = a_webhook(other, receiver.url, "document.completed", "answer.completed")
    user.add("Pump", PUMP)
    assert log(administrator, shared) == [] == log(other, own)
    administrator.add("Rules", "Everybody wears a helmet.", scope="org")
    assert [entry["event"] for entry in log(administrator, shared)] == ["document.completed"]
    assert log(other, own) == []
    assert other.get(f"/webhooks/{shared['id']}").status == 200, "other is an administrator now"
    service.rows("update users set is_admin = false where id = %s returning 1", other.id)
    assert other.get(f"/webhooks/{shared['id']}").status == 404
    assert administrator.get(f"/webhooks/{own['id']}").status == 404
    refused = create(user, "https://hooks.example.org/x", "alert.raised")
    assert (refused.status, refused.json["code"]) == (422, "validation_failed")
    refused = create(user, "https://hooks.example.org/x", "document.completed", scope="org")
    assert (refused.status, refused.json["code"]) == (403, "forbidden")


def test_who_has_left_a_group_is_told_nothing_more_of_its_documents(
    service: Service, master_key: str, receiver: Receiver
) -> None:
    administrator, leaver, editor = service.administrator(), service.user(), service.user()
    group = administrator.post("/groups", {"name": "Operators"}).json["id"]
    for member in (leaver, editor):
        assert administrator.put(f"/groups/{group}/members/{member.id}", {"role": "editor"}).status == 204
    notified = a_webhook(leaver, receiver.url, "document.completed", "document.deleted")
    document = leaver.add("Pump", PUMP, scope="group", group_id=group)["id"]
    assert [entry["event"] for entry in log(leaver, notified)] == ["document.completed"]
    assert leaver.delete(f"/groups/{group}/members/{leaver.id}").status == 204
    assert editor.delete(f"/documents/{document}").status == 204
    assert [entry["event"] for entry in log(leaver, notified)] == ["document.completed"]


def test_a_budget_is_told_once_when_it_nears_its_end_and_once_when_it_is_spent(
    service: Service, master_key: str, receiver: Receiver
) -> None:
    administrator, user = service.administrator(), service.user()
    assert administrator.put(f"/users/{user.id}/budget", {"monthly_tokens": 1000}).status == 200
    webhook = a_webhook(user, receiver.url, "budget.nearing", "budget.spent")
    service.rows("update users set is_admin = true where id = %s returning 1", user.id)
    spend = (
        "insert into usage (user_id, job_id, model, provider, prompt_tokens, completion_tokens, cost_usd) "
        "values (%s, uuidv7(), 'm', 'openai', %s, 0, 0) returning 1"
    )
    for tokens, names in ((700, []), (150, ["budget.nearing"]), (1, ["budget.nearing"])):
        service.rows(spend, user.id, tokens)
        assert [entry["event"] for entry in log(user, webhook)] == names
    for _ in range(2):
        service.rows(spend, user.id, 200)
        assert [entry["event"] for entry in log(user, webhook)] == ["budget.spent", "budget.nearing"]
    service.tick()
    (nearing, spent) = sorted(receiver.verified(webhook["secret"]), key=lambda payload: str(payload["type"]))
    assert (nearing["type"], spent["type"]) == ("budget.nearing", "budget.spent")
    assert (spent["data"]["monthly_tokens"], spent["data"]["user_id"]) == (1000, str(user.id))
    events.registered()["budget.spent"].model_validate(spent["data"])


def test_a_source_that_fails_is_told_once_to_its_owner(service: Service, master_key: str, receiver: Receiver) -> None:
    owner, other = service.user(), service.user()
    webhook = a_webhook(owner, receiver.url, "connector.failed")
    a_webhook(other, receiver.url, "connector.failed")
    settings = {"start_urls": ["https://example.org/"]}
    connector = owner.post("/connectors", {"name": "Site", "type": "web", "settings": settings}).json["id"]
    change = (
        "update connectors set status = %s, failures = %s, error_code = %s, "
        "error_message = 'https://example.org/plans?key=1 answers with status 500.' where id = %s "
    )
    for status, failures, code in (
        ("syncing", 0, None),
        ("error", 1, "source_unreachable"),
        ("syncing", 1, "source_unreachable"),
        ("error", 2, "source_unreachable"),
    ):
        service.rows(f"{change} returning 1", status, failures, code, connector)
    service.tick()
    ((headers, body),) = receiver.received
    payload = Webhook(webhook["secret"]).verify(body, headers)
    assert payload["type"] == "connector.failed"
    assert "plans" not in body
    event = events.ConnectorEvent.model_validate(payload["data"])
    assert (str(event.connector_id), event.scope, event.error and event.error.code) == (
        connector,
        "user",
        "source_unreachable",
    )


def test_what_the_service_repairs_is_told_to_the_organisation(
    service: Service, master_key: str, receiver: Receiver
) -> None:
    administrator = service.administrator()
    webhook = a_webhook(administrator, receiver.url, "alert.raised", scope="org")
    insert = (
        "insert into self_healing_events (event_type, severity, description, action_taken) "
        "values ('document_stuck', %s, 'd', 'a') returning 1"
    )
    for severity in ("info", "warning", "critical"):
        service.rows(insert, severity)
    service.tick()
    payloads = [payload["data"] for payload in receiver.verified(webhook["secret"])]
    assert sorted(data["severity"] for data in payloads) == ["critical", "warning"]
    events.AlertEvent.model_validate(payloads[0])


def test_a_delivery_that_fails_is_tried_again_later_with_the_same_id_and_at_last_abandoned(
    service: Service, master_key: str, receiver: Receiver
) -> None:
    user = service.user()
    webhook = a_webhook(user, receiver.url, "document.completed")
    receiver.status = 500
    user.add("Pump", PUMP)
    service.tick()
    service.tick()
    (waiting,) = log(user, webhook)
    assert (waiting["status"], waiting["attempts"], waiting["error"]) == ("pending", 1, "The receiver answered 500.")
    assert waiting["next_attempt_at"] is not None
    assert user.get(f"/webhooks/{webhook['id']}").json["failing_since"] is not None
    for _ in deliveries.RETRY_AFTER:
        a_minute_later(service)
        service.tick()
    (abandoned,) = log(user, webhook)
    assert (abandoned["status"], abandoned["attempts"]) == ("failed", len(deliveries.RETRY_AFTER) + 1)
    assert len({headers["webhook-id"] for headers, _ in receiver.received}) == 1
    assert len(receiver.received) == abandoned["attempts"]
    receiver.status = 200
    assert user.post(f"/webhooks/{webhook['id']}/deliveries/{abandoned['id']}/retry").status == 202
    a_minute_later(service)
    service.tick()
    assert log(user, webhook)[0]["status"] == "delivered"
    assert user.get(f"/webhooks/{webhook['id']}").json["failing_since"] is None


def test_the_wait_grows_with_every_attempt() -> None:
    assert list(deliveries.RETRY_AFTER) == sorted(set(deliveries.RETRY_AFTER))
    for number, base in enumerate(deliveries.RETRY_AFTER, start=1):
        assert base <= deliveries._retry_in(number) <= base * 1.1
    assert sum(deliveries.RETRY_AFTER, deliveries.RETRY_AFTER[0] * 0) >= deliveries.DISABLE_AFTER


def test_a_webhook_that_fails_costs_one_request_a_minute_and_the_others_none(
    service: Service, master_key: str, receiver: Receiver
) -> None:
    user = service.user()
    broken = a_webhook(user, receiver.url, "document.completed")
    working = a_webhook(user, receiver.url, "document.completed")
    receiver.status = 500
    assert user.post(f"/webhooks/{broken['id']}/test").json["status"] == "failed"
    receiver.status = 204
    service.rows("update webhooks set attempted_at = now() where failing_since is not null returning 1")
    for number in range(3):
        user.add(f"Pump {number}", f"{PUMP} {number}")
    service.tick()
    assert [entry["status"] for entry in log(user, working)] == ["delivered"] * 3
    assert [entry["attempts"] for entry in log(user, broken)] == [0, 0, 0, 1]
    receiver.status = 500
    service.rows("update webhooks set attempted_at = now() - interval '1 minute' returning 1")
    service.tick()
    assert [entry["attempts"] for entry in log(user, broken)] == [0, 0, 1, 1]
    receiver.status = 204
    service.rows("update webhooks set attempted_at = now() - interval '1 minute' returning 1")
    service.tick()
    assert [entry["status"] for entry in log(user, broken)][:2] == ["delivered"] * 2, "it works again: all are sent"


def test_a_webhook_that_fails_for_long_or_is_final_is_disabled_and_says_so(
    service: Service, master_key: str, receiver: Receiver
) -> None:
    user = service.user()
    webhook = a_webhook(user, receiver.url, "document.completed", "document.deleted")
    for status, reason in ((503, "failing"), (410, "gone")):
        receiver.status = status
        if reason == "failing":
            service.rows("update webhooks set failing_since = now() - %s returning 1", deliveries.DISABLE_AFTER)
        document = user.add(f"Pump {status}", f"{PUMP} {status}")
        service.tick()
        shown = user.get(f"/webhooks/{webhook['id']}").json
        assert (shown["is_enabled"], shown["disabled_reason"]) == (False, reason)
        assert log(user, webhook)[0]["status"] == "failed"
        assert user.delete(f"/documents/{document['id']}").status == 204
        assert log(user, webhook)[0]["event"] == "document.completed", "a disabled webhook is told nothing"
        events_of_healing = service.rows(
            "select count(*) from self_healing_events where event_type = 'webhook_disabled'"
        )
        enabled = user.request("PATCH", f"/webhooks/{webhook['id']}", {"is_enabled": True}).json
        assert (enabled["is_enabled"], enabled["disabled_reason"], enabled["failing_since"]) == (True, None, None)
    assert events_of_healing == [(2,)]


def test_a_secret_is_replaced_without_a_gap(service: Service, master_key: str, receiver: Receiver) -> None:
    user = service.user()
    webhook = a_webhook(user, receiver.url, "document.completed")
    renewed = user.post(f"/webhooks/{webhook['id']}/secret")
    assert renewed.status == 200, renewed.body
    assert renewed.json["previous_secret_until"] is not None
    user.add("Pump", PUMP)
    service.tick()
    assert len(receiver.verified(webhook["secret"])) == len(receiver.verified(renewed.json["secret"])) == 1
    receiver.received.clear()
    service.rows("update webhooks set previous_secret_until = now() returning 1")
    user.add("Valve", "The valve is opened by hand.")
    service.tick()
    assert len(receiver.verified(renewed.json["secret"])) == 1
    with pytest.raises(WebhookVerificationError):
        receiver.verified(webhook["secret"])
    assert webhook["secret"] not in service.dump() and "secret" not in user.get(f"/webhooks/{webhook['id']}").json


def test_a_test_is_sent_at_once_and_shows_what_came_back(service: Service, master_key: str, receiver: Receiver) -> None:
    user = service.user()
    webhook = a_webhook(user, receiver.url)
    sent = user.post(f"/webhooks/{webhook['id']}/test")
    assert (sent.status, sent.json["status"], sent.json["response_status"]) == (200, "delivered", 204)
    assert receiver.verified(webhook["secret"])[0]["data"] == {"webhook_id": webhook["id"]}
    receiver.status = 302
    sent = user.post(f"/webhooks/{webhook['id']}/test").json
    assert (sent["status"], sent["error"]) == ("failed", "The receiver answered 302.")
    assert len(receiver.received) == 2, "a redirect is not followed"


def test_deliveries_have_pages_and_are_filtered_by_status(
    service: Service, master_key: str, receiver: Receiver
) -> None:
    user = service.user()
    webhook = a_webhook(user, receiver.url, "document.completed")
    for number in range(3):
        user.add(f"Pump {number}", f"{PUMP} {number}")
    path = f"/webhooks/{webhook['id']}/deliveries?limit=2"
    first = user.get(path).json
    second = user.get(f"{path}&cursor={first['next_cursor']}").json
    assert [len(page["items"]) for page in (first, second)] == [2, 1]
    assert len(log(user, webhook, "?status=pending")) == 3
    assert log(user, webhook, "?status=failed") == []


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example.org/x",
        "https://127.0.0.1/x",
        "https://10.1.2.3/x",
        "https://localhost/x",
        "https://[::1]/x",
        "https://[fd12:3456::1]/x",
        "https://100.64.0.1/",
        "https://169.254.169.254/",
    ],
)
def test_a_users_webhook_reaches_public_addresses_alone(service: Service, master_key: str, url: str) -> None:
    refused = create(service.user(), url)
    assert (refused.status, refused.json["code"]) == (422, "webhook_address")


def test_a_name_that_leads_to_a_private_address_is_not_called(service: Service, master_key: str) -> None:
    with pytest.raises(outbound.AddressError, match="not public"):
        outbound.resolve("localhost", 443, public=True)
    user = service.user()
    administrators = create(user, "https://hooks.example.org/x", allow_private_addresses=True)
    assert (administrators.status, administrators.json["code"]) == (403, "forbidden")


def test_who_is_no_longer_an_administrator_reaches_no_private_address(
    service: Service, master_key: str, receiver: Receiver
) -> None:
    user = service.user()
    webhook = a_webhook(user, receiver.url, "document.completed")
    service.rows("update users set is_admin = false where id = %s returning 1", user.id)
    user.add("Pump", PUMP)
    service.tick()
    assert receiver.received == []
    assert log(user, webhook)[0]["error"] == "The address must begin with https://."
    assert user.post(f"/webhooks/{webhook['id']}/test").json["status"] == "failed"
    changed = user.request("PATCH", f"/webhooks/{webhook['id']}", {"url": f"{receiver.url}/other"})
    assert (changed.status, changed.json["code"]) == (403, "forbidden")


def test_a_deactivated_user_is_told_nothing(service: Service, master_key: str, receiver: Receiver) -> None:
    user = service.user()
    a_webhook(user, receiver.url, "document.completed")
    user.add("Pump", PUMP)
    service.rows("update users set is_active = false where id = %s returning 1", user.id)
    service.tick()
    assert receiver.received == []


def test_webhooks_are_bounded_and_not_for_anonymous_users(service: Service, master_key: str) -> None:
    user = service.user()
    for number in range(10):
        assert create(user, f"https://hooks.example.org/{number}").status == 201
    refused = create(user, "https://hooks.example.org/another")
    assert (refused.status, refused.json["code"]) == (409, "too_many")
    service.rows("update users set auth_provider = 'anonymous' where id = %s returning 1", user.id)
    refused = create(user, "https://hooks.example.org/another")
    assert (refused.status, refused.json["code"]) == (403, "account_required")


def test_the_names_of_events_are_the_same_everywhere(service: Service) -> None:
    ((check,),) = service.rows(
        "select pg_get_constraintdef(oid) from pg_constraint where conrelid = 'webhooks'::regclass "
        "and pg_get_constraintdef(oid) like '%%document.completed%%'"
    )
    named = {part for part in check.split("'")[1::2] if "." in part}
    assert named == set(events.registered()) == set(get_args(models.EventName))
