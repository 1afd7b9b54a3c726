"""Alerts by e-mail (O4): the rules of every channel, against an SMTP server as a process."""

import uuid
from datetime import UTC, datetime
from email import message_from_string, policy
from email.message import EmailMessage
from typing import Any

import pytest

from chalicelib.core import process, repairs
from chalicelib.ops.alerts import alerts
from tests.auth.mailboxes import Mailboxes, text_of
from tests.ops.test_alerts import _event, _measure, _minute
from tests.service import Service, User


def _address() -> str:
    """One that no other test uses: the server is everybody's."""
    return f"{uuid.uuid4().hex}@example.org"


def _configure(mails: Mailboxes, *recipients: str) -> User:
    administrator = mails.service.administrator()
    body = {"enabled": True, "recipients": list(recipients)}
    configured = administrator.request("PATCH", "/alerts/email", body)
    assert configured.status == 200, configured.body
    assert configured.json["recipients"] == list(dict.fromkeys(recipients))
    return administrator


def _sent(mails: Mailboxes) -> list[dict[str, Any]]:
    return mails.server.stored()[mails.seen :]


def _messages(mails: Mailboxes) -> list[EmailMessage]:
    return [message_from_string(message["content"], policy=policy.default) for message in _sent(mails)]


def _delivery(administrator: User) -> dict[str, Any]:
    delivery: dict[str, Any] = administrator.get("/alerts?limit=1").json["items"][0]["deliveries"][0]
    assert delivery["channel"] == "email"
    return delivery


def test_a_condition_is_one_e_mail_to_all_recipients_and_its_end_another(mails: Mailboxes) -> None:
    ada, bob = _address(), _address()
    administrator = _configure(mails, ada, bob, ada)
    _measure(administrator, cpu_percent=97)
    for _ in range(3):
        _minute(mails.service)
    assert [message["to"] for message in _sent(mails)] == [[ada, bob]]
    _measure(administrator, cpu_percent=5)
    _minute(mails.service)
    messages = _messages(mails)
    assert [message["Subject"] for message in messages] == [
        "🔴 alcove test: The processor of web-1 is at 97 % (limit 95 %).",
        "✅ alcove test: The processor of web-1 is again at 5 % (limit 80 %).",
    ]
    assert "\nThe service reports:\n" in text_of(messages[0])
    assert messages[0]["Subject"] in text_of(messages[0])
    assert _delivery(administrator)["sent_at"] is not None


def test_the_language_is_that_of_the_deployments_e_mails(mails: Mailboxes) -> None:
    mails.use(mails.server.settings | {"language": "de"})
    _configure(mails, _address())
    _event(mails.service, "document_stuck")
    _minute(mails.service)
    (message,) = _messages(mails)
    assert "Der Dienst meldet:" in text_of(message)


def test_a_burst_is_one_e_mail_for_each_kind_and_quiet_hours_end_with_a_digest(mails: Mailboxes) -> None:
    administrator = _configure(mails, _address())
    quiet = {"quiet_from": "22:00", "quiet_until": "07:00", "quiet_time_zone": "UTC"}
    assert administrator.request("PATCH", "/alerts/telegram", quiet).status == 200
    night = datetime.now(UTC).replace(hour=23, minute=0)
    _event(mails.service, "object_missing", 1000, severity="critical")
    for kind in ("document_stuck", "lease_lapsed"):
        _event(mails.service, kind, 500)
    assert alerts.raise_alerts(night) == 3
    alerts.send_due()
    assert [message["Subject"].split(": ", 2)[2] for message in _messages(mails)] == [
        "object_missing, 1,000 times. It was stuck."
    ]
    mails.service.rows("update alert_deliveries set due_at = now() returning 1")
    alerts.send_due()
    alerts.send_due()
    (digest,) = _messages(mails)[1:]
    assert digest["Subject"] == "alcove test: 2 alerts"
    assert "document_stuck" in text_of(digest)
    assert "lease_lapsed" in text_of(digest)


@pytest.mark.parametrize("way", ["no server", "refused for now", "refused for good", "no secret"])
def test_what_was_not_taken_is_told_once_after_and_nothing_is_given_up(mails: Mailboxes, way: str) -> None:
    recipients = {"refused for now": f"later-{_address()}", "refused for good": f"never-{_address()}"}
    administrator = _configure(mails, recipients.get(way, _address()))
    if way == "no server":
        mails.use(mails.server.settings | {"port": 9})
    elif way == "no secret":
        mails.environment.setenv("ALCOVE_MAIL_SECRET", "")
        process.forget()
    for minute in range(12):
        _event(mails.service, f"kind_{minute:02}")
        _minute(mails.service)
        mails.service.rows("update alert_deliveries set due_at = due_at - interval '5 minutes' returning 1")
    assert _sent(mails) == []
    assert (_delivery(administrator)["sent_at"], bool(_delivery(administrator)["error"])) == (None, True)
    mails.use(mails.server.settings)
    _configure(mails, _address())
    for _ in range(3):
        mails.service.rows("update alert_deliveries set due_at = now() returning 1")
        _minute(mails.service)
    (digest,) = _messages(mails)
    assert [f"kind_{minute:02}" in text_of(digest) for minute in range(12)] == [True] * 12
    assert mails.service.rows("select count(*) from alert_deliveries where sent_at is null") == [(0,)]


def test_a_refused_recipient_does_not_keep_the_others_from_being_told(mails: Mailboxes) -> None:
    ada = _address()
    administrator = _configure(mails, f"never-{_address()}", ada)
    _event(mails.service, "document_stuck")
    for _ in range(2):
        _minute(mails.service)
        mails.service.rows("update alert_deliveries set due_at = now() returning 1")
    assert [message["to"] for message in _sent(mails)] == [[ada]]
    assert _delivery(administrator)["sent_at"] is not None
    assert _delivery(administrator)["error"] == "The server refused 1 of 2 recipients."


def test_a_test_message_is_sent_within_a_minute_and_the_history_says_so(mails: Mailboxes) -> None:
    administrator = mails.service.administrator()
    assert administrator.post("/alerts/email/test").json["code"] == "alerts_by_email_off"
    _configure(mails, _address())
    assert administrator.post("/alerts/email/test").status == 204
    assert repairs.run("send_alerts") == {"send_alerts": 1}
    (message,) = _messages(mails)
    assert message["Subject"] == "✅ alcove test: This is a test message. Alerts arrive here."
    (alert,) = administrator.get("/alerts?kind=test").json["items"]
    assert alert["deliveries"][0]["sent_at"] is not None
    assert len(administrator.get("/audit-logs?action=email_alerts.tested").json["items"]) == 1


@pytest.mark.parametrize(
    "wrong",
    [{}, {"enabled": True}, {"recipients": ["no address"]}, {"recipients": [f"a{n}@example.org" for n in range(11)]}],
)
def test_an_impossible_configuration_is_refused(mails: Mailboxes, wrong: dict[str, Any]) -> None:
    assert mails.service.administrator().request("PATCH", "/alerts/email", wrong).status == 422
    assert mails.service.rows("select email_enabled, email_recipients from telegram_config") == [(False, [])]


def test_a_deployment_that_sends_no_e_mails_refuses_them(service: Service) -> None:
    administrator = service.administrator()
    answer = administrator.request("PATCH", "/alerts/email", {"enabled": True, "recipients": ["a@example.org"]})
    assert (answer.status, answer.json["code"]) == (409, "mail_off")
    assert administrator.post("/alerts/email/test").json["code"] == "mail_off"
    assert administrator.request("PATCH", "/alerts/email", {"enabled": False}).status == 200


def test_an_erased_person_gets_no_alerts(mails: Mailboxes) -> None:
    person = mails.service.user()
    _configure(mails, person.email)
    assert person.request("DELETE", "/me", {"password": person.password}).status in (200, 204)
    assert mails.service.rows("select email_enabled, email_recipients from telegram_config") == [(False, [])]
