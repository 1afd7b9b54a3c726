"""What is deployed, and its ten largest parts: `make package`, which can do more."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

from bench.commands import Command, parser

COMMAND = Command("What is deployed, and its ten largest parts")


def main(arguments: Sequence[str] | None = None) -> int:
    """Build for this machine and print the sizes."""
    parser("bench package", __doc__).parse_args(arguments)
    return subprocess.run([sys.executable, "-m", "infra.package"], check=False).returncode
