"""The main job on the deployed stack: packaged functions, real triggers, a stock event-stream client."""

import base64
import contextlib
import json
import os
import re
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any, Literal

import bcrypt
import boto3
import httpx
import psutil
import psycopg
import pytest
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from httpx_sse import connect_sse

from alcove import ApiError
from infra.local import emulator, postgres, stack
from infra.local.api_session import ApiSession
from infra.local.render import to_docx, to_pdf
from tests.bench import smallest
from tests.importers.sources import source

pytestmark = [pytest.mark.stack, pytest.mark.long]

MANUAL = """# Pump manual

## Inspection

The coolant pump P-17 is inspected every ninety days by the shift engineer.

## Repair

Its seal is replaced when it leaks more than two drops a minute.
"""


@pytest.fixture(scope="module")
def state() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="alcove-test-stack-") as name:
        directory = Path(name)
        directory.chmod(0o755)
        yield directory


@pytest.fixture(scope="module")
def running(state: Path) -> Iterator[stack.StackInfo]:
    yield stack.up(state, silent=True)
    stack.down(state)
    left = [process for process in emulator.processes_of(state / "aws") if process.is_running()]
    assert left == []


@pytest.fixture
def user(running: stack.StackInfo) -> Iterator[ApiSession]:
    created = ApiSession.register(running.api_url, f"u{secrets.token_hex(6)}@example.org", "a long enough password")
    yield created
    created.close()


def _client(running: stack.StackInfo, service: Literal["lambda", "logs", "sqs"]) -> Any:
    return boto3.client(
        service,
        endpoint_url=running.endpoint_url,
        region_name=running.region,
        aws_access_key_id=emulator.ACCESS_KEY,
        aws_secret_access_key=emulator.ACCESS_KEY,
    )


def _ingested(user: ApiSession, document: Any) -> Any:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        current = user.json("GET", f"/documents/{document['id']}")
        if current["status"] in {"completed", "failed"}:
            return current
        time.sleep(0.1)
    raise AssertionError(f"not ingested in time: {current}")


@pytest.mark.parametrize("kind", ["md", "pdf", "docx"])
def test_a_file_becomes_searchable_and_answers_with_a_citation(user: ApiSession, tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"manual.{kind}"
    if kind == "md":
        path.write_text(MANUAL)
    else:
        {"pdf": to_pdf, "docx": to_docx}[kind](MANUAL, path, "Pump manual")
    document = _ingested(user, user.upload_json(path))
    assert (document["status"], document["error"]) == ("completed", None)
    conversation = user.json("POST", "/conversations", {})["id"]
    queued = user.enqueue(conversation, "How often is the coolant pump inspected?")
    events = list(user.events(queued["job"]["id"]))
    assert events[-1].name == "done"
    _, answer = user.json("GET", f"/conversations/{conversation}/messages")["items"]
    assert "ninety days" in answer["content"]
    assert answer["sources"][0]["document_id"] == document["id"]
    assert answer["sources"][0]["page"] == (1 if kind == "pdf" else None)
    if kind != "pdf":
        assert answer["sources"][0]["section"].startswith("Pump manual")
    assert "".join(event.data["text"] for event in events if event.name == "token") == answer["content"]


def test_a_connection_cut_after_every_event_sees_each_event_once_in_order(
    running: stack.StackInfo, user: ApiSession
) -> None:
    document = _ingested(user, user.json("POST", "/documents", {"title": "Manual", "content": MANUAL}))
    assert document["status"] == "completed"
    conversation = user.json("POST", "/conversations", {})["id"]
    job = user.enqueue(conversation, "When is the seal replaced?")["job"]["id"]
    observed: list[tuple[int, str, str]] = []
    url = f"{running.api_url}/jobs/{job}/events"
    headers = user.authorization
    for _ in range(1000):
        resumed = {"Last-Event-ID": str(observed[-1][0])} if observed else {}
        with httpx.Client(timeout=30) as client, connect_sse(client, "GET", url, headers=headers | resumed) as source:
            if source.response.status_code == 204:
                break
            first = next((event for event in source.iter_sse() if event.data), None)
        if first is not None:
            observed.append((int(first.id), first.event, first.data))
    whole = [(event.number, event.name) for event in user.events(job)]
    assert [(number, name) for number, name, _ in observed] == whole
    assert [number for number, _ in whole] == list(range(1, len(whole) + 1))
    assert whole[-1][1] == "done"


def test_a_job_that_fails_tells_its_user_and_leaves_a_note_for_the_operator(
    running: stack.StackInfo, user: ApiSession
) -> None:
    conversation = user.json("POST", "/conversations", {})["id"]
    question = {"content": "Which pump leaks?", "pipeline": "agent"}  # which requires a language model
    job = user.json("POST", f"/conversations/{conversation}/messages", question)["job"]["id"]
    assert [event.data["code"] for event in user.events(job) if event.name == "error"] == ["needs_model"]
    sqs = _client(running, "sqs")
    (queue,) = [url for url in sqs.list_queues()["QueueUrls"] if url.endswith("-answer-dead-letter")]
    deadline, records = time.monotonic() + 60, list[dict[str, Any]]()
    while not records and time.monotonic() < deadline:
        received = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=5, MaxNumberOfMessages=10).get("Messages", [])
        records += [json.loads(message["Body"]) for message in received]
    assert {"job_id": job, "code": "needs_model", "attempts": 1} in records


def test_bad_requests_reach_the_client_as_problems(running: stack.StackInfo, user: ApiSession) -> None:
    for method, path, body, status in (
        ("GET", "/documents/00000000-0000-7000-8000-000000000000", None, 404),
        ("POST", "/search", {"query": ""}, 422),
        ("POST", "/search", {"query": "x", "no_such": 1}, 422),
        ("GET", "/documents?limit=1000", None, 422),
    ):
        with pytest.raises(ApiError) as raised:
            user.json(method, path, body)
        assert raised.value.status == status
        assert raised.value.request_id
    assert httpx.get(f"{running.api_url}/me").status_code == 401


def test_what_no_route_serves_is_answered_by_the_service_and_pages_of_other_origins_may_call(
    running: stack.StackInfo,
) -> None:
    """Through the gateway's greedy path, which the local stack has, too."""
    unknown = httpx.get(f"{running.api_url}/nowhere")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "not_found")
    wrong = httpx.patch(f"{running.api_url}/health")
    assert (wrong.status_code, wrong.headers["Allow"]) == (405, "GET")
    origin = {"Origin": "https://front.example", "Access-Control-Request-Method": "POST"}
    preflight = httpx.options(f"{running.api_url}/documents", headers=origin)
    assert preflight.status_code == 204
    assert "POST" in preflight.headers["Access-Control-Allow-Methods"]


def test_the_description_and_its_page_are_served(running: stack.StackInfo) -> None:
    document = httpx.get(f"{running.api_url}/openapi.json").json()
    assert "/conversations/{conversation_id}/messages" in document["paths"]
    page = httpx.get(f"{running.api_url}/docs")
    assert page.headers["content-type"].startswith("text/html")
    assert "swagger-ui-bundle.js" in page.text


def test_what_the_functions_log_is_json_and_carries_the_request_id(running: stack.StackInfo, user: ApiSession) -> None:
    request_id = f"find-me-{secrets.token_hex(6)}"
    user.json("GET", "/me", X_Request_Id=request_id)
    logs = _client(running, "logs")
    groups = [group["logGroupName"] for group in logs.describe_log_groups()["logGroups"]]
    (api,) = [group for group in groups if "api" in group.lower()]
    deadline = time.monotonic() + 60
    lines: list[dict[str, Any]] = []
    # The emulator takes over what a function has written after the function's response.
    while not lines and time.monotonic() < deadline:
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=api, filterPattern=f'"{request_id}"')
        lines = [json.loads(event["message"]) for page in pages for event in page["events"]]
    assert any(line["message"] == "request" and line["status"] == 200 for line in lines), lines


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such policy")
def test_ingestion_gives_way_to_requests(running: stack.StackInfo, user: ApiSession) -> None:
    document = user.json("POST", "/documents", {"title": "Manual", "content": MANUAL})
    assert _ingested(user, document)["status"] == "completed"
    port, niceness = running.endpoint_url.rpartition(":")[2], dict[str, set[int]]()
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            environment = process.environ()
            if environment.get("GATEWAY_PORT") == port and "AWS_LAMBDA_FUNCTION_NAME" in environment:
                function = environment["AWS_LAMBDA_FUNCTION_NAME"].rpartition("-")[2]
                niceness.setdefault(function, set()).add(process.nice())
                # An idle-only process gets nothing on a busy machine.
                assert os.sched_getscheduler(process.pid) == os.SCHED_OTHER
    assert min(niceness["ingest"]) > max(niceness["api"])


def test_the_demo_refuses_a_file_that_is_not_there() -> None:
    finished = subprocess.run(
        [sys.executable, "-m", "infra.local.demo", "--files", "no-such-file.pdf", "--question", "What?"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd=Path(__file__).parents[2],
    )
    assert finished.returncode != 0
    assert "no-such-file.pdf" in finished.stderr
    assert "Traceback" not in finished.stderr


# The last here: some kill what runs.
@pytest.mark.parametrize(("package", "name", "arguments"), [*smallest.runs(on_stack=True)])
def test_figures_and_faults_run_on_next_to_nothing(
    running: stack.StackInfo, state: Path, tmp_path: Path, package: str, name: str, arguments: str
) -> None:
    assert running
    assert smallest.run(package, name, arguments, state=state, texts=smallest.texts(tmp_path)).strip()


def _tick(running: stack.StackInfo, rule: Literal["tick", "sweep"]) -> None:
    """Call tick as a rule of EventBridge does: the emulator's own calls come a minute apart."""
    event = {
        "version": "0",
        "id": secrets.token_hex(8),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": "000000000000",
        "time": "2026-01-01T00:00:00Z",
        "region": running.region,
        "resources": [f"arn:aws:events:{running.region}:000000000000:rule/alcove-local-{rule}"],
        "detail": {},
    }
    called = _client(running, "lambda").invoke(FunctionName="alcove-local-tick", Payload=json.dumps(event).encode())
    assert "FunctionError" not in called, called["Payload"].read()


def _mailed(running: stack.StackInfo, state: Path, recipient: str) -> str:
    """The code in the newest e-mail to an address, once tick has sent it: the emulator keeps e-mails as files."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        _tick(running, "tick")
        for path in sorted((state / "mail").glob(f"*-{recipient}.eml"), reverse=True):
            text = "".join(
                part.get_content()
                for part in message_from_bytes(path.read_bytes(), policy=default).walk()
                if part.get_content_type() == "text/plain"
            )
            path.unlink()
            if code := re.search(r"code:\n([A-Za-z0-9_-]{43})\n", text):
                return code[1]
    raise AssertionError(f"no e-mail came to {recipient}")


@dataclass
class Person:
    """Somebody at the API, with or without a session."""

    api_url: str
    token: str = ""

    def ask(self, method: str, path: str, body: Any = None) -> httpx.Response:
        """One request, whatever comes back."""
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        return httpx.request(method, self.api_url + path, json=body, headers=headers, timeout=60)

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """One request that succeeds; its JSON."""
        answer = self.ask(method, path, body)
        assert answer.status_code < 300, (method, path, answer.text)
        return answer.json() if answer.content else None

    def logged_in(self, credentials: dict[str, str]) -> "Person":
        """The person with a session."""
        return Person(self.api_url, self.call("POST", "/auth/login", credentials)["access_token"])

    def registered(self, email: str) -> "Person":
        """A new person with a session."""
        credentials = {"email": email, "password": "a long enough password"}
        self.call("POST", "/auth/register", credentials)
        return self.logged_in(credentials)

    def until(self, path: str, status: str) -> None:
        """Wait for a status."""
        deadline = time.monotonic() + 120
        while self.call("GET", path)["status"] != status:
            assert time.monotonic() < deadline
            time.sleep(0.1)


def test_an_accounts_whole_life(running: stack.StackInfo, state: Path) -> None:
    """Invited, verified, a second factor, forgot the password, another address, shared, handed over, deleted (A12)."""
    mark = secrets.token_hex(4)
    visitor = Person(running.api_url)
    administrator, user = visitor.logged_in(running.administrator), visitor.registered(f"u{mark}@example.org")
    first, second = f"ada{mark}@example.org", f"countess{mark}@example.org"
    password, changed = "the first password of Ada", "the second password of Ada"
    administrator.call("POST", "/invitations", {"email": first, "send": True})
    invitation = _mailed(running, state, first)
    account = visitor.call("POST", "/auth/invitation/acceptance", {"token": invitation, "password": password})
    assert account["email_verified"] is True
    ada = visitor.logged_in({"email": first, "password": password})
    key = base64.b32decode(ada.call("POST", "/me/second-factor")["secret"])
    code = TOTP(key, 6, SHA1(), 30).generate(int(time.time())).decode()
    codes = ada.call("POST", "/me/second-factor/confirmation", {"code": code})["codes"]
    assert visitor.ask("POST", "/auth/login", {"email": first, "password": password}).json()["code"] == "code_required"
    visitor.call("POST", "/auth/password/forgotten", {"email": first})
    reset = {"token": _mailed(running, state, first), "new_password": changed}
    visitor.call("POST", "/auth/password/reset", reset)
    assert ada.ask("GET", "/me").status_code == 401, "a new password ends the sessions"
    assert visitor.ask("POST", "/auth/login", {"email": first, "password": changed}).json()["code"] == "code_required"
    ada = visitor.logged_in({"email": first, "password": changed, "code": codes[0]})
    ada.call("POST", "/me/email-change", {"email": second})
    links = [_mailed(running, state, address) for address in (second, first)]
    answers = [ada.call("POST", "/me/email-change/confirmation", {"token": link})["status"] for link in links]
    assert answers == ["waiting", "changed"]
    assert visitor.ask("POST", "/auth/login", {"email": first, "password": changed}).status_code == 401
    document = ada.call("POST", "/documents", {"title": "Manual", "content": MANUAL})
    ada.until(f"/documents/{document['id']}", "completed")
    conversation = ada.call("POST", "/conversations", {})["id"]
    question = {"content": "How often is the coolant pump inspected?"}
    queued = ada.call("POST", f"/conversations/{conversation}/messages", question)
    ada.until(f"/jobs/{queued['job']['id']}", "completed")
    share = ada.call("POST", "/shares", {"conversation_id": conversation})
    opened = user.call("POST", "/shared-conversations", {"token": share["token"]})
    (_, answer) = user.call("GET", f"/shared-conversations/{opened['id']}/messages")["items"]
    assert "ninety days" in answer["content"]
    assert [source["title"] for source in answer["sources"]] == [None]
    source = {"name": "Site", "type": "web", "settings": {"start_urls": ["https://example.org/"]}}
    connector = ada.call("POST", "/connectors", source)["id"]
    leaver = f"/users/{account['id']}"
    administrator.call("DELETE", leaver)
    assert ada.ask("GET", "/me").status_code == 401
    assert user.ask("GET", f"/shared-conversations/{opened['id']}").status_code == 404
    assert administrator.call("GET", f"{leaver}/holdings")["private_documents"] == 1
    heir = user.call("GET", "/me")["id"]
    administrator.call("POST", f"{leaver}/handover", {"heir_id": heir})
    assert user.call("GET", f"/connectors/{connector}")["name"] == "Site"
    assert administrator.ask("GET", f"/documents/{document['id']}").status_code == 404
    assert user.call("GET", f"/documents/{document['id']}")["title"] == "Manual"
    with psycopg.connect(running.database_url["owner"]) as conn:
        conn.execute("update users set delete_after = now() where id = %s", [account["id"]])
    deadline = time.monotonic() + 60
    while administrator.ask("GET", leaver).status_code != 404:
        assert time.monotonic() < deadline
        _tick(running, "sweep")  # the statement above requested no tick
    assert visitor.ask("POST", "/auth/login", {"email": second, "password": changed}).status_code == 401
    assert user.call("GET", f"/documents/{document['id']}")["title"] == "Manual"


def test_the_objects_of_an_erased_account_leave_the_bucket(running: stack.StackInfo, user: ApiSession) -> None:
    """The roles of the deployed functions decide it, and not what a test may do."""
    document = user.json("POST", "/documents", {"title": "Manual", "content": MANUAL})["id"]
    deadline = time.monotonic() + 120
    while user.json("GET", f"/documents/{document}")["status"] != "completed":
        assert time.monotonic() < deadline
        time.sleep(0.1)
    with psycopg.connect(running.database_url["owner"], autocommit=True) as conn:
        ((key,),) = conn.execute("select object_key from documents where id = %s", [document]).fetchall()
        bucket = stack.cloud_of(running.endpoint_url).s3
        assert bucket.list_object_versions(Bucket=running.bucket, Prefix=key)["Versions"]
        user.json("DELETE", "/me")
        deadline = time.monotonic() + 60
        while bucket.list_object_versions(Bucket=running.bucket, Prefix=key).get("Versions"):
            assert time.monotonic() < deadline
            conn.execute("update object_deletions set due_at = now()")
            _tick(running, "sweep")


def test_who_moves_in_logs_in_with_the_password_of_before(running: stack.StackInfo, state: Path) -> None:
    hashed = bcrypt.hashpw(b"the password of before", bcrypt.gensalt(4)).decode()
    schema = (Path(__file__).parents[1] / "importers" / "knowledge.sql").read_text("utf-8")
    server = postgres.start(state / "postgres")
    with source(server, "source_of_the_stack", schema.replace("{password}", hashed)) as origin:
        url = server.url("superuser", origin.name)
        options = ["--from", "knowledge", "--source", url, "--state", str(state)]
        environment = os.environ | {"PYTHONPATH": f"{Path.cwd()}:.local/models"}
        for command in ("import", "verify"):
            arguments = [sys.executable, "-m", "importers", command, *options]
            done = subprocess.run(arguments, env=environment, capture_output=True, text=True, timeout=300)
            assert done.returncode == 0, done.stdout + done.stderr
    with ApiSession.log_in_as(running.api_url, "ada@example.org", "the password of before") as user:
        deadline = time.monotonic() + 120
        while not (hits := user.json("POST", "/search", {"query": "How often is P-17 inspected?"})["items"]):
            assert time.monotonic() < deadline, "the document is not searchable"
            time.sleep(1)
    assert hits[0]["title"] == "documents.title"
