"""Signed updates under requests: only the right package changes anything, and never half of it.

A stack of this run's own gets, while clients work: packages that are wrong in many ways (nothing changes), the update
(it serves), updates that are killed at random instants of random steps, and a release whose search is broken (taken
back by itself, within two minutes). After each kill the old or the new version serves and searches, and every function
that serves has the code of that version. Once the new version serves, the next one is begun; each has a migration
without which its code cannot work.
"""

from __future__ import annotations

import base64
import hashlib
import json
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import minisign

from bench.commands import Command, parser
from chalicelib.core import openapi
from chalicelib.ops.updates.applying import Update, present_version
from chalicelib.ops.updates.clouds import DeployError, silent
from chalicelib.ops.updates.packages import PackageError, unpack
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
_STEPS = ("verify", "upload", "migrate ahead", "change set", "update stack", "migrate", "first requests", "search")
_UPDATING = """
import pathlib, sys
from chalicelib.ops.updates.applying import Update
from chalicelib.ops.updates.clouds import Progress
from infra.local import stack
from infra.local.release import STAGE
cloud = stack.cloud_of(stack.load(pathlib.Path(sys.argv[1])).endpoint_url)
Update(cloud, STAGE, pathlib.Path(sys.argv[2]), [sys.argv[3]], Progress()).apply()
"""
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
        state = directory / "state"
        try:
            info = stack.up(state, silent=True)
            return _Run(info, state, directory, pair).whole(options.kills)
        finally:
            stack.reset(state)


def _package(tree: Path, version: str, follows: str, pair: minisign.KeyPair, migrations: Sequence[str]) -> Path:
    """A signed package of a copy of this checkout that says `version`; that of BROKEN cannot search."""
    rollout._copy(tree, "")
    rollout.make_newer(tree, migrations)
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
    shutil.rmtree(tree)
    return path


@dataclass
class _Run:
    """One run: the stack, the packages by their versions, and what went wrong."""

    info: stack.StackInfo
    state: Path
    directory: Path
    pair: minisign.KeyPair
    packages: dict[str, Path] = field(default_factory=dict)
    # How long each step took the last time.
    seconds: dict[str, float] = field(default_factory=dict)
    observed: rollout.Observations = field(default_factory=rollout.Observations)
    problems: list[str] = field(default_factory=list)
    cloud: Cloud = field(init=False)
    document: tuple[ApiSession, str] = field(init=False)

    def __post_init__(self) -> None:
        self.cloud = stack.cloud_of(self.info.endpoint_url)
        self.document = _document(self.info)

    def whole(self, kills: int) -> int:
        """Every part; 1 when something went wrong."""
        self.build(GOOD, openapi.VERSION)
        with rollout._clients(self.info, 2, self.observed):
            self.wrong_packages()
            self.right_package()
            latest = self.killed(kills)
        self.broken_release(latest)
        for line in [*self.problems, *self.observed.failures][:20]:
            print(f"  {line}")
        is_wrong = bool(self.problems or self.observed.failures)
        if is_wrong:
            print("\n".join([line for line in stack.logs(self.state, 1_000_000) if '"ERROR"' in line][-20:]))
        return int(is_wrong)

    @property
    def key(self) -> str:
        """The signer's public key."""
        return str(self.pair.public_key.to_base64().decode())

    def build(self, version: str, follows: str) -> Path:
        """The package of a version, with a migration more than each version before it."""
        migrations = [name.replace(".", "_") for name in [*self.packages, version]]
        path = self.directory / f"alcove-{version.replace('.', '-')}"
        self.packages[version] = _package(path, version, follows, self.pair, migrations)
        return self.packages[version]

    def update(self, path: Path) -> Update:
        """The update by a package."""
        return Update(self.cloud, STAGE, path, [self.key], silent())

    def serves(self, *versions: str) -> bool:
        """Whether one of the versions serves and searches."""
        return self.version() in versions and _finds(self.document)

    def version(self) -> str:
        """The version that serves. DeployError when none says so in two minutes: a slow answer is no failure here."""
        deadline = time.monotonic() + rollout._TIMEOUT_SECONDS
        while True:
            try:
                return present_version(self.info.api_url)
            except DeployError:
                if time.monotonic() > deadline:
                    raise

    def is_whole(self) -> bool:
        """Whether every function has the code of the version that answers.

        `migrate` is left out: it gets the new code ahead of the others, so that no code meets an older schema.
        """
        with self.packages[self.version()].open("rb") as source:
            digest = hashlib.sha256(unpack(source, "function.zip").read()).digest()
        listed = self.cloud.functions.list_functions()["Functions"]
        codes = {item["CodeSha256"] for item in listed if not item["FunctionName"].endswith("-migrate")}
        return codes == {base64.b64encode(digest).decode()}

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

    def killed(self, kills: int) -> str:
        """After each kill, the old or the new version serves and searches, whole; returns the last new one."""
        self.observed.phase = "kills"
        done: Counter[tuple[str, str]] = Counter()
        old, new = GOOD, "8.0.1"
        path = self.build(new, old)
        place = random.Random(1000)
        while done.total() < kills:
            step, share = place.choice(_STEPS), place.random()
            was_killed = self.process(path, step, share)
            _settle(self.cloud)
            version = self.version()
            if not self.serves(old, new):
                self.problems.append(f"killed in {step}: neither version serves and searches")
            elif not self.is_whole():
                self.problems.append(f"killed in {step}: functions have the code of two versions")
            if was_killed:
                done[(step, "new" if version == new else "old")] += 1
                print(f"  {done.total():>4} killed in {step}: {version} serves", flush=True)
            if version == new:
                old, new = new, f"8.0.{len(self.packages)}"
                path = self.build(new, old)
        self.process(path)
        if not self.serves(new) or not self.is_whole():
            self.problems.append("a killed update that is done again does not end whole")
        for step in _STEPS:
            print(f"  killed in {step:<15} old {done[(step, 'old')]:>3}, new {done[(step, 'new')]:>3}", flush=True)
        self.report(f"{done.total()} updates killed")
        return new

    def process(self, path: Path, step: str = "", share: float = 0.0) -> bool:
        """Update as a process of its own; returns whether it was killed, after that share of the step.

        A step lasts as long as it did the last time.
        """
        output = self.directory / "process.txt"
        arguments = [sys.executable, "-c", _UPDATING, str(self.state), str(path), self.key]
        before = _STEPS[: _STEPS.index(step)] if step else ()
        kill_at = None
        with output.open("w") as file:
            process = subprocess.Popen(arguments, cwd=package.ROOT, stdout=file)
            while process.poll() is None:
                ended = _seconds_by_step(output.read_text())
                if step and kill_at is None and ended.keys() >= set(before):
                    kill_at = time.monotonic() + share * self.seconds.get(step, 1.0)
                if kill_at is not None and time.monotonic() > kill_at:
                    process.send_signal(signal.SIGKILL)
                    process.wait()
                    return True
                time.sleep(0.02)
        if process.returncode != 0:
            self.problems.append(f"an update failed: {output.read_text()[-300:]}")
        self.seconds |= _seconds_by_step(output.read_text())
        return False

    def right_package(self) -> None:
        """The update, which also says how long each step takes."""
        self.observed.phase = "update"
        started = time.monotonic()
        self.process(self.packages[GOOD])
        seconds = time.monotonic() - started
        if not self.serves(GOOD) or not self.is_whole():
            self.problems.append("the new version does not serve after the update")
        self.report(f"updated in {seconds:.0f} s")

    def broken_release(self, former: str) -> None:
        """It is taken back by itself, and the history says so."""
        broken = self.update(self.build(BROKEN, former))
        try:
            broken.apply()
            self.problems.append("a release that does not search was kept")
        except DeployError as error:
            print(f"  taken back in {broken.seconds_back or 0:.0f} s: {error}", flush=True)
        if broken.seconds_back is None or broken.seconds_back > _UNDO_SECONDS:
            self.problems.append("taking back lasted more than two minutes")
        if not self.serves(former) or not self.is_whole():
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


def _seconds_by_step(output: str) -> dict[str, float]:
    """How long each step lasted, of what an update reports."""
    lines = re.findall(r"^  (\S.{27}) *([0-9.]+) s(?:  |$)", output, re.MULTILINE)
    return {name.strip(): float(seconds) for name, seconds in lines}


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


def _settle(cloud: Cloud) -> None:
    """Wait until CloudFormation has finished what it was asked for before the process was killed."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        status = cloud.cloudformation.describe_stacks(StackName=f"alcove-{STAGE}")["Stacks"][0]["StackStatus"]
        if not status.endswith("IN_PROGRESS"):
            return
        time.sleep(0.2)
