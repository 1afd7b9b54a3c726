"""RDS's API for one Aurora cluster, over a real PostgreSQL: a restore to a point in time replays its log until then.

A base backup is taken when the peer is made. A restore starts a second server on a copy of it, whose recovery stops at
the time (PostgreSQL's `recovery_target_time`). RDS's Query API: a form in, XML out (API version 2014-10-31).
"""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from xml.sax.saxutils import escape

from infra.local import cluster, postgres
from tests.peers.serving import PeerRequest, PeerResponse, serve

_UNKNOWN = {"DBCluster": "DBClusterNotFoundFault", "DBInstance": "DBInstanceNotFound"}


class RestoringRds:
    """The clusters and instances by name, the calls that came, and what is done to a restored database."""

    def __init__(self, source: str, directory: Path, copies: Path) -> None:
        self._source = source
        self._directory = directory
        self._copies = copies
        self.clusters: dict[str, dict[str, str]] = {source: {"Status": "available"}}
        self.instances: dict[str, dict[str, str]] = {}
        self.calls: list[str] = []
        self.damage: Callable[[postgres.Superuser], object] = lambda _: None
        # While it is set, a restore that was begun is not answered.
        self.hangs = threading.Event()
        self.refuses_deletion = False
        self._base = copies / "base"
        self._back_up()

    def _back_up(self) -> None:
        """A base backup by PostgreSQL's own low-level calls (manual, 25.3.3)."""
        server = postgres.start(self._directory)
        with postgres.connect_superuser(server) as connection:
            connection.execute("alter system set wal_keep_size = '2GB'")
            connection.execute("select pg_reload_conf()")
            connection.execute("select pg_backup_start('base', fast => true)")
            ignored = shutil.ignore_patterns("postmaster.*", "pg_wal")
            shutil.copytree(cluster.data(self._directory), self._base / "data", ignore=ignored)
            row = connection.execute("select labelfile from pg_backup_stop()").fetchone()
            assert row is not None
            (self._base / "data" / "backup_label").write_text(row[0])

    def _restore(self, at: datetime, name: str) -> postgres.Server:
        folder = self._copies / name
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self._base, folder)
        shutil.copy(self._directory / "credentials.json", folder)
        data = cluster.data(folder)
        (data / "pg_wal").mkdir()
        (data / "recovery.signal").touch()
        log = cluster.data(self._directory) / "pg_wal"
        with (data / "postgresql.auto.conf").open("a") as settings:
            settings.write(f"restore_command = 'cp {log}/%f %p'\n")
            settings.write(f"recovery_target_time = '{at.isoformat()}'\nrecovery_target_action = 'promote'\n")
        with postgres.connect_superuser(postgres.start(self._directory)) as connection:
            connection.execute("select txid_current()")  # a commit after the time, at which the recovery stops
        for path in (data, *data.rglob("*")):
            cluster.own(path)
        data.chmod(0o700)
        server = postgres.start(folder)
        with postgres.connect_superuser(server, "alcove") as connection:
            while connection.execute("select pg_is_in_recovery()").fetchone() == (True,):
                connection.execute("select pg_sleep(0.05)")
            self.damage(connection)
        return server

    def answer(self, request: PeerRequest) -> PeerResponse:
        form = request.form
        action = form["Action"]
        self.calls.append(action)
        if "PointInTime" in action:
            name = form["DBClusterIdentifier"]
            assert form["SourceDBClusterIdentifier"] == self._source
            assert form["Tags.Tag.1.Key"], form
            self.clusters[name] = {"Status": "creating"}
            while self.hangs.is_set():
                time.sleep(0.05)
            server = self._restore(datetime.fromisoformat(form["RestoreToTime"]), name)
            self.clusters[name] = {"Status": "available", "Endpoint": server.host, "Port": str(server.port)}
            return self._result(action, f"<DBCluster>{self._xml(name, 'DBCluster')}</DBCluster>")
        if action == "CreateDBInstance":
            assert form["DBClusterIdentifier"] in self.clusters
            self.instances[form["DBInstanceIdentifier"]] = {"DBInstanceStatus": "available"}
            return self._result(action, "")
        kind = "DBCluster" if "DBCluster" in action else "DBInstance"
        known, name = self.clusters if kind == "DBCluster" else self.instances, form[f"{kind}Identifier"]
        if name not in known:
            return self._error(404, _UNKNOWN[kind])
        if action.startswith("Delete"):
            assert name != self._source
            if self.refuses_deletion:
                return self._error(403, "AccessDenied")
            del known[name]
            if kind == "DBCluster":
                postgres.stop(self._copies / name)
            return self._result(action, "")
        members = f"<{kind}s><{kind}>{self._xml(name, kind)}</{kind}></{kind}s>"
        return self._result(action, members)

    def _xml(self, name: str, kind: str) -> str:
        fields = {f"{kind}Identifier": name, **(self.clusters if kind == "DBCluster" else self.instances)[name]}
        if name == self._source:
            fields |= {"DBSubnetGroup": "private", "DBClusterParameterGroup": "own"}
            fields["LatestRestorableTime"] = datetime.now(UTC).isoformat()
        return "".join(f"<{key}>{escape(value)}</{key}>" for key, value in fields.items())

    def _result(self, action: str, content: str) -> PeerResponse:
        return PeerResponse(
            200, f"<{action}Response><{action}Result>{content}</{action}Result></{action}Response>".encode()
        )

    def _error(self, status: int, code: str) -> PeerResponse:
        text = f"<ErrorResponse><Error><Code>{code}</Code><Message>{code}</Message></Error></ErrorResponse>"
        return PeerResponse(status, text.encode())

    def close(self) -> None:
        for folder in self._copies.iterdir():
            if folder.name != "base":
                postgres.stop(folder)


@contextmanager
def serving(source: str, directory: Path, copies: Path) -> Iterator[tuple[RestoringRds, str]]:
    """The peer and its address; `directory` has the running server, `copies` is an empty folder for others."""
    copies.mkdir(mode=0o755)
    copies.chmod(0o755)
    peer = RestoringRds(source, directory, copies)
    try:
        with serve(peer.answer) as address:
            yield peer, address
    finally:
        peer.hangs.clear()
        peer.close()
