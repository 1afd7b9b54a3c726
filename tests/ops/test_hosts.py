"""Hosts and their measurements (O1): the agent, the routes, silence, /metrics."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from chalicelib.core import repairs
from chalicelib.ops.hosts import exposition
from embedder import metrics
from tests.service import Service, User

VALUES = {
    "cpu_percent": 10.0,
    "ram_percent": 50.0,
    "ram_used_bytes": 1000,
    "disk_percent": 60.0,
    "disk_used_bytes": 600,
    "disk_free_bytes": 400,
}


def _measured(minutes_ago: float = 0, **values: float) -> dict[str, Any]:
    """Asked anew each time: a suite can run longer than a measurement counts as today's."""
    now = datetime.now(UTC).replace(microsecond=0)
    return {"measured_at": (now - timedelta(minutes=minutes_ago)).isoformat(), **VALUES, **values}


def _send(user: User, *measurements: dict[str, Any], host: str = "web-1", **more: Any) -> Any:
    return user.post("/host-metrics", {"host": host, "measurements": list(measurements), **more})


def _event_types(service: Service) -> list[str]:
    return [row[0] for row in service.rows("select event_type from self_healing_events order by id")]


def test_a_measurement_that_is_too_small_to_store_is_zero(service: Service) -> None:
    sent = _send(service.administrator(), _measured(cpu_percent=3e-225, temperature_celsius=-3e-225))
    assert sent.status == 204, sent.body
    assert service.rows("select cpu_percent, temperature_celsius from host_metrics") == [(0.0, 0.0)]


def test_measurements_are_listed_as_means_of_steps(service: Service) -> None:
    administrator = service.administrator()
    sent = _send(administrator, _measured(3, cpu_percent=10), _measured(2, cpu_percent=30), _measured(0, gpu_percent=5))
    assert sent.status == 204, sent.body
    now = datetime.now(UTC)
    start, end = ((now + timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ") for minutes in (-60, 1))
    path = f"/host-metrics?host=web-1&from={start}&to={end}"
    whole = administrator.get(f"{path}&step=86400").json
    assert sum(point["samples"] for point in whole["items"]) == 3
    fine = administrator.get(f"{path}&step=5").json["items"]
    assert [(point["cpu_percent"], point["gpu_percent"]) for point in fine] == [(10, None), (30, None), (10, 5)]
    assert administrator.get(f"{path}&step=1").status == 422
    assert administrator.get(f"/host-metrics?host=web-1&from={end}&to={start}&step=60").status == 422
    assert administrator.get("/hosts").json["items"][0]["gpu_percent"] == 5


def test_a_measurement_that_was_sent_before_is_stored_once(service: Service) -> None:
    administrator = service.administrator()
    measurement = _measured(1)
    for _ in range(2):
        assert _send(administrator, measurement).status == 204
    assert service.rows("select count(*) from host_metrics") == [(1,)]


@pytest.mark.parametrize(
    "wrong",
    [
        {"minutes_ago": 2 * 24 * 60},
        {"minutes_ago": -60},
        {"cpu_percent": 101},
        {"disk_free_bytes": -1},
        {"temperature_celsius": 1000},
    ],
)
def test_impossible_measurements_are_refused(service: Service, wrong: dict[str, Any]) -> None:
    assert _send(service.administrator(), _measured(**wrong)).status == 422
    assert service.rows("select count(*) from hosts") == [(0,)]


def test_a_key_of_the_scope_metrics_sends_and_scrapes_and_does_nothing_else(service: Service) -> None:
    administrator, user = service.administrator(), service.user()
    body = {"name": "agent", "scopes": ["metrics"]}
    assert user.post("/me/api-keys", body).status in {403, 404}, "administrators' measurements"
    key = administrator.post("/me/api-keys", body).json["key"]
    bearer = {"Authorization": f"Bearer {key}"}
    sent = service.request("POST", "/host-metrics", {"host": "web-1", "measurements": [_measured()]}, bearer)
    assert sent.status == 204, sent.body
    assert service.request("GET", "/metrics", headers=bearer).status == 200
    for path in ("/hosts", "/documents", "/me", "/self-healing-events"):
        assert service.request("GET", path, headers=bearer).status == 403, path
    service.rows("update users set is_admin = false where id = %s returning 1", administrator.id)
    assert service.request("GET", "/metrics", headers=bearer).status == 403


def test_a_silent_host_is_noticed_and_so_is_its_return(service: Service) -> None:
    administrator = service.administrator()
    _send(administrator, _measured(), host="web-1", interval_seconds=60)
    _send(administrator, _measured(), host="slow-1", interval_seconds=3600)
    _send(administrator, _measured(), host="gone-1", leaves=True)
    repairs.run("notice_silent_hosts")
    assert _event_types(service) == []
    service.rows("update hosts set last_seen_at = now() - interval '6 minutes' returning 1")
    for _ in range(2):
        repairs.run("notice_silent_hosts")
    assert _event_types(service) == ["host_silent"]
    assert [host["name"] for host in administrator.get("/hosts").json["items"] if host["silent_since"]] == ["web-1"]
    _send(administrator)
    repairs.run("notice_silent_hosts")
    assert _event_types(service) == ["host_silent", "host_returned"]


def test_measurements_are_partitioned_by_day(service: Service) -> None:
    partitions = "select relname from pg_class where relname ~ '^host_metrics_\\d{4}_\\d\\d_\\d\\d$' and relkind = 'r'"
    assert len(service.rows(partitions)) == 8, "today and a week"
    bounds = "select uuid_floor(now() - interval '20 days')::text, uuid_floor(now() - interval '19 days')::text"
    ((lower, upper),) = service.rows(bounds)
    ((day,),) = service.rows("select to_char((now() - interval '20 days') at time zone 'UTC', 'YYYY_MM_DD')")
    with service.database.connect("owner") as conn:
        conn.execute(
            f"create table host_metrics_{day} partition of host_metrics for values from ('{lower}') to ('{upper}')"
        )
        conn.execute(f"call protect('host_metrics_{day}')")
    repairs.run("drop_expired_partitions")
    assert len(service.rows(partitions)) == 8


def _families(service: Service, administrator: User) -> dict[str, list[Any]]:
    answer = administrator.get("/metrics")
    assert answer.headers["Content-Type"] == exposition.MEDIA_TYPE
    families = text_string_to_metric_families(answer.body.decode())  # type: ignore[no-untyped-call]
    return {family.name: family.samples for family in families}


def test_metrics_are_openmetrics_and_every_metric_is_described(service: Service) -> None:
    administrator, user = service.administrator(), service.user()
    user.add("Pump", "The pump is blue.")
    conversation = user.post("/conversations", {}).json["id"]
    user.post(f"/conversations/{conversation}/messages", {"content": "Which colour is the pump?"})
    before = _families(service, administrator)
    assert before["alcove_questions_waiting"][0].value == 1
    service.pump_answer()
    _send(administrator, _measured(cpu_percent=33, temperature_celsius=51, gpu_percent=1), host="a-1")
    service.tick()
    service.rows(
        "insert into self_healing_events (event_type, severity, description, action_taken) "
        "values ('test', 'info', '', '') returning 1"
    )
    after = _families(service, administrator)
    assert after["alcove_questions_waiting"][0].value == 0
    assert after["alcove_jobs_last_hour"][0].labels == {"status": "completed"}
    assert after["alcove_documents_ingested_last_hour"][0].value == 1
    assert {sample.labels["quantile"] for sample in after["alcove_job_seconds_last_hour"]} == {"0.5", "0.95", "0.99"}
    assert after["alcove_host_cpu_percent"][0].value == 33
    assert after["alcove_healing_events_last_hour"][0].labels == {"event_type": "test", "severity": "info"}
    assert {name.removeprefix("alcove_") for name in after} <= set(exposition.METRICS)
    assert str(user.id) not in administrator.get("/metrics").body.decode()


class _Received:
    """A server that takes measurements as the API does, or refuses them with a status."""

    def __init__(self) -> None:
        import threading
        from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

        received = self
        self.bodies: list[Any] = []
        self.status = 204

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                import json

                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if received.status == 204:
                    received.bodies.append(body | {"key": self.headers["Authorization"]})
                self.send_response(received.status)
                self.end_headers()

            def log_message(self, *_: Any) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def received() -> Iterator[_Received]:
    server = _Received()
    yield server
    server.close()


def test_the_agent_keeps_what_it_cannot_send_and_says_when_it_leaves(
    service: Service, received: _Received, capsys: pytest.CaptureFixture[str]
) -> None:
    agent = metrics.Agent(received.url, "alc_key", host="web-1", interval=0.01)
    received.status = 503
    agent.stored.extend([metrics.measure(), metrics.measure()])
    assert not agent.send()
    assert len(agent.stored) == 2
    received.status = 204
    assert agent.send(leaves=True)
    assert len(agent.stored) == 0
    (body,) = received.bodies
    assert (body["host"], body["leaves"], body.pop("key")) == ("web-1", True, "Bearer alc_key")
    assert service.administrator().post("/host-metrics", body).status == 204, "the API takes what the agent sends"
    assert "alc_key" not in capsys.readouterr().err
    agent.stopped.set()
    agent.run()
    assert received.bodies[-1]["leaves"]


def test_the_agent_keeps_a_bounded_number() -> None:
    agent = metrics.Agent("http://127.0.0.1:9", "key")
    reading = metrics.measure()
    agent.stored.extend([reading] * 500)
    assert len(agent.stored) == metrics.MAX_STORED == 120


def test_the_dashboard_shows_every_metric_and_no_other() -> None:
    """Grafana's dashboard, which names metrics in its expressions."""
    text = (Path(__file__).parents[2] / "infra" / "grafana" / "alcove.json").read_text("utf-8")
    expressions = [target["expr"] for panel in json.loads(text)["panels"] for target in panel["targets"]]
    named = {name for expression in expressions for name in re.findall(r"alcove_(\w+)", expression)}
    assert named == set(exposition.METRICS)
