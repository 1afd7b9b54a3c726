"""Every caller of an address × every way to make it call another one (one policy: core/outbound.py).

The callers are taken from the code: each function that calls `outbound.fetch` or `outbound.resolve`. A new one fails
until CALLERS says how it is reached, and a module that opens connections in another way fails at once.
"""

import ast
import socket
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from pydantic import SecretStr

import chalicelib
from chalicelib.auth.login_providers import github, oidc
from chalicelib.auth.login_providers.models import GithubSettings, OidcSettings
from chalicelib.auth.login_providers.protocol import LoginAttempt, RefusedError, UntrustedError
from chalicelib.auth.mail import transport
from chalicelib.auth.mail.models import MailSettings
from chalicelib.chat import llm
from chalicelib.config.registry import provider_keys
from chalicelib.config.registry.llm_providers import LLM_PROVIDERS
from chalicelib.core import errors, outbound
from chalicelib.doors.webhooks import deliveries, webhooks
from chalicelib.knowledge.embedding.remote import EmbeddingProviderError, RemoteEmbedder
from chalicelib.knowledge.reranking.remote import RemoteReranker, RerankingError
from chalicelib.ops.alerts import telegram
from tests.chat.llm import servers
from tests.chat.llm.servers import Connection

ROOT = Path(chalicelib.__file__).parent
KEY = "sk-test-0123456789abcdef"
REFUSED = (
    llm.LlmError,
    EmbeddingProviderError,
    RerankingError,
    errors.Problem,
    outbound.OutboundError,
    UntrustedError,
    RefusedError,
    transport.TransportError,
)
ATTEMPT = LoginAttempt("s" * 43, "b" * 43, "https://app.example.org/callback")


def _language_model(provider: str) -> Callable[[str], object]:
    def call(url: str) -> object:
        model = llm.ModelEndpoint(provider, "m", url, KEY)
        return llm.complete(model, [llm.Turn("user", "Hello")])

    return call


def _issuer(url: str) -> Any:
    issuer = oidc._Issuer(url)
    issuer.metadata = {"token_endpoint": url, "userinfo_endpoint": url}
    issuer.metadata_at = float("inf")
    return issuer


_OIDC: Any = OidcSettings.model_construct(
    client_id="c", client_secret=SecretStr("s"), issuer="https://example.org", redirect_uris=[]
)


def _github(url: str) -> Any:
    return GithubSettings.model_construct(
        client_id="c", client_secret=SecretStr("s"), redirect_uris=[], web_url=url, api_url=url
    )


def _deliver(url: str) -> None:
    delivery = deliveries.ClaimedDelivery(uuid.uuid4(), uuid.uuid4(), {}, 1, url, True, False, b"", b"", "")
    outcome = deliveries._send(delivery, [webhooks.new_secret()])
    raise outbound.OutboundError(str(outcome.failure))


def _alert(url: str) -> None:
    try:
        telegram.send(url, "123456789:AAEhBP0av28FrMPbCyEEjEkqCrjWx3u9cWk", "-1", "text")
    except telegram.TelegramError as error:
        raise outbound.OutboundError(str(error)) from error


def _mail(url: str) -> None:
    """E-mail goes to a host and a port: an address with a password or of another scheme is none of its."""
    parts = urlsplit(outbound.check_endpoint(url) if "@" in url or url.startswith("file:") else url)
    settings = MailSettings.model_construct(
        transport="smtp", sender="a@example.org", host=parts.hostname, port=parts.port or 25, security="none"
    )
    with transport.opened(settings):
        raise AssertionError("it is connected")


# The function that calls outbound → how it is made to call an address; several for one that several things use.
CALLERS: dict[str, dict[str, Callable[[str], object]]] = {
    "knowledge.embedding.remote:_ask": {"embedding model": lambda url: RemoteEmbedder("m", url, KEY).embed(["text"])},
    "knowledge.reranking.remote:relevances": {
        "reranker": lambda url: RemoteReranker("tei", url, None, KEY).relevances("question", ["text"])
    },
    "config.registry.provider_keys:check": {
        f"key of {name}": lambda url, name=name: provider_keys.check(name, url, KEY)  # type: ignore[misc]
        for name, provider in LLM_PROVIDERS.items()
        if provider.key_check_path
    },
    "auth.login_providers.oidc:_fetch": {"issuer": lambda url: oidc._Issuer(url)._fetch(url)},
    "auth.login_providers.oidc:_exchange": {"token": lambda url: oidc._exchange(_OIDC, _issuer(url), ATTEMPT, "code")},
    "auth.login_providers.oidc:_userinfo": {
        "userinfo": lambda url: oidc._userinfo(_issuer(url), {"access_token": "t"}, {"sub": "1"})
    },
    "auth.login_providers.github:_exchange": {"github": lambda url: github._exchange(_github(url), ATTEMPT, "code")},
    "auth.login_providers.github:_api": {"github api": lambda url: github._api(_github(url), "token", "/user")},
    "ops.alerts.telegram:send": {"alert": _alert},
    "doors.webhooks.deliveries:_send": {"webhook of an administrator": _deliver},
    "auth.mail.transport:_connect": {"server of e-mails": _mail},
    "chat.llm.wire:connect": {name: _language_model(name) for name in LLM_PROVIDERS},
}

WAYS = {f"{function} {name}": call for function, calls in CALLERS.items() for name, call in calls.items()}
# The modules that know how to open a connection. The client libraries of language models get the wire's connections.
LIBRARIES = {
    "socket",
    "ssl",
    "urllib3",
    "requests",
    "httpx2",
    "httpcore2",
    "http.client",
    "urllib.request",
    "aiohttp",
    "ftplib",
    "smtplib",
}
# core.connection tries the port of the database, whose address is the deployment's own.
CONNECTING = {"core.outbound", "chat.llm.wire", "core.connection", "auth.mail.transport"}
CONNECTING |= {"core.browsing", "knowledge.connectors.types.imap"}
# They ask the service itself, as a client of the stage that they deploy, and Lambda's runtime on its own machine.
CONNECTING |= {f"ops.updates.{name}" for name in ("applying", "deploying", "first_requests")}
CONNECTING |= {"core.streaming_runtime"}
# They name types of their library, or close and explain what the wire opened.
MENTIONING = {"chat.llm.generation", "chat.llm.failures", "chat.llm.bedrock_converse", "chat.llm.interface"}
# It explains what goes wrong on connections of core.browsing.
MENTIONING |= {"knowledge.connectors.types.git"}


def _modules() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(ROOT.rglob("*.py")):
        name = path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".")
        yield name, ast.parse(path.read_text("utf-8"))


def test_every_function_that_calls_an_address_is_tried() -> None:
    callers = set()
    for name, tree in _modules():
        for function in ast.walk(tree):
            if isinstance(function, ast.FunctionDef):
                calls = {ast.unparse(node.func) for node in ast.walk(function) if isinstance(node, ast.Call)}
                if calls & {"outbound.fetch", "outbound.resolve"}:
                    callers.add(f"{name}:{function.name}")
    assert callers == set(CALLERS)
    imported = {
        alias.name
        for _, tree in _modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "chalicelib.core.outbound"
        for alias in node.names
    }
    assert not imported & {"fetch", "resolve"}, "they are called as outbound.fetch and outbound.resolve"


def test_no_other_module_opens_connections() -> None:
    importing = set()
    for name, tree in _modules():
        for node in ast.walk(tree):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [str(node.module)] if isinstance(node, ast.ImportFrom) else []
            if any(part in LIBRARIES or part.split(".")[0] in LIBRARIES for part in names):
                importing.add(name)
    assert importing - MENTIONING == CONNECTING


@dataclass
class Network:
    """What the callers looked up and where they connected to."""

    answers: dict[str, list[str]] = field(default_factory=dict)
    connected: list[str] = field(default_factory=list)
    lookups: list[str] = field(default_factory=list)


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> Network:
    """The real resolver and real sockets, but for names with a prepared answer and for addresses outside."""
    watched = Network()
    look_up, connect = socket.getaddrinfo, socket.socket.connect

    def resolved(host: Any, port: Any, *args: Any, **options: Any) -> Any:
        watched.lookups.append(str(host))
        prepared = watched.answers.get(str(host))
        if prepared is None:
            return look_up(host, port, *args, **options)
        address = prepared.pop(0) if len(prepared) > 1 else prepared[0]
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        place = (address, int(port), 0, 0) if ":" in address else (address, int(port))
        return [(family, socket.SOCK_STREAM, 6, "", place)]

    def connected(self: socket.socket, address: Any) -> None:
        watched.connected.append(str(address[0]))
        if address[0] not in {"127.0.0.1", "::1"}:
            raise ConnectionRefusedError("nothing leaves this machine in a test")
        connect(self, address)

    monkeypatch.setattr(socket, "getaddrinfo", resolved)
    monkeypatch.setattr(socket.socket, "connect", connected)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.setattr("chalicelib.chat.llm.generation.FIRST_DELAY_SECONDS", 0.01)
    monkeypatch.setattr("chalicelib.knowledge.embedding.remote._RETRY_SECONDS", 0.01)
    return watched


def _refused(way: str, url: str) -> str:
    """The sentence with which a call of this address ends."""
    with pytest.raises(REFUSED) as refused:
        WAYS[way](url)
    return str(refused.value)


HOSTILE = {
    "link-local": "https://169.254.169.254/latest",
    "credentials of a task": "https://169.254.170.2/v2",
    "link-local over IPv6": "https://[fe80::1]/v1",
    "metadata over IPv6": "https://[fd00:ec2::254]/latest",
    "credentials over IPv6": "https://[fd00:ec2::23]/v1",
    "mapped": "https://[::ffff:169.254.169.254]/",
    "translated": "https://[64:ff9b::a9fe:a9fe]/",
    "number": "https://2852039166/",
    "hexadecimal": "https://0xA9FEA9FE/",
    "octal": "https://0251.0376.0251.0376/",
    "unspecified": "https://0.0.0.0/",
    "multicast": "https://224.0.0.1/",
    "credentials in the address": "https://user:password@127.0.0.1/",
    "another scheme": "file:///etc/passwd",
}


@pytest.mark.parametrize("address", HOSTILE)
@pytest.mark.parametrize("way", WAYS)
def test_no_caller_connects_to_a_forbidden_address(network: Network, way: str, address: str) -> None:
    sentence = _refused(way, HOSTILE[address])
    assert network.connected == []
    assert "password" not in sentence.replace("user name or a password", "")


@pytest.mark.parametrize("address", ["169.254.169.254", "fd00:ec2::254", "fe80::1", "::ffff:169.254.169.254"])
@pytest.mark.parametrize("way", WAYS)
def test_a_name_is_judged_by_the_address_behind_it(network: Network, way: str, address: str) -> None:
    name = f"{uuid.uuid4().hex}.example.org"
    network.answers[name] = [address]
    _refused(way, f"https://{name}/v1")
    assert name in network.lookups
    assert network.connected == []


@pytest.mark.parametrize("way", WAYS)
def test_the_address_that_was_judged_is_the_address_that_is_called(network: Network, way: str) -> None:
    """DNS rebinding: the second answer for the name is the metadata service."""
    name = f"{uuid.uuid4().hex}.example.org"
    network.answers[name] = ["127.0.0.1", "169.254.169.254"]
    _refused(way, f"https://{name}:9/v1")
    assert set(network.connected) == {"127.0.0.1"}


@pytest.mark.parametrize("way", WAYS)
def test_private_addresses_are_called(network: Network, way: str) -> None:
    name = f"{uuid.uuid4().hex}.example.org"
    network.answers[name] = ["10.1.2.3"]
    _refused(way, f"https://{name}/v1")
    assert set(network.connected) == {"10.1.2.3"}


OVER_HTTP = [way for way in WAYS if "e-mails" not in way]


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "307 Temporary Redirect", "308 Permanent Redirect"])
@pytest.mark.parametrize("way", OVER_HTTP)
def test_no_caller_follows_a_redirect(network: Network, way: str, status: str) -> None:
    with servers.serving(servers.responds(b"{}")) as elsewhere:

        def redirects(connection: Connection) -> None:
            connection.head(status, "application/json", f"Location: {elsewhere.url}/v1", "Content-Length: 0")

        with servers.serving(redirects) as server:
            _refused(way, server.url)
            assert server.requests, "the first server was asked"
        assert elsewhere.requests == []


MODEL_SERVERS = [way for way in WAYS if way.startswith(("knowledge.", "chat."))]


@pytest.mark.parametrize("way", OVER_HTTP)
def test_only_a_registered_server_may_be_unencrypted(network: Network, way: str) -> None:
    """Language models and embedding models are judged alike; keys and logins require TLS."""
    name = f"{uuid.uuid4().hex}.example.org"
    network.answers[name] = ["10.1.2.3"]
    sentence = _refused(way, f"http://{name}:8000/v1")
    assert set(network.connected) == ({"10.1.2.3"} if way in MODEL_SERVERS else set()), sentence
