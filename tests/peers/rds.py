"""A listener that lets roles into a PostgreSQL server as RDS does with IAM: over TLS, with a signed token as password.

It speaks PostgreSQL's protocol (version 3) up to the login: TLS, the startup message, the question for a password in
clear. A role that is a member of `rds_iam` needs a token that AWS's Signature Version 4 confirms, for this role at this
address, at most 15 minutes old; the server trusts those members. Every other role is refused.
"""

from __future__ import annotations

import hashlib
import hmac
import select
import socket
import ssl
import struct
import threading
import urllib.parse
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg

_SSL_REQUEST, _STARTUP, _AUTHENTICATION, _CLEARTEXT = 80877103, 196608, b"R", 3
_LIFETIME = timedelta(minutes=15)


class RefusedLoginError(Exception):
    """The login is refused; the message is the server's."""


class RdsLogin:
    """The listener: `port`, and the tokens that opened a connection so far, with the role of each."""

    def __init__(
        self, server: tuple[str, int], superuser_url: str, certificate: Path, secret_key: str, host: str
    ) -> None:
        self._server = server
        self._superuser_url = superuser_url
        self._secret_key = secret_key
        self._host = host
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(certificate)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.tokens: list[tuple[str, str]] = []
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, raw: socket.socket) -> None:
        with raw, suppress(OSError):
            length, code = struct.unpack("!II", _read(raw, 8))
            if (length, code) != (8, _SSL_REQUEST):
                raw.sendall(_error("28000", "no pg_hba.conf entry for this host, no encryption"))
                return
            raw.sendall(b"S")
            with self._tls.wrap_socket(raw, server_side=True) as client:
                self._log_in(client)

    def _log_in(self, client: ssl.SSLSocket) -> None:
        (length,) = struct.unpack("!I", _read(client, 4))
        body = _read(client, length - 4)
        assert struct.unpack("!I", body[:4])[0] == _STARTUP
        items = body[4:].rstrip(b"\0").split(b"\0")
        options = dict(zip(items[::2], items[1::2], strict=True))
        client.sendall(_AUTHENTICATION + struct.pack("!II", 8, _CLEARTEXT))
        kind, length = struct.unpack("!cI", _read(client, 5))
        assert kind == b"p"
        token, role = _read(client, length - 4).rstrip(b"\0").decode(), options[b"user"].decode()
        try:
            self._check(role, token)
        except RefusedLoginError as error:
            client.sendall(_error("28000", str(error)))
            return
        self.tokens.append((role, token))
        self._pass_on(client, role, options[b"database"].decode())

    def _check(self, role: str, token: str) -> None:
        """Raises RefusedLoginError unless `token` lets `role` in."""
        refused = RefusedLoginError(f'PAM authentication failed for user "{role}"')
        with psycopg.connect(self._superuser_url) as conn:
            member = conn.execute(
                "select 1 from pg_auth_members m join pg_roles r on r.oid = m.member"
                " where m.roleid = 'rds_iam'::regrole and r.rolname = %s and r.rolcanlogin",
                [role],
            ).fetchone()
        if member is None:
            raise refused
        parsed = urllib.parse.urlsplit(f"https://{token}")
        query = dict(urllib.parse.parse_qsl(parsed.query))
        signature = query.pop("X-Amz-Signature", "")
        if parsed.netloc != f"{self._host}:{self.port}" or query.get("DBUser") != role or query["Action"] != "connect":
            raise refused
        signed_at = datetime.strptime(query["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        if not timedelta(minutes=-5) < datetime.now(UTC) - signed_at <= _LIFETIME:
            raise refused
        if not hmac.compare_digest(signature, self._signature(query)):
            raise refused

    def _signature(self, query: dict[str, str]) -> str:
        """AWS's Signature Version 4 of a presigned GET with these parameters."""
        _, day, region, service, _ = query["X-Amz-Credential"].split("/")
        canonical_query = "&".join(
            f"{urllib.parse.quote(name, safe='')}={urllib.parse.quote(query[name], safe='-_.~')}"
            for name in sorted(query)
        )
        canonical = "\n".join(
            ["GET", "/", canonical_query, f"host:{self._host}:{self.port}", "", "host", hashlib.sha256(b"").hexdigest()]
        )
        to_sign = "\n".join(
            [
                "AWS4-HMAC-SHA256",
                query["X-Amz-Date"],
                f"{day}/{region}/{service}/aws4_request",
                hashlib.sha256(canonical.encode()).hexdigest(),
            ]
        )
        key = f"AWS4{self._secret_key}".encode()
        for part in (day, region, service, "aws4_request"):
            key = hmac.digest(key, part.encode(), "sha256")
        return hmac.digest(key, to_sign.encode(), "sha256").hex()

    def _pass_on(self, client: ssl.SSLSocket, role: str, database: str) -> None:
        """Connect to the server, which trusts members of rds_iam from this machine, and copy both ways."""
        startup = struct.pack("!I", _STARTUP) + b"".join(
            part.encode() + b"\0" for part in ("user", role, "database", database, "application_name", "alcove")
        )
        with socket.create_connection(self._server) as server:
            server.sendall(struct.pack("!I", len(startup) + 5) + startup + b"\0")
            while True:
                readable = [client] if client.pending() else select.select([client, server], [], [])[0]
                for source, target in ((client, server), (server, client)):
                    if source in readable:
                        if not (data := source.recv(65536)):
                            return
                        target.sendall(data)


def _read(source: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        part = source.recv(count - len(data))
        if not part:
            raise ConnectionResetError
        data += part
    return data


def _error(code: str, message: str) -> bytes:
    fields = b"".join(kind + value.encode() + b"\0" for kind, value in ((b"S", "FATAL"), (b"C", code), (b"M", message)))
    return b"E" + struct.pack("!I", len(fields) + 5) + fields + b"\0"
