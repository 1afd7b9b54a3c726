"""The AWS emulator of one machine: ministack as a process whose whole state is one directory.

`start` and `stop` manage the process, which is `infra.local.emulator_process`. Objects and versions are on disk as soon
as S3 acknowledges them. Everything else (stack, functions, queues, secrets) is in memory; `save` and an orderly stop
write it to disk: after a SIGKILL the emulator starts with the last saved state, without the messages sent since.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from infra.local import processes
from infra.local.cluster import HOST
from infra.local.postgres import free_port

REGION = "us-east-1"
ACCESS_KEY = "test"  # id and secret of the account's root user, who has every permission
# Marks every process of one stack: functions and what they start inherit the emulator's environment.
MARK = "ALCOVE_LOCAL_STACK"
_START_SECONDS = 30
_STOP_SECONDS = 20
_SAVE_SECONDS = 60
_PORT_SECONDS = 5


class EmulatorError(RuntimeError):
    """The emulator could not be started, saved or stopped; the message says why and what to do."""


@dataclass(frozen=True)
class Emulator:
    """A running emulator."""

    pid: int
    port: int

    @property
    def endpoint_url(self) -> str:
        """What `AWS_ENDPOINT_URL` is to be."""
        return f"http://{HOST}:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which AWS's libraries reach this emulator as its root user."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": ACCESS_KEY,
        }


def start(directory: Path, port: int | None = None) -> Emulator:
    """Start the emulator whose state is in `directory`, or return the one that runs; what a killed one left is cleared.

    `port` defaults to the one used last, or a free one. EmulatorError when it does not come up.
    """
    directory = directory.absolute()
    directory.mkdir(parents=True, exist_ok=True)
    with _locked(directory):
        running = _running(directory)
        if running is not None and _comes_up(directory, running):
            if port not in (None, running.port):
                raise EmulatorError(f"The emulator already runs on port {running.port}; stop it to use port {port}.")
            return running
        _clear_remains(directory)
        return _launch(directory, port)


def stop(directory: Path) -> None:
    """Stop the emulator of `directory`, which saves its state first, and every function's process."""
    directory = directory.absolute()
    if not directory.is_dir():
        return
    with _locked(directory):
        running = _running(directory)
        if running is not None:
            process = psutil.Process(running.pid)
            process.terminate()
            processes.wait([process], _STOP_SECONDS)
        _clear_remains(directory)


def save(directory: Path) -> None:
    """Have the emulator write its state, so that it survives a SIGKILL. EmulatorError when it does not."""
    directory = directory.absolute()
    running = _running(directory)
    if running is None:
        raise EmulatorError("The emulator does not run, so it has no state to save.")
    stamp = directory / "saved"
    stamp.unlink(missing_ok=True)
    os.kill(running.pid, signal.SIGUSR1)
    deadline = time.monotonic() + _SAVE_SECONDS
    while not stamp.exists():
        if time.monotonic() > deadline or _running(directory) is None:
            raise EmulatorError(f"The emulator did not save its state.\n{log_tail(directory)}")
        time.sleep(0.02)


def processes_of(directory: Path) -> list[psutil.Process]:
    """The emulator of `directory`, the functions it runs and what those have started."""
    mark, temporary = str(directory.absolute()), str(_temporary(directory.absolute()))
    result: dict[int, psutil.Process] = {}
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.environ().get(MARK) == mark or process.cwd().startswith(temporary):
                result[process.pid] = process
                result.update({child.pid: child for child in process.children(recursive=True)})
    return list(result.values())


def log_tail(directory: Path, lines: int = 15) -> str:
    """The last lines of the emulator's log."""
    with contextlib.suppress(OSError):
        return "\n".join((directory / "emulator.log").read_text(errors="replace").splitlines()[-lines:])
    return ""


def _temporary(directory: Path) -> Path:
    return directory / "tmp"


@contextlib.contextmanager
def _locked(directory: Path) -> Iterator[None]:
    with (directory / "lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _running(directory: Path) -> Emulator | None:
    with contextlib.suppress(OSError, ValueError, psutil.Error):
        pid, port = (int(word) for word in (directory / "pid").read_text().split())
        process = psutil.Process(pid)
        if processes.is_alive(process) and process.environ().get(MARK) == str(directory):
            return Emulator(pid, port)
    return None


def _answers(emulator: Emulator) -> bool:
    with (
        contextlib.suppress(OSError),
        urllib.request.urlopen(f"{emulator.endpoint_url}/_ministack/ready", timeout=2) as reply,
    ):
        return bool(reply.status == 200)
    return False


def _clear_remains(directory: Path) -> None:
    """End what a killed emulator left: functions at work, and the folders they were unpacked to."""
    alive = processes.kill(processes_of(directory))
    if alive:
        raise EmulatorError(f"Processes {[process.pid for process in alive]} of {directory} do not end.")
    (directory / "pid").unlink(missing_ok=True)
    shutil.rmtree(_temporary(directory), ignore_errors=True)


def _launch(directory: Path, port: int | None) -> Emulator:
    if not (directory / "state" / "cloudformation.json").exists():
        # Killed before anything was saved: no stack owns these objects, and a new stack could not create their bucket.
        shutil.rmtree(directory / "s3", ignore_errors=True)
    remembered = directory / "port"
    if port is None and remembered.exists() and _becomes_free(int(remembered.read_text())):
        port = int(remembered.read_text())
    port = port or free_port()
    _temporary(directory).mkdir(mode=0o700, exist_ok=True)
    command = [sys.executable, "-m", "infra.local.emulator_process"]
    pid = _spawn(command, directory / "emulator.log", _environment(directory, port))
    emulator = Emulator(pid, port)
    (directory / "pid").write_text(f"{pid} {port}")
    remembered.write_text(str(port))
    if not _comes_up(directory, emulator):
        raise EmulatorError(f"The emulator does not answer on port {port}.\n{log_tail(directory)}")
    return emulator


def _comes_up(directory: Path, emulator: Emulator) -> bool:
    """Whether the emulator answers before it ends or its time to start is over."""
    deadline = time.monotonic() + _START_SECONDS
    while _running(directory) is not None and time.monotonic() < deadline:
        if _answers(emulator):
            return True
        time.sleep(0.02)
    return False


def _spawn(command: list[str], log: Path, environment: dict[str, str]) -> int:
    """Start a process that outlives this one and is not its child, so it never becomes a zombie; return its id."""
    script = 'log=$1; shift; "$@" </dev/null >"$log" 2>&1 & echo $!'
    return int(
        subprocess.run(
            ["/bin/sh", "-c", script, "sh", str(log), *command],
            stdout=subprocess.PIPE,
            cwd=Path(__file__).resolve().parent.parent.parent,
            env=environment,
            start_new_session=True,
            check=True,
        ).stdout
    )


def _becomes_free(port: int) -> bool:
    """Whether nothing listens on `port`, or soon nothing will: a killed process's sockets close a little later."""
    deadline = time.monotonic() + _PORT_SECONDS
    while not _is_free(port):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def _environment(directory: Path, port: int) -> dict[str, str]:
    """Nothing of the caller's but its clock: functions inherit this, and must see what they would see in Lambda."""
    temporary = str(_temporary(directory))
    return {
        **processes.clock(),
        MARK: str(directory),
        "PATH": os.defpath,
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "HOME": temporary,
        "TMPDIR": temporary,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AUTH": "true",  # a function may do what its role allows and nothing else, as on AWS
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": ACCESS_KEY,
        "BIND_HOST": HOST,
        "MINISTACK_HOST": HOST,
        "MINISTACK_REGION": REGION,
        "GATEWAY_PORT": str(port),
        "SFTP_ENABLED": "0",
        "IOT_MTLS_ENABLED": "0",
        "PERSIST_STATE": "1",
        "STATE_DIR": str(directory / "state"),
        "S3_PERSIST": "1",
        "S3_DATA_DIR": str(directory / "s3"),
        "LOG_LEVEL": "WARNING",
    }
