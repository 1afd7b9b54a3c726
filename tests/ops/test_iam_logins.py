"""A database without passwords: every role logs in with a token of IAM, over a connection whose server is verified."""

import datetime
import itertools
import json
import secrets
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import psycopg
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from psycopg import sql

from app import app, migrate
from chalicelib.core import connection, logins, process
from chalicelib.core.settings import MissingSettingError, settings
from chalicelib.ops.drills import drill
from infra.local import emulator, postgres
from tests.peers.rds import RdsLogin
from tests.service import Database, Service

# Where RDS would be; the connections go to this machine.
HOST = f"alcove-test.cluster-abc.{emulator.REGION}.rds.amazonaws.com"


@dataclass
class Rds:
    """A server with RDS's roles and one database, the listener in front of it, and the root of its certificate."""

    server: postgres.Server
    listener: RdsLogin
    root: Path
    served: Path
    database: str = "alcove"

    def superuser(self, database: str = "postgres") -> psycopg.Connection[Any]:
        return psycopg.connect(self.server.url("superuser", database), autocommit=True)

    @property
    def address(self) -> str:
        return f"{HOST}:{self.listener.port}/{self.database}"


def _certificate(directory: Path) -> tuple[Path, Path]:
    """The root of an authority, and its certificate with key for HOST: two PEM files."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, HOST[:60])])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    public = certificate.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    root, served = directory / "root.pem", directory / "served.pem"
    root.write_bytes(f"# {emulator.REGION}\n".encode() + public)
    served.write_bytes(private + public)
    return root, served


@pytest.fixture(scope="module")
def rds(endpoint_url: str) -> Iterator[Rds]:
    with tempfile.TemporaryDirectory(prefix="alcove-iam-") as name:
        directory = Path(name)
        directory.chmod(0o755)
        server = postgres.start(directory / "postgres", durable=False)
        with psycopg.connect(server.url("superuser", "postgres"), autocommit=True) as conn:
            conn.execute("drop role alcove_app; drop role alcove_owner; create role rds_iam")
            conn.execute("create role alcove_master login createrole createdb")
            conn.execute("grant rds_iam to alcove_master with admin option")
            conn.execute("create database alcove owner alcove_master")
            (rules,) = conn.execute("show hba_file").fetchone() or ("",)
            path = Path(rules)
            path.write_text("host all +rds_iam 127.0.0.1/32 trust\n" + path.read_text())
            conn.execute("select pg_reload_conf()")
        root, served = _certificate(directory)
        place = (server.host, server.port)
        listener = RdsLogin(place, server.url("superuser", "postgres"), served, emulator.ACCESS_KEY, HOST)
        yield Rds(server, listener, root, served)
        listener.close()
        postgres.stop(directory / "postgres")


@pytest.fixture
def service(rds: Rds, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    """A service on the server's database, whose roles have no secrets."""
    place = {"host": rds.server.host, "port": rds.server.port, "dbname": rds.database, "password": "none"}
    created = Service.create(
        Database(owner=place | {"username": logins.OWNER}, app=place | {"username": logins.APP}), monkeypatch
    )
    created.numbers = itertools.count(secrets.randbelow(10**9))  # its users share the database with other tests' users
    monkeypatch.setenv("ALCOVE_DATABASE_SECRET", "")
    monkeypatch.setenv("ALCOVE_OWNER_SECRET", "")
    monkeypatch.setenv("ALCOVE_DATABASE_ADDRESS", rds.address)
    monkeypatch.setenv("PGHOSTADDR", "127.0.0.1")
    monkeypatch.setattr(logins, "_ROOTS", rds.root)
    rds.listener.tokens.clear()
    process.forget()
    yield created
    created.close()


def _migrate(event: dict[str, Any] | None = None) -> Any:
    assert app.app_name == "alcove"
    return migrate(event or {}, None)


def test_s2_a_database_without_passwords_is_made_and_used_by_tokens_of_iam_alone(rds: Rds, service: Service) -> None:
    _migrate()
    with rds.superuser() as conn:
        roles = conn.execute(
            "select rolname, rolpassword is null, rolsuper, rolbypassrls,"
            " pg_has_role(rolname, 'rds_iam', 'member') from pg_authid where rolname ~ '^alcove_' order by 1"
        ).fetchall()
    assert roles == [(name, True, False, False, True) for name in ("alcove_app", "alcove_master", "alcove_owner")]
    assert {role for role, _ in rds.listener.tokens} == {logins.OWNER, logins.MASTER}
    user = service.user()
    connection.close()
    rds.listener.tokens.clear()
    assert user.get("/me").status == 200
    assert [role for role, _ in rds.listener.tokens] == [logins.APP]


def test_s2_a_second_migration_needs_no_master_and_each_connection_has_a_token_of_its_own(
    rds: Rds, service: Service
) -> None:
    _migrate()
    rds.listener.tokens.clear()
    assert _migrate()["applied"] == []
    assert {role for role, _ in rds.listener.tokens} == {logins.APP, logins.OWNER}
    login = logins.of(logins.APP, "")
    first, second = logins.password(login), logins.password(login | {"username": logins.OWNER})
    assert first != second
    assert "X-Amz-Expires=900" in first
    with pytest.raises(psycopg.OperationalError, match="PAM authentication failed") as refused:
        connection.connect(login | {"password": second})  # another role's token
    assert connection.is_refusal(refused.value)


def test_s2_a_restored_database_whose_roles_had_passwords_is_taken_over(rds: Rds, service: Service) -> None:
    _migrate()
    with rds.superuser() as conn:
        for role in (logins.APP, logins.OWNER):
            conn.execute(sql.SQL("revoke rds_iam from {0} granted by alcove_master").format(sql.Identifier(role)))
            conn.execute(sql.SQL("alter role {0} password 'former'").format(sql.Identifier(role)))
    assert _migrate()["applied"] == []
    assert service.request("GET", "/ready").status == 200
    with rds.superuser() as conn:
        assert (
            conn.execute("select 1 from pg_authid where rolname ~ '^alcove_' and rolpassword is not null").rowcount == 0
        )


@pytest.fixture
def copy(rds: Rds) -> Iterator[RdsLogin]:
    """The same server at another address, as the copy of a drill is."""
    place = (rds.server.host, rds.server.port)
    listener = RdsLogin(place, rds.server.url("superuser", "postgres"), rds.served, emulator.ACCESS_KEY, HOST)
    yield listener
    listener.close()


def test_o8_migrate_looks_into_the_copy_of_a_drill_with_the_tokens_that_drill_has_signed(
    rds: Rds, service: Service, copy: RdsLogin
) -> None:
    _migrate()
    service.user().add("Pump", "The coolant pump P-17 is inspected every ninety days.")
    live = _migrate({"drill": {"digest": 4}})
    rds.listener.tokens.clear()
    passwords = drill._tokens(HOST, copy.port)
    event = {"host": HOST, "port": copy.port, "passwords": passwords, "parts": 4, "since": live["since"]}
    there = _migrate({"drill": {"copy": event}})
    assert (there["tables"], there["searches"], there["search_error"]) == (live["tables"], 1, None)
    assert set(copy.tokens) == set(passwords.items()), "owner and application, both in the copy"
    assert rds.listener.tokens == [], "the live database is not asked"
    assert service.user().get("/me").status == 200
    assert {role for role, _ in rds.listener.tokens} == {logins.APP}, "afterwards it is again"
    copy.tokens.clear()
    with pytest.raises(psycopg.OperationalError, match="PAM authentication failed"):
        _migrate({"drill": {"copy": event | {"passwords": drill._tokens(HOST, rds.listener.port)}}})
    assert copy.tokens == []


def test_a_server_with_another_authoritys_certificate_gets_no_token(
    rds: Rds, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A token in the wrong hands opens the database for 15 minutes."""
    monkeypatch.undo()
    monkeypatch.setenv("PGHOSTADDR", "127.0.0.1")
    own = logins._ROOTS
    assert own.name == "rds.pem"
    login = {"host": HOST, "port": rds.listener.port, "dbname": "postgres", "username": logins.APP, "password": "x"}
    with pytest.raises(psycopg.OperationalError, match="certificate verify failed"):
        connection.connect(login | logins._verification(HOST))
    assert rds.listener.tokens == []


def test_every_region_has_one_root_that_is_valid_for_years() -> None:
    text = logins._ROOTS.read_text("ascii")
    certificates = x509.load_pem_x509_certificates(text.encode())
    regions = [line.removeprefix("# ") for line in text.splitlines()[1:] if line.startswith("# ")]
    names = [item.subject.rfc4514_string() for item in certificates]
    assert len(regions) == len(names) == len(set(names)) > 20
    for region, certificate, name in zip(regions, certificates, names, strict=True):
        assert f"CN=Amazon RDS {region} Root CA RSA2048 G1" in name
        certificate.verify_directly_issued_by(certificate)
        assert certificate.not_valid_after_utc.year >= 2060


@pytest.mark.parametrize(
    ("host", "mode"),
    [
        ("x.eu-central-1.rds.amazonaws.com", "verify-full"),
        ("x.proxy-abc.eu-central-1.rds.amazonaws.com", "require"),
        ("x.moon-west-1.rds.amazonaws.com", "require"),
        ("database.example.org", "require"),
    ],
)
def test_a_server_is_verified_where_the_root_of_its_region_is_known(host: str, mode: str) -> None:
    assert logins._verification(host)["sslmode"] == mode


@pytest.mark.parametrize("address", ["", "host/alcove", "host:port/alcove", "host:5432"])
def test_neither_secret_nor_address_is_named(address: str, monkeypatch: pytest.MonkeyPatch, service: Service) -> None:
    monkeypatch.setenv("ALCOVE_DATABASE_ADDRESS", address)
    process.forget()
    with pytest.raises(MissingSettingError, match="ALCOVE_DATABASE_ADDRESS"):
        logins.of(logins.APP, settings().database_secret)


def test_a11_the_first_password_is_made_once_and_stands_in_the_secret(rds: Rds, service: Service) -> None:
    vault, name = boto3.client("secretsmanager"), settings().administrator_secret
    vault.put_secret_value(SecretId=name, SecretString='{"email": "first@example.org", "k": "signing key"}')
    with rds.superuser("alcove") as conn:
        conn.execute("update users set is_admin = false")
    assert _migrate()["administrator_made"]
    stored = vault.get_secret_value(SecretId=name)["SecretString"]
    assert not _migrate()["administrator_made"]
    assert vault.get_secret_value(SecretId=name)["SecretString"] == stored
    assert '"k": "signing key"' in stored
    document = json.loads(stored)
    answer = service.request("POST", "/auth/login", {"email": document["email"], "password": document["password"]})
    assert answer.status == 200
    assert len(document["password"]) >= 24
