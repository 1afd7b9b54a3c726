"""K4 against native code: what a reader's library can do inside the worker when it ignores Python and calls the kernel.

The library is replaced by one that attacks: it runs where a reader runs, in the real worker below the real caller, and
makes its calls through the C library, which Python's audit hook does not see.
"""

import ctypes
import errno
import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

import chalicelib
from chalicelib.knowledge.ingestion.extraction import Limits, extract, system_calls
from tests import make_files

_PR_GET_DUMPABLE = 3
PACKAGE = Path(chalicelib.__file__).parent
ATTACK = '''
import ctypes, json, os, threading

C = ctypes.CDLL(None, use_errno=True)


def call(function, *arguments):
    """0, or the error's number."""
    ctypes.set_errno(0)
    return ctypes.get_errno() if getattr(C, function)(*arguments) == -1 else 0


def reads(path):
    """The first bytes of a file, or the error's number."""
    ctypes.set_errno(0)
    descriptor = C.open(os.fsencode(path), 0)
    if descriptor < 0:
        return ctypes.get_errno()
    data = ctypes.create_string_buffer(65536)
    size = C.read(descriptor, data, 65536)
    return data.raw[:size].decode("latin-1") if size >= 0 else ctypes.get_errno()


class CalamineError(Exception): ...


class PasswordError(Exception): ...


class WorksheetNotFound(Exception): ...


class SheetVisibleEnum:
    Visible = "visible"


class CalamineWorkbook:
    """A workbook with one sheet, whose one cell says what was reached."""

    sheet_names = ["reached"]
    sheets_metadata = []

    def __init__(self, text):
        self.text = text

    def get_sheet_by_name(self, name):
        return self

    def to_python(self, **options):
        return [[self.text]]

    @classmethod
    def from_path(cls, path):
        parent = os.getppid()
        folder = os.path.dirname(path)
        remote, local = ctypes.c_ulong(0), ctypes.create_string_buffer(64)
        vector = (ctypes.c_ulong * 2)(ctypes.addressof(local), 64)
        target = (ctypes.c_ulong * 2)(0x400000, 64)
        child = []
        thread = threading.Thread(target=lambda: child.append(1))
        thread.start()
        thread.join()
        return cls(json.dumps({
            "parent environ": reads(f"/proc/{parent}/environ"),
            "parent memory": reads(f"/proc/{parent}/mem"),
            "parent maps": reads(f"/proc/{parent}/maps"),
            "own environ": bool(os.environ),
            "other document": reads(folder + "/../other/document"),
            "neighbour": reads(folder + "/packed"),
            "passwd": reads("/etc/passwd"),
            "write own document": call("open", os.fsencode(path), 0o1002),
            "unlink own document": call("unlink", os.fsencode(path)),
            "create": call("open", b"created", 0o101, 0o600),
            "socket": call("socket", 2, 1, 0),
            "unix socket": call("socket", 1, 1, 0),
            "fork": call("fork"),
            "execve": call("execve", b"/bin/true", None, None),
            "ptrace": call("ptrace", 16, parent, 0, 0),
            "peek": call("process_vm_readv", parent, vector, 1, target, 1, 0),
            "signal": call("kill", parent, 0),
            "io_uring": call("syscall", 425, 8, ctypes.create_string_buffer(120)),
            "undo": call("prctl", 1, 0, 0, 0, 0),
            "directory": call("open", b".", 0),
            "thread": child == [1],
            "own document": len(reads(path)) > 0,
        }))
'''
REFUSED = {
    "parent environ": errno.EACCES,
    "parent memory": errno.EACCES,
    "parent maps": errno.EACCES,
    "other document": errno.EACCES,
    "neighbour": errno.EACCES,
    "passwd": errno.EACCES,
    "write own document": errno.EPERM,
    "unlink own document": errno.EPERM,
    "create": errno.EPERM,
    "socket": errno.EPERM,
    "unix socket": errno.EPERM,
    "fork": errno.EPERM,
    "execve": errno.EPERM,
    "ptrace": errno.EPERM,
    "peek": errno.EPERM,
    "signal": errno.EPERM,
    "io_uring": errno.EPERM,
    "undo": errno.EPERM,
}


def _attacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, attack: str = ATTACK) -> dict[str, Any]:
    library = tmp_path / "library"
    for folder in (library, tmp_path / "work", tmp_path / "other"):
        folder.mkdir()
    (library / "python_calamine.py").write_text(attack, "utf-8")
    (tmp_path / "other" / "document").write_text("the merger", "utf-8")
    (tmp_path / "work" / "packed").write_text("the merger", "utf-8")
    path = tmp_path / "work" / "document"
    # The parts are binary: of the workbooks in archives, the library reads these alone.
    path.write_bytes(make_files.archive({"[Content_Types].xml": "<Types/>", "xl/workbook.bin": "binary"}))
    monkeypatch.setenv("ALCOVE_TEST_SECRET", "not for readers")
    monkeypatch.syspath_prepend(str(library))
    text = extract(path, "book.xlsb", None, Limits(seconds=20)).text
    result: dict[str, Any] = json.loads(text[text.index("{") : text.rindex("}") + 1])
    return result


@pytest.mark.skipif(not hasattr(os, "O_PATH"), reason="Linux alone has these measures")
def test_native_code_in_the_worker_reaches_nothing_but_its_document(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = _attacked(tmp_path, monkeypatch)
    assert {name: results[name] for name in REFUSED} == REFUSED
    assert results["own document"]
    assert results["thread"], "a library may have threads"
    assert (results["directory"], results["own environ"]) == (errno.EACCES, False)


def test_the_caller_hides_itself_where_the_kernel_has_no_other_measure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without Landlock and without a filter, the caller's environment and memory are still closed."""
    weakened = tmp_path / "weakened"
    shutil.copytree(PACKAGE, weakened / "chalicelib")
    module = weakened / "chalicelib" / "knowledge" / "ingestion" / "extraction" / "confinement.py"
    text = module.read_text("utf-8")
    module.write_text(text.replace("if library.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:", "if True:"), "utf-8")
    monkeypatch.syspath_prepend(str(weakened))
    without_damage = re.sub(r'.*"(fork|execve|unlink own document|create|undo)":.*\n', "", ATTACK)
    results = _attacked(tmp_path, monkeypatch, without_damage)
    # Where the tests run as root, the worker's lack of capabilities would refuse this alone.
    assert ctypes.CDLL(None).prctl(_PR_GET_DUMPABLE, 0, 0, 0, 0) == 0
    assert results["other document"] == "the merger", "the measures are really off"
    assert {name: results[name] for name in ("parent environ", "parent memory", "peek")} == {
        "parent environ": errno.EACCES,
        "parent memory": errno.EACCES,
        "peek": errno.EPERM,
    }


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_the_filter_of_each_architecture_ends_in_a_decision(machine: str) -> None:
    """Every jump lands inside the program, and no program is longer than the kernel takes."""
    program = list(system_calls._program(machine, 4711))
    assert len(program) < 4096
    for place, (operation, if_true, if_false, _) in enumerate(program):
        if operation in {system_calls._EQUAL, system_calls._AT_LEAST, system_calls._ANY_BIT}:
            assert place + 1 + max(if_true, if_false) < len(program)
    assert program[-1] == (system_calls._RETURN, 0, 0, system_calls._ALLOW)
