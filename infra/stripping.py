"""What of a library is not deployed, and why: Lambda takes 250 MiB, and every instance loads the package once.

tests/infra/test_package.py imports whatever the code imports from a package that is stripped of this.
"""

from __future__ import annotations

import shutil
import struct
from itertools import chain
from pathlib import Path

# Licences stay: a copy of a library must include its licence.
DIRECTORIES = {"__pycache__", "tests", "bin", "sboms"}
SUFFIXES = {".pyi", ".pyx", ".pxd", ".pxi", ".c", ".h", ".a", ".pyc"}
FILES = {"INSTALLER", "RECORD", "REQUESTED", "direct_url.json", "olefile2.py"}  # the last is for Python 2

PATHS = (
    # Tools that prepare models. They are also all that takes protobuf, flatbuffers and packaging.
    *(f"onnxruntime/{part}" for part in ("transformers", "tools", "quantization", "datasets", "backend")),
    "google",
    "flatbuffers",
    "packaging",
    # The embedding model takes arrays, products and norms; numpy imports these parts when they are asked for.
    *(
        f"numpy/{part}"
        for part in ("f2py", "distutils", "random", "fft", "polynomial", "ma", "testing", "_core/include")
    ),
    # The compiler of bindings; those that argon2 and cryptography bring are compiled and take _cffi_backend alone.
    "cffi",
    "pycparser",
    # Logging is what is used of it.
    "aws_lambda_powertools/event_handler",
    *(
        f"aws_lambda_powertools/utilities/{part}"
        for part in ("auth_alpha", "batch", "data_classes", "feature_flags", "idempotency", "kafka", "parameters")
    ),
    *(f"aws_lambda_powertools/utilities/{part}" for part in ("parser", "streaming", "validation")),
    # The API of pydantic 1.
    "pydantic/v1",
    "pypdfium2_cli",
    # Of OpenAI's APIs one is spoken, and the library loads the others only when they are asked for.
    *(
        f"openai/{part}/{api}"
        for part in ("resources", "types")
        for api in ("admin", "beta", "evals", "live", "realtime")
    ),
    *(
        f"openai/resources/{api}"
        for api in (
            "audio",
            "containers",
            "conversations",
            "fine_tuning",
            "responses",
            "safety",
            "skills",
            "uploads",
            "vector_stores",
            "webhooks",
        )
    ),
    *(f"openai/lib/{part}" for part in ("beta", "live", "responses_websocket")),
    "anthropic/lib/environments",
)
# Modules that numpy's own tests load.
_NUMPY_TESTS = (
    "_multiarray_tests",
    "_operand_flag_tests",
    "_rational_tests",
    "_simd.",
    "_struct_ufunc_tests",
    "_umath_tests",
)

_ELF64_LITTLE_ENDIAN = b"\x7fELF\x02\x01"
_PROGRAM_HEADERS, _SECTION_HEADERS, _SIZES_OF_HEADERS = 0x20, 0x28, 0x36  # where an ELF header says so


def rules() -> list[object]:
    """Everything that decides what is left, in an order that is always the same."""
    return [sorted(DIRECTORIES), sorted(SUFFIXES), sorted(FILES), sorted(PATHS), _NUMPY_TESTS]


def strip(tree: Path) -> None:
    """Take from the libraries in `tree` what no function loads."""
    for dropped in PATHS:
        shutil.rmtree(tree / dropped, ignore_errors=True)
    for path in sorted(tree.rglob("*"), reverse=True):
        if path.is_dir():
            if path.name in DIRECTORIES:
                shutil.rmtree(path)
        elif path.suffix in SUFFIXES or path.name in FILES or _is_spare(path):
            path.unlink(missing_ok=True)
        elif ".so" in path.suffixes:
            path.write_bytes(without_symbols(path.read_bytes()))


def _is_spare(path: Path) -> bool:
    if path.parent.name == "capi":
        # The Python binding contains the whole of onnxruntime; this copy is for programs that link to it.
        return path.name.startswith("libonnxruntime.so")
    return path.match("numpy/_core/*") and path.name.startswith(_NUMPY_TESTS)


def without_symbols(library: bytes) -> bytes:
    """A shared object up to the end of what is loaded: without debugging information and the linker's symbols.

    What runs is in the segments of the program headers, the symbols that other libraries look for too. Sections are
    for linkers and debuggers, and sections that are never loaded are at the end.
    """
    if not library.startswith(_ELF64_LITTLE_ENDIAN):
        return library
    (first,) = struct.unpack_from("<Q", library, _PROGRAM_HEADERS)
    size, count = struct.unpack_from("<HH", library, _SIZES_OF_HEADERS)
    segments = [struct.unpack_from("<8xQ16xQ", library, first + number * size) for number in range(count)]
    end = max(chain([first + count * size], (offset + length for offset, length in segments)))
    stripped = bytearray(library[:end])
    struct.pack_into("<Q", stripped, _SECTION_HEADERS, 0)
    struct.pack_into("<HH", stripped, _SIZES_OF_HEADERS + 6, 0, 0)  # no section headers, so no names of them
    return bytes(stripped)
