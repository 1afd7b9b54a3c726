"""What the console weighs and how fast it is there: the compressed first load, and Lighthouse over its pages.

The first load is every file that the page names, compressed as API Gateway does (gzip). Lighthouse opens the pages of a
stack of its own in Chromium, offline, twice each: on a desktop with the network and the processor of this machine, and
on a phone whose slow network and processor Lighthouse simulates. `paint` is the first contentful paint that Chromium
saw; for the phone, `simulated` is what it would be there. The stack of this machine does not compress, so the phone
carries three times as much as it would in an account.

Lighthouse is installed by npm in an environment of its own, .local/lighthouse (about 0.2 GB).
"""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench import local
from bench.commands import Command, parser
from chalicelib.ops import console
from infra import package
from infra.local import stack

COMMAND = Command(
    "The console: compressed first load, first paint, Lighthouse's scores",
    usual=None,
    smallest=(),
    costs="It requires Node.js, Chromium and packages of npm; tests/ops/test_console.py bounds the first load.",
)
_ENVIRONMENT = package.STATE / "lighthouse"
_SOURCES = Path(__file__).with_name("lighthouse")
_LEVEL = 6


def _first_load() -> list[str]:
    """The names of the files that a browser loads before the page shows anything."""
    text = (console.FOLDER / "index.html").read_text("utf-8")
    return ["index.html", *re.findall(r'(?:src|href)="console/([^"]+)"', text)]


def _print_sizes() -> None:
    contents = {name: (console.FOLDER / name).read_bytes() for name in _first_load()}
    compressed = {name: len(gzip.compress(content, _LEVEL)) for name, content in contents.items()}
    for name, content in contents.items():
        print(f"{name:<32}{len(content):>9,} bytes{compressed[name]:>9,} compressed")
    whole = sum(len(content) for content in contents.values())
    print(f"{'first load':<32}{whole:>9,} bytes{sum(compressed.values()):>9,} compressed")


def _prepare() -> None:
    """Install Lighthouse, unless this version of it is there."""
    _ENVIRONMENT.mkdir(parents=True, exist_ok=True)
    lock, stamp = _SOURCES / "package-lock.json", _ENVIRONMENT / "installed.json"
    if not (stamp.is_file() and stamp.read_bytes() == lock.read_bytes()):
        for name in ("package.json", "package-lock.json", ".npmrc"):
            shutil.copy(_SOURCES / name, _ENVIRONMENT / name)
        install = ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
        subprocess.run(install, cwd=_ENVIRONMENT, check=True, stdout=subprocess.DEVNULL)
        shutil.copy(lock, stamp)
    shutil.copy(_SOURCES / "audit.mjs", _ENVIRONMENT / "audit.mjs")


def _audited(info: stack.StackInfo, chromium: str) -> list[dict[str, Any]]:
    environment = os.environ | {
        "BASE": info.api_url,
        "EMAIL": info.administrator["email"],
        "PASSWORD": info.administrator["password"],
        "CHROMIUM": chromium,
    }
    command = ["node", "audit.mjs"]
    finished = subprocess.run(command, cwd=_ENVIRONMENT, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return [json.loads(line) for line in finished.stdout.splitlines() if line.startswith("{")]


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the sizes, then a line for each page and device."""
    command_line = parser("bench console", __doc__)
    command_line.add_argument("--state", type=Path, metavar="FOLDER", help="the state of a stack that stays")
    options = command_line.parse_args(arguments)
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if not chromium or not shutil.which("npm"):
        sys.exit("error: Node.js with npm and Chromium are required; CHROMIUM=path names another one")
    _print_sizes()
    _prepare()
    with local.own_stack("alcove-console-", options.state) as directory:
        audits = _audited(stack.up(directory, silent=True), chromium)
    head = ("performance", "access.", "practices", "paint ms", "simulated", "largest", "blocked", "shift")
    print(f"\n{'page':<26}{'device':<9}" + "".join(f"{name:>12}" for name in head))
    for audit in audits:
        times = [audit["paint"], audit["simulated"], audit["largest"], audit["blocked"], f"{audit['shift']:.3f}"]
        values = [*audit["scores"].values(), *times]
        print(f"{audit['page']:<26}{audit['device']:<9}" + "".join(f"{value:>12}" for value in values))
    for audit in audits:
        for text in audit["failed"]:
            print(f"{audit['page']} on a {audit['device']}: {text}")
