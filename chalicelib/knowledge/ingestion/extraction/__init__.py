"""Text from untrusted files: bounded in time, memory and output, and never in this process.

A child process (`worker`) reads each file, and confines itself before it opens the file: a file that hangs or crashes
its reader costs one error. The child imports this module too, so what the parent alone uses is imported in functions.

The files in an archive and the attachments of an e-mail are returned beside the text, as files.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NoReturn

from chalicelib.knowledge.documents.file_warnings import FileWarning
from chalicelib.knowledge.ingestion.extraction import confinement
from chalicelib.knowledge.ingestion.extraction.results import ArchiveMember as ArchiveMember
from chalicelib.knowledge.ingestion.extraction.results import ErrorCode as ErrorCode
from chalicelib.knowledge.ingestion.extraction.results import Extraction as Extraction
from chalicelib.knowledge.ingestion.extraction.results import ExtractionError as ExtractionError
from chalicelib.knowledge.ingestion.extraction.results import Limits as Limits
from chalicelib.knowledge.ingestion.extraction.results import RecognisedPage as RecognisedPage
from chalicelib.knowledge.ingestion.extraction.results import WorkerError as WorkerError
from chalicelib.knowledge.text.segment import Segment

if TYPE_CHECKING:
    import subprocess

# The worker writes this byte after it is confined and before it opens the file. Earlier failures are not the file's.
READY = b"\x06"
OUT_OF_MEMORY_STATUS = 77
_HEADER_BYTES = 64 << 20
_EXIT_SECONDS = 2.0
_READ_BYTES = 1 << 20


def extract(
    path: Path,
    filename: str,
    declared_type: str | None,
    limits: Limits = Limits(),  # noqa: B008 - it is frozen
    members_into: Path | None = None,
    *,
    recognises: bool = False,
) -> Extraction:
    """Read the file at `path`, which its owner named `filename` and declared as media type `declared_type`.

    The content decides the type; name and declaration only count when the content does not. Files inside an archive or
    an e-mail that may be documents are written into the folder `members_into`; without that folder, an e-mail gives
    only its text, and an archive is refused. Returns shortly after ``limits.elapsed_seconds`` at the latest. Raises
    `ExtractionError` for every problem with the file, `WorkerError` when the worker fails for another reason, and
    `OSError` when the file does not exist.
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
        "unpack": members_into is not None,
        "recognises": recognises,
    }
    with working(request, limits) as answer:
        return _understand(answer, limits, members_into)


@contextlib.contextmanager
def working(request: dict[str, Any], limits: Limits) -> Iterator[WorkerOutput]:
    """The output of a worker that does what `request` says. None of its processes is left afterwards.

    An `EOFError` inside becomes the error for how the worker ended.
    """
    import subprocess
    import tempfile

    deadline = time.monotonic() + limits.elapsed_seconds
    confinement.hide_this_process()
    complete = json.dumps(request | {"limits": asdict(limits), "parent": os.getpid()})
    command = [sys.executable, "-B", "-P", "-S", "-m", f"{__name__}.worker", complete]
    with (
        tempfile.TemporaryDirectory(prefix="alcove-empty-") as empty,
        subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=_environment(),
            cwd=empty,
            start_new_session=True,
        ) as process,
    ):
        answer = WorkerOutput(_stdout(process), deadline)
        try:
            answer.begin()
            yield answer
        except EOFError:
            _raise_for_status(process, answer.started)
        finally:
            # The group is killed before the process is waited for, so that its number cannot belong to another group
            # yet.
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)


def _environment() -> dict[str, str]:
    """The variables that the worker requires to import itself, and none of this process's secrets."""
    # Lambda's interpreter finds its library only through this variable.
    passed = {name: value for name in ("LD_LIBRARY_PATH",) if (value := os.environ.get(name))}
    path = os.pathsep.join(str(Path(entry).resolve()) for entry in sys.path)
    return passed | {"PYTHONPATH": path, "PYTHONUTF8": "1", "LANG": "C.UTF-8", "MALLOC_ARENA_MAX": "1"}


def _stdout(process: subprocess.Popen[bytes]) -> IO[bytes]:
    if process.stdout is None:
        raise WorkerError("The extraction worker has no output.")
    return process.stdout


class WorkerOutput:
    """A worker's output: raises `EOFError` when it ends too early, `ExtractionError` ``timed_out`` after the limit."""

    def __init__(self, pipe: IO[bytes], deadline: float) -> None:
        self._descriptor = pipe.fileno()
        self._deadline = deadline
        self._buffer = bytearray()
        self.started = False

    def begin(self) -> None:
        """Wait for the byte after which every failure is about the file."""
        if self.take(len(READY)) != READY:
            raise EOFError
        confinement.report(self.take(1)[0])
        self.started = True

    def allow(self, seconds: float) -> None:
        """Wait for so long from now on, whatever the limit was before."""
        self._deadline = time.monotonic() + seconds

    def header(self) -> dict[str, Any]:
        """One line of JSON."""
        received = 0
        while (end := self._buffer.find(b"\n", received)) < 0:
            received = len(self._buffer)
            if received > _HEADER_BYTES:
                raise ExtractionError("too_large", "The file holds more text than is read.", "header bound")
            self._more()
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        header = json.loads(line)
        return header if isinstance(header, dict) else {}

    def take(self, size: int) -> bytes:
        """The next `size` bytes."""
        while len(self._buffer) < size:
            self._more()
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        return data

    def copy(self, size: int, path: Path) -> bytes:
        """Write the next `size` bytes to `path`, and return their SHA-256."""
        import hashlib

        digest = hashlib.sha256()
        with path.open("wb") as file:
            while size:
                if not self._buffer:
                    self._more()
                part = self.take(min(size, len(self._buffer)))
                digest.update(part)
                file.write(part)
                size -= len(part)
        return digest.digest()

    def _more(self) -> None:
        import selectors

        with selectors.DefaultSelector() as selector:
            selector.register(self._descriptor, selectors.EVENT_READ)
            left = self._deadline - time.monotonic()
            if left <= 0 or not selector.select(left):
                raise _timed_out()
        part = os.read(self._descriptor, _READ_BYTES)
        if not part:
            raise EOFError
        self._buffer += part


def _understand(answer: WorkerOutput, limits: Limits, members_into: Path | None) -> Extraction:
    """Read the files one by one, then the text with its segments, or the reason why there is none."""
    members: list[ArchiveMember] = []
    unpacked = 0
    while "member" in (header := answer.header()):
        size = int(header["bytes"])
        unpacked += size
        if members_into is None or unpacked > limits.max_unpacked_bytes or len(members) >= limits.max_members:
            raise ExtractionError("too_large", "The file holds more than is unpacked.", "output bound")
        file = members_into / str(len(members))
        members.append(
            ArchiveMember(str(header["member"]), header["content_type"], file, size, answer.copy(size, file)),
        )
    raise_refusal(header)
    if int(header["bytes"]) > limits.max_text_chars * 4:
        raise ExtractionError("too_large", "The file holds more text than is read.", "output bound")
    return Extraction(
        text=answer.take(int(header["bytes"])).decode(),
        segments=tuple(Segment(*segment) for segment in header["segments"]),
        content_type=str(header["content_type"]),
        title=header["title"],
        members=tuple(members),
        warnings=tuple(FileWarning(*warning) for warning in header["warnings"]),
        pictures=tuple(int(page) for page in header["pictures"]),
        places=tuple(Segment(*place) for place in header["places"]),
    )


def raise_refusal(header: dict[str, Any]) -> None:
    """Raise the `ExtractionError` that a line of the worker's output stands for, if it does."""
    if "code" in header:
        raise ExtractionError(header["code"], str(header["message"]), header.get("detail"))


def _raise_for_status(process: subprocess.Popen[bytes], started: bool) -> NoReturn:
    """Raise the error for a worker that ended without a complete result."""
    import subprocess

    try:
        status = process.wait(_EXIT_SECONDS)
    except subprocess.TimeoutExpired:
        raise _timed_out() from None
    detail = f"worker ended with status {status}"
    if not started:
        raise WorkerError(f"The extraction worker did not start: {detail}.")
    if status == -signal.SIGXCPU:
        raise _timed_out(detail)
    # An operator or the kernel's out-of-memory killer can send this signal, so the file need not be the cause.
    if status == -signal.SIGKILL:
        raise WorkerError(f"The extraction worker was killed: {detail}.")
    # PDFium aborts when an allocation fails under the memory limit.
    if status in (OUT_OF_MEMORY_STATUS, -signal.SIGABRT):
        raise out_of_memory(detail)
    raise ExtractionError("corrupt", "The file is damaged: reading it crashed its reader.", detail)


def _timed_out(detail: str | None = None) -> ExtractionError:
    return ExtractionError(
        "timed_out", "Reading the file took too long. Split it, or save it anew in its application.", detail
    )


def out_of_memory(detail: str | None = None) -> ExtractionError:
    """The error of a file that requires more memory than the limit."""
    return ExtractionError("too_large", "Reading the file needs more memory than it may use. Split it.", detail)
