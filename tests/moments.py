"""Run the suite at moments at which calendars and clocks go wrong: `make test-moments`.

Every process and the AWS emulator get the same other clock from libfaketime, PostgreSQL from datefudge. It starts at
the moment and keeps running, so that a run that begins a minute before midnight meets the next day. Durations stay
real: the monotonic clock is left alone, and PostgreSQL's timers end (infra/local/processes.py says why it has another
library).
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

_LIBRARY, _DATABASE_LIBRARY = "faketime/libfaketimeMT.so.1", "datefudge/datefudge.so"
# An hour of summer time that does not exist begins at 01:00 UTC in Berlin, at 07:00 UTC in New York.
MOMENTS: dict[str, tuple[str, str]] = {
    "last-hour-of-january": ("2027-01-31 23:05:00", "UTC"),
    "last-of-february": ("2027-02-28 23:59:00", "UTC"),
    "leap-day": ("2028-02-29 12:00:00", "UTC"),
    "after-leap-day": ("2028-02-29 23:59:00", "America/New_York"),
    "summer-time-begins": ("2027-03-28 00:58:00", "Europe/Berlin"),
    "summer-time-ends": ("2027-10-31 00:58:00", "Europe/Berlin"),
    "summer-time-ends-west": ("2027-11-07 05:58:00", "America/New_York"),
    "last-of-april": ("2027-04-30 23:59:00", "Asia/Kolkata"),
    "last-of-august": ("2027-08-31 12:00:00", "Pacific/Kiritimati"),
    "midnight": ("2027-06-15 23:59:00", "UTC"),
    "end-of-year": ("2026-12-31 23:59:00", "UTC"),
    "new-year": ("2029-01-01 00:00:30", "America/Los_Angeles"),
}


def environment(moment: datetime, time_zone: str) -> dict[str, str]:
    """The variables with which a process believes that it is `moment` now, in `time_zone`."""
    offset = round((moment - datetime.now(UTC)).total_seconds())
    return {
        "LD_PRELOAD": str(_library(_LIBRARY)),
        "FAKETIME": f"{offset:+}",
        "DATEFUDGE_LIBRARY": str(_library(_DATABASE_LIBRARY)),
        "DATEFUDGE": str(-offset),  # it is subtracted
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "DONT_FAKE_MONOTONIC": "1",
        # Files keep their times: Python would compile every module again.
        "NO_FAKE_STAT": "1",
        "FAKETIME_DISABLE_SHM": "1",
        "TZ": time_zone,
    }


def _library(name: str) -> Path:
    matches = sorted(Path("/usr/lib").glob(f"*/{name}"))
    if not matches:
        sys.exit("error: a library that sets clocks is missing. Install both: apt-get install faketime datefudge")
    return matches[0]


def _chosen(names: list[str]) -> list[str]:
    unknown = sorted(set(names) - set(MOMENTS))
    if unknown:
        sys.exit(f"error: unknown moments: {', '.join(unknown)}. There are: {', '.join(MOMENTS)}")
    return names or list(MOMENTS)


def _failed(names: list[str], arguments: list[str]) -> Iterator[str]:
    for name in names:
        instant, time_zone = MOMENTS[name]
        moment = datetime.fromisoformat(instant).replace(tzinfo=UTC)
        local = moment.astimezone(ZoneInfo(time_zone))
        print(f"\n  {name}: {instant} UTC, {local:%Y-%m-%d %H:%M} in {time_zone}", flush=True)
        clock = environment(moment, time_zone)
        command = [sys.executable, "-m", "pytest", *arguments]
        if subprocess.run(command, env=os.environ | clock, check=False).returncode != 0:
            yield name


def main() -> int:
    """Run pytest with the arguments of the command line at each moment that MOMENTS names, at all by default."""
    names = _chosen(os.environ.get("MOMENTS", "").split())
    failed = list(_failed(names, sys.argv[1:]))
    print(f"\n{len(names) - len(failed)} of {len(names)} moments passed." + "".join(f"\n  failed: {n}" for n in failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
