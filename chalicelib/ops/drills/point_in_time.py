"""A stage's database as it was at a moment, under another name: RDS restores it from its own backups.

Aurora restores a cluster, which has no instance and takes no connections until one is added; RDS an instance.
"""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_rds import RDSClient

_CLASS = "db.serverless"


def scratch_name(stage: str) -> str:
    """Names the database of a stage's drill, and no stage's own: those begin with `alcove-`."""
    return f"drill-alcove-{stage}"


@dataclass(frozen=True)
class Restorable:
    """From when until when a database can be restored; None where RDS does not say."""

    earliest: datetime | None
    latest: datetime | None


class PointInTime:
    """The database `name`, a copy of `source`. Every call can be repeated; each error is boto3's own."""

    def __init__(
        self, rds: "RDSClient", source: str, name: str, *, is_aurora: bool, tags: dict[str, str] | None = None
    ) -> None:
        self._rds = rds
        self._source = source
        self._name = name
        self._is_aurora = is_aurora
        self._tags: Any = [{"Key": key, "Value": value} for key, value in (tags or {}).items()]

    def restorable(self) -> Restorable:
        """Which moments the source can be restored to."""
        source = self._described_source()
        return Restorable(source.get("EarliestRestorableTime"), source.get("LatestRestorableTime"))

    def restore(self, at: datetime) -> None:
        """Begin to restore the source as it was `at`, in its subnets and its security groups, unless that has begun."""
        if self.status() is None:
            with suppress(
                self._rds.exceptions.DBClusterAlreadyExistsFault, self._rds.exceptions.DBInstanceAlreadyExistsFault
            ):  # by a request whose answer did not arrive
                self._begin(at)

    def _begin(self, at: datetime) -> None:
        source = self._described_source()
        groups = [group["VpcSecurityGroupId"] for group in source.get("VpcSecurityGroups", [])]
        common: Any = {"VpcSecurityGroupIds": groups, "DeletionProtection": False, "Tags": self._tags}
        common["EnableIAMDatabaseAuthentication"] = bool(source.get("IAMDatabaseAuthenticationEnabled"))
        if not self._is_aurora:
            self._rds.restore_db_instance_to_point_in_time(
                TargetDBInstanceIdentifier=self._name,
                SourceDBInstanceIdentifier=self._source,
                RestoreTime=at,
                DBSubnetGroupName=source["DBSubnetGroup"]["DBSubnetGroupName"],
                PubliclyAccessible=False,
                **common,
            )
            return
        scaling = source.get("ServerlessV2ScalingConfiguration")
        if scaling:
            most = scaling.get("MaxCapacity", 1.0)
            common["ServerlessV2ScalingConfiguration"] = {"MinCapacity": min(0.5, most), "MaxCapacity": most}
        if source.get("DBClusterParameterGroup"):
            common["DBClusterParameterGroupName"] = source["DBClusterParameterGroup"]
        self._rds.restore_db_cluster_to_point_in_time(
            DBClusterIdentifier=self._name,
            SourceDBClusterIdentifier=self._source,
            RestoreToTime=at,
            DBSubnetGroupName=source["DBSubnetGroup"],
            **common,
        )

    def status(self) -> str | None:
        """RDS's word for the copy's state, such as `available`; None when there is none."""
        copy = self._described()
        return None if copy is None else str(copy.get("Status") or copy.get("DBInstanceStatus"))

    def address(self) -> tuple[str, int] | None:
        """Host and port of the copy when it takes connections; None until then. Adds an instance to a cluster."""
        copy = self._described()
        if copy is None or (copy.get("Status") or copy.get("DBInstanceStatus")) != "available":
            return None
        if not self._is_aurora:
            return str(copy["Endpoint"]["Address"]), int(copy["Endpoint"]["Port"])
        instance = self._instance()
        if instance is None:
            self._rds.create_db_instance(
                DBInstanceIdentifier=f"{self._name}-1",
                DBClusterIdentifier=self._name,
                DBInstanceClass=_CLASS,
                Engine="aurora-postgresql",
                PubliclyAccessible=False,
                CACertificateIdentifier="rds-ca-rsa2048-g1",
                Tags=self._tags,
            )
            return None
        return (str(copy["Endpoint"]), int(copy["Port"])) if instance["DBInstanceStatus"] == "available" else None

    def delete(self) -> bool:
        """Begin to delete the copy and its instance; returns whether both are gone. No snapshot of them is left.

        What RDS is still making cannot be deleted yet: the next call does it.
        """
        instance = self._instance() if self._is_aurora else None
        status = self.status()
        with suppress(
            self._rds.exceptions.InvalidDBClusterStateFault, self._rds.exceptions.InvalidDBInstanceStateFault
        ):
            if instance is not None and instance["DBInstanceStatus"] != "deleting":
                self._rds.delete_db_instance(DBInstanceIdentifier=f"{self._name}-1", SkipFinalSnapshot=True)
            if status in (None, "deleting"):
                pass
            elif self._is_aurora:
                self._rds.delete_db_cluster(DBClusterIdentifier=self._name, SkipFinalSnapshot=True)
            else:
                self._rds.delete_db_instance(
                    DBInstanceIdentifier=self._name, SkipFinalSnapshot=True, DeleteAutomatedBackups=True
                )
        return instance is None and status is None

    def _described_source(self) -> Any:
        if self._is_aurora:
            return self._rds.describe_db_clusters(DBClusterIdentifier=self._source)["DBClusters"][0]
        return self._rds.describe_db_instances(DBInstanceIdentifier=self._source)["DBInstances"][0]

    def _described(self) -> Any:
        if not self._is_aurora:
            return self._instance_named(self._name)
        try:
            return self._rds.describe_db_clusters(DBClusterIdentifier=self._name)["DBClusters"][0]
        except self._rds.exceptions.DBClusterNotFoundFault:
            return None

    def _instance(self) -> Any:
        return self._instance_named(f"{self._name}-1")

    def _instance_named(self, name: str) -> Any:
        try:
            return self._rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]
        except self._rds.exceptions.DBInstanceNotFoundFault:
            return None
