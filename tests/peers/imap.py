"""An IMAP server: pymap, a package, with its mailbox in memory. A test changes the mailbox as any other client."""

import imaplib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

USER, PASSWORD = "ada", "a password of the mailbox"


@dataclass
class MailPeer:
    """The server, and a client that is logged in."""

    port: int
    client: imaplib.IMAP4

    def deliver(
        self, number: int, text: str, folder: str = "INBOX", date: str = "Thu, 01 Jan 2026 10:00:00 +0000"
    ) -> None:
        """A message with the id `<number@example.org>`."""
        message = (
            f"From: Grace <grace@example.org>\r\nSubject: Pump {number}\r\nMessage-ID: <{number}@example.org>\r\n"
            f"Date: {date}\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{text}\r\n"
        )
        assert self.client.append(folder, "", "", message.encode())[0] == "OK"

    def uid_of(self, number: int, folder: str = "INBOX") -> str:
        """The number of a message in its folder."""
        self.client.select(folder)
        uids = self.client.uid("SEARCH", "HEADER", "Message-ID", f"<{number}@example.org>")[1][0].split()
        return str(uids[-1].decode())

    def remove(self, number: int, folder: str = "INBOX") -> None:
        """Delete a message for good."""
        uid = self.uid_of(number, folder)
        self.client.uid("STORE", uid, "+FLAGS", "(\\Deleted)")
        self.client.expunge()

    def move(self, number: int, folder: str, to: str) -> None:
        """Move a message to another folder."""
        assert self.client.uid("COPY", self.uid_of(number, folder), to)[0] == "OK"
        self.remove(number, folder)


@contextmanager
def serve() -> Iterator[MailPeer]:
    """A mailbox with the folders INBOX and Archive."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    code = "from pymap.main import main; main()"
    options = ["--host", "127.0.0.1", "--port", str(port), "--no-tls", "dict", "--demo-data"]
    who = ["--demo-user", USER, "--demo-password", PASSWORD]
    process = subprocess.Popen([sys.executable, "-c", code, *options, *who], stderr=subprocess.DEVNULL)
    try:
        client = _client(port)
        client.login(USER, PASSWORD)
        client.create("Archive")
        client.select("INBOX")
        client.store("1:*", "+FLAGS", "(\\Deleted)")
        client.expunge()
        yield MailPeer(port, client)
        client.logout()
    finally:
        process.kill()
        process.wait()


def _client(port: int) -> imaplib.IMAP4:
    deadline = time.monotonic() + 60
    while True:
        try:
            return imaplib.IMAP4("127.0.0.1", port)
        except OSError:
            assert time.monotonic() < deadline, "the mail server does not start"
            time.sleep(0.1)
