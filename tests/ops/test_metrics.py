"""Metrics: what is answered, ingested and waiting is printed in CloudWatch's embedded metric format."""

import json
from typing import Any

import httpx
import pytest

from chalicelib.chat.answering import answering
from tests.service import Service

PUMP = "The coolant pump P-17 is inspected every ninety days."


def _metrics(printed: str) -> list[dict[str, Any]]:
    """The lines in the embedded metric format, each held against the format's rules."""
    result = [json.loads(line) for line in printed.splitlines() if line.startswith('{"_aws"')]
    for line in result:
        assert line["_aws"]["Timestamp"] > 1_600_000_000_000  # milliseconds since 1970
        (directive,) = line["_aws"]["CloudWatchMetrics"]
        assert directive["Namespace"] == "Alcove"
        (dimensions,) = directive["Dimensions"]
        assert 1 <= len(dimensions) <= 30
        assert all(isinstance(line[name], str) and line[name] for name in dimensions)
        assert line["Deployment"] == "test"
        names = [metric["Name"] for metric in directive["Metrics"]]
        assert {metric["Unit"] for metric in directive["Metrics"]} <= {"Count", "Milliseconds"}
        assert all(type(line[name]) in {int, float} and line[name] >= 0 for name in names)
        assert set(line) == {"_aws", *dimensions, *names}
    return result


def _with(result: list[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    return [line for line in result if name in line]


def test_a_document_emits_metrics_of_its_stages_and_its_outcome(
    service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    user = service.user()
    user.add("Pump", PUMP)
    result = _metrics(capsys.readouterr().out)
    assert [line["Stage"] for line in _with(result, "IngestionStage")] == ["extract", "chunk", "embed", "store"]
    (document,) = _with(result, "Documents")
    assert (document["Outcome"], document["Documents"], document["Chunks"]) == ("completed", 1, 1)


def test_a_document_that_cannot_be_read_emits_its_code(service: Service, capsys: pytest.CaptureFixture[str]) -> None:
    user = service.user()
    announced = user.post("/documents", {"filename": "blank.txt", "size_bytes": 3}).json
    upload = announced["upload"]
    httpx.request(upload["method"], upload["url"], headers=upload["headers"], content=b" \n ").raise_for_status()
    service.pump_ingest()
    document = user.get(f"/documents/{announced['id']}").json
    result = _metrics(capsys.readouterr().out)
    assert [line["Outcome"] for line in _with(result, "Documents")] == ["failed"]
    assert [line["Code"] for line in _with(result, "DocumentFailures")] == [document["error"]["code"]]


def test_an_answer_and_a_failure_emit_pipeline_outcome_tokens_and_stages(
    service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    user = service.user()
    user.add("Pump", PUMP)
    conversation = user.post("/conversations", {}).json["id"]
    for pipeline in ("qa", "agent"):  # the built-in reader answers, and is no agent
        queued = user.post(
            f"/conversations/{conversation}/messages", {"content": "How often is P-17 inspected?", "pipeline": pipeline}
        )
        assert queued.status == 202, queued.body
        capsys.readouterr()
        if pipeline == "qa":
            service.tick()
            waiting = _metrics(capsys.readouterr().out)
            assert [line["QuestionsWaiting"] for line in _with(waiting, "QuestionsWaiting")] == [1]
            assert [line["OldestQuestionWait"] > 0 for line in _with(waiting, "OldestQuestionWait")] == [True]
        while answering.answer_next():
            pass
        result = _metrics(capsys.readouterr().out)
        (answer,) = _with(result, "Answers")
        expected = {"qa": ("completed", []), "agent": ("failed", ["needs_model"])}[pipeline]
        assert (answer["Pipeline"], answer["PromptTokens"], answer["CompletionTokens"]) == (pipeline, 0, 0)
        assert (answer["Outcome"], [line["Code"] for line in _with(result, "AnswerFailures")]) == expected
        if pipeline == "qa":
            assert {"analysis", "retrieval", "answer"} <= {line["Stage"] for line in _with(result, "AnswerStage")}
