"""The child process that reads one file: it confines itself, reads, writes the result to standard output and ends.

The output is the byte `READY` and a byte with the measures of its confinement, then each packed file as one line of
JSON and its bytes, then one line of JSON and the text in UTF-8. Where pages are recognised, a line of JSON and a text
follow for each page instead. Only `extraction.extract` and `recognition.recognise` start it.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import math
import os
import resource
import signal
import sys
from functools import partial
from pathlib import Path
from typing import IO, Any

from chalicelib.knowledge.ingestion.extraction import (
    OUT_OF_MEMORY_STATUS,
    READY,
    Extraction,
    ExtractionError,
    Limits,
    confinement,
    out_of_memory,
)
from chalicelib.knowledge.ingestion.extraction.reading import read
from chalicelib.knowledge.ingestion.extraction.recognising import recognise

_PR_SET_PDEATHSIG = 1
_OPEN_FILES = 64
_FORBIDDEN = (
    "socket.",
    "subprocess.",
    "os.exec",
    "os.fork",
    "os.posix_spawn",
    "os.spawn",
    "os.system",
    "urllib.",
    "http.",
)


def main() -> None:
    request = json.loads(sys.argv[1])
    limits = Limits(**request["limits"])
    with _private_output() as output:
        in_force = _confine(limits, request["parent"], Path(request["path"]))
        output.write(READY + bytes([in_force]))
        output.flush()
        try:
            if "pages" in request:
                recognise(output, request, limits)
            else:
                _read(output, request, limits)
        except ExtractionError as error:
            _refuse(output, error)
        except MemoryError:
            os._exit(OUT_OF_MEMORY_STATUS)
        # Any error on hostile bytes is a result about the file; a library in Rust raises no Exception when it panics.
        except BaseException as error:  # noqa: BLE001
            _refuse(output, _damaged(error))
    # The output is complete; freeing a large tree first would only cost time.
    os._exit(0)


def _read(output: IO[bytes], request: dict[str, Any], limits: Limits) -> None:
    emit = partial(_emit, output) if request["unpack"] else None
    path, recognises = Path(request["path"]), request["recognises"]
    _answer(output, read(path, request["filename"], request["declared_type"], limits, emit, recognises=recognises))


def _private_output() -> contextlib.closing[IO[bytes]]:
    """Standard output under another descriptor, and nothing under its own, so that no library can write into it."""
    output = os.fdopen(os.dup(1), "wb")
    with Path(os.devnull).open("wb") as nothing:
        os.dup2(nothing.fileno(), 1)
    return contextlib.closing(output)


def _confine(limits: Limits, parent: int, document: Path) -> int:
    """Limit this process's resources, and end it with its parent. Forbid children, network, and other files.

    Returns the measures that this kernel has (confinement.py). The audit hook refuses the same things to Python alone,
    and says why.
    """
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
    cpu_seconds = math.ceil(limits.seconds) + 1
    for name, bound in (
        (resource.RLIMIT_AS, limits.memory_bytes),
        (resource.RLIMIT_CPU, cpu_seconds),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, _OPEN_FILES),
    ):
        hard = resource.getrlimit(name)[1]
        bound = bound if hard == resource.RLIM_INFINITY else min(bound, hard)
        resource.setrlimit(name, (bound, bound))
    os.environ.clear()
    in_force = confinement.confine(document)
    sys.addaudithook(_forbid)
    return in_force


def _forbid(event: str, arguments: tuple[object, ...]) -> None:
    if event.startswith(_FORBIDDEN):
        raise PermissionError(f"A document reader may not use {event}.")
    if event == "open" and isinstance(flags := arguments[2], int) and flags & (os.O_WRONLY | os.O_RDWR):
        raise PermissionError("A document reader may not write files.")


def _damaged(error: BaseException) -> ExtractionError:
    if isinstance(error.__cause__ or error.__context__, MemoryError):
        return out_of_memory(repr(error)[:500])
    return ExtractionError("corrupt", "The file is damaged and cannot be read.", repr(error)[:500])


def _refuse(output: IO[bytes], error: ExtractionError) -> None:
    header = {"code": error.code, "message": error.message, "detail": error.detail}
    output.write(json.dumps(header).encode() + b"\n")
    output.flush()


def _emit(output: IO[bytes], path: str, content_type: str | None, content: bytes) -> None:
    header = {"member": path, "content_type": content_type, "bytes": len(content)}
    output.write(json.dumps(header).encode() + b"\n")
    output.write(content)


def _answer(output: IO[bytes], extraction: Extraction) -> None:
    text = extraction.text.encode()
    header = {
        "bytes": len(text),
        "segments": [(s.start, s.end, s.page, s.section, s.line) for s in extraction.segments],
        "content_type": extraction.content_type,
        "title": extraction.title,
        "warnings": [(w.code, w.message, w.page) for w in extraction.warnings],
        "pictures": extraction.pictures,
        "places": [(p.start, p.end, p.page, p.section, p.line) for p in extraction.places],
    }
    output.write(json.dumps(header).encode() + b"\n")
    output.write(text)
    output.flush()


if __name__ == "__main__":
    main()
