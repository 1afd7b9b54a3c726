"""Fixtures: the packaged template, the package, a stack of its own that tests may kill."""

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra import package
from infra.local import stack


@pytest.fixture(scope="session")
def template() -> dict[str, Any]:
    """The template as it is deployed: Chalice's, merged with infra/template.yaml."""
    loaded: dict[str, Any] = json.loads(package.template(package.Target()).read_text())
    return loaded


@pytest.fixture(scope="session")
def built() -> package.Package:
    return package.build(package.Target())


@pytest.fixture(scope="module")
def state() -> Iterator[Path]:
    """The state directory of a stack of this module's own."""
    with tempfile.TemporaryDirectory(prefix="alcove-stack-") as name:
        directory = Path(name)
        directory.chmod(0o755)  # PostgreSQL runs as nobody when the tests run as root
        yield directory
        stack.reset(directory)
