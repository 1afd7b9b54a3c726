"""The emulator's own process, `python -m infra.local.emulator_process`: ministack, adapted to behave as AWS does here.

`infra.local.emulator` starts it, with its directory in the environment, and stops it. One module because each
adaptation is a few lines that only this process needs.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import signal
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from email.utils import parseaddr
from pathlib import Path
from typing import Any, Self

import psutil

from infra.local import gateway_address
from infra.local.emulator import MARK

_BLOB_BYTES = 1_000_000
_INGEST_NICENESS = 10  # more than the emulator's own


class _SharedArchive:
    """Unpacks code and layers once for all functions, as Lambda mounts one read-only copy into each environment.

    By itself the emulator would write the layer's 200 MB again for every process that it starts.
    """

    _lock = threading.Lock()

    def __init__(self, path: str) -> None:
        self._path = Path(path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def namelist(self) -> list[str]:
        """None: the emulator looks where each of 5,000 names would lead, and `zipfile` lets none leave the folder."""
        return []

    def extractall(self, path: str) -> None:
        """Make `path`, an empty directory, a link to the shared copy."""
        target = Path(path)
        # Code is in the emulator's temporary folder, by which the processes that it starts are found.
        home = Path(os.environ[MARK]) / "layers" if target.name.startswith("layer_") else target.parents[1] / "code"
        with self._path.open("rb") as handle:
            shared = home.resolve() / hashlib.file_digest(handle, "sha256").hexdigest()
        with self._lock:
            if not shared.is_dir():
                partial = shared.with_suffix(".partial")
                shutil.rmtree(partial, ignore_errors=True)
                with zipfile.ZipFile(self._path) as archive:
                    archive.extractall(partial)
                partial.rename(shared)
                used = {link.resolve() for link in _links(target.parents[1])}
                for other in shared.parent.iterdir():
                    if other != shared and other not in used:
                        shutil.rmtree(other)
            target.rmdir()
            target.symlink_to(shared)


def _links(folder: Path) -> Iterator[Path]:
    """The links in the folders of `folder`: functions make and remove their temporary files there meanwhile."""
    for entry in folder.iterdir():
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            yield from (path for path in entry.iterdir() if path.is_symlink())


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


def _repair_paused_queues() -> None:
    """Have a mapping that a template makes with `Enabled: false` say so: it reads nothing, and said `Enabled`."""
    from ministack.services import lambda_svc
    from ministack.services.cloudformation import provisioners  # type: ignore[import-untyped]

    handler = provisioners._RESOURCE_HANDLERS["AWS::Lambda::EventSourceMapping"]
    create = handler["create"]

    def with_state(logical_id: str, properties: dict[str, Any], stack: str) -> Any:
        mapping, attributes = create(logical_id, properties, stack)
        lambda_svc._esms[mapping]["State"] = "Enabled" if properties.get("Enabled", True) else "Disabled"
        return mapping, attributes

    handler["create"] = provisioners._lambda_esm_create = with_state


def _repair_batch_permissions() -> None:
    """Have rights count as at AWS for requests about several things at once.

    `sqs:SendMessage` allows SendMessageBatch, and so on: IAM knows no action for the batches. To delete versions of
    objects requires `s3:DeleteObjectVersion` for each, also for the first one (DeleteObjects of the S3 reference).
    """
    from ministack.core import iam_actions  # type: ignore[import-untyped]

    extract = iam_actions.extract_iam_action

    def action_of(service: str, method: str, path: str, headers: Any, body: bytes, query_params: Any) -> Any:
        action = extract(service, method, path, headers, body, query_params)
        if action == "s3:DeleteObject" and "delete" in (query_params or {}):
            (_, version), *_rest = iam_actions._s3_batch_delete_targets("", body) or [("", "")]
            return "s3:DeleteObjectVersion" if version else action
        return action.removesuffix("Batch") if isinstance(action, str) and action.startswith("sqs:") else action

    iam_actions.extract_iam_action = action_of


def _repair_master_secrets() -> None:
    """Have a stack's database tell the ARN of the secret that RDS makes for its master user.

    The emulator stores a database of a stack as a record without a server, so the secret is never read.
    """
    from ministack.services.cloudformation import provisioners

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


def _repair_mail_rights() -> None:
    """Have the right to send an e-mail be one to its sender's identity, as on AWS; by itself it is one to all."""
    from ministack.core import iam_actions

    find = iam_actions._ses_v2_resource_arn

    def resource_of(method: str, path: str, body: bytes, region: str, account: str) -> Any:
        if not path.rstrip("/").endswith("/outbound-emails"):
            return find(method, path, body, region, account)
        _, sender = parseaddr(str(json.loads(body).get("FromEmailAddress", "")))
        return f"arn:aws:ses:{region}:{account}:identity/{sender}"

    iam_actions._ses_v2_resource_arn = resource_of


def _store_mails(folder: Path) -> None:
    """Write each e-mail that SES is given into a file, so that a developer reads what users would."""
    from ministack.services import ses, ses_v2

    def store(_sender: str, recipients: list[str], message: str) -> None:
        folder.mkdir(mode=0o700, exist_ok=True)
        name = re.sub(r"[^a-z0-9.@-]", "_", ", ".join(recipients).lower())[:100]
        path = folder / f"{time.strftime('%Y%m%d-%H%M%S')}-{time.monotonic_ns() % 10**9:09d}-{name}"
        Path(f"{path}.partial").write_text(message, "utf-8")
        Path(f"{path}.partial").rename(f"{path}.eml")

    ses._smtp_relay = ses_v2._smtp_relay = store


def _shorten_wait_for_logs() -> None:
    """Have an answer wait 2 ms for lines of its function's log, not 50: later lines are collected at the next call."""
    from ministack.core.lambda_runtime import Worker  # type: ignore[import-untyped]

    Worker._drain_stderr_bounded.__defaults__ = (0.002, 0.002, 0.250)


def _drain_on_update() -> None:
    """Let a function's processes finish what they do when its code is updated, as Lambda does, and end them then.

    By itself the emulator kills them, and their waiting clients get a 502.
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
    """Have the functions that ingest documents leave most of the processor to those that serve requests.

    On AWS each has a processor of its own; here they share one machine's cores. Nice, and never idle-only: a thread of
    SCHED_IDLE gets nothing at all on a busy machine, and then nobody's documents are ingested.
    """
    from ministack.core.lambda_runtime import Worker

    spawn = Worker._spawn

    def spawn_politely(worker: Any) -> None:
        spawn(worker)
        if worker.func_name.endswith("-ingest"):
            with contextlib.suppress(psutil.Error, OSError):  # it may have ended already
                _be_nice(psutil.Process(worker._proc.pid))

    Worker._spawn = spawn_politely


def _be_nice(process: psutil.Process) -> None:
    """Linux schedules each thread; those that come later inherit it, and so do subprocesses."""
    niceness = min(os.nice(0) + _INGEST_NICENESS, 19)
    if sys.platform != "linux":
        process.nice(niceness)
        return
    for thread in process.threads():
        os.setpriority(os.PRIO_PROCESS, thread.id, niceness)


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

    directory = Path(os.environ[MARK])
    blobs = _Blobs(directory)
    blobs.install()
    signal.signal(signal.SIGUSR1, lambda *_: _save_now(directory, blobs))
    ministack.core.lambda_runtime.zipfile = _Zipfile()
    _repair_concurrency()
    _repair_paused_queues()
    _repair_batch_permissions()
    _repair_master_secrets()
    _repair_imports()
    gateway_address.announce()
    gateway_address.import_any_method()
    _repair_mail_rights()
    _store_mails(directory / "mail")
    _shorten_wait_for_logs()
    _drain_on_update()
    _yield_to_requests()
    sys.argv = sys.argv[:1]
    ministack.app.main()


if __name__ == "__main__":
    main()
