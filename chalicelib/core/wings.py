"""The wings of the house: what each brings along is found by its module's name, never listed anywhere.

A wing is a package `chalicelib.<floor>.<wing>`; its `routes.py` says what it serves. A floor may have such a module of
its own, too.
"""

import pkgutil
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType

import chalicelib


def modules(name: str) -> Iterator[ModuleType]:
    """Every module called `name` of a wing or a floor, in the order of their paths."""
    for floor in pkgutil.iter_modules(chalicelib.__path__, "chalicelib."):
        if floor.ispkg:
            yield from _of(floor.name, name)


def _of(package: str, name: str) -> Iterator[ModuleType]:
    for found in pkgutil.iter_modules(import_module(package).__path__, f"{package}."):
        if found.ispkg and package.count(".") == 1:
            yield from _of(found.name, name)
        elif found.name == f"{package}.{name}":
            yield import_module(found.name)
