"""Backups of the stack on this machine: `python -m infra.local.backups create|restore|drill`.

Archives are folders in `.local/backups/`, named after their moment. The recovery key is `.local/recovery.key`: keep a
copy of it elsewhere, or no archive opens when this machine is gone.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
import urllib.request
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from psycopg.types.json import Jsonb

from chalicelib.ops.drills import recording
from infra import package
from infra.backups import archive, restoring
from infra.backups.archive import BackupError, Place
from infra.local import emulator, metrics, postgres, stack
from infra.local.release import DATABASE, STAGE

if TYPE_CHECKING:
    from collections.abc import Sequence

_STATE = package.STATE
RETAINED = 7
_ASK_SECONDS = 120
_RECORD = (
    "insert into update_backups (backup_path, created_at, backup_size_bytes, components, notes) "
    "values (%s, %s, %s, %s, %s)"
)
_COMPONENTS = ["database", "objects", "keys", "secrets"]


def place_of(directory: Path = _STATE) -> Place:
    """Where the data of the running stack in `directory` is."""
    info = stack.load(directory)
    session = boto3.Session(emulator.ACCESS_KEY, emulator.ACCESS_KEY, region_name=info.region)

    def client(kind: Any) -> Any:
        return session.client(kind, endpoint_url=info.endpoint_url)

    resources = {
        entry["LogicalResourceId"]: entry["PhysicalResourceId"]
        for entry in client("cloudformation").describe_stack_resources(StackName=f"alcove-{STAGE}")["StackResources"]
    }
    return Place(
        server=postgres.start(directory / "postgres"),
        database=DATABASE,
        s3=client("s3"),
        bucket=info.bucket,
        kms=client("kms"),
        master_key=resources["MasterKey"],
        vault=client("secretsmanager"),
        secrets={"service": resources["ServiceSecret"]},
    )


def create(directory: Path = _STATE, notes: str = "") -> Path:
    """Back up the running stack, record it, and return the archive; the oldest beyond RETAINED archives are deleted."""
    place = place_of(directory)
    folder = directory / "backups" / datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    manifest = archive.create(place, folder, archive.new_recovery_key(directory / "recovery.key"))
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    with postgres.connect_superuser(place.server, place.database) as connection:
        connection.execute(_RECORD, [str(folder), manifest.created_at, size, Jsonb(_COMPONENTS), notes])
    _delete_old(directory / "backups")
    return folder


def _delete_old(folder: Path) -> None:
    import shutil

    archives = sorted(path for path in folder.iterdir() if path.is_dir() and path.suffix != ".partial")
    for path in archives[:-RETAINED]:
        shutil.rmtree(path)


def restore(folder: Path, directory: Path, key: Path) -> restoring.Restored:
    """Restore an archive into the stack in `directory`, which is started, or made new, before. Raises BackupError."""
    stack.up(directory)
    restored = restoring.restore(folder, place_of(directory), archive.recovery_key(key))
    stack.down(directory)
    stack.up(directory)  # migrates to this version, and the functions connect to the restored database
    return restored


def drill(directory: Path = _STATE, folder: Path | None = None) -> list[str]:
    """Restore the newest archive, or `folder`, into a scratch stack; compare, ask one question, and record the result.

    Returns what differs; nothing when the backup is good. `restoration_tested` says which, and a difference is an
    event, `drill_failed`. The stack that runs is not touched, but for that record.
    """
    archives = sorted(path for path in (directory / "backups").glob("*Z") if path.is_dir())
    chosen = folder or (archives[-1] if archives else None)
    if chosen is None:
        raise BackupError("There is no backup yet: make backup creates one.")
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="alcove-drill-", dir=directory) as name:
        scratch = Path(name)
        scratch.chmod(0o755)
        try:
            differences = _try_out(chosen, scratch, directory / "recovery.key")
        except (BackupError, postgres.PostgresError) as error:
            differences = [str(error)]
        finally:
            stack.reset(scratch)
    document: dict[str, Any] = {"backup_path": str(chosen), "differences": differences}
    document["duration_ms"] = round(1000 * (time.monotonic() - started))
    document["notes"] = f"drill at {datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
    with postgres.connect_superuser(postgres.start(directory / "postgres"), DATABASE) as connection:
        recording.record(connection, document)
    return differences


def _try_out(folder: Path, scratch: Path, key: Path) -> list[str]:
    restored = restore(folder, scratch, key)
    differences = restoring.compare_objects(folder, place_of(scratch))
    if restored.manifest.tables["users"].rows and not _answers(stack.load(scratch)):
        differences.append("the restored service does not answer a question")
    return differences


def _answers(info: stack.StackInfo) -> bool:
    """Whether the restored service answers a question of its administrator."""
    token = _request(info, "POST", "/auth/login", None, info.administrator)["access_token"]
    conversation = _request(info, "POST", "/conversations", token, {})["id"]
    question = {"content": "Which documents are there?"}
    queued = _request(info, "POST", f"/conversations/{conversation}/messages", token, question)
    deadline = time.monotonic() + _ASK_SECONDS
    while time.monotonic() < deadline:
        status = _request(info, "GET", f"/jobs/{queued['job']['id']}", token)["status"]
        if status in {"completed", "failed", "cancelled"}:
            return bool(status == "completed")
        time.sleep(0.5)
    return False


def _request(info: stack.StackInfo, method: str, path: str, token: str | None, body: Any = None) -> Any:
    headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{info.api_url}{path}", data, headers, method=method)
    with urllib.request.urlopen(request, timeout=60) as reply:
        return json.loads(reply.read())


def main(arguments: Sequence[str] | None = None) -> None:
    """Do one thing with backups of this checkout's stack."""
    parser = argparse.ArgumentParser(prog="python -m infra.local.backups", description=__doc__)
    parser.add_argument("action", choices=("create", "restore", "drill"))
    parser.add_argument("--archive", type=Path, help="restore, drill: the archive; the newest by default for a drill")
    parser.add_argument("--into", type=Path, default=_STATE, help="restore: the folder of the stack; .local by default")
    parser.add_argument("--key", type=Path, default=_STATE / "recovery.key", help="restore: the recovery key")
    options = parser.parse_args(arguments)
    try:
        if options.action == "create":
            print(f"  {create()}")
        elif options.action == "restore":
            if options.archive is None:
                parser.error("restore requires --archive")
            restored = restore(options.archive, options.into.absolute(), options.key)
            metrics.start(options.into.absolute())  # the stack is left running as `make up` leaves it
            print(f"  {restored.tables} tables, {restored.rows} rows, {restored.objects} objects")
            print(f"  as of {restored.manifest.created_at}")
        elif differences := drill(folder=options.archive):
            sys.exit("error: the backup is not good:\n  " + "\n  ".join(differences))
        else:
            print("  restored and compared: the backup is good")
    except (BackupError, package.PackageError, postgres.PostgresError, emulator.EmulatorError) as error:
        sys.exit(f"error: {error}")
    except FileNotFoundError:
        sys.exit("error: the stack does not run here; `make up` starts it")


if __name__ == "__main__":
    main()
