"""Commands that a package's modules declare: discovered, listed and run by name.

A module declares itself by `COMMAND` and by `main(arguments)`, which returns a status or None for 0. No list of them is
kept anywhere else: `make bench`, `make endurance` and the tests go through `declared()`.
"""

from __future__ import annotations

import argparse
import importlib
import pkgutil
import shlex
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType

from infra.local import stack

# What `smallest` may name: a collection in BEIR's layout, a running stack's state, a trace, hostile texts, JWS vectors.
PLACES = ("collection", "state", "trace", "texts", "vectors")


@dataclass(frozen=True)
class Command:
    """What a module says about itself.

    `usual` are the arguments with which the command runs among all the others; None: it runs only when it is named,
    because it requires DATA or takes long. `smallest` are one or more lists of arguments with which the suite runs it
    on next to nothing; `{collection}` and the other `PLACES` in them stand for what the suite provides. Where the suite
    does not run it, `costs` says why.
    """

    title: str
    usual: str | None = ""
    smallest: Sequence[str] = ("",)
    costs: str = ""


def declared(package: str) -> dict[str, Command]:
    """Every command of a package by its name: the modules that declare one."""
    names = [module.name for module in pkgutil.iter_modules(importlib.import_module(package).__path__)]
    loaded = {name: _load(package, name) for name in names if name != "__main__"}
    return {name: module.COMMAND for name, module in loaded.items() if hasattr(module, "COMMAND")}


def parser(name: str, description: str | None) -> argparse.ArgumentParser:
    """The parser of a command, which shows the module's docstring as it is."""
    return argparse.ArgumentParser(
        prog=f".venv/bin/python -m {name}",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def run(package: str, arguments: Sequence[str]) -> int:
    """Without arguments, print the list; with `all`, run every usual command; with a name, run that one."""
    if not arguments:
        for name, command in declared(package).items():
            print(f"  {name:<20}{command.title}{'' if command.usual is not None else ' (by name only)'}")
        return 0
    name, *rest = arguments
    if name == "all":
        return _run_usual(package, rest)
    try:
        module = _load(package, name)
    except ModuleNotFoundError as error:
        if error.name != f"{package}.{name}":
            raise
        module = None
    if not hasattr(module, "COMMAND"):
        sys.exit(f"error: there is no command {name!r}; `.venv/bin/python -m {package}` lists the commands")
    assert module is not None
    return int(module.main(rest) or 0)


def _load(package: str, name: str) -> ModuleType:
    return importlib.import_module(f"{package}.{name}")


def _run_usual(package: str, rest: Sequence[str]) -> int:
    """Each command in a process of its own, and the stack stopped afterwards; how many failed."""
    if rest:
        sys.exit(f"error: {' '.join(rest)} is for one command: say which with WHAT=name; without it all commands run")
    failed = 0
    for name, command in declared(package).items():
        if command.usual is not None:
            print(command.title, flush=True)
            process = subprocess.run([sys.executable, "-m", package, name, *shlex.split(command.usual)], check=False)
            failed += process.returncode != 0
    stack.down()
    return failed
