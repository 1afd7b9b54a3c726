"""The servers that the provider tests talk to, each a process of its own, and a person with a browser."""

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import boto3
import httpx
import pytest
import yaml

from chalicelib.core import process
from infra.local.postgres import free_port
from tests.service import Answer, Service, User

CALLBACK = "https://alcove.example/auth/{}/callback"
APP = "https://app.example/signed-in"
OIDC_CLIENT = ("alcove-test", "a-plain-secret")
_START_SECONDS = 20


@contextmanager
def _process(command: list[str], **options: Any) -> Iterator["subprocess.Popen[str]"]:
    process = subprocess.Popen(command, text=True, **options)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@dataclass(frozen=True)
class Peer:
    """tests.auth.peer_server, running."""

    url: str

    def put(self, path: str, document: Any) -> None:
        httpx.put(f"{self.url}{path}", json=document).raise_for_status()

    def requests(self) -> list[str]:
        result: list[str] = httpx.get(f"{self.url}/canned/_asked").json()
        return result

    def github_user(
        self, number: int = 583231, login: str = "Octo-Cat", email: str | None = "octo@example.org"
    ) -> None:
        emails = [{"email": "other@example.org", "primary": False, "verified": True}]
        if email is not None:
            emails.append({"email": email, "primary": True, "verified": True})
        self.put("/github/_user", {"user": {"id": number, "login": login, "name": "Octo Cat"}, "emails": emails})


@contextmanager
def peer_process() -> Iterator[Peer]:
    command = [sys.executable, "-m", "tests.auth.peer_server"]
    with _process(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]) as process:
        assert process.stdout is not None
        yield Peer(f"http://127.0.0.1:{int(process.stdout.readline())}")
        process.stdout.close()


@dataclass
class IdentityProvider:
    """nanoidp, running: an OpenID provider with one client and the users that a test gives it."""

    url: str
    directory: Path

    def set_users(self, **users: dict[str, Any]) -> None:
        current_rows = {
            name: {"password": "let me in", "email": f"{name}@example.org", **user} for name, user in users.items()
        }
        (self.directory / "users.yaml").write_text(yaml.safe_dump({"config_version": 1, "users": current_rows}))
        httpx.post(f"{self.url}/api/config/reload").raise_for_status()

    def rotate_keys(self) -> None:
        httpx.post(f"{self.url}/api/keys/rotate").raise_for_status()

    def log_in(self, authorization_url: str, username: str) -> str:
        """What a person does in a browser; returns the address that the browser is sent back to."""
        with httpx.Client() as browser:
            page = browser.get(authorization_url)
            assert page.status_code == 200, page.text
            form = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page.text))
            sent = browser.post(authorization_url, data={**form, "username": username, "password": "let me in"})
        assert sent.status_code == 302, sent.text
        return sent.headers["Location"]


@contextmanager
def identity_provider_process(directory: Path, *redirects: str) -> Iterator[IdentityProvider]:
    """nanoidp; its client may redirect to `redirects`, too."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    client = {
        "client_id": OIDC_CLIENT[0],
        "client_secret": OIDC_CLIENT[1],
        "redirect_uris": [CALLBACK.format("oidc"), APP, *redirects],
    }
    configuration = {
        "config_version": 1,
        "server": {"host": "127.0.0.1", "port": port},
        "oauth": {"issuer": url, "audience": OIDC_CLIENT[0], "token_expiry_minutes": 5, "clients": [client]},
    }
    (directory / "settings.yaml").write_text(yaml.safe_dump(configuration))
    (directory / "users.yaml").write_text(yaml.safe_dump({"config_version": 1, "users": {}}))
    command = [sys.executable, "-m", "nanoidp", "--config", str(directory), "--profile", "oauth21", "--strict-config"]
    with (directory / "log").open("w") as log, _process(command, stdout=log, stderr=log, cwd=directory) as process:
        deadline = time.monotonic() + _START_SECONDS
        while not _is_up(url):
            assert process.poll() is None and time.monotonic() < deadline, (directory / "log").read_text()
            time.sleep(0.05)
        yield IdentityProvider(url, directory)


def _is_up(url: str) -> bool:
    try:
        return httpx.get(f"{url}/.well-known/openid-configuration").status_code == 200
    except httpx.TransportError:
        return False


@dataclass
class Login:
    """The service with providers configured, and one browser."""

    service: Service
    environment: pytest.MonkeyPatch
    cookies: dict[str, str] = field(default_factory=dict)

    def configure(self, provider: str, **secret: Any) -> None:
        """Store a provider's secret and name it in the environment, as a deployment would."""
        name = f"{self.service.bucket}-{provider}-{time.monotonic_ns()}"
        created = boto3.client("secretsmanager").create_secret(Name=name, SecretString=json.dumps(secret))
        self.environment.setenv(f"ALCOVE_{provider.upper()}_SECRET", created["ARN"])
        process.forget()

    def oidc(self, issuer: str, **more: Any) -> None:
        redirects = [CALLBACK.format("oidc"), APP]
        client = {"client_id": OIDC_CLIENT[0], "client_secret": OIDC_CLIENT[1], "redirect_uris": redirects}
        self.configure("oidc", issuer=issuer, **(client | more))

    def github(self, peer: Peer, **more: Any) -> None:
        client = {"client_id": "gh-client", "client_secret": "gh-secret", "redirect_uris": [CALLBACK.format("github")]}
        addresses = {"web_url": f"{peer.url}/github", "api_url": f"{peer.url}/github"}
        self.configure("github", **(client | addresses | more))

    def start(self, provider: str, user: User | None = None, query: str = "") -> Answer:
        """Begin in this browser."""
        headers = {"Cookie": self._cookie()} | ({"Authorization": f"Bearer {user.access_token}"} if user else {})
        answer = self.service.request("GET", f"/auth/{provider}/start{query}", headers=headers)
        if result := re.match(r"([^=]+)=([^;]*);", answer.headers.get("Set-Cookie", "")):
            self.cookies[result[1]] = result[2]
        return answer

    def come_back(self, provider: str, location: str) -> Answer:
        """Follow the provider's redirect in this browser."""
        path = f"/auth/{provider}/callback?{urlsplit(location).query}"
        return self.service.request("GET", path, headers={"Cookie": self._cookie()})

    def with_oidc(self, idp: IdentityProvider, username: str, user: User | None = None) -> Answer:
        """The whole way through the OpenID provider."""
        started = self.start("oidc", user)
        assert started.status == 302, started.body
        return self.come_back("oidc", idp.log_in(started.headers["Location"], username))

    def with_github(self, user: User | None = None) -> Answer:
        """The whole way through GitHub."""
        started = self.start("github", user)
        assert started.status == 302, started.body
        return self.come_back("github", httpx.get(started.headers["Location"]).headers["Location"])

    def _cookie(self) -> str:
        return "; ".join(f"{name}={value}" for name, value in self.cookies.items())


def session(service: Service, answer: Answer) -> User:
    """The user of the tokens in an answer."""
    assert answer.status == 200, answer.body
    tokens = answer.json
    me = service.request("GET", "/me", headers={"Authorization": f"Bearer {tokens['access_token']}"})
    return User(service, me.json["id"], me.json["email"] or "", "", tokens["access_token"], tokens["refresh_token"])


def query_of(location: str) -> dict[str, str]:
    """The query of an address."""
    return {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}
