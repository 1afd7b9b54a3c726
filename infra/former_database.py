"""A stage's database of an earlier time, as a snapshot: RDS restores to a new database, of which it is taken."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError, WaiterError

from chalicelib.ops.drills.point_in_time import PointInTime
from chalicelib.ops.updates import stacks
from chalicelib.ops.updates.clouds import DeployError, Progress

if TYPE_CHECKING:
    from infra.cloud import Cloud
    from infra.stage_restoring import Restore

_SECONDS = 3 * 3600
_NO_SNAPSHOT = ("DBClusterSnapshotNotFoundFault", "DBSnapshotNotFound", "DBSnapshotNotFoundFault")


class FormerDatabase:
    """The database of a stage at a time. `label` names the snapshot, and the database that it is taken of."""

    def __init__(self, cloud: Cloud, restore: Restore) -> None:
        self._rds = cloud.databases
        self._source = f"alcove-{restore.source}"
        self._at = restore.at
        self._label = restore.label
        # RDS does not notice being asked every few seconds.
        self._pauses: Any = {"Delay": max(cloud.poll_seconds * 5, 0.1)}
        self._pauses["MaxAttempts"] = int(_SECONDS / self._pauses["Delay"])
        stack = stacks.parameters(cloud, f"{self._source}-database")
        self._is_aurora = stack.get("Engine", "aurora") == "aurora"
        self._copy = PointInTime(cloud.databases, self._source, self._label, is_aurora=self._is_aurora)

    def snapshot(self, progress: Progress) -> str:
        """The snapshot's name; it is made when there is none. DeployError."""
        with progress.step("database of that time"):
            try:
                if not self._has_snapshot():
                    self._make()
            except WaiterError as error:
                raise DeployError(f"RDS did not restore {self._source} to {self._at}: {error}") from error
            finally:
                self._delete_restored(progress)
        return self._label

    def _has_snapshot(self) -> bool:
        try:
            if self._is_aurora:
                answer: Any = self._rds.describe_db_cluster_snapshots(DBClusterSnapshotIdentifier=self._label)
            else:
                answer = self._rds.describe_db_snapshots(DBSnapshotIdentifier=self._label)
        except ClientError as error:
            if error.response["Error"]["Code"] in _NO_SNAPSHOT:
                return False
            raise
        snapshots = answer.get("DBClusterSnapshots") or answer.get("DBSnapshots") or []
        if snapshots and snapshots[0]["Status"] != "available":  # of a process that was killed
            self._wait("db_cluster_snapshot_available" if self._is_aurora else "db_snapshot_available", self._name())
        return bool(snapshots)

    def _name(self) -> dict[str, Any]:
        return {("DBClusterSnapshotIdentifier" if self._is_aurora else "DBSnapshotIdentifier"): self._label}

    def _wait(self, event: Any, what: dict[str, str]) -> None:
        waiter: Any = self._rds.get_waiter(event)
        waiter.wait(**what, WaiterConfig=self._pauses)

    def _require_restorable(self, earliest: datetime | None, latest: datetime | None) -> None:
        too_early, too_late = earliest and self._at < earliest, latest and self._at > latest
        if too_early or too_late:
            raise DeployError(
                f"{self._source} can be restored to a time from {earliest or 'its first backup'} until {latest}."
            )

    def _make(self) -> None:
        window = self._copy.restorable()
        self._require_restorable(window.earliest, window.latest)
        self._copy.restore(self._at)
        if self._is_aurora:
            # No instance is made: nobody connects, and a snapshot is of the storage.
            self._wait("db_cluster_available", {"DBClusterIdentifier": self._label})
            self._rds.create_db_cluster_snapshot(**self._name(), DBClusterIdentifier=self._label)
            self._wait("db_cluster_snapshot_available", self._name())
        else:
            self._wait("db_instance_available", {"DBInstanceIdentifier": self._label})
            self._rds.create_db_snapshot(**self._name(), DBInstanceIdentifier=self._label)
            self._wait("db_snapshot_available", self._name())

    def _delete_restored(self, progress: Progress) -> None:
        """Delete the database without clients, if there is one. What cannot be deleted now is named."""
        try:
            self._copy.delete()
            reason = self._copy.status()
        except ClientError as error:
            reason = error.response["Error"]["Code"]
        if reason not in (None, "deleting"):
            progress.report(f"  the database {self._label} is not deleted ({reason}): the same command deletes it")
