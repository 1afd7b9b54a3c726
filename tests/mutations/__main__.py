"""Break promises on purpose, one at a time: `make mutations` (WHAT="a word of the promise" for some of them).

Each change of list.toml is made in a copy of the checkout, and its tests run there. They must fail: a change that no
test notices is a promise that nobody holds. What survives without an argument in the list makes the command fail.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

from tests.mutations.mutations import ROOT, Mutation, read

STATE = ROOT / ".local" / "mutations"
_SECONDS = 1200
_FAILED, _PASSED = 1, 0
# Others who work on this machine come first.
_NICE = 3


def copy(number: int) -> Path:
    """A copy of the checkout's files, with this one's environment and models."""
    target = STATE / str(number)
    shutil.rmtree(target, ignore_errors=True)
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
    (target / ".local").mkdir(exist_ok=True)
    (target / ".local" / "models").symlink_to(ROOT / ".local" / "models")
    return target


def run(mutation: Mutation, folder: Path) -> str:
    """`noticed`, `survived`, or what went wrong, of one change in a copy."""
    path = folder / mutation.file
    text = path.read_text("utf-8")
    path.write_text(mutation.applied(text), "utf-8")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-x",
        "--no-header",
        "--tb=line",
        "--show-capture=no",
        *mutation.tests,
    ]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    try:
        ended = subprocess.run(
            ["nice", "-n", str(_NICE), *command],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return "noticed"  # a promise about time, broken
    finally:
        path.write_text(text, "utf-8")
    if ended.returncode == _PASSED:
        return "survived"
    if ended.returncode == _FAILED and " failed" in ended.stdout:
        return "noticed"
    return f"the tests did not run: {ended.stdout[-1500:]}{ended.stderr[-500:]}"


def main() -> None:
    """Run the list, or a part of it; exit with 1 when a change survived without an argument."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutations", description=__doc__)
    parser.add_argument("--what", default="", help="only promises and files with this text")
    parser.add_argument("--slots", type=int, default=1, help="how many run at once")
    options = parser.parse_args()
    chosen = [item for item in read() if options.what.lower() in f"{item.promise} {item.file}".lower()]
    folders: SimpleQueue[Path] = SimpleQueue()
    for number in range(options.slots):
        folders.put(copy(number))

    def one(mutation: Mutation) -> str:
        folder, started = folders.get(), time.monotonic()
        try:
            outcome = run(mutation, folder)
        finally:
            folders.put(folder)
        print(f"{outcome:<10} {time.monotonic() - started:4.0f} s  {mutation.promise}", flush=True)
        return outcome

    with ThreadPoolExecutor(options.slots) as pool:
        outcomes = list(pool.map(one, chosen))
    wrong = [
        f"{outcome}: {item.promise} ({item.file})"
        for item, outcome in zip(chosen, outcomes, strict=True)
        if outcome != ("survived" if item.survives else "noticed")
    ]
    print(f"{outcomes.count('noticed')} of {len(chosen)} were noticed.")
    shutil.rmtree(STATE, ignore_errors=True)
    if wrong:
        sys.exit("\n".join(["Not as the list says:", *wrong]))


if __name__ == "__main__":
    main()
