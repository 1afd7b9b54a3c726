"""Alerts to Telegram (O4), against a server that speaks the Bot API (tests/peers/telegram.py)."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from chalicelib.core import repairs
from chalicelib.ops.alerts import alerts
from tests.peers.telegram import CHAT, TOKEN, BotApi
from tests.service import Service, User


@pytest.fixture(scope="module")
def bot_api() -> Iterator[BotApi]:
    peer = BotApi()
    yield peer
    peer.close()


@pytest.fixture
def telegram(bot_api: BotApi, master_key: str) -> BotApi:
    bot_api.texts.clear()
    bot_api.mode, bot_api.requests = "up", 0
    return bot_api


def _configure(administrator: User, telegram: BotApi, **more: Any) -> Any:
    body = {"bot_token": TOKEN, "chat_id": CHAT, "api_url": telegram.url, "enabled": True, **more}
    configured = administrator.request("PATCH", "/alerts/telegram", body)
    assert configured.status == 200, configured.body
    return configured.json


def _minute(service: Service) -> None:
    """What a minute of tick does about alerts."""
    repairs.run("notice_silent_hosts", "raise_alerts", "send_alerts")


def _event(service: Service, kind: str, number: int = 1, severity: str = "warning") -> None:
    service.rows(
        "with added as (insert into self_healing_events (event_type, severity, description, action_taken) "
        "select %s, %s, 'It was stuck.', 'a' from generate_series(1, %s) returning 1) select count(*) from added",
        kind,
        severity,
        number,
    )


def _measure(user: User, host: str = "web-1", **values: float) -> None:
    measurement = {
        "measured_at": datetime.now(UTC).isoformat(),
        "cpu_percent": 1,
        "ram_percent": 1,
        "ram_used_bytes": 1,
        "disk_percent": 1,
        "disk_used_bytes": 1,
        "disk_free_bytes": 1,
        **values,
    }
    sent = user.post("/host-metrics", {"host": host, "measurements": [measurement]})
    assert sent.status == 204, sent.body


def test_the_token_is_stored_encrypted_and_never_returned(service: Service, telegram: BotApi) -> None:
    administrator = service.administrator()
    before = administrator.get("/alerts/telegram").json
    assert (before["has_bot_token"], before["enabled"]) == (False, False)
    assert before["alert_thresholds"]["cpu_warning"] == 80
    configured = _configure(administrator, telegram, alert_thresholds={"cpu_warning": 70})
    assert (configured["has_bot_token"], configured["chat_id"]) == (True, CHAT)
    assert TOKEN not in str(configured)
    assert TOKEN not in service.dump()
    assert administrator.get("/alerts/telegram").json["alert_thresholds"]["cpu_critical"] == 95
    emptied = administrator.request("PATCH", "/alerts/telegram", {"bot_token": None, "enabled": False})
    assert emptied.json["has_bot_token"] is False


@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        ({"enabled": True}, 409),
        ({"bot_token": "no token"}, 422),
        ({"chat_id": "a b"}, 422),
        ({"api_url": "http://example.org"}, 422),
        ({"api_url": "https://169.254.169.254/"}, 422),
        ({"quiet_from": "22:00"}, 422),
        ({"quiet_from": "25:00", "quiet_until": "07:00"}, 422),
        ({"quiet_time_zone": "Nowhere/City"}, 422),
        ({"alert_thresholds": {"cpu_warning": 96}}, 422),
        ({"alert_thresholds": {"unknown": 1}}, 422),
        ({"alert_thresholds": {"cooldown_minutes": -1}}, 422),
        ({}, 422),
    ],
)
def test_an_impossible_configuration_is_refused(service: Service, wrong: dict[str, Any], status: int) -> None:
    assert service.administrator().request("PATCH", "/alerts/telegram", wrong).status == status
    assert service.rows("select enabled, chat_id, quiet_from from telegram_config") == [(False, None, None)]


def test_a_test_message_arrives_or_says_why_not(service: Service, telegram: BotApi) -> None:
    administrator = service.administrator()
    assert administrator.post("/alerts/telegram/test").json["code"] == "telegram_incomplete"
    _configure(administrator, telegram, quiet_from="00:00", quiet_until="23:59")
    assert administrator.post("/alerts/telegram/test").status == 204
    assert "test message" in telegram.texts[0]
    (alert,) = administrator.get("/alerts").json["items"]
    assert (alert["kind"], alert["deliveries"][0]["sent_at"] is not None) == ("test", True)
    assert len(administrator.get("/audit-logs?action=telegram_config.tested").json["items"]) == 1
    administrator.request("PATCH", "/alerts/telegram", {"chat_id": "-42"})
    refused = administrator.post("/alerts/telegram/test").json
    assert refused["code"] == "telegram_failed"
    assert "chat not found" in refused["detail"]
    assert TOKEN not in str(refused)
    _minute(service)
    assert len(telegram.texts) == 1, "the test message is sent once"


def test_a_threshold_that_is_passed_is_told_and_so_is_its_end(service: Service, telegram: BotApi) -> None:
    administrator = service.administrator()
    _configure(administrator, telegram)
    _measure(administrator, cpu_percent=97, temperature_celsius=80)
    for _ in range(3):
        _minute(service)
    assert telegram.texts == ["🔴 alcove test: The processor of web-1 is at 97 % (limit 95 %)."]
    _measure(administrator, cpu_percent=5)
    _minute(service)
    assert telegram.texts[1:] == ["✅ alcove test: The processor of web-1 is again at 5 % (limit 80 %)."]
    service.rows("update hosts set last_seen_at = now() - interval '1 hour' returning 1")
    _minute(service)
    _measure(administrator)
    _minute(service)
    assert telegram.texts[2:] == [
        "🔴 alcove test: The host web-1 sends no measurements.",
        "✅ alcove test: The host web-1 is heard again.",
    ]
    history = administrator.get("/alerts?kind=metric").json["items"]
    assert [item["level"] for item in history] == ["ok", "critical"]


def test_a_thousand_events_are_one_message_for_each_kind(service: Service, telegram: BotApi) -> None:
    _configure(service.administrator(), telegram)
    for kind, number in {"document_stuck": 600, "lease_lapsed": 399, "object_missing": 1}.items():
        _event(service, kind, number)
    _event(service, "host_returned", 5, "info")
    for _ in range(3):
        _minute(service)
    assert [text.split(": ", 2)[2] for text in telegram.texts] == [
        "document_stuck, 600 times. It was stuck.",
        "lease_lapsed, 399 times. It was stuck.",
        "object_missing, once. It was stuck.",
    ]
    _event(service, "document_stuck", 50)
    _minute(service)
    assert len(telegram.texts) == 3, "the cooldown"
    service.rows("update alert_subjects set reported_at = reported_at - interval '16 minutes' returning 1")
    _minute(service)
    assert telegram.texts[3:] == ["⚠️ alcove test: Self-healing: document_stuck, 50 times."]


@pytest.mark.parametrize("mode", ["down", "silent", "busy"])
def test_what_a_server_that_is_down_did_not_take_is_told_once_after(
    service: Service, telegram: BotApi, mode: str
) -> None:
    administrator = service.administrator()
    _configure(administrator, telegram)
    telegram.mode = mode
    for minute in range(12):
        _event(service, f"kind_{minute:02}")
        _minute(service)
        service.rows("update alert_deliveries set due_at = due_at - interval '5 minutes' returning 1")
    assert telegram.texts == []
    assert telegram.requests <= 12, "one request a minute"
    waiting = administrator.get("/alerts?limit=1").json["items"][0]["deliveries"][0]
    assert waiting["sent_at"] is None
    assert waiting["error"]
    assert TOKEN not in str(waiting)
    telegram.mode = "up"
    for _ in range(3):
        service.rows("update alert_deliveries set due_at = now() returning 1")
        _minute(service)
    (digest,) = telegram.texts
    assert [line for line in digest.splitlines() if "kind_" in line] == digest.splitlines()[1:]
    assert [f"kind_{minute:02}" in digest for minute in range(12)] == [True] * 12
    assert service.rows("select count(*) from alert_deliveries where sent_at is null") == [(0,)]


def test_a_server_that_is_busy_is_asked_when_it_says(service: Service, telegram: BotApi) -> None:
    _configure(service.administrator(), telegram)
    telegram.mode = "busy"
    _event(service, "document_stuck")
    _minute(service)
    in_seconds = "select extract(epoch from due_at - now())::float8 from alert_deliveries"
    assert 20 < service.rows(in_seconds)[0][0] <= 30
    assert service.rows("select error from alert_deliveries")[0][0].startswith("Telegram answered with status 429")


def test_quiet_hours_end_with_a_digest(service: Service, telegram: BotApi) -> None:
    administrator = service.administrator()
    _configure(administrator, telegram, quiet_from="22:00", quiet_until="07:00", quiet_time_zone="UTC")
    night = datetime.now(UTC).replace(hour=23, minute=0)
    for kind in ("document_stuck", "lease_lapsed"):
        _event(service, kind)
    _event(service, "object_missing", severity="critical")
    assert alerts.raise_alerts(night) == 3
    alerts.send_due()
    assert [text.split(": ", 2)[2] for text in telegram.texts] == ["object_missing, once. It was stuck."]
    ((until,),) = service.rows("select distinct hold_until from alerts where hold_until is not null")
    assert (until.astimezone(UTC).hour, until > night) == (7, True)
    service.rows("update alert_deliveries set due_at = now() returning 1")
    alerts.send_due()
    alerts.send_due()
    (digest,) = telegram.texts[1:]
    assert digest.startswith("alcove test: 2 alerts\n")
    assert "document_stuck" in digest
    assert "lease_lapsed" in digest


def test_a_digest_is_cut_into_messages_that_telegram_takes(service: Service, telegram: BotApi) -> None:
    _configure(service.administrator(), telegram)
    for number in range(60):
        _event(service, f"kind_{number:02}_{'x' * 80}")
    _minute(service)
    assert sum(text.count("Self-healing: kind_") for text in telegram.texts) == 60
    assert 1 < len(telegram.texts) < 6


def test_without_a_channel_nothing_is_raised_and_later_nothing_old_is_told(service: Service, telegram: BotApi) -> None:
    _event(service, "document_stuck", 100)
    _minute(service)
    _configure(service.administrator(), telegram)
    _minute(service)
    assert telegram.requests == 0


def test_a_repair_that_fails_is_told_and_so_is_its_success(service: Service, telegram: BotApi) -> None:
    _configure(service.administrator(), telegram)
    with service.database.connect("owner") as conn:
        conn.execute("revoke execute on function free_expired_jobs(interval) from alcove_app")
    for _ in range(2):
        with pytest.raises(Exception, match="free_expired_jobs"):
            service.tick()
    assert telegram.texts == ["🔴 alcove test: The repair wake_jobs fails. The log of tick says why."]
    with service.database.connect("owner") as conn:
        conn.execute("grant execute on function free_expired_jobs(interval) to alcove_app")
    for _ in range(2):
        service.tick()
    assert telegram.texts[1:] == ["✅ alcove test: The repair wake_jobs succeeds again."]


def test_a_webhook_of_the_organisation_is_sent_alerts_without_telegram(service: Service, master_key: str) -> None:
    administrator = service.administrator()
    body = {"url": "http://127.0.0.1:9/hook", "events": ["alert.raised"], "scope": "org"}
    created = administrator.post("/webhooks", {**body, "allow_private_addresses": True})
    assert created.status == 201, created.body
    for value in (97, 97, 5):
        _measure(administrator, cpu_percent=value)
        repairs.run("raise_alerts")
    queued = "select payload -> 'data' ->> 'severity', payload -> 'data' ->> 'description' from webhook_deliveries"
    assert service.rows(f"{queued} order by id") == [
        ("critical", "The processor of web-1 is at 97 % (limit 95 %)."),
        ("info", "The processor of web-1 is again at 5 % (limit 80 %)."),
    ]
    assert service.rows("select count(*) from alert_deliveries") == [(0,)]
