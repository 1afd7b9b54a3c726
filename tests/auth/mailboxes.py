"""A service that sends e-mails to a real SMTP server, and the mailboxes of everybody."""

import json
import os
import re
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_string, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import boto3
import pytest

from chalicelib.core import connection, process, repairs
from tests.service import Answer, Service

PAGE = "https://alcove.example.org/console"
_LINK = re.compile(re.escape(PAGE) + r"#(\w+)=([A-Za-z0-9_-]{43})")


@dataclass(frozen=True)
class MailServer:
    """tests.auth.mail_server, running."""

    folder: Path
    plain: int
    starttls: int
    tls: int

    @property
    def settings(self) -> dict[str, Any]:
        """The secret of a service that uses it."""
        place = {"host": "127.0.0.1", "port": self.plain, "security": "none"}
        return {"transport": "smtp", "sender": "alcove@example.org", "page": PAGE, **place}

    def stored(self) -> list[dict[str, Any]]:
        """Every message that it took, the oldest first."""
        return [json.loads(path.read_text()) for path in sorted(self.folder.glob("*.mail"))]


@contextmanager
def mail_server_process(folder: Path) -> Iterator[MailServer]:
    command = [sys.executable, "-m", "tests.auth.mail_server", str(folder)]
    root = Path(__file__).parents[2]
    with subprocess.Popen(command, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=root) as running:
        assert running.stdout is not None
        ports = [int(port) for port in running.stdout.readline().split()]
        yield MailServer(folder, *ports)
        running.terminate()


@dataclass
class Mailboxes:
    """What a service has sent, by recipient. A test uses addresses of its own: the server is everybody's."""

    service: Service
    server: MailServer
    environment: pytest.MonkeyPatch
    seen: int = field(default=0)

    def use(self, settings: dict[str, Any]) -> None:
        """Have the service send e-mails with these settings."""
        stored = boto3.client("secretsmanager").create_secret(Name=uuid.uuid4().hex, SecretString=json.dumps(settings))
        self.environment.setenv("ALCOVE_MAIL_SECRET", stored["ARN"])
        process.forget()

    def deliver(self) -> Any:
        """A minute passes: what waits is sent; returns how many e-mails were."""
        return repairs.run("send_mails")["send_mails"]

    def of(self, recipient: str) -> list[EmailMessage]:
        """The messages to an address since this test began, after another delivery."""
        self.deliver()
        stored = [message for message in self.server.stored()[self.seen :] if message["to"] == [recipient]]
        return [message_from_string(message["content"], policy=policy.default) for message in stored]

    def token(self, recipient: str, kind: str) -> str:
        """The code in the link of the newest message of a kind."""
        result = [_LINK.search(text_of(message)) for message in self.of(recipient)]
        codes = [link[2] for link in result if link is not None and link[1] == kind]
        assert codes, f"no link of the kind {kind} was sent to {recipient}"
        return codes[-1]


def text_of(message: EmailMessage) -> str:
    """The plain text of a message."""
    body = message.get_body(("plain",))
    assert body is not None
    content: str = body.get_content()
    return "\n".join(content.splitlines())


def race(times: int, call: Callable[[], Answer]) -> list[int]:
    """The statuses of many simultaneous requests, sorted."""

    def status(_: int) -> int:
        try:
            return call().status
        finally:
            connection.close()  # this thread's own

    environment = os.environ
    try:
        with ThreadPoolExecutor(10) as pool:
            return sorted(pool.map(status, range(times)))
    finally:
        os.environ = environment  # noqa: B003 — each of chalice's test clients puts a copy in its place for a while
