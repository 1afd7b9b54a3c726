"""Text out of files that anybody may upload: bounded in time, memory and output, and never in this process.

Each file is read by a child process (`worker`) that confines itself before it opens the file, so a file that hangs,
crashes or swells its reader costs one error and leaves nothing behind. One module reads each format.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Literal

ErrorCode = Literal["encrypted", "no_text_layer", "corrupt", "empty", "too_large", "unsupported", "timed_out"]

# The worker writes this byte once it is confined and before it opens the file: what goes wrong earlier is our fault.
READY = b"\x06"
OUT_OF_MEMORY_STATUS = 77
_HEADER_BYTES = 64 << 20
_EXIT_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of a text that lies on one page and in one section: characters ``start`` to ``end``.

    ``section`` is the path of headings above it, joined by `` > ``. Segments are in order and cover the text whole.
    """

    start: int
    end: int
    page: int | None
    section: str | None


@dataclass(frozen=True, slots=True)
class Extraction:
    """What was read: text with ``\\n`` line ends and no control characters but tab and line end, and its segments.

    ``content_type`` is the media type that the content showed itself to be, not what its sender declared.
    """

    text: str
    segments: tuple[Segment, ...]
    content_type: str
    title: str | None


@dataclass(frozen=True, slots=True)
class Limits:
    """What one file may cost. ``seconds`` is wall-clock time, and bounds processor time too."""

    seconds: float = 25.0
    memory_bytes: int = 1 << 30
    max_input_bytes: int = 100 * 1000 * 1000
    max_text_chars: int = 20_000_000
    max_pages: int = 20_000
    max_archive_entries: int = 20_000
    max_unpacked_bytes: int = 256 << 20
    max_unpacked_ratio: int = 200


class ExtractionError(Exception):
    """A file that cannot be read, with a stable ``code`` and a sentence for the person who uploaded it.

    ``detail`` is for logs: what the reader said, or how it ended.
    """

    def __init__(self, code: ErrorCode, message: str, detail: str | None = None) -> None:
        super().__init__(message)
        self.code: ErrorCode = code
        self.message = message
        self.detail = detail


class WorkerError(RuntimeError):
    """The worker did not start, or somebody killed it: no fault of the file, so trying again is right."""


def extract(
    path: Path,
    filename: str,
    declared_type: str | None,
    limits: Limits = Limits(),
) -> Extraction:
    """Read the file at `path`, which its owner called `filename` and declared to be of media type `declared_type`.

    The content decides what the file is; name and declaration only where the content leaves it open. Returns within
    ``limits.seconds`` and a moment. Raises `ExtractionError` for whatever is wrong with the file, `WorkerError` when
    nothing could be read at all on this machine, and `OSError` when the file is not there.
    """
    size = path.stat().st_size
    if size == 0:
        raise ExtractionError("empty", "The file is empty: it has no bytes.")
    if size > limits.max_input_bytes:
        raise ExtractionError(
            "too_large", f"The file has {size / 1e6:.0f} MB; at most {limits.max_input_bytes / 1e6:.0f} MB are read."
        )
    request = {
        "path": str(path.resolve()),
        "filename": filename[-255:],
        "declared_type": declared_type and declared_type[:255],
        "limits": asdict(limits),
        "parent": os.getpid(),
    }
    return _parse(_run(json.dumps(request), limits))


def _run(request: str, limits: Limits) -> bytes:
    """The worker's whole answer. No process of it is left when this returns or raises."""
    deadline = time.monotonic() + limits.seconds
    command = [sys.executable, "-B", "-P", "-S", "-m", f"{__name__}.worker", request]
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=_environment(),
        start_new_session=True,
    ) as process:
        try:
            answer = _read_all(_stdout(process), deadline, limits.max_text_chars * 4 + _HEADER_BYTES)
            if not _whole(answer):
                _raise_for_status(process, answer)
        finally:
            # Killed before it is waited for, so that the group's number cannot belong to anybody else yet.
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
    return answer


def _environment() -> dict[str, str]:
    """What the worker needs to import itself, and none of the secrets of this process."""
    # Lambda's own interpreter finds its library only there.
    passed = {name: value for name in ("LD_LIBRARY_PATH",) if (value := os.environ.get(name))}
    path = os.pathsep.join(str(Path(entry).resolve()) for entry in sys.path)
    return passed | {"PYTHONPATH": path, "PYTHONUTF8": "1", "LANG": "C.UTF-8", "MALLOC_ARENA_MAX": "1"}


def _stdout(process: subprocess.Popen[bytes]) -> IO[bytes]:
    if process.stdout is None:
        raise WorkerError("The extraction worker has no output.")
    return process.stdout


def _read_all(pipe: IO[bytes], deadline: float, most: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        while True:
            left = deadline - time.monotonic()
            if left <= 0 or not selector.select(left):
                raise _timed_out()
            part = os.read(pipe.fileno(), 1 << 20)
            if not part:
                return b"".join(parts)
            parts.append(part)
            size += len(part)
            if size > most:
                raise ExtractionError("too_large", "The file holds more text than is read.", "output bound")


def _header(answer: bytes) -> tuple[dict[str, object], bytes] | None:
    """The answer's first line as JSON, and what follows; nothing when the line is not whole."""
    if not answer.startswith(READY) or (end := answer.find(b"\n")) < 0:
        return None
    header = json.loads(answer[len(READY) : end])
    return (header, answer[end + 1 :]) if isinstance(header, dict) else None


def _whole(answer: bytes) -> bool:
    parsed = _header(answer)
    return parsed is not None and ("code" in parsed[0] or parsed[0].get("bytes") == len(parsed[1]))


def _parse(answer: bytes) -> Extraction:
    parsed = _header(answer)
    if parsed is None:
        raise WorkerError("The extraction worker's answer is not whole.")
    header, body = parsed
    if "code" in header:
        raise ExtractionError(header["code"], str(header["message"]), header.get("detail"))  # type: ignore[arg-type]
    segments = header["segments"]
    return Extraction(
        text=body.decode(),
        segments=tuple(Segment(*segment) for segment in segments),  # type: ignore[attr-defined]
        content_type=str(header["content_type"]),
        title=header["title"],  # type: ignore[arg-type]
    )


def _raise_for_status(process: subprocess.Popen[bytes], answer: bytes) -> None:
    """Say why the worker ended without a whole answer."""
    try:
        status = process.wait(_EXIT_SECONDS)
    except subprocess.TimeoutExpired:
        raise _timed_out() from None
    detail = f"worker ended with status {status}"
    if not answer.startswith(READY):
        raise WorkerError(f"The extraction worker did not start: {detail}.")
    if status == -signal.SIGXCPU:
        raise _timed_out(detail)
    # Whoever sent it (an operator, a machine without memory), it says nothing about the file for certain.
    if status == -signal.SIGKILL:
        raise WorkerError(f"The extraction worker was killed: {detail}.")
    # PDFium aborts when its own limit gives it no memory.
    if status in (OUT_OF_MEMORY_STATUS, -signal.SIGABRT):
        raise out_of_memory(detail)
    raise ExtractionError("corrupt", "The file is damaged: reading it crashed its reader.", detail)


def _timed_out(detail: str | None = None) -> ExtractionError:
    return ExtractionError(
        "timed_out", "Reading the file took too long. Split it, or save it anew in its application.", detail
    )


def out_of_memory(detail: str | None = None) -> ExtractionError:
    """The error of a file that needs more memory to read than it may have."""
    return ExtractionError("too_large", "Reading the file needs more memory than it may use. Split it.", detail)
