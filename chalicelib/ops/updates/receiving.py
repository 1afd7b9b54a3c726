"""The function `update`: a package that has arrived in the bucket of updates is verified, and applied to the stack.

It alone may change the stack, and nothing else starts it than the bucket's event. Lambda starts it again when it was
killed; each step then finds what the one before did (applying.py).
"""

import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus

from chalicelib.core import aws
from chalicelib.core.log import logger
from chalicelib.core.settings import settings
from chalicelib.ops.updates import announcing, stacks
from chalicelib.ops.updates.applying import Update
from chalicelib.ops.updates.clouds import Cloud, DeployError, Progress, of_function
from chalicelib.ops.updates.packages import MAX_BYTES, PackageError

_MOST_SIGNERS = 2


def receive(event: dict[str, Any]) -> dict[str, str]:
    """Apply each package of the bucket's event; returns what became of it, by its key. The history has the details."""
    outcomes = {}
    for record in event.get("Records", []):
        key = unquote_plus(record["s3"]["object"]["key"])
        outcomes[key] = _apply(key)
        logger().info("update", key=key, outcome=outcomes[key])
    return outcomes


def _apply(key: str) -> str:
    announced = announcing.parse_key(key)
    if announced is None:
        return "ignored"
    bucket, cloud = settings().updates_bucket, of_function()
    size = aws.s3().head_object(Bucket=bucket, Key=key)["ContentLength"]
    with tempfile.TemporaryDirectory(prefix="alcove-update-") as folder:
        path = Path(folder) / f"{announced[1]}.update"
        if size <= MAX_BYTES:
            aws.s3().download_file(bucket, key, str(path))
            outcome = _apply_file(cloud, path, *announced)
        else:
            outcome = "refused: the package is too large"
    aws.s3().delete_object(Bucket=bucket, Key=key)
    return outcome


def _apply_file(cloud: Cloud, path: Path, administrator: Any, announced: Any) -> str:
    stack = f"alcove-{settings().stage}"
    if stacks.stack_status(cloud, stack) not in stacks.STANDING:
        return "refused: the stack is being changed"
    update = Update(
        cloud=cloud,
        stage=settings().stage,
        package=path,
        signers=settings().signers.replace(",", " ").split()[:_MOST_SIGNERS],
        progress=Progress(lambda line: logger().info(line.strip())),
        initiated_by=str(administrator),
        file_id=str(announced),
    )
    try:
        return f"version {update.apply()} serves"
    except PackageError as error:
        return f"refused: {error}"
    except DeployError as error:
        # Recorded, and the former version serves again, or the sentence says that it does not.
        return str(error)
