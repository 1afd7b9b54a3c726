"""An SMTP server as a process: `python -m tests.auth.mail_server FOLDER` prints its ports and serves.

It keeps each message as a file, and refuses recipients by their names: `never-…` for good, `later-…` for now. Its three
ports speak plainly, with STARTTLS and with TLS, with the certificate in FOLDER/certificate.pem.
"""

import datetime
import ipaddress
import json
import ssl
import sys
import time
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from infra.local.postgres import free_port

USER = (b"alcove", b"a password of the server")


class Keeper:
    """What the server does with a message."""

    def __init__(self, folder: Path, *, over_tls: bool = False) -> None:
        self.folder, self.over_tls = folder, over_tls

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: N802
        """Refuse some recipients."""
        if address.startswith("never-"):
            return "550 no such person"
        if address.startswith("later-"):
            return "451 try again later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        """Keep a message: whole or not at all."""
        stored = {"to": envelope.rcpt_tos, "from": envelope.mail_from, "tls": self.over_tls or session.ssl is not None}
        content = json.dumps(stored | {"content": envelope.content.decode("utf-8", "surrogateescape")})
        partial = self.folder / f"{time.time_ns()}.partial"
        partial.write_text(content)
        partial.rename(partial.with_suffix(".mail"))
        return "250 OK"


def _authenticate(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
    return AuthResult(success=(data.login, data.password) == USER)


def _certificate(folder: Path) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "certificate.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file = folder / "key.pem"
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "certificate.pem", key_file)
    return context


class _WithLogin(Controller):
    def factory(self) -> SMTP:
        """A server that requires STARTTLS and a login."""
        return SMTP(
            self.handler,
            tls_context=self.tls,
            require_starttls=True,
            auth_required=True,
            authenticator=_authenticate,
            enable_SMTPUTF8=True,
        )

    tls: ssl.SSLContext


def main() -> None:
    """Serve until the process is ended."""
    folder = Path(sys.argv[1])
    tls, keeper = _certificate(folder), Keeper(folder)
    _WithLogin.tls = tls
    ports = [free_port() for _ in range(3)]
    Controller(keeper, hostname="127.0.0.1", port=ports[0]).start()
    _WithLogin(keeper, hostname="127.0.0.1", port=ports[1]).start()
    Controller(Keeper(folder, over_tls=True), hostname="127.0.0.1", port=ports[2], ssl_context=tls).start()
    print(*ports, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
