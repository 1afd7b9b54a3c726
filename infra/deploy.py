"""The steps of a deployment: artefacts to a bucket, a change set shown and executed, the migration, the first requests.

`infra/stages.py` takes them for an account's stages, `infra/local/stack.py` for the stack of one machine.
"""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from chalicelib.ops.updates.clouds import DeployError, Progress
from chalicelib.ops.updates.deploying import migrate, upload_file
from chalicelib.ops.updates.stacks import bring
from infra import package
from infra.cloud import Cloud


def upload(cloud: Cloud, built: package.Package) -> dict[str, str]:
    """Put a package's files into the artefact bucket, each under a key made of its contents; those there are left.

    Returns the keys by the names `libraries`, `function`, `template`.
    """
    _ensure_artefact_bucket(cloud)
    files = {"libraries": built.libraries, "function": built.function, "template": built.template}
    return {name: upload_file(cloud, name, path) for name, path in files.items()}


def apply(
    cloud: Cloud, stage: str, keys: dict[str, str], parameters: dict[str, str], progress: Progress
) -> dict[str, str]:
    """Bring the application's stack of `stage` to an uploaded package, see `bring`; return its outputs."""
    artefacts = {
        "Stage": stage,
        "ArtefactBucket": cloud.artefact_bucket,
        "LibrariesKey": keys["libraries"],
        "FunctionKey": keys["function"],
    }
    return bring(cloud, f"alcove-{stage}", keys["template"], parameters | artefacts, progress).outputs


def migrated(answer: dict[str, Any] | None) -> str:
    """What a migration did, for people; `answer` is that of migrate() or migrate_ahead()."""
    if answer is None:
        return "nothing to migrate ahead"
    applied = answer["applied"]
    functions = sum(name.startswith("functions/") for name in applied)
    done = f"files applied: {len(applied) - functions} of migrations, {functions} of functions"
    if answer["administrator_made"]:
        done += "; the first administrator created"
    return f"{done}; {answer['keys_rewrapped']} keys rewrapped" if answer["keys_rewrapped"] else done


def unlock(cloud: Cloud, stage: str, login_name: str) -> None:
    """End the login locks of an account of `stage`, by e-mail address or username. DeployError if there is none."""
    if not migrate(cloud, f"alcove-{stage}-migrate", {"unlock": login_name}).get("unlocked"):
        raise DeployError(f"No account of {stage} has the e-mail address or username {login_name}.")


def _ensure_artefact_bucket(cloud: Cloud) -> None:
    bucket = cloud.artefact_bucket
    try:
        cloud.s3.head_bucket(Bucket=bucket)
    except ClientError:
        if cloud.region == "us-east-1":
            cloud.s3.create_bucket(Bucket=bucket)
        else:
            location: Any = {"LocationConstraint": cloud.region}
            cloud.s3.create_bucket(Bucket=bucket, CreateBucketConfiguration=location)
        cloud.s3.put_public_access_block(
            Bucket=bucket,
            PublicAccessBlockConfiguration={
                "BlockPublicAcls": True,
                "BlockPublicPolicy": True,
                "IgnorePublicAcls": True,
                "RestrictPublicBuckets": True,
            },
        )
        # Rolling back takes packages of months ago; parts of an upload that broke off serve nobody.
        cloud.s3.put_bucket_lifecycle_configuration(
            Bucket=bucket,
            LifecycleConfiguration={
                "Rules": [
                    {
                        "ID": "abandoned-uploads",
                        "Status": "Enabled",
                        "Filter": {"Prefix": ""},
                        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
                    }
                ]
            },
        )
