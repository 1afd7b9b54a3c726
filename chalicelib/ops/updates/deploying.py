"""The steps of a deployment to a stack: files to the artefact bucket, the migration, the first answer, the history."""

import hashlib
import json
import secrets
import time
import urllib.error
import urllib.request
import uuid
from pathlib import Path
from typing import Any

from chalicelib.core import openapi
from chalicelib.ops.updates.clouds import Cloud, DeployError, wait_until
from chalicelib.ops.updates.stacks import STANDING, outputs, parameters, stack_status

_READY_SECONDS = 60


def upload_file(cloud: Cloud, name: str, path: Path) -> str:
    """Put one file into the artefact bucket under `name` and its digest, unless it is there; return its key."""
    key = f"{name}/{_digest(path)}{path.suffix}"
    if not _exists(cloud, key):
        cloud.s3.upload_file(str(path), cloud.artefact_bucket, key)
    return key


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


def _exists(cloud: Cloud, key: str) -> bool:
    from botocore.exceptions import ClientError

    try:
        cloud.s3.head_object(Bucket=cloud.artefact_bucket, Key=key)
    except ClientError as error:
        if error.response["Error"]["Code"] in ("404", "NoSuchKey", "NotFound"):
            return False
        raise
    return True


def _digest(path: Path) -> str:
    with path.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()
