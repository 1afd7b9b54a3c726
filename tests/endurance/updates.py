"""Signed updates under requests: only the right package changes anything, and never half of it.

A stack of this run's own gets, while clients work: packages that are wrong in many ways (nothing changes), the same
update killed at random instants and done again (the old or the new version serves, whole), the update (it serves), and
a release whose search is broken (taken back by itself, within two minutes).
"""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import minisign

from bench.commands import Command, parser
from chalicelib.core import openapi
from chalicelib.ops.updates.applying import Update, present_version
from chalicelib.ops.updates.clouds import DeployError, silent
from chalicelib.ops.updates.packages import PackageError
from infra import package
from infra.cloud import Cloud
from infra.local import stack
from infra.local.api_session import ApiSession
from infra.local.release import STAGE
from infra.updates import release
from tests.endurance import rollout

COMMAND = Command(
    "Update with right, wrong and broken packages under requests, and kill updates at random instants",
    smallest=(),
    costs="several deployments take a minute; the suite checks every wrong package",
)

GOOD, BROKEN = "8.0.0", "9.0.0"
_UNDO_SECONDS = 120
_WRONG = 30


def main(arguments: Sequence[str] | None = None) -> int:
    """Run; 1 when a request failed or something promised did not happen."""
    command_line = parser("tests.endurance updates", __doc__)
    command_line.add_argument("--kills", type=int, default=10)
    options = command_line.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="alcove-updates-") as name:
        directory = Path(name)
        directory.chmod(0o755)
        pair = minisign.KeyPair.generate()
        packages = {
            GOOD: _package(directory / "good", GOOD, openapi.VERSION, pair),
            BROKEN: _package(directory / "broken", BROKEN, GOOD, pair),
        }
        state = directory / "state"
        try:
            info = stack.up(state, silent=True)
            return _Run(info, state, packages, pair.public_key.to_base64().decode()).whole(options.kills)
        finally:
            stack.reset(state)


def _package(tree: Path, version: str, follows: str, pair: minisign.KeyPair) -> Path:
    """A signed package of a copy of this checkout that says `version`; that of BROKEN cannot search."""
    rollout._copy(tree, "")
    code_file = tree / "chalicelib" / "core" / "openapi.py"
    code_file.write_text(code_file.read_text().replace(f'"{openapi.VERSION}"', f'"{version}"'))
    if version == BROKEN:
        search = tree / "chalicelib" / "knowledge" / "search" / "retrieval.py"
        text = search.read_text().replace("\ndef find(", "\ndef find_before(", 1)
        search.write_text(
            text + "\n\ndef find(*_: object, **__: object) -> SearchResult:\n    return SearchResult(items=[])\n"
        )
    code = (
        "import json; from infra import package; b = package.build(package.Target()); "
        "print(json.dumps([str(b.function), str(b.libraries), str(b.template)]))"
    )
    ended = subprocess.run([sys.executable, "-c", code], cwd=tree, check=True, capture_output=True, text=True)
    paths = json.loads(ended.stdout.splitlines()[-1])
    names = ("function.zip", "libraries.zip", "template.json")
    files = {name: Path(path).read_bytes() for name, path in zip(names, paths, strict=True)}
    manifest = release.manifest_of(version, (follows, follows), files)
    path = tree.with_suffix(".update")
    path.write_bytes(release.sign(release.archive_of(manifest, files), pair.secret_key, version))
    return path


@dataclass
class _Run:
    """One run: the stack, the packages, and what went wrong."""

    info: stack.StackInfo
    state: Path
    packages: dict[str, Path]
    key: str
    observed: rollout.Observations = field(default_factory=rollout.Observations)
    problems: list[str] = field(default_factory=list)
    cloud: Cloud = field(init=False)
    document: tuple[ApiSession, str] = field(init=False)

    def __post_init__(self) -> None:
        self.cloud = stack.cloud_of(self.info.endpoint_url)
        self.document = _document(self.info)

    def whole(self, kills: int) -> int:
        """Every part; 1 when something went wrong."""
        with rollout._clients(self.info, 2, self.observed):
            self.wrong_packages()
            self.killed(kills)
            self.right_package()
        self.broken_release()
        for line in [*self.problems, *self.observed.failures][:20]:
            print(f"  {line}")
        return int(bool(self.problems or self.observed.failures))

    def update(self, path: Path) -> Update:
        """The update by a package."""
        return Update(self.cloud, STAGE, path, [self.key], silent())

    def serves(self, *versions: str) -> bool:
        """Whether one of the versions serves and searches."""
        return present_version(self.info.api_url) in versions and _finds(self.document)

    def wrong_packages(self) -> None:
        """Each is refused, and nothing changes."""
        self.observed.phase = "wrong packages"
        before = _deployed(self.cloud)
        for number in range(_WRONG):
            try:
                self.update(_flipped(self.packages[GOOD], self.state, number)).apply()
                self.problems.append(f"wrong package {number} was applied")
            except PackageError:
                continue
        if not self.serves(openapi.VERSION) or _deployed(self.cloud) != before:
            self.problems.append("a wrong package changed something")
        self.report(f"{_WRONG} wrong packages refused")

    def killed(self, kills: int) -> None:
        """After each kill, the old or the new version serves and searches."""
        self.observed.phase = "kills"
        for number in range(kills):
            delay = _kill(self.packages[GOOD], self.state, self.key, number)
            _settle(self.cloud)
            if not self.serves(openapi.VERSION, GOOD):
                self.problems.append(f"killed after {delay:.1f} s: neither version serves and searches")
        self.report(f"{kills} updates killed")

    def right_package(self) -> None:
        """The update, if no killed one got to the end."""
        self.observed.phase = "update"
        started = time.monotonic()
        if present_version(self.info.api_url) != GOOD:
            self.update(self.packages[GOOD]).apply()
        if not self.serves(GOOD):
            self.problems.append("the new version does not serve after the update")
        self.report(f"updated in {time.monotonic() - started:.0f} s")

    def broken_release(self) -> None:
        """It is taken back by itself, and the history says so."""
        broken = self.update(self.packages[BROKEN])
        try:
            broken.apply()
            self.problems.append("a release that does not search was kept")
        except DeployError as error:
            print(f"  taken back in {broken.seconds_back or 0:.0f} s: {error}", flush=True)
        if broken.seconds_back is None or broken.seconds_back > _UNDO_SECONDS:
            self.problems.append("taking back lasted more than two minutes")
        if not self.serves(GOOD):
            self.problems.append("the former version does not serve after the broken release")
        history = self.document[0].json("GET", "/updates")["items"]
        print(f"  history: {[(event['version_to'], event['status']) for event in history[:3]]}", flush=True)
        if [event["status"] for event in history[:1]] != ["rolled_back"]:
            self.problems.append("the history does not tell of the broken release")

    def report(self, what: str) -> None:
        """Print what was done, and how requests ended meanwhile."""
        print(f"  {what}, {rollout._counts(self.observed, self.observed.phase)}", flush=True)


def _document(info: stack.StackInfo) -> tuple[ApiSession, str]:
    """The administrator, with a document that is searchable; its id."""
    administrator = ApiSession.log_in_as(info.api_url, info.administrator["email"], info.administrator["password"])
    created = administrator.json("POST", "/documents", {"title": "Pump", "content": "The pump P-17 is blue."})
    deadline = time.monotonic() + 60
    while administrator.json("GET", f"/documents/{created['id']}")["status"] != "completed":
        if time.monotonic() > deadline:
            raise RuntimeError("the document was not ingested")
        time.sleep(0.2)
    return administrator, created["id"]


def _finds(document: tuple[ApiSession, str]) -> bool:
    hits = document[0].json("POST", "/search", {"query": "blue pump P-17"})["items"]
    return any(hit["document_id"] == document[1] for hit in hits)


def _flipped(path: Path, state: Path, number: int) -> Path:
    """The package with one bit flipped: anywhere but in the line that minisign does not sign."""
    data = bytearray(path.read_bytes())
    place = random.Random(number)
    position = place.choice([place.randrange(20), place.randrange(80, 400), place.randrange(400, len(data))])
    data[position] ^= 1 << place.randrange(8)
    wrong = state / "wrong.update"
    wrong.write_bytes(data)
    return wrong


def _deployed(cloud: Cloud) -> Any:
    return cloud.cloudformation.describe_stacks(StackName=f"alcove-{STAGE}")["Stacks"][0].get("Parameters")


def _kill(path: Path, state: Path, key: str, number: int) -> float:
    """Start the update as a process of its own and kill it after a random time; returns the seconds."""
    code = (
        "import sys, pathlib; from chalicelib.ops.updates.clouds import silent; from infra.local import stack; "
        "from chalicelib.ops.updates.applying import Update; info = stack.load(pathlib.Path(sys.argv[1])); "
        "cloud = stack.cloud_of(info.endpoint_url); "
        "Update(cloud, 'local', pathlib.Path(sys.argv[2]), [sys.argv[3]], silent()).apply()"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(state), str(path), key], cwd=package.ROOT)
    delay = random.Random(1000 + number).uniform(0.5, 12)
    try:
        process.wait(delay)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()
    return delay


def _settle(cloud: Cloud) -> None:
    """Wait until CloudFormation has finished what it was asked for before the process was killed."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        status = cloud.cloudformation.describe_stacks(StackName=f"alcove-{STAGE}")["Stacks"][0]["StackStatus"]
        if not status.endswith("IN_PROGRESS"):
            return
        time.sleep(0.2)
