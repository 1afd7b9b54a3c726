"""The versions of the application that were deployed to a stage, stored in the artefact bucket."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass

from botocore.exceptions import ClientError

from infra import package
from infra.cloud import Cloud

_MOST_VERSIONS = 20


@dataclass(frozen=True)
class Version:
    """One deployment of the application: its artefacts' keys, and where they came from."""

    keys: dict[str, str]
    at: str
    revision: str


def versions(cloud: Cloud, stage: str) -> list[Version]:
    """What was deployed to the stage, oldest first, what runs now last; rolling back takes the last one away."""
    try:
        stored = cloud.s3.get_object(Bucket=cloud.artefact_bucket, Key=f"deployments/{stage}.json")
    except ClientError as error:
        if error.response["Error"]["Code"] in ("NoSuchKey", "NoSuchBucket"):
            return []
        raise
    return [Version(**version) for version in json.loads(stored["Body"].read())]


def record(cloud: Cloud, stage: str, past: list[Version]) -> None:
    latest = [vars(version) for version in past[-_MOST_VERSIONS:]]
    body = json.dumps(latest, indent=1).encode()
    cloud.s3.put_object(Bucket=cloud.artefact_bucket, Key=f"deployments/{stage}.json", Body=body)


def revision_of_checkout() -> str:
    """The commit that is deployed, with a mark when the working tree differs; empty outside of a checkout."""
    command = ["git", "describe", "--always", "--dirty"]
    result = subprocess.run(command, cwd=package.ROOT, capture_output=True, text=True, check=False)
    return result.stdout.strip()
