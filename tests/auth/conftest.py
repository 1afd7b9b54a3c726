"""Fixtures of the provider tests: the other servers, once a session, and a configured service."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from chalicelib.core import process
from tests.auth import mailboxes, peers
from tests.service import Service


@pytest.fixture(scope="session")
def peer() -> Iterator[peers.Peer]:
    with peers.peer_process() as running:
        yield running


@pytest.fixture(scope="session")
def idp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[peers.IdentityProvider]:
    directory: Path = tmp_path_factory.mktemp("idp")
    with peers.identity_provider_process(directory) as running:
        yield running


@pytest.fixture(scope="session")
def mail_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[mailboxes.MailServer]:
    with mailboxes.mail_server_process(tmp_path_factory.mktemp("mail")) as running:
        yield running


@pytest.fixture
def mails(
    service: Service, mail_server: mailboxes.MailServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[mailboxes.Mailboxes]:
    """The service, sending e-mails to a server of its own."""
    used = mailboxes.Mailboxes(service, mail_server, monkeypatch, seen=len(mail_server.stored()))
    used.use(mail_server.settings)
    yield used
    process.forget()


@pytest.fixture
def login(service: Service, monkeypatch: pytest.MonkeyPatch) -> Iterator[peers.Login]:
    """The service, with nothing remembered of providers before or afterwards."""
    process.forget()
    yield peers.Login(service, monkeypatch)
    process.forget()


@pytest.fixture
def master_key(service: Service, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A KMS key that the service is told of by an alias; yields the alias."""
    yield service.create_master_key(monkeypatch)
    process.forget()
