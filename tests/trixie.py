"""Run a command where production's versions are: PostgreSQL 17 with pgvector 0.8.0 and Python 3.13, from Debian trixie.

`python -m tests.trixie make test …` installs Debian trixie into `.local/trixie/root` the first time. The command
then sees trixie's `/usr` in the place of this machine's, in a mount namespace of its own: nothing else of the machine
changes, and nothing is left when the command ends. Only the standard library is used: it runs before `make setup`.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

DIRECTORY = Path(__file__).resolve().parents[1] / ".local" / "trixie"
ROOT = DIRECTORY / "root"
BINARIES = "/usr/lib/postgresql/17/bin"

_PACKAGES = (
    "postgresql-17",
    "postgresql-17-pgvector",
    "python3.13",
    "python3.13-venv",
    "datefudge",
    "faketime",
    "git",
    "libgomp1",
    "make",
    "tzdata",
)
_TOOLS = {"debootstrap": "debootstrap", "unshare": "util-linux", "mount": "mount"}

_INSTALL_SECONDS, _TIMED_OUT = 600, 124

# /usr/local stays this machine's: certificates and settings of this machine may be there.
_ENTER = """
set -e
mount --rbind /usr/local "$0/usr/local"
mount --rbind "$0/usr" /usr
exec "$@"
"""


class TrixieError(RuntimeError):
    """Trixie cannot be installed or entered here; the message says why and what to do."""


def run(command: list[str]) -> int:
    """Run `command` with trixie's programs; return its exit status. TrixieError when this machine does not allow it."""
    _require_mounts()
    _install()
    surroundings = {"ALCOVE_POSTGRES_BINARIES": BINARIES} | os.environ
    return subprocess.run([*_namespace(), _ENTER, str(ROOT), *command], env=surroundings, check=False).returncode


def _namespace() -> tuple[str, ...]:
    return ("unshare", "--mount", "--propagation", "private", "/bin/sh", "-c")


def _require_mounts() -> None:
    if os.geteuid() != 0:
        raise TrixieError("Debian trixie can be installed and mounted by root only. Run this target as root.")
    missing = sorted(package for tool, package in _TOOLS.items() if shutil.which(tool) is None)
    if missing:
        raise TrixieError(f"Programs are missing. Install them: apt-get install {' '.join(missing)}")
    if subprocess.run([*_namespace(), "mount --bind /usr /usr"], capture_output=True, check=False).returncode != 0:
        raise TrixieError("This machine does not allow mounts. A container requires the capability CAP_SYS_ADMIN.")


def _install() -> None:
    """Install Debian trixie with what the suite requires, unless that has been completed with these packages."""
    chosen = ROOT / "alcove-packages"
    if chosen.is_file() and chosen.read_text() == ",".join(_PACKAGES):
        return
    shutil.rmtree(ROOT, ignore_errors=True)
    partial = DIRECTORY / "root.partial"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    print("  PostgreSQL 17 and Python 3.13 from Debian trixie (a minute the first time)", flush=True)
    log = DIRECTORY / "debootstrap.log"
    options = ("--variant=minbase", f"--include={','.join(_PACKAGES)}")
    # In a namespace of its own, so that what debootstrap mounts does not outlive it.
    limited = (*_namespace(), 'exec timeout "$0" debootstrap "$@"', str(_INSTALL_SECONDS))
    try:
        with log.open("w") as output:
            subprocess.run(
                [*limited, *options, "trixie", str(partial), *_mirror()], stdout=output, stderr=output, check=True
            )
    except subprocess.CalledProcessError as error:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-5:])
        why = "it took too long" if error.returncode == _TIMED_OUT else f"status {error.returncode}"
        raise TrixieError(f"Debian's mirror did not deliver trixie: {why} (see {log}).\n{tail}") from error
    (partial / chosen.name).write_text(",".join(_PACKAGES))
    partial.replace(ROOT)


def _mirror() -> list[str]:
    """The mirror of Debian that this machine's apt uses; empty means debootstrap's own choice."""
    command = ["apt-get", "indextargets", "--format", "$(SITE)", "Created-By: Packages"]
    sites: list[str] = []
    with contextlib.suppress(FileNotFoundError):
        sites = subprocess.run(command, capture_output=True, text=True, check=False).stdout.split()
    return [site for site in sites if site.rstrip("/").endswith("/debian")][:1]


if __name__ == "__main__":
    try:
        sys.exit(run(sys.argv[1:]))
    except TrixieError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(3)
