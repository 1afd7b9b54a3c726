"""The steps of a deployment: artefacts to a bucket, a change set shown and executed, the migration, the first requests.

`infra/stages.py` takes them for an account's stages, `infra/local/stack.py` for the stack of one machine.
"""

from __future__ import annotations

import json
import secrets
import time
import urllib.error
import urllib.request
import uuid
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from chalicelib.core import openapi
from infra import package
from infra.cloud import Cloud, DeployError, Progress, wait_until
from infra.stacks import STANDING, bring, outputs, parameters, stack_status

_READY_SECONDS = 60


def upload(cloud: Cloud, built: package.Package) -> dict[str, str]:
    """Put a package's files into the artefact bucket, each under a key made of its contents; those there are left.

    Returns the keys by the names `libraries`, `function`, `template`.
    """
    files = {"libraries": built.libraries, "function": built.function, "template": built.template}
    return {name: upload_file(cloud, name, path) for name, path in files.items()}


def upload_file(cloud: Cloud, name: str, path: Path) -> str:
    """Put one file into the artefact bucket under `name` and its digest, unless it is there; return its key."""
    _ensure_artefact_bucket(cloud)
    key = f"{name}/{package.digest(path)}{path.suffix}"
    if not _exists(cloud, key):
        cloud.s3.upload_file(str(path), cloud.artefact_bucket, key)
    return key


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


def unlock(cloud: Cloud, stage: str, login_name: str) -> None:
    """End the login locks of an account of `stage`, by e-mail address or username. DeployError if there is none."""
    if not migrate(cloud, f"alcove-{stage}-migrate", {"unlock": login_name}).get("unlocked"):
        raise DeployError(f"No account of {stage} has the e-mail address or username {login_name}.")


def migrate(cloud: Cloud, function: str, event: dict[str, Any] | None = None) -> dict[str, Any]:
    """Run the function that migrates the database and return its answer. DeployError with its error when it fails.

    With `event` it does what the event says instead (chalicelib/ops/handlers.py).
    """
    reply = cloud.functions.invoke(FunctionName=function, Payload=json.dumps(event or {}).encode())
    payload = json.loads(reply["Payload"].read() or b"null")
    if reply.get("FunctionError"):
        trace = "".join(payload.get("stackTrace") or [])
        raise DeployError(f"The migration failed: {payload.get('errorType')}: {payload.get('errorMessage')}\n{trace}")
    return payload if isinstance(payload, dict) else {}


def new_id() -> str:
    """A UUID of version 7 (RFC 9562): the history is listed by its ids, in the order of time."""
    milliseconds, random = time.time_ns() // 1_000_000, secrets.randbits(74)
    value = milliseconds << 80 | 0x7 << 76 | (random >> 62) << 64 | 0b10 << 62 | random & (1 << 62) - 1
    return str(uuid.UUID(int=value))


def history(keys: dict[str, str], former: dict[str, str]) -> dict[str, Any]:
    """What the history of updates says of a deployment: see chalicelib/ops/updates/recording.py.

    `keys` and `former` are the artefacts' keys, each with the digest of its contents.
    """
    kinds = {"function": "code", "libraries": "libraries", "template": "template"}
    components = [
        {
            "component_name": name,
            "component_type": kind,
            "version_from": Path(former[name]).stem[:12] if name in former else None,
            "version_to": Path(keys[name]).stem[:12],
            "status": "completed",
        }
        for name, kind in kinds.items()
    ]
    event = {
        "id": new_id(),
        "version_from": None,
        "version_to": openapi.VERSION,
        "status": "completed",
        "source": "deploy",
        "initiated_by": "operator",
        "components_updated": list(kinds),
    }
    return {"event": event, "components": components}


def migrate_ahead(cloud: Cloud, stage: str, keys: dict[str, str]) -> dict[str, Any] | None:
    """Migrate with the uploaded code while the former code still serves: no code ever meets a schema older than itself.

    Only the migrate function gets the new package, which the update of the stack then finds there. Returns the
    migration's answer; None when the stack does not stand yet or has this package already. DeployError when it fails;
    nothing that serves has been changed then.
    """
    name = f"alcove-{stage}"
    if stack_status(cloud, name) not in STANDING:
        return None
    former = parameters(cloud, name)
    if former["FunctionKey"] == keys["function"]:
        return None
    function = outputs(cloud, name)["MigrateFunctionName"]
    template = cloud.s3.get_object(Bucket=cloud.artefact_bucket, Key=keys["template"])["Body"].read()
    expected = json.loads(template)["Resources"]["Migrate"]["Properties"]
    updated = cloud.functions.get_waiter("function_updated_v2")
    if former["LibrariesKey"] != keys["libraries"]:
        layer = cloud.functions.publish_layer_version(
            LayerName=f"{name}-libraries", Content={"S3Bucket": cloud.artefact_bucket, "S3Key": keys["libraries"]}
        )["LayerVersionArn"]
        cloud.functions.update_function_configuration(
            FunctionName=function, Runtime=expected["Runtime"], Layers=[layer]
        )
        updated.wait(FunctionName=function)
    cloud.functions.update_function_code(
        FunctionName=function,
        S3Bucket=cloud.artefact_bucket,
        S3Key=keys["function"],
        Architectures=expected["Architectures"],
    )
    updated.wait(FunctionName=function)
    return migrate(cloud, function)


def await_ready(api_url: str) -> str:
    """Wait until the API and what it depends on answer `GET /ready`; return the answer. DeployError after a minute."""
    deadline = time.monotonic() + _READY_SECONDS
    while True:
        try:
            with urllib.request.urlopen(f"{api_url}/ready", timeout=30) as reply:
                return str(reply.read(10_000).decode())
        except urllib.error.HTTPError as error:
            wait_until(deadline, f"{api_url}/ready answers {error.code}: {error.read(10_000).decode(errors='replace')}")
        except OSError as error:
            wait_until(deadline, f"{api_url}/ready does not answer: {error}")


def smoke(api_url: str) -> None:
    """See that requests are answered as they should, with and without the database. DeployError."""
    for path, expected in (("/openapi.json", 200), ("/auth/providers", 200), ("/me", 401)):
        try:
            with urllib.request.urlopen(f"{api_url}{path}", timeout=30) as reply:
                status = reply.status
        except urllib.error.HTTPError as error:
            status = error.code
        except OSError as error:
            raise DeployError(f"{api_url}{path} does not answer: {error}") from error
        if status != expected:
            raise DeployError(f"{api_url}{path} answers {status} instead of {expected}; its function's log says why.")


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


def _exists(cloud: Cloud, key: str) -> bool:
    try:
        cloud.s3.head_object(Bucket=cloud.artefact_bucket, Key=key)
    except ClientError as error:
        if error.response["Error"]["Code"] in ("404", "NoSuchKey", "NotFound"):
            return False
        raise
    return True
