"""The wings of the house. Their parts are found by the names of their modules; no list of them exists.

A wing is a package `chalicelib.<floor>.<wing>` with, for example, `routes.py`, `repairs.py` and `problems.py`. A floor
may have such modules itself.
"""

import functools
import pkgutil
from collections.abc import Iterator
from importlib.util import find_spec

import chalicelib


@functools.cache
def names(module: str) -> tuple[str, ...]:
    """The full name of every module called `module` of a wing or a floor, in the order of their paths; imports none.

    The folders are read once in a process: problems are looked up by the thousand while openapi.json is made.
    """
    floors = [floor.name for floor in pkgutil.iter_modules(chalicelib.__path__, "chalicelib.") if floor.ispkg]
    return tuple(name for floor in floors for name in _of(floor, module))


def _of(package: str, module: str) -> Iterator[str]:
    spec = find_spec(package)
    for entry in pkgutil.iter_modules(spec.submodule_search_locations if spec else [], f"{package}."):
        if entry.ispkg and package.count(".") == 1:
            yield from _of(entry.name, module)
        elif entry.name == f"{package}.{module}":
            yield entry.name
