"""The client knows every operation of the service: its generated files are those of today's API."""

import shutil
import sys
from pathlib import Path

import app
from chalicelib.core import openapi

PYTHON = Path(__file__).parents[2] / "clients" / "python"
assert app


def test_generated_files_are_those_of_the_api(tmp_path: Path) -> None:
    sys.path.insert(0, str(PYTHON))
    try:
        import generate
    finally:
        sys.path.remove(str(PYTHON))
    shutil.copy(PYTHON / "alcove" / "_async_client.py", tmp_path)

    generate.write(openapi.document(), tmp_path)

    for name in ("models.py", "_operations.py", "_async_operations.py", "_client.py"):
        expected, current = (tmp_path / name).read_text(), (PYTHON / "alcove" / name).read_text()
        assert current == expected, f"{name} is not that of the API: run `make client`"
