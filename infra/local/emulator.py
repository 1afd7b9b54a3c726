"""The AWS emulator of one machine: ministack as a process whose whole state is one directory.

`python -m infra.local.emulator` is that process; `start` and `stop` manage it from elsewhere. Objects and versions are
on disk as soon as S3 has acknowledged them. All else (stack, functions, queues, secrets) is in memory and is written by
`save` and by an orderly stop: after a SIGKILL it comes back as it was last saved, without the messages sent since.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from infra.local import processes
from infra.local.postgres import HOST, free_port

REGION = "us-east-1"
ACCESS_KEY = "test"  # id and secret of the account's root user, who may do everything
# Marks every process of one stack: functions and what they start inherit the emulator's environment.
_MARK = "ALCOVE_LOCAL_STACK"
_START_SECONDS = 30
_STOP_SECONDS = 20
_SAVE_SECONDS = 60
_PORT_SECONDS = 5
_BLOB_BYTES = 1_000_000
_INGEST_NICENESS = 15


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
            if process.environ().get(_MARK) == mark or process.cwd().startswith(temporary):
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
        if processes.is_alive(process) and process.environ().get(_MARK) == str(directory):
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
    pid = _spawn(
        [sys.executable, "-m", "infra.local.emulator"], directory / "emulator.log", _environment(directory, port)
    )
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
    """Start a process that outlives this one and is nobody's child, so that nobody has to collect it; return its id."""
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
        _MARK: str(directory),
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


class _SharedArchive(zipfile.ZipFile):
    """Unpacks a layer once for all functions, as Lambda mounts one read-only copy into each of its environments.

    By itself the emulator would write the layer's 200 MB again for every process that it starts.
    """

    lock = threading.Lock()
    latest = ""  # the one before may be in use until its functions are updated

    def extractall(self, path: Any = None, members: Any = None, pwd: bytes | None = None) -> None:
        """Make `path`, an empty directory, a link to the shared copy."""
        target = Path(path)
        if not target.name.startswith("layer_"):
            super().extractall(path, members, pwd)
            return
        with Path(str(self.filename)).open("rb") as handle:
            shared = Path(os.environ[_MARK]) / "layers" / hashlib.file_digest(handle, "sha256").hexdigest()
        with self.lock:
            if not shared.is_dir():
                partial = shared.with_suffix(".partial")
                shutil.rmtree(partial, ignore_errors=True)
                super().extractall(partial)
                partial.rename(shared)
                for other in shared.parent.iterdir():
                    if other.name not in (shared.name, self.latest):
                        shutil.rmtree(other)
                type(self).latest = shared.name
        target.rmdir()
        target.symlink_to(shared)


class _Zipfile:
    """The module `zipfile` as ministack's function runner sees it."""

    ZipFile = _SharedArchive
    LargeFileError = zipfile.LargeZipFile  # what ministack means; without it, its handling of errors fails

    def __getattr__(self, name: str) -> Any:
        return getattr(zipfile, name)


def _repair_concurrency() -> None:
    """Have event source mappings take `MaximumConcurrency` from a template's parameter.

    The emulator keeps it as text and cannot compare it; CloudFormation makes it the number that the property is.
    """
    import ministack.services.lambda_svc as functions  # type: ignore[import-untyped]

    limit = functions._sqs_esm_concurrency

    def limit_of(mapping: dict[str, Any], *rest: Any) -> Any:
        scaling = mapping.get("ScalingConfig")
        if scaling and "MaximumConcurrency" in scaling:
            scaling["MaximumConcurrency"] = int(scaling["MaximumConcurrency"])
        return limit(mapping, *rest)

    functions._sqs_esm_concurrency = limit_of


def _repair_batch_permissions() -> None:
    """Have `sqs:SendMessage` allow SendMessageBatch, and so on: IAM knows no action for the batches."""
    from ministack.core import iam_actions  # type: ignore[import-untyped]

    extract = iam_actions.extract_iam_action

    def action_of(*request: Any, **named: Any) -> Any:
        action = extract(*request, **named)
        return action.removesuffix("Batch") if isinstance(action, str) and action.startswith("sqs:") else action

    iam_actions.extract_iam_action = action_of


def _repair_master_secrets() -> None:
    """Have a stack's database tell the ARN of the secret that RDS makes for its master user.

    The emulator stores a database of a stack as a record without a server, so nobody will read that secret.
    """
    from ministack.services.cloudformation import provisioners  # type: ignore[import-untyped]

    def with_secret(attributes: Any, arn: str) -> Any:
        def attributes_of(record: dict[str, Any]) -> dict[str, Any]:
            secret = record[arn].replace(":rds:", ":secretsmanager:").replace(":cluster:", ":db:")
            return {**attributes(record), "MasterUserSecret.SecretArn": secret.replace(":db:", ":secret:rds!")}

        return attributes_of

    provisioners._rds_db_cluster_attrs = with_secret(provisioners._rds_db_cluster_attrs, "DBClusterArn")
    provisioners._rds_db_instance_attrs = with_secret(provisioners._rds_db_instance_attrs, "DBInstanceArn")


def _repair_imports() -> None:
    """Have a new stack import a bucket that exists, which the emulator offers and then refuses as a conflict of names.

    As on AWS, only a name that stands in the template word for word is imported; any other goes on being refused.
    """
    from ministack.services.cloudformation import stacks

    find = stacks._validation_errors

    def errors_of(resources: dict[str, Any], *rest: Any) -> Any:
        return [
            error
            for error in find(resources, *rest)
            if error[2] != "NAME_CONFLICT_VALIDATION"
            or not isinstance(resources[error[0]]["Properties"]["BucketName"], str)
        ]

    stacks._validation_errors = errors_of


def _shorten_wait_for_logs() -> None:
    """Have an answer wait 2 ms for lines of its function's log, not 50: later lines are collected at the next call."""
    from ministack.core.lambda_runtime import Worker  # type: ignore[import-untyped]

    Worker._drain_stderr_bounded.__defaults__ = (0.002, 0.002, 0.250)


def _drain_on_update() -> None:
    """Let a function's processes finish what they do when its code is updated, as Lambda does, and end them then.

    By itself the emulator kills them, and whoever waits for their answer gets a 502.
    """
    from ministack.core import lambda_runtime
    from ministack.services import lambda_svc

    kill, release = lambda_runtime.kill_workers, lambda_runtime.release_worker
    lock, leaving = threading.Lock(), set[Any]()

    def kill_idle(workers: Any) -> None:
        with lock:
            result = [worker for worker in workers if worker is not None]
            leaving.update(worker for worker in result if worker.in_use)
            idle = [worker for worker in result if not worker.in_use]
        kill(idle)

    def release_or_kill(worker: Any) -> None:
        with lock:
            release(worker)
            is_leaving = worker in leaving
            leaving.discard(worker)
        if is_leaving:
            kill([worker])

    lambda_runtime.kill_workers = kill_idle
    lambda_runtime.release_worker = lambda_svc.release_worker = release_or_kill


def _yield_to_requests() -> None:
    """Have the functions that ingest documents leave the processor to those that somebody waits for.

    On AWS each has a processor of its own; here they share one machine's cores.
    """
    from ministack.core.lambda_runtime import Worker

    spawn = Worker._spawn

    def spawn_politely(worker: Any) -> None:
        spawn(worker)
        if worker.func_name.endswith("-ingest"):
            with contextlib.suppress(psutil.Error, OSError):  # it may have ended already
                process = psutil.Process(worker._proc.pid)
                if sys.platform != "linux":
                    process.nice(_INGEST_NICENESS)
                    return
                # Linux schedules each thread; those that come later inherit it, and so do subprocesses. A thread that
                # is merely nice runs its slice to the end before one that wakes up; an idle one is interrupted.
                for thread in process.threads():
                    os.sched_setscheduler(thread.id, os.SCHED_IDLE, os.sched_param(0))

    Worker._spawn = spawn_politely


class _Blobs:
    """Large values of the saved state, each in a file of its own, named by its SHA-256.

    By itself the emulator writes and reads a layer's 80 MB as base64 within JSON at every save and start.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory / "blobs"
        self._directory.mkdir(exist_ok=True)
        self._named: set[str] = set()

    def install(self) -> None:
        """Have the emulator encode and decode such values so."""
        from ministack.core import persistence

        encode, decode = persistence._json_default, persistence._json_object_hook

        def encode_large(value: object) -> Any:
            if isinstance(value, bytes) and len(value) >= _BLOB_BYTES:
                return {"__blob__": self._write(value)}
            return encode(value)

        def decode_large(value: dict[str, Any]) -> Any:
            return (self._directory / value["__blob__"]).read_bytes() if "__blob__" in value else decode(value)

        persistence._json_default, persistence._json_object_hook = encode_large, decode_large

    def _write(self, value: bytes) -> str:
        name = hashlib.sha256(value).hexdigest()
        self._named.add(name)
        if not (self._directory / name).exists():
            partial = self._directory / f"{name}.partial"
            partial.write_bytes(value)
            partial.rename(self._directory / name)
        return name

    def prune(self) -> None:
        """Delete what no saved state has named since the last call."""
        for blob in self._directory.iterdir():
            if blob.name not in self._named:
                blob.unlink()
        self._named.clear()


def _save_now(directory: Path, blobs: _Blobs) -> None:
    from ministack import app
    from ministack.core import persistence

    for service, state in app._build_persistence_save_dict().items():
        for _ in range(20):
            # Its threads may change what is being copied; then the copy is taken again.
            with contextlib.suppress(RuntimeError):
                persistence.save_state(service, state())
                break
    blobs.prune()
    (directory / "saved").touch()


def main() -> None:
    """Be the emulator until SIGTERM; SIGUSR1 saves the state."""
    import ministack.app  # type: ignore[import-untyped]
    import ministack.core.lambda_runtime

    directory = Path(os.environ[_MARK])
    blobs = _Blobs(directory)
    blobs.install()
    signal.signal(signal.SIGUSR1, lambda *_: _save_now(directory, blobs))
    ministack.core.lambda_runtime.zipfile = _Zipfile()
    _repair_concurrency()
    _repair_batch_permissions()
    _repair_master_secrets()
    _repair_imports()
    _shorten_wait_for_logs()
    _drain_on_update()
    _yield_to_requests()
    sys.argv = sys.argv[:1]
    ministack.app.main()


if __name__ == "__main__":
    main()
