"""What the worker gives up for good before it reads a file: privileges, files, system calls.

Python's audit hook stops Python alone. A reader's library is native code, so the kernel has to refuse: Landlock says
which files are opened, and a seccomp filter (`system_calls`) refuses everything else. Where the kernel lacks one of
them, the rest still holds, and `confine` returns what is in force. The calls are made through the C library alone.

Sources: landlock(7), prctl(2), capabilities(7), and the kernel's header landlock.h.
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from chalicelib.core import process
from chalicelib.knowledge.ingestion.extraction import system_calls

NO_NEW_PRIVILEGES, FILES, SYSTEM_CALLS = 1, 2, 4
MEASURES = {NO_NEW_PRIVILEGES: "no_new_privs", FILES: "landlock", SYSTEM_CALLS: "seccomp"}
ALL = NO_NEW_PRIVILEGES | FILES | SYSTEM_CALLS

_PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS, _PR_CAPBSET_DROP, _PR_CAP_AMBIENT = 4, 38, 24, 47
_CAPABILITY_VERSION_3, _PR_CAP_AMBIENT_CLEAR_ALL, _CAPABILITIES = 0x20080522, 4, 64

# Landlock
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # one number for every architecture
_READ_FILE, _READ_DIR = 1 << 2, 1 << 3
# What each version of Landlock can refuse: files; moving; truncating; devices. TCP from version 4, signals and abstract
# sockets to processes outside from version 6.
_FILE_RIGHTS = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}
_TCP, _TCP_FROM = 3, 4
_SCOPES, _SCOPES_FROM = 3, 6
# What the interpreter and its libraries may open beside the entries of sys.path.
_SYSTEM = (
    "/lib",
    "/lib64",
    "/usr/lib",
    "/usr/lib64",
    "/usr/local/lib",
    # the data of Tesseract's languages
    "/usr/share/tesseract-ocr",
    "/usr/share/tesseract",
    "/usr/share/tessdata",
    "/usr/local/share/tessdata",
    "/usr/share/zoneinfo",
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/dev/null",
    "/dev/urandom",
)

_CAPSET = {"x86_64": 126, "aarch64": 91}


def hide_this_process() -> None:
    """Have other processes of this user read neither this one's memory nor its environment, from now on."""
    ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def confine(document: Path) -> int:
    """Give up what reading `document` does not require, until this process ends. Returns the measures in force."""
    library = ctypes.CDLL(None, use_errno=True)
    _drop_capabilities(library)
    if library.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return 0  # without it, neither of the others can be had
    in_force = NO_NEW_PRIVILEGES
    if _restrict_files(library, [document, *_libraries()]):
        in_force |= FILES
    if system_calls.restrict(library):
        in_force |= SYSTEM_CALLS
    return in_force


def _drop_capabilities(library: ctypes.CDLL) -> None:
    """Root without capabilities: as on a person's machine, where the functions may run as root."""
    for capability in range(_CAPABILITIES):
        library.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)
    library.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
    number = _CAPSET.get(platform.machine())
    if number is not None:
        library.syscall(number, struct.pack("=Ii", _CAPABILITY_VERSION_3, 0), bytes(24))


def _libraries() -> Iterator[Path]:
    """The places of the interpreter's modules, of this package, and of shared libraries."""
    for entry in map(Path, sys.path):
        own = entry / __name__.partition(".")[0]
        # The folder of the application may hold more than its code.
        yield own if own.is_dir() else entry
    yield from map(Path, _SYSTEM)
    yield from (Path(entry) for entry in os.environ.get("LD_LIBRARY_PATH", "").split(os.pathsep) if entry)


def _restrict_files(library: ctypes.CDLL, readable: Iterable[Path]) -> bool:
    """Whether Landlock is in force: only files in `readable` can be opened, and only for reading."""
    version = library.syscall(_CREATE_RULESET, None, 0, 1)
    if version < 1:
        return False
    rights = _FILE_RIGHTS[max(known for known in _FILE_RIGHTS if known <= version)]
    attributes = struct.pack("=Q", rights)
    if version >= _TCP_FROM:
        attributes += struct.pack("=Q", _TCP)
    if version >= _SCOPES_FROM:
        attributes += struct.pack("=Q", _SCOPES)
    rules = library.syscall(_CREATE_RULESET, attributes, len(attributes), 0)
    if rules < 0:
        return False
    try:
        for path in readable:
            _allow(library, rules, path)
        return bool(library.syscall(_RESTRICT_SELF, rules, 0) == 0)
    finally:
        os.close(rules)


def _allow(library: ctypes.CDLL, rules: int, path: Path) -> None:
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        rights = _READ_FILE | _READ_DIR if path.is_dir() else _READ_FILE
        library.syscall(_ADD_RULE, rules, 1, struct.pack("=Qi", rights, descriptor), 0)
    finally:
        os.close(descriptor)


@process.cached
def report(in_force: int) -> None:
    """Log once what this kernel does not have of the measures (docs/security.md)."""
    from chalicelib.core.log import logger

    missing = [name for measure, name in MEASURES.items() if not in_force & measure]
    if missing:
        logger().warning("extraction is confined less than intended", missing=missing)
