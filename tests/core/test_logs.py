"""What a log line tells: which request, whose (as a hash), about which document and job; nothing that was written."""

import io
import json
from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.core.log import logger, user_hash
from tests.service import Service


class Lines:
    """Everything logged while a test runs."""

    def __init__(self, stream: io.StringIO) -> None:
        self._stream = stream

    def text(self) -> str:
        return self._stream.getvalue()

    def of(self, message: str) -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in self.text().splitlines() if line.startswith('{"level"')]
        return [line for line in lines if line["message"] == message]


@pytest.fixture
def lines() -> Iterator[Lines]:
    stream, handler = io.StringIO(), logger().registered_handler
    former = handler.setStream(stream)  # type: ignore[attr-defined]
    yield Lines(stream)
    handler.setStream(former)  # type: ignore[attr-defined]


def test_a_request_s_line_names_request_caller_and_what_it_was_about(service: Service, lines: Lines) -> None:
    user = service.user()
    created = user.post("/documents", {"title": "The title", "content": "The pump is inspected."})
    user.get(f"/documents/{created.json['id']}", headers={"X-Request-Id": "from-the-client-1"})
    posted, read = lines.of("request")[-2:]
    assert read["request_id"] == "from-the-client-1"
    assert read["route"] == "GET /documents/{document_id}"
    assert (read["status"], read["document_id"]) == (200, created.json["id"])
    assert "code" not in read
    assert read["user"] == posted["user"] == user_hash(user.id)
    assert "document_id" not in posted
    assert str(user.id) not in lines.text()


def test_an_unknown_caller_and_a_senseless_path_leave_nothing_of_theirs(service: Service, lines: Lines) -> None:
    service.request("GET", "/documents/..%2Fsecret-name", headers={"Authorization": "Bearer alc_not-a-key"})
    (line,) = lines.of("request")
    assert (line["status"], line["code"]) in ((401, "unauthorized"), (404, "not_found"))
    assert not {"user", "document_id"} & line.keys()
    assert "secret-name" not in lines.text()
    assert "not-a-key" not in lines.text()


def test_an_administrator_s_line_hashes_whom_it_is_about(service: Service, lines: Lines) -> None:
    user = service.user()
    service.administrator().get(f"/users/{user.id}")
    assert lines.of("request")[-1]["user_id"] == user_hash(user.id)
    assert str(user.id) not in lines.text()


def test_a_failure_s_line_has_the_same_names(service: Service, lines: Lines) -> None:
    user = service.user()
    with service.database.connect("owner") as owner:
        owner.execute("alter table conversations rename to talks")
    answer = user.get("/conversations")
    (failed,) = lines.of("request failed")
    assert answer.status == 500
    assert failed["request_id"] == answer.headers["X-Request-Id"] == lines.of("request")[-1]["request_id"]
    assert failed["user"] == user_hash(user.id)
    assert lines.of("request")[-1]["code"] == "internal_error"
    assert "UndefinedTable" in failed["exception"]
    assert "UndefinedTable" not in str(answer.body), "the cause is the log's, and not the client's"
    assert "conversations" not in answer.json.get("detail", "")


def test_a_worker_s_lines_name_job_document_and_user_and_only_while_it_works(service: Service, lines: Lines) -> None:
    user = service.user()
    document = user.post("/documents", {"title": "T", "content": "The pump P-17 is inspected each month."}).json
    service.pump_ingest()
    (ingested,) = lines.of("document ingested")
    assert (ingested["document_id"], ingested["user"]) == (document["id"], user_hash(user.id))
    conversation = user.post("/conversations", {}).json["id"]
    queued = user.post(f"/conversations/{conversation}/messages", {"content": "How often is the pump inspected?"}).json
    service.pump_answer()
    (answered,) = lines.of("job answered")
    assert (answered["job_id"], answered["user"]) == (queued["job"]["id"], user_hash(user.id))
    logger().info("afterwards")
    assert not {"job_id", "document_id", "user"} & lines.of("afterwards")[0].keys()
    assert "P-17" not in lines.text()


def test_a_message_that_fails_names_its_object(service: Service, lines: Lines) -> None:
    user = service.user()
    document = user.post("/documents", {"title": "T", "content": "The pump is inspected."}).json
    with service.database.connect("owner") as owner:
        owner.execute("alter table document_chunks rename to former_chunks")
    records = service.drain("ingest")
    assert service.invoke("ingest", records)["batchItemFailures"] == [{"itemIdentifier": records[0]["messageId"]}]
    (failed,) = lines.of("ingestion failed; the message will be delivered again")
    assert failed["object_key"] == f"documents/{document['id']}"
    assert failed["message_id"] == records[0]["messageId"]
