"""The image of the GPU task, built in the account by CodeBuild from this checkout (infra/account/embedder.yaml)."""

from __future__ import annotations

import io
import tempfile
import time
import zipfile
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from chalicelib.ops.updates import deploying
from chalicelib.ops.updates.clouds import DeployError, Progress
from infra import package
from infra.cloud import Cloud

_BUILD_SECONDS = 3600
# What the Dockerfile copies.
SOURCES = ("embedder", "chalicelib")
_EPOCH = (1980, 1, 1, 0, 0, 0)


def source() -> bytes:
    """The Dockerfile's context as a ZIP archive; the same sources give the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for folder in SOURCES:
            for path in sorted((package.ROOT / folder).rglob("*")):
                if path.is_file() and "__pycache__" not in path.parts:
                    info = zipfile.ZipInfo(path.relative_to(package.ROOT).as_posix(), _EPOCH)
                    info.compress_type = zipfile.ZIP_DEFLATED
                    archive.writestr(info, path.read_bytes())
    return buffer.getvalue()


def ensure(cloud: Cloud, stage: str, tag: str, progress: Progress) -> bool:
    """Build and push the image `tag` unless the repository has it; returns whether it was built. Raises DeployError."""
    name = f"alcove-{stage}-embedder"
    if _exists(cloud.images, name, tag):
        return False
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "embedder.zip"
        path.write_bytes(source())
        key = deploying.upload_file(cloud, "embedder", path)
    with progress.step("image of the GPU task") as details:
        build = cloud.builds.start_build(
            projectName=name,
            sourceLocationOverride=f"{cloud.artefact_bucket}/{key}",
            environmentVariablesOverride=[{"name": "TAG", "value": tag, "type": "PLAINTEXT"}],
        )["build"]["id"]
        details(_await_end(cloud, build))
    return True


def _exists(images: Any, repository: str, tag: str) -> bool:
    try:
        answer = images.describe_images(repositoryName=repository, imageIds=[{"imageTag": tag}])
    except ClientError as error:
        if error.response["Error"]["Code"] == "ImageNotFoundException":
            return False
        raise
    return bool(answer["imageDetails"])


def _await_end(cloud: Cloud, build: str) -> str:
    deadline = time.monotonic() + _BUILD_SECONDS
    while (status := cloud.builds.batch_get_builds(ids=[build])["builds"][0]["buildStatus"]) == "IN_PROGRESS":
        if time.monotonic() > deadline:
            raise DeployError(f"The build {build} is not finished after an hour.")
        time.sleep(cloud.poll_seconds)
    if status != "SUCCEEDED":
        raise DeployError(
            f"The build {build} of the GPU task's image ended as {status}; its log in CodeBuild says why."
        )
    return str(status)
