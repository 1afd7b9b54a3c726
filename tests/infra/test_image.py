"""The image of the GPU task: its sources, and when the deployment has it built."""

import io
import re
import zipfile

import boto3

from chalicelib.ops.updates.clouds import silent
from infra import image, package
from infra.cloud import Cloud


def test_the_archive_has_what_the_dockerfile_copies() -> None:
    names = zipfile.ZipFile(io.BytesIO(image.source())).namelist()
    dockerfile = (package.ROOT / "embedder" / "Dockerfile").read_text("utf-8")
    copied = {source for line in re.findall(r"^COPY (.+) \S+$", dockerfile, re.MULTILINE) for source in line.split()}
    assert {"embedder", "chalicelib", "embedder/requirements.lock", "embedder/weights.lock"} == copied
    for source in copied:
        assert any(name == source or name.startswith(f"{source}/") for name in names), source
    assert image.source() == image.source()


def test_the_image_is_built_once_for_a_tag(endpoint_url: str) -> None:
    cloud = Cloud.connect(boto3.Session(), endpoint_url)
    cloud.s3.create_bucket(Bucket=cloud.artefact_bucket)
    cloud.images.create_repository(repositoryName="alcove-gpu-embedder")
    cloud.builds.create_project(
        name="alcove-gpu-embedder",
        source={"type": "S3", "location": f"{cloud.artefact_bucket}/embedder/none.zip"},
        artifacts={"type": "NO_ARTIFACTS"},
        environment={"type": "LINUX_CONTAINER", "image": "aws/codebuild/x", "computeType": "BUILD_GENERAL1_MEDIUM"},
        serviceRole="arn:aws:iam::000000000000:role/build",
    )
    assert image.ensure(cloud, "gpu", "1", silent())
    builds = cloud.builds.list_builds_for_project(projectName="alcove-gpu-embedder")["ids"]
    assert len(builds) == 1
    (stored,) = cloud.s3.list_objects_v2(Bucket=cloud.artefact_bucket, Prefix="embedder/")["Contents"]
    assert cloud.s3.get_object(Bucket=cloud.artefact_bucket, Key=stored["Key"])["Body"].read() == image.source()
    cloud.images.put_image(repositoryName="alcove-gpu-embedder", imageManifest="{}", imageTag="1")
    assert not image.ensure(cloud, "gpu", "1", silent())
