"""`make setup` says why pip failed and what helps: pip itself against registries that are of no use."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from infra import install
from infra.package import ROOT
from tests.chat.llm.servers import fails, refusing_port, self_signed, serving


def _install(index: str, **environment: str) -> str:
    """What a failing installation from `index` prints."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "SSL_"))}
    settings = {"PIP_CONFIG_FILE": os.devnull, "PIP_RETRIES": "1", "PIP_INDEX_URL": index, **environment}
    finished = subprocess.run(
        [sys.executable, "-m", "infra.install", "--no-deps", "--no-cache-dir", "no-such-package==1.0"],
        env=clean | settings,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 1
    assert not finished.stdout
    return finished.stderr


def test_a_registry_that_cannot_be_reached_is_named_as_the_reason() -> None:
    output = _install(f"http://127.0.0.1:{refusing_port()}/simple")
    assert output.startswith("error: pip install failed.\n")
    assert "Connection refused" in output
    assert "The registry cannot be reached." in output


def test_a_certificate_that_is_refused_is_named_as_the_reason(tmp_path: Path) -> None:
    with serving(fails("404 Not Found", {}), tls=self_signed(tmp_path)) as server:
        output = _install(f"https://localhost:{server.url.rpartition(':')[2]}/simple")
    assert "CERTIFICATE_VERIFY_FAILED" in output
    assert "PIP_CERT" in output


def test_a_version_that_the_registry_has_not_is_named_as_the_reason() -> None:
    with serving(fails("404 Not Found", {})) as server:
        output = _install(f"{server.url}/simple")
    assert "No matching distribution found for no-such-package==1.0" in output
    assert "The registry has no such version" in output


@pytest.mark.parametrize(
    ("output", "help_"),
    [
        (
            "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device",
            "The disk is full.",
        ),
        ("ERROR: Could not install packages due to an OSError: [Errno 13] Permission denied: 'x'", "Delete .venv"),
        ("ERROR: nobody has seen this before", "Run the command again without make"),
    ],
)
def test_every_failure_comes_with_advice(output: str, help_: str) -> None:
    assert install.advice(output).startswith(help_)
    assert install.reasons(f"Collecting a\n{output}\n{output}\n") == f"  {output}\n"


def test_an_output_without_a_reason_is_shown_from_its_end() -> None:
    shown = install.reasons("\n".join(f"line {number}" for number in range(100)))
    assert shown.splitlines()[-1] == "  line 99"
    assert len(shown.splitlines()) < 10
