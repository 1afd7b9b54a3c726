"""Which addresses a model's server may have."""

import socket

import pytest

from chalicelib.chat import llm
from chalicelib.chat.llm import addresses


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
    assert llm.check_address(url) == url


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
    with pytest.raises(llm.LlmError) as failed:
        llm.check_address(url)
    assert (failed.value.code, failed.value.retryable) == ("bad_address", False)
    assert "password@" not in failed.value.sentence
    assert "secret" not in failed.value.sentence


@pytest.mark.parametrize("provider", ["vllm", "anthropic", "bedrock"])
def test_no_request_goes_to_a_refused_address(provider: str) -> None:
    with pytest.raises(llm.LlmError) as failed:
        llm.stream(llm.ModelEndpoint(provider, "m", "http://169.254.169.254/latest", "sk-test-0123456789"), ())
    assert failed.value.code == "bad_address"


@pytest.mark.parametrize("host", ["2852039166", "0xA9FEA9FE", "0251.0376.0251.0376", "169.254.43518"])
def test_a_name_is_judged_by_what_it_resolves_to(host: str) -> None:
    with pytest.raises(llm.LlmError) as failed:
        addresses.resolve(host, 80)
    assert failed.value.code == "bad_address"


def test_a_name_of_this_machine_resolves() -> None:
    assert (socket.AF_INET, ("127.0.0.1", 80)) in addresses.resolve("localhost", 80)
