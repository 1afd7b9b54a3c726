"""What the functions call of AWS while they run. tests/infra/test_rights.py compares what the code calls and roles."""

from typing import Any

import boto3
import pytest
from botocore import xform_name

from chalicelib.core import process
from tests.infra import aws_calls
from tests.service import Service


def test_what_the_functions_call_at_run_time_was_derived_from_the_code(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    observed: list[tuple[str, str]] = []

    def record(model: Any, **_: Any) -> None:
        observed.append((model.service_model.service_name, xform_name(model.name)))

    session = boto3.session.Session()
    session.events.register("before-call", record)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", session)
    by_handler: dict[str, set[tuple[str, str]]] = {}

    def by(handler: str) -> None:
        by_handler.setdefault(handler, set()).update(observed)
        observed.clear()
        process.forget()

    process.forget()
    user = service.user()
    observed.clear()
    user.post("/documents", {"title": "Pump", "content": "The pump is inspected every ninety days."})
    conversation = user.post("/conversations", {}).json["id"]
    user.post(f"/conversations/{conversation}/messages", {"content": "How often is the pump inspected?"})
    user.post(f"/conversations/{conversation}/messages", {"content": "And its seal?"})
    by("api")
    service.invoke("ingest", service.drain("ingest"))
    by("ingest")
    service.rows("update llm_queue set attempts = 5 where job_id = (select job_id from llm_queue limit 1) returning 1")
    service.invoke("answer", service.drain("answer"))
    by("answer")
    service.tick()
    by("tick")
    for handler, calls in by_handler.items():
        derived = {(call.service, call.method) for call in aws_calls.of_functions()[handler]}
        derived |= {("s3", "get_object")} if ("s3", "download_file") in derived else set()
        assert calls
        assert calls <= derived, handler
    assert {("sqs", "send_message_batch"), ("secretsmanager", "get_secret_value")} <= by_handler["answer"]


def test_a_job_that_was_given_up_stays_ended_when_no_note_can_be_sent(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = service.user()
    conversation = user.post("/conversations", {}).json["id"]
    job = user.post(f"/conversations/{conversation}/messages", {"content": "What is a pump?"}).json["job"]["id"]
    service.rows("update llm_queue set attempts = 5 returning 1")
    monkeypatch.setenv("ALCOVE_ANSWER_DEAD_LETTER_URL", f"{service.queues['answer-dead']}-gone")
    process.forget()
    assert service.invoke("answer", service.drain("answer")) == {"batchItemFailures": []}
    ended = user.get(f"/jobs/{job}").json
    assert (ended["status"], ended["error"]["code"]) == ("failed", "gave_up")
