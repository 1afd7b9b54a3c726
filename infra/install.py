"""Install packages with pip, and say why when it fails: `python -m infra.install` takes what `pip install` takes.

The Makefile runs this with the virtual environment's Python before anything is installed, so that it imports nothing
but Python itself.
"""

from __future__ import annotations

import subprocess
import sys

_REASONS = ("ERROR:", "error:", "Could not fetch URL", "WARNING: Retrying")
_MOST_LINES = 8
# What pip says, in lower case, and what helps. The first that fits is shown.
_ADVICE = (
    (
        ("certificate_verify_failed", "confirming the ssl certificate", "certificate verify failed", "tlsv1_alert"),
        "Python does not trust the registry's certificate. If a proxy of your network signs it, tell pip its "
        "authority:\nexport PIP_CERT=/path/to/ca-bundle.pem, and run make again.",
    ),
    (
        ("newconnectionerror", "failed to resolve", "name resolution", "connection refused", "timed out", "timeout"),
        "The registry cannot be reached. Check the network, HTTPS_PROXY, and PIP_INDEX_URL or `pip config list` if you "
        "use a\nregistry of your own, and run make again.",
    ),
    (("no space left",), "The disk is full. Free about 3 GB and run make again."),
    (("permission denied",), "Delete .venv, or make it your own, and run make again."),
    (
        ("no matching distribution", "requires-python", "requires a different python"),
        "The registry has no such version for this Python and this machine. Python 3.11 to 3.13 on 64-bit Linux or "
        "macOS\nwork: make setup PYTHON=python3.13. A registry of your own may not have that version yet.",
    ),
)


class InstallError(RuntimeError):
    """pip failed. The message holds pip's reasons and what to do."""


def pip(*arguments: str) -> None:
    """Run pip with this interpreter. InstallError when it fails."""
    command = [sys.executable, "-m", "pip", *arguments, "--disable-pip-version-check", "--no-input"]
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if result.returncode != 0:
        raise InstallError(f"pip {arguments[0]} failed.\n{reasons(result.stdout)}{advice(result.stdout)}")


def reasons(output: str) -> str:
    """The lines of pip's output that say why it failed, each once; the last lines where none does."""
    lines = list(dict.fromkeys(line.strip() for line in output.splitlines() if line.strip()))
    matches = [line for line in lines if line.startswith(_REASONS)] or lines
    if "ERROR: Exception:" in matches:  # pip itself failed: its traceback ends with the reason
        matches += [line for line in lines[-1:] if line not in matches]
    return "".join(f"  {line}\n" for line in matches[-_MOST_LINES:])


def advice(output: str) -> str:
    """What helps against the failure that pip's output tells of."""
    lowered = output.lower()
    for signs, help_ in _ADVICE:
        if any(sign in lowered for sign in signs):
            return help_
    return "Run the command again without make to see everything: .venv/bin/python -m pip install -r requirements.txt"


def main() -> None:
    """Install; exit with 1 and the reasons when that fails."""
    try:
        pip("install", *sys.argv[1:])
    except InstallError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
