"""What deployments leave behind: packages that no stage can be rolled back to, and versions of the libraries' layer.

A deployment publishes the new libraries for `migrate` before the stack makes its own layer of them, so each leaves one
version. Lambda and S3 charge little for both, but an account's layers have 75 GB together.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from infra.cloud import Cloud

_KINDS = ("function", "libraries")  # templates are small
# A deployment that goes on at another desk has uploaded its package, and is in no list yet.
_RETAINED = timedelta(days=30)


def prune(cloud: Cloud, stage: str) -> tuple[int, int]:
    """Delete both, as a deployment of `stage` has just ended; returns how many packages' files and layers went."""
    return _prune_files(cloud), _prune_layers(cloud, stage)


def _prune_files(cloud: Cloud) -> int:
    limit = datetime.now(UTC) - _RETAINED
    useful = _useful_keys(cloud)
    old = [
        item["Key"]
        for kind in _KINDS
        for item in _objects(cloud, f"{kind}/")
        if item["Key"] not in useful and item["LastModified"] < limit
    ]
    for key in old:
        cloud.s3.delete_object(Bucket=cloud.artefact_bucket, Key=key)
    return len(old)


def _useful_keys(cloud: Cloud) -> set[str]:
    """Of every version that some stage has or can be rolled back to; an update over the API is in no stage's list."""
    keys: set[str] = set()
    for item in _objects(cloud, "deployments/"):
        stored = cloud.s3.get_object(Bucket=cloud.artefact_bucket, Key=item["Key"])["Body"].read()
        keys |= {key for version in json.loads(stored) for key in version["keys"].values()}
    for page in cloud.cloudformation.get_paginator("describe_stacks").paginate():
        for stack in page["Stacks"]:
            keys |= {parameter["ParameterValue"] for parameter in stack.get("Parameters", [])}
    return keys


def _objects(cloud: Cloud, prefix: str) -> list[Any]:
    pages = cloud.s3.get_paginator("list_objects_v2").paginate(Bucket=cloud.artefact_bucket, Prefix=prefix)
    return [item for page in pages for item in page.get("Contents", [])]


def _prune_layers(cloud: Cloud, stage: str) -> int:
    used = cloud.functions.get_function_configuration(FunctionName=f"alcove-{stage}-migrate").get("Layers", [])
    arns = {layer["Arn"] for layer in used}
    if not arns:
        return 0
    name = f"alcove-{stage}-libraries"
    pages = cloud.functions.get_paginator("list_layer_versions").paginate(LayerName=name)
    listed = [item for page in pages for item in page["LayerVersions"]]
    left = [item["Version"] for item in listed if item["LayerVersionArn"] not in arns]
    for version in left:
        cloud.functions.delete_layer_version(LayerName=name, VersionNumber=version)
    return len(left)
