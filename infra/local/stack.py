"""The whole service on one machine: PostgreSQL, the AWS emulator, and the packaged service deployed to them.

`python -m infra.local.stack up|down|reset|status|logs`. State is one directory, `.local/` by default, with `postgres/`,
`aws/`, and `stack.json` (mode 0600) with its addresses and passwords. It survives `down`, and SIGKILL of any process.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import re
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import EndpointConnectionError

from chalicelib.ops.updates.clouds import DeployError, Progress
from chalicelib.ops.updates.clouds import silent as silent_progress
from infra import models, package
from infra.cloud import Cloud
from infra.local import emulator, metrics, postgres
from infra.local.release import DATABASE, MAIL, STAGE, StackInfo, finish, release

__all__ = ["DATABASE", "STAGE", "StackInfo"]

_STATE = package.STATE
_DEPLOYED = "deployed"  # file that says what was deployed last


def up(
    directory: Path = _STATE,
    *,
    pg_port: int | None = None,
    aws_port: int | None = None,
    silent: bool = False,
    parameters: Mapping[str, str] | None = None,
) -> StackInfo:
    """Start what does not run, deploy what has changed, and return how to reach it once it answers a request.

    `directory` holds the state; another one is another stack beside it. Ports default to those used last, or free ones,
    `parameters` of the template to what they were.
    """
    directory = directory.absolute()
    directory.mkdir(parents=True, exist_ok=True)
    progress = silent_progress() if silent else Progress()
    with _locked(directory):
        with progress.step("PostgreSQL") as details_of_step:
            server = postgres.start(directory / "postgres", pg_port)
            if not postgres.database_exists(server, DATABASE):
                postgres.create_database(server, DATABASE)
            details_of_step(f"port {server.port}")
        with progress.step("AWS emulator") as details_of_step:
            if not (directory / "aws" / _DEPLOYED).exists():
                # A first deployment that failed leaves a bucket that no stack owns, and holds no documents yet.
                emulator.stop(directory / "aws")
                shutil.rmtree(directory / "aws", ignore_errors=True)
            aws = emulator.start(directory / "aws", aws_port)
            _show_mails(directory)
            details_of_step(f"port {aws.port}")
        with progress.step("package"):
            models.remember()
            built = package.build(package.Target())
        return _deploy(directory, server, aws, built, progress, parameters or {})


def down(directory: Path = _STATE) -> None:
    """Stop every process of the stack in `directory`. Its state stays."""
    directory = directory.absolute()
    if directory.is_dir():
        with _locked(directory):
            _stop(directory)


def reset(directory: Path = _STATE) -> None:
    """Stop the stack in `directory` and delete its database, its objects and all other state."""
    directory = directory.absolute()
    if directory.is_dir():
        with _locked(directory):
            _stop(directory)
            for part in ("postgres", "aws"):
                shutil.rmtree(directory / part, ignore_errors=True)
            # docs/tour.md writes upload.json; mail is a link into aws/.
            for name in ("stack.json", "upload.json", "metrics.log", "mail"):
                (directory / name).unlink(missing_ok=True)


def start_emulator(directory: Path = _STATE) -> emulator.Emulator:
    """Start the emulator again after it was killed, with stack, functions, queues and objects as they were deployed."""
    return emulator.start(directory.absolute() / "aws")


def start_postgres(directory: Path = _STATE) -> postgres.Server:
    """Start PostgreSQL again after it was killed; nothing that was committed is lost."""
    return postgres.start(directory.absolute() / "postgres")


def load(directory: Path = _STATE) -> StackInfo:
    """How to reach the stack that was started last. FileNotFoundError when none was."""
    return StackInfo(**json.loads((directory / "stack.json").read_text()))


def cloud_of(endpoint_url: str) -> Cloud:
    """Clients of the emulator at `endpoint_url`."""
    session = boto3.Session(emulator.ACCESS_KEY, emulator.ACCESS_KEY, region_name=emulator.REGION)
    return Cloud.connect(session, endpoint_url)


def _verify_sender(endpoint_url: str) -> None:
    """Have the emulator's SES send e-mails of the stack, as an account's does once a domain is verified."""
    session = boto3.Session(emulator.ACCESS_KEY, emulator.ACCESS_KEY, region_name=emulator.REGION)
    ses = session.client("sesv2", endpoint_url=endpoint_url)
    with suppress(ses.exceptions.AlreadyExistsException):
        ses.create_email_identity(EmailIdentity=MAIL["sender"])


def _show_mails(directory: Path) -> None:
    """Have `mail/` lead to the e-mails that the emulator keeps."""
    (directory / "aws" / "mail").mkdir(mode=0o700, exist_ok=True)
    if not (directory / "mail").is_symlink():
        (directory / "mail").symlink_to(Path("aws", "mail"))


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    with (directory / "lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _stop(directory: Path) -> None:
    metrics.stop(directory)
    emulator.stop(directory / "aws")
    postgres.stop(directory / "postgres")


def _deploy(
    directory: Path,
    server: postgres.Server,
    aws: emulator.Emulator,
    built: package.Package,
    progress: Progress,
    more: Mapping[str, str],
) -> StackInfo:
    cloud = cloud_of(aws.endpoint_url)
    _verify_sender(aws.endpoint_url)
    released = release(cloud, server, built, {"EndpointUrl": aws.endpoint_url, **more}, progress)
    mark, state = directory / "aws" / _DEPLOYED, json.dumps(asdict(released))
    if not mark.exists() or mark.read_text() != state:
        with progress.step("save"):
            emulator.save(directory / "aws")
        mark.write_text(state)
    return finish(directory, cloud, released.outputs, server, {"postgres": server.pid, "emulator": aws.pid}, progress)


def status(directory: Path) -> dict[str, Any]:
    """What runs, by name: process ids."""
    return {
        "postgres": [process.pid for process in postgres.processes_of(directory.absolute() / "postgres")],
        "emulator and functions": [process.pid for process in emulator.processes_of(directory.absolute() / "aws")],
        "measurements": [process.pid for process in metrics.processes_of(directory.absolute())],
    }


def logs(directory: Path = _STATE, lines: int = 200) -> list[str]:
    """The last lines that the functions of a running stack logged, each after its function's name, in order of time."""
    info = load(directory.absolute())
    client = boto3.client(
        "logs",
        endpoint_url=info.endpoint_url,
        region_name=info.region,
        aws_access_key_id=emulator.ACCESS_KEY,
        aws_secret_access_key=emulator.ACCESS_KEY,
    )
    matches: list[tuple[int, str]] = []
    for function in ("api", "ingest", "answer", "sync", "tick", "migrate"):
        pages = client.get_paginator("filter_log_events").paginate(logGroupName=f"/alcove/{STAGE}/{function}")
        matches += [
            (event["timestamp"], f"{function:<8}{event['message']}") for page in pages for event in page["events"]
        ]
    log_lines = [line for _, line in sorted(matches) if not re.match(r"\w+ +(START|END|REPORT) RequestId", line)]
    return log_lines[-lines:]


def _port(name: str) -> int | None:
    value = os.environ.get(name, "")
    if value and not (value.isdigit() and 0 < int(value) < 65536):
        sys.exit(f"error: {name} must be a port from 1 to 65535, not {value!r}.")
    return int(value) if value else None


def main() -> None:
    """Do one thing with the stack of this checkout."""
    parser = argparse.ArgumentParser(
        prog="python -m infra.local.stack", description="The whole service on this machine."
    )
    parser.add_argument("action", choices=("up", "down", "reset", "status", "logs"))
    action = parser.parse_args().action
    try:
        if action == "up":
            info = up(pg_port=_port("PG_PORT"), aws_port=_port("AWS_PORT"))
            metrics.start(_STATE.absolute())
            print(
                f"\n  console: {info.api_url}/console\n  API: {info.api_url}"
                f"\n  administrator: {info.administrator['email']} {info.administrator['password']}"
                f"\n  e-mails: {_STATE / 'mail'}"
            )
        elif action == "logs":
            print("\n".join(logs()))
        elif action == "status":
            for name, pids in status(_STATE).items():
                print(f"  {name:<24}{' '.join(map(str, pids)) if pids else 'not running'}")
        else:
            {"down": down, "reset": reset}[action]()
            print("stopped; the state stays in .local/" if action == "down" else "stopped; the state is deleted")
    except (package.PackageError, DeployError, postgres.PostgresError, emulator.EmulatorError) as error:
        sys.exit(f"error: {error}")
    except (FileNotFoundError, EndpointConnectionError):
        sys.exit("error: the stack does not run here; `make up` starts it")
    except PermissionError as error:
        sys.exit(f"error: {error}. As root, PostgreSQL runs as `nobody`, who must be able to enter this folder (o+x)")


if __name__ == "__main__":
    main()
