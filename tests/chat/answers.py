"""Asking models that say what a test tells them to: servers of OpenAI's protocol, registered through the API."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

from chalicelib.chat.answering import answering
from chalicelib.chat.queue import job_events, jobs
from chalicelib.chat.queue.models import JobEvent
from chalicelib.core import identity
from tests.chat.llm import servers
from tests.chat.llm.servers import Connection, Script, Server, chunk, events, usage
from tests.service import LastingUser, Service, User

KEY = "sk-registry-0123456789abcdefQRST"
_TIMEOUT = 60.0
_ROOT = Path(__file__).parents[2]
_WORKER = "from chalicelib.chat.answering import answering; answering.answer_next()"


def words(*texts: str, thinking: str = "", finish: str = "stop", used: tuple[int, int] = (50, 7)) -> Script:
    """A model that says these pieces, after it has thought."""
    thought = [chunk(reasoning_content=thinking)] if thinking else []
    text_of = [chunk(content=text) for text in texts]
    return servers.responds(events(*thought, *text_of, chunk(finish=finish), usage(*used)))


def calls(*expected: tuple[str, Any], text: str = "", used: tuple[int, int] = (50, 7)) -> Script:
    """A model that calls these tools: a name, and arguments as an object or as the text that it writes."""
    parts = [
        {
            "index": index,
            "id": f"call-{index}",
            "type": "function",
            "function": {
                "name": name,
                "arguments": arguments if isinstance(arguments, str) else json.dumps(arguments),
            },
        }
        for index, (name, arguments) in enumerate(expected)
    ]
    text_of = [chunk(content=text)] if text else []
    return servers.responds(events(*text_of, chunk(tool_calls=parts), chunk(finish="tool_calls"), usage(*used)))


def breaks_off(*texts: str) -> Script:
    """A model whose server dies after these pieces."""

    def script(connection: Connection) -> None:
        connection.chunked(events(*(chunk(content=text) for text in texts), done=False), ends=False)
        connection.reset()

    return script


def turns(server: Server, number: int = -1) -> list[dict[str, Any]]:
    """The messages of a request."""
    result: list[dict[str, Any]] = server.requests[number].json["messages"]
    return result


@dataclass
class Answers:
    """A service whose questions scripted models answer; shared by a module's tests, each with users of its own."""

    service: Service
    administrator: User
    numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def user(self) -> User:
        """A new user, whose session lasts: a module may have one user for all its tests."""
        self.service.rows("delete from rate_limit_buckets returning 1")
        return LastingUser.of(self.service.user())

    @contextmanager
    def model(self, *scripts: Script, **more: Any) -> Iterator[tuple[str, Server]]:
        """A registered model whose server follows these scripts: its name, and the server."""
        with servers.serving(*scripts) as server:
            yield self.register(server.url, **more), server

    def register(self, url: str | None, **more: Any) -> str:
        """Register a model; its name. With its own key, sealed by the emulator's KMS."""
        name = f"model-{next(self.numbers)}"
        body = {"name": name, "provider": "vllm", "model_id": "served", "endpoint": url, "api_key": KEY, **more}
        created = self.administrator.post("/llms", body)
        assert created.status == 201, created.body
        return name

    def conversation(self, user: User, **settings: Any) -> str:
        """A new conversation; its id."""
        created = user.post("/conversations", {"settings": settings} if settings else {})
        assert created.status == 201, created.body
        return str(created.json["id"])

    def ask(self, user: User, content: str, conversation: str | None = None, **more: Any) -> Any:
        """Ask; the response's question and job."""
        queued = user.post(
            f"/conversations/{conversation or self.conversation(user)}/messages", {"content": content, **more}
        )
        assert queued.status == 202, queued.body
        return queued.json

    def work(self) -> None:
        """Answer until nobody's turn is left."""
        while answering.answer_next():
            pass

    def answered(self, user: User, content: str, conversation: str | None = None, **more: Any) -> Any:
        """Ask, let it be answered, and check what holds of every answer; the answer's message."""
        queued = self.ask(user, content, conversation, **more)
        self.work()
        return self.check(user, queued)

    def check(self, user: User, queued: Any) -> Any:
        """That a job is completed once, and its message is what was streamed; the message."""
        job = user.get(f"/jobs/{queued['job']['id']}").json
        assert job["status"] == "completed", job
        notice = self.events(user, job["id"])
        assert [event.event for event in notice].count("done") == 1
        answer = user.get(f"/messages/{job['answer_id']}").json
        assert text_of(notice) == answer["content"]
        return answer

    def failed(self, user: User, queued: Any) -> Any:
        """That a job failed, without an answer; its error."""
        job = user.get(f"/jobs/{queued['job']['id']}").json
        assert (job["status"], job["answer_id"]) == ("failed", None), job
        last = self.events(user, job["id"])[-1]
        assert (last.event, last.data["code"], last.data["message"]) == (
            "error",
            job["error"]["code"],
            job["error"]["message"],
        )
        conversation_messages = user.get(f"/conversations/{job['conversation_id']}/messages").json["items"]
        assert queued["message"]["id"] in [item["id"] for item in conversation_messages if item["role"] == "user"]
        assert not [item for item in conversation_messages if item["parent_message_id"] == queued["message"]["id"]]
        return job["error"]

    def events(self, user: User, job_id: str) -> list[JobEvent]:
        """The events of a job so far; each one is a declared event with a declared payload."""
        with identity.as_user(user.id) as conn:
            result = jobs.events_after(conn, UUID(job_id), 0)[0]
        for event in result:
            assert any(fits(event.data, payload) for payload in job_events.registered()[event.event]), event
        return result

    def messages(self, user: User, conversation: str) -> list[Any]:
        """A conversation's messages, oldest first."""
        items: list[Any] = user.get(f"/conversations/{conversation}/messages").json["items"]
        return items

    def expire_leases(self) -> None:
        """Let the time pass that jobs wait before they are tried again."""
        self.service.rows("update llm_queue set available_at = now() returning 1")

    @contextmanager
    def worker(self) -> Iterator[subprocess.Popen[bytes]]:
        """A worker that answers one job in a process of its own, to be killed."""
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
        process = subprocess.Popen([sys.executable, "-c", _WORKER], env=environment, cwd=_ROOT)
        with ExitStack() as stack:
            stack.callback(process.wait)
            stack.callback(process.kill)
            yield process

    def until(self, user: User, job_id: str, text: str) -> None:
        """Wait until a job has streamed this text."""
        deadline = time.monotonic() + _TIMEOUT
        while text not in text_of(self.events(user, job_id)):
            assert time.monotonic() < deadline, "the worker does not get there"
            time.sleep(0.02)


def fits(data: dict[str, object], payload: type[job_events.EventPayload]) -> bool:
    """Whether the data of an event have exactly the fields of a payload."""
    required = {name for name, field in payload.model_fields.items() if field.is_required()}
    if not required <= set(data) <= set(payload.model_fields):
        return False
    payload.model_validate(data)
    return True


def text_of(notice: list[JobEvent]) -> str:
    """The tokens joined, from the last restart on."""
    begins = max((event.number for event in notice if event.event == "meta" and event.data.get("restart")), default=0)
    return "".join(str(event.data["text"]) for event in notice if event.event == "token" and event.number > begins)
