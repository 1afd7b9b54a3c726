"""One policy for every address that the service calls; test_outbound_callers.py tries every caller."""

import socket
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from chalicelib.core import outbound
from chalicelib.core.browsing import Browser

METADATA = [
    "169.254.169.254",
    "2852039166",
    "0xA9FEA9FE",
    "0251.0376.0251.0376",
    "169.254.43518",
    "[fd00:ec2::254]",
    "[fd00:ec2::23]",
    "[64:ff9b::a9fe:a9fe]",
    "[2001:0:a9fe:a9fe::]",
]


@pytest.mark.parametrize("host", METADATA)
def test_no_request_reaches_the_metadata_service_by_any_name(host: str) -> None:
    with pytest.raises(outbound.AddressError, match="link-local"):
        outbound.fetch("GET", f"https://{host}/latest/meta-data/")


def test_a_name_that_is_unknown_is_an_outbound_error() -> None:
    with pytest.raises(outbound.UnknownHostError, match=r"nowhere\.invalid"):
        outbound.fetch("GET", "https://nowhere.invalid/")


@pytest.mark.parametrize("url", ["http://vllm.internal:8000/v1", "http://10.0.0.7:8000/v1"])
def test_only_a_registered_endpoint_may_be_unencrypted(url: str) -> None:
    assert outbound.check_endpoint(url) == url
    with pytest.raises(outbound.AddressError, match="https"):
        outbound.check_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://api.example.com/v1",
        "http://vllm.internal:8000/v1",
        "http://127.0.0.1:11434/v1",
        "http://[::1]:8000",
        "http://10.1.2.3/v1",
        "http://[fd12:3456::1]/v1",
        "https://bedrock-runtime.eu-central-1.amazonaws.com",
    ],
)
def test_public_private_and_loopback_addresses_are_accepted(url: str) -> None:
    assert outbound.check_endpoint(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "api.example.com/v1",
        "ftp://example.com",
        "file:///etc/passwd",
        "https://",
        "https://user@example.com/v1",
        "https://user:password@example.com/v1",
        "https://:password@example.com/v1",
        "https://@example.com/v1",
        "https://example.com/v1?key=secret",
        "https://example.com/v1#fragment",
        "https://example.com:99999/v1",
        "https://exa mple.com/v1",
        "https://example.com\r\nHost: other/v1",
        "https://example.com\\@other/v1",
        "https://[::1/v1",
        f"https://example.com/{'x' * 2048}",
        "http://169.254.169.254/latest",
        "http://169.254.170.2/v2/credentials",
        "http://[fe80::1]/v1",
        "http://[fe80::1%25eth0]/v1",
        "http://[fd00:ec2::254]/latest",
        "http://[::ffff:169.254.169.254]/latest",
        "http://[64:ff9b::a9fe:a9fe]/latest",
        "http://[2002:a9fe:a9fe::]/latest",
        "http://0.0.0.0:8000/v1",
        "http://[::]:8000/v1",
        "http://224.0.0.1/v1",
    ],
)
def test_other_addresses_are_refused(url: str) -> None:
    with pytest.raises(outbound.AddressError) as refused:
        outbound.check_endpoint(url)
    assert "password@" not in str(refused.value)
    assert "secret" not in str(refused.value)


def test_a_name_of_this_machine_resolves() -> None:
    assert (socket.AF_INET, ("127.0.0.1", 80)) in outbound.resolve("localhost", 80)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "192.168.1.1",
        "100.64.0.1",
        "::1",
        "fd12:3456::1",
        "::ffff:10.1.2.3",
        "64:ff9b::a01:203",
    ],
)
def test_what_any_user_may_choose_is_public_by_name_too(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    answer = [(family, socket.SOCK_STREAM, 6, "", (address, 443))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answer)
    assert outbound.resolve("inside.example.org", 443)
    with pytest.raises(outbound.AddressError, match="not public"):
        outbound.resolve("inside.example.org", 443, public=True)
    with pytest.raises(outbound.AddressError, match="not public"):
        outbound.fetch("POST", "https://inside.example.org/", public=True)
    with pytest.raises(outbound.AddressError, match="not public"):
        outbound.check_public_url(f"https://[{address}]/" if ":" in address else f"https://{address}/")


@contextmanager
def _server(parts: Iterable[bytes], pause: float = 0.0) -> Iterator[str]:
    """A server of one request, which answers in these parts; its address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            connection, _ = listener.accept()
            with connection, suppress(OSError):
                connection.recv(65536)
                for part in parts:
                    connection.sendall(part)
                    time.sleep(pause)

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
        thread.join(30)


def test_an_answer_whose_head_never_ends_is_cut() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX: " + b"a" * 50 + b"\r\n\r\n"
    limits = outbound.ResponseLimits(read_seconds=0.5, total_seconds=60)
    with _server((bytes([byte]) for byte in head), 0.1) as url, pytest.raises(outbound.OutboundError):
        outbound.fetch("GET", url, bounds=limits)
    slow = (bytes([byte]) for byte in head)
    with _server(slow, 0.1) as url, Browser(allow_private=True) as browser, pytest.raises(outbound.OutboundError):
        browser.get(url, limits=limits)


def test_of_an_error_only_the_beginning_is_read(tmp_path: Path) -> None:
    head = b"HTTP/1.1 404 Not Found\r\nContent-Length: 50000000\r\n\r\nNo such file."
    with _server([head, *[b"x" * 1_000_000] * 50]) as url, Browser(allow_private=True) as browser:
        refused = browser.get(url, into=tmp_path / "file")
    assert refused.status == 404
    assert refused.body.startswith(b"No such file.")
    assert len(refused.body) <= 65536
    assert not (tmp_path / "file").exists()
