"""What outlives a stage's stacks: the bucket of its documents, its master key, and the database's snapshots."""

from __future__ import annotations

import re
import time
from contextlib import suppress
from typing import Any

from botocore.exceptions import ClientError

from chalicelib.ops.drills.point_in_time import PointInTime, scratch_name
from chalicelib.ops.updates import stacks
from chalicelib.ops.updates.clouds import wait_until
from infra.cloud import Cloud

_SCRATCH_SECONDS = 1800


def documents_bucket(cloud: Cloud, stage: str) -> str:
    """Name of the bucket of a stage's documents, as the application's template has it."""
    return f"alcove-{stage}-documents-{cloud.account}-{cloud.region}"


def has_bucket(cloud: Cloud, name: str) -> bool:
    try:
        cloud.s3.head_bucket(Bucket=name)
    except ClientError:
        return False
    return True


def unprotect(cloud: Cloud, name: str) -> None:
    """Have the database admit that it is deleted, also one whose stack was never finished."""
    databases, identifier = cloud.databases, f"alcove-{name}"
    with suppress(databases.exceptions.DBClusterNotFoundFault):
        databases.modify_db_cluster(DBClusterIdentifier=identifier, DeletionProtection=False)
    with suppress(databases.exceptions.DBInstanceNotFoundFault):
        databases.modify_db_instance(DBInstanceIdentifier=identifier, DeletionProtection=False, ApplyImmediately=True)


def delete_scratch(cloud: Cloud, name: str) -> None:
    """Delete the database of a drill that is under way: it is in the subnets that are to go. DeployError."""
    deadline = time.monotonic() + _SCRATCH_SECONDS
    for is_aurora in (True, False):
        scratch = scratch_name(name)
        copy = PointInTime(cloud.databases, f"alcove-{name}", scratch, is_aurora=is_aurora)
        while not copy.delete():
            wait_until(deadline, f"The database {scratch} of a drill cannot be deleted.", cloud.poll_seconds)


class StageData:
    """What outlives a stage's stacks. Made before they go, because the key is known by its stack alone."""

    def __init__(self, cloud: Cloud, stage: str) -> None:
        self._cloud = cloud
        self._database = f"alcove-{stage}"
        self._bucket = documents_bucket(cloud, stage)
        self._keys: list[str] = []
        if stacks.stands(cloud, f"alcove-{stage}"):
            # One that uses the key of a former deployment has none of its own.
            listed = cloud.cloudformation.describe_stack_resources(StackName=f"alcove-{stage}")["StackResources"]
            self._keys = [item["PhysicalResourceId"] for item in listed if item["LogicalResourceId"] == "MasterKey"]

    def describe(self) -> list[str]:
        """A line for each thing."""
        lines = [f"documents: bucket {self._bucket}"] if has_bucket(self._cloud, self._bucket) else []
        lines += [f"master key: {key}" for key in self._keys]
        return lines + [f"database: snapshot {name}" for name in [*self._cluster_snapshots(), *self._snapshots()]]

    def delete(self) -> None:
        """Delete it all; the key goes after the 30 days that KMS grants at most."""
        if has_bucket(self._cloud, self._bucket):
            self._empty_bucket()
            self._cloud.s3.delete_bucket(Bucket=self._bucket)
        for name in self._cluster_snapshots():
            self._cloud.databases.delete_db_cluster_snapshot(DBClusterSnapshotIdentifier=name)
        for name in self._snapshots():
            self._cloud.databases.delete_db_snapshot(DBSnapshotIdentifier=name)
        for key in self._keys:
            self._cloud.keys.schedule_key_deletion(KeyId=key, PendingWindowInDays=30)

    def _empty_bucket(self) -> None:
        for page in self._cloud.s3.get_paginator("list_object_versions").paginate(Bucket=self._bucket):
            result = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
            objects: Any = [{"Key": item["Key"], "VersionId": item["VersionId"]} for item in result]
            if objects:
                self._cloud.s3.delete_objects(Bucket=self._bucket, Delete={"Objects": objects, "Quiet": True})

    def _cluster_snapshots(self) -> list[str]:
        pages = self._cloud.databases.get_paginator("describe_db_cluster_snapshots").paginate(SnapshotType="manual")
        snapshots = [snapshot for page in pages for snapshot in page["DBClusterSnapshots"]]
        return [item["DBClusterSnapshotIdentifier"] for item in snapshots if self._is_own(item["DBClusterIdentifier"])]

    def _snapshots(self) -> list[str]:
        pages = self._cloud.databases.get_paginator("describe_db_snapshots").paginate(SnapshotType="manual")
        snapshots = [snapshot for page in pages for snapshot in page["DBSnapshots"]]
        return [item["DBSnapshotIdentifier"] for item in snapshots if self._is_own(item["DBInstanceIdentifier"])]

    def _is_own(self, database: str) -> bool:
        """Whether a database is the stage's, or the one of a former time that it was restored from."""
        return database == self._database or bool(re.fullmatch(rf"{self._database}-from-\d{{8}}t\d{{6}}z", database))
