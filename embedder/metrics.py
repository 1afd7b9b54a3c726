"""`python -m embedder.metrics` measures this host and sends what it measured to Alcove (O1).

It requires `ALCOVE_URL` and `ALCOVE_METRICS_KEY`, an administrator's API key with the scope `metrics`. Any host can
run it: it requires psutil, and nvidia-ml-py for the figures of a GPU. The GPU task runs it beside its work. What cannot
be sent is kept and sent later, MAX_STORED measurements at most; the oldest go first.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import sys
import threading
import urllib.error
import urllib.request
from collections import deque
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

INTERVAL_SECONDS = 60.0
MAX_STORED = 120
_TIMEOUT_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Reading:
    """One measurement, with the names of `POST /host-metrics`. What the host does not have is None."""

    measured_at: str
    cpu_percent: float
    ram_percent: float
    ram_used_bytes: int
    disk_percent: float
    disk_used_bytes: int
    disk_free_bytes: int
    temperature_celsius: float | None
    gpu_percent: float | None
    gpu_memory_percent: float | None
    gpu_temperature_celsius: float | None


def measure(disk: str = "/") -> Reading:
    """Measure this host now. The processor's figure is that since the call before, or of a tenth of a second."""
    import psutil

    memory, space = psutil.virtual_memory(), psutil.disk_usage(disk)
    gpu = _gpus()
    return Reading(
        measured_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
        cpu_percent=psutil.cpu_percent(interval=None) or psutil.cpu_percent(interval=0.1),
        ram_percent=memory.percent,
        ram_used_bytes=memory.total - memory.available,
        disk_percent=space.percent,
        disk_used_bytes=space.used,
        disk_free_bytes=space.free,
        temperature_celsius=_temperature(),
        gpu_percent=gpu and gpu[0],
        gpu_memory_percent=gpu and gpu[1],
        gpu_temperature_celsius=gpu and gpu[2],
    )


def _temperature() -> float | None:
    import psutil

    sensors = psutil.sensors_temperatures() if hasattr(psutil, "sensors_temperatures") else {}
    values = [entry.current for entries in sensors.values() for entry in entries if -100 <= entry.current <= 300]
    return max(values, default=None)


def _gpus() -> tuple[float, float, float] | None:
    """The highest use, memory and temperature of this host's GPUs by NVML, or None without a GPU or its driver."""
    try:
        import pynvml
    except ImportError:
        return None
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return None
    try:
        devices = [pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(pynvml.nvmlDeviceGetCount())]
        memory = [pynvml.nvmlDeviceGetMemoryInfo(device) for device in devices]
        return (
            float(max(_use(pynvml, device) for device in devices)),
            max(100.0 * info.used / info.total for info in memory),
            float(max(pynvml.nvmlDeviceGetTemperature(device, pynvml.NVML_TEMPERATURE_GPU) for device in devices)),
        )
    except (pynvml.NVMLError, ValueError):
        return None
    finally:
        with suppress(pynvml.NVMLError):
            pynvml.nvmlShutdown()


def _use(pynvml: object, device: object) -> float:
    """A GPU's use in percent; 0 where NVML does not say it, as for one that is split into instances (MIG)."""
    try:
        return float(pynvml.nvmlDeviceGetUtilizationRates(device).gpu)  # type: ignore[attr-defined]
    except pynvml.NVMLError:  # type: ignore[attr-defined]
        return 0.0


@dataclass
class Agent:
    """Measures and sends at an interval, in a thread or until it is stopped."""

    url: str
    key: str
    host: str = field(default_factory=socket.gethostname)
    interval: float = INTERVAL_SECONDS
    disk: str = "/"
    stored: deque[Reading] = field(default_factory=lambda: deque(maxlen=MAX_STORED))
    stopped: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Measure and send until `stopped` is set; then say that the host leaves."""
        while not self.stopped.is_set():
            self.stored.append(measure(self.disk))
            self.send()
            self.stopped.wait(self.interval)
        self.send(leaves=True)

    def send(self, *, leaves: bool = False) -> bool:
        """Send what is kept; returns whether it arrived. What is refused as wrong is dropped, and said."""
        readings = list(self.stored)
        body = {
            "host": self.host,
            "interval_seconds": max(5, round(self.interval)),
            "leaves": leaves,
            "measurements": [asdict(reading) for reading in readings],
        }
        request = urllib.request.Request(  # noqa: S310 — the operator's own address
            f"{self.url.rstrip('/')}/host-metrics",
            data=json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"},
            method="POST",
        )
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS):  # noqa: S310 — the operator's own address
                pass
        except urllib.error.HTTPError as error:
            _report(f"{self.url} refuses measurements with status {error.code}.")
            if error.code != 422:
                return False
        except OSError as error:
            _report(f"{self.url} cannot be reached ({type(error).__name__}); {len(readings)} measurements are kept.")
            return False
        for reading in readings:
            with suppress(ValueError):
                self.stored.remove(reading)
        return True


@contextmanager
def beside() -> Iterator[None]:
    """Measure in a thread meanwhile, if the environment says where to send it."""
    agent = from_environment()
    if agent is None:
        yield
        return
    thread = threading.Thread(target=agent.run, name="metrics", daemon=True)
    thread.start()
    try:
        yield
    finally:
        agent.stopped.set()
        thread.join(2 * _TIMEOUT_SECONDS)


def from_environment(**more: str | float) -> Agent | None:
    """The agent that the environment configures, or None without address or key."""
    url, key = os.environ.get("ALCOVE_URL"), os.environ.get("ALCOVE_METRICS_KEY")
    return Agent(url, key, **more) if url and key else None  # type: ignore[arg-type]


def _report(text: str) -> None:
    sys.stderr.write(f"metrics: {text}\n")
    sys.stderr.flush()


def main() -> None:
    """Read the arguments, and measure until a signal ends it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--host", default=socket.gethostname(), help="the name of this host; its own by default")
    parser.add_argument("--interval", type=float, default=INTERVAL_SECONDS, help="seconds between measurements")
    parser.add_argument("--disk", default="/", help="a path on the disk to watch")
    options = parser.parse_args()
    agent = from_environment(host=options.host, interval=options.interval, disk=options.disk)
    if agent is None:
        parser.error("set ALCOVE_URL and ALCOVE_METRICS_KEY")
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: agent.stopped.set())
    agent.run()


if __name__ == "__main__":
    main()
