"""What is deployed is installed by its hash, and images are named by their digest."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from infra import hashes, package

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("source", "lock"),
    [(hashes.REQUIREMENTS, hashes.LOCK), (hashes.WEIGHTS, hashes.WEIGHTS_LOCK)],
    ids=["layer", "weights"],
)
def test_a_lock_has_a_hash_for_every_version_and_no_other(source: Path, lock: Path) -> None:
    locked = hashes.pins(lock)
    assert set(locked) == set(hashes.pins(source)), "make hashes"
    assert all(digests and all(re.fullmatch("[0-9a-f]{64}", one) for one in digests) for digests in locked.values())


def test_a_package_with_machine_code_has_a_wheel_for_every_platform() -> None:
    locked = hashes.pins(hashes.LOCK)
    machines = {(platform.python, platform.tags[0].split("_", 3)[3]) for platform in hashes.PLATFORMS}
    assert len(locked[next(pin for pin in locked if pin.startswith("numpy=="))]) == len(machines) == 9


def test_what_is_deployed_has_the_hashes_of_its_own_platform() -> None:
    for architecture in package.ARCHITECTURES:
        target = package.aws(architecture)
        tags = tuple(package.platforms(target))
        assert hashes.Platform(target.python, tags) in hashes.PLATFORMS


def test_pip_refuses_a_wheel_with_another_hash(tmp_path: Path) -> None:
    (pin,) = [pin for pin in hashes.pins(hashes.LOCK) if pin.startswith("sniffio==")]
    wrong = tmp_path / "requirements.lock"
    wrong.write_text(f"{pin} --hash=sha256:{'0' * 64}\n", "utf-8")
    command = [sys.executable, "-m", "pip", "install", "--no-deps", "--require-hashes", "--target", str(tmp_path / "x")]
    ended = subprocess.run([*command, "-r", str(wrong)], capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert "DO NOT MATCH" in ended.stderr or "No matching distribution" in ended.stderr


def test_the_layer_and_the_container_are_installed_by_hash() -> None:
    source = (ROOT / "infra" / "package.py").read_text("utf-8")
    assert '"--require-hashes"' in source
    for file in ("Makefile", "embedder/Dockerfile"):
        lines = (ROOT / file).read_text("utf-8").splitlines()
        for line in lines:
            if ".lock" in line and "install" in line:
                assert "--require-hashes" in line, f"{file}: {line}"


def test_the_container_refuses_an_image_without_a_digest() -> None:
    text = (ROOT / "embedder" / "Dockerfile").read_text("utf-8")
    bases = [line for line in text.splitlines() if line.startswith("FROM ")]
    assert bases == ["FROM ${PYTHON_IMAGE}"]
    assert not re.search(r"^ARG PYTHON_IMAGE=", text, re.MULTILINE), "a default would be an image without a review"
    (pattern,) = re.findall(r"case \"\$PYTHON_IMAGE\" in (\S+)\) ;;", text)
    for image, accepted in (
        (f"python:3.13-slim@sha256:{'a' * 64}", True),
        ("python:3.13-slim", False),
        ("python:3.13-slim@sha256:short", False),
    ):
        script = f'case "{image}" in {pattern}) exit 0 ;; *) exit 1 ;; esac'
        assert (subprocess.run(["sh", "-c", script], check=False).returncode == 0) is accepted
