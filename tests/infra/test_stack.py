"""The whole stack on one machine: deployed as on AWS, gone when stopped, whole again after SIGKILL."""

import json
import os
import shutil
import signal
import stat
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from chalicelib.ops.updates import first_requests
from infra.local import backups, emulator, metrics, release, stack
from infra.local.api_session import ApiSession

pytestmark = [pytest.mark.stack, pytest.mark.long]


@pytest.fixture(scope="module")
def running(state: Path) -> stack.StackInfo:
    return stack.up(state, silent=True)


def _get(info: stack.StackInfo, path: str) -> int:
    with urllib.request.urlopen(f"{info.api_url}{path}", timeout=30) as reply:
        return int(reply.status)


def test_it_answers_and_says_how_to_reach_it(running: stack.StackInfo, state: Path) -> None:
    assert _get(running, "/ready") == 200
    path = state / "stack.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert json.loads(path.read_text())["api_url"] == running.api_url
    assert stack.load(state) == running
    names = ("ingest", "answer", "sync")
    assert set(running.queues) == {f"{name}{kind}" for name in names for kind in ("", "_dead_letter")}
    assert set(running.database_url) == {"owner", "app"}
    assert len(running.administrator["password"]) == 24


def test_going_up_again_changes_nothing(running: stack.StackInfo, state: Path) -> None:
    assert stack.up(state, silent=True) == running


def test_a_killed_emulator_comes_back_with_objects_versions_functions_and_triggers(
    running: stack.StackInfo, state: Path
) -> None:
    cloud = stack.cloud_of(running.endpoint_url)
    s3 = cloud.s3
    for body in (b"first", b"second"):
        s3.put_object(Bucket=running.bucket, Key="documents/über x+y.txt", Body=body)
    before = [item["VersionId"] for item in s3.list_object_versions(Bucket=running.bucket)["Versions"]]
    os.kill(running.pids["emulator"], signal.SIGKILL)
    again = stack.start_emulator(state)
    assert again.endpoint_url == running.endpoint_url
    assert [item["VersionId"] for item in s3.list_object_versions(Bucket=running.bucket)["Versions"]] == before
    assert s3.get_object(Bucket=running.bucket, Key="documents/über x+y.txt")["Body"].read() == b"second"
    # An upload reaches `ingest`, a question `answer`.
    first_requests.send(cloud, f"alcove-{release.STAGE}-migrate", running.api_url)


def test_after_both_are_killed_the_same_stack_comes_up(running: stack.StackInfo, state: Path) -> None:
    now = stack.up(state, silent=True)
    for pid in now.pids.values():
        os.kill(pid, signal.SIGKILL)
    again = stack.up(state, silent=True)
    assert (again.api_url, again.administrator, again.database_url) == (
        now.api_url,
        now.administrator,
        now.database_url,
    )
    assert _get(again, "/ready") == 200


@pytest.mark.parametrize("killed", [(), ("emulator",), ("postgres",)])
def test_down_leaves_no_process_and_no_temporary_folder(
    running: stack.StackInfo, state: Path, killed: tuple[str, ...]
) -> None:
    info = stack.up(state, silent=True)
    started = emulator.processes_of(state / "aws")
    assert len(started) > 1  # the emulator and at least one function
    for part in killed:
        os.kill(info.pids[part], signal.SIGKILL)
    stack.down(state)
    assert stack.status(state) == {"postgres": [], "emulator and functions": [], "measurements": []}
    assert not (state / "aws" / "tmp").exists()
    assert not [
        path
        for path in Path("/tmp").glob("ministack-*")
        if path.stat().st_mtime > (state / "stack.json").stat().st_mtime
    ]


def test_the_machine_is_measured_until_the_stack_goes_down(running: stack.StackInfo, state: Path) -> None:
    info = stack.up(state, silent=True)
    with ApiSession.log_in_as(info.api_url, info.administrator["email"], info.administrator["password"]) as user:

        def keys() -> set[str]:
            return {key["id"] for key in user.json("GET", "/me/api-keys")["items"]}

        metrics.start(state)
        _await(lambda: any(host["cpu_percent"] is not None for host in user.json("GET", "/hosts")["items"]), state)
        (agent,) = metrics.processes_of(state)
        agent.kill()
        (former,) = keys()
        metrics.start(state)
        _await(lambda: keys() not in (set(), {former}), state)
        assert len(keys()) == 1, "the key of the agent that was killed is deleted"
        assert all(host["left_at"] is None for host in user.json("GET", "/hosts")["items"])
        metrics.stop(state)
        assert (metrics.processes_of(state), keys()) == ([], set())
        assert all(host["left_at"] is not None for host in user.json("GET", "/hosts")["items"])


def test_a_stack_that_was_restored_in_place_is_measured_again(
    running: stack.StackInfo, state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stack.up(state, silent=True)
    metrics.start(state)
    archive, key = backups.create(state), state / "recovery.key"
    backups.main(["restore", "--archive", str(archive), "--into", str(state), "--key", str(key)])
    assert "as of" in capsys.readouterr().out
    (agent,) = metrics.processes_of(state)
    assert agent.create_time() > archive.stat().st_mtime
    info = stack.load(state)
    with ApiSession.log_in_as(info.api_url, info.administrator["email"], info.administrator["password"]) as user:
        _await(lambda: any(host["left_at"] is None for host in user.json("GET", "/hosts")["items"]), state)
    stack.down(state)
    assert stack.status(state)["measurements"] == []
    shutil.rmtree(archive.parent)
    key.unlink()


def _await(condition: Callable[[], bool], state: Path) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline, (state / "metrics.log").read_text()
        time.sleep(0.1)


def test_reset_empties_it(running: stack.StackInfo, state: Path) -> None:
    stack.up(state, silent=True)
    stack.reset(state)
    assert sorted(path.name for path in state.iterdir()) == ["lock"]
