"""Routes that are imported when a request first uses them.

The models of the routes are most of the cost of `import app`. A function that an event starts serves no route, and one
that a request starts serves few. The package contains an index of paths (infra/package.py writes it), so that a request
imports only the modules of its own path, and a request that no route serves imports none. Without an index, the first
look-up imports all routes.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from chalicelib.core import wings

Methods = dict[str, Any]  # Chalice's entry of each method


class App(Protocol):
    """The part of Chalice's app that is used here."""

    routes: Any

    def register_blueprint(self, blueprint: Any) -> None: ...


class LazyRoutes(MutableMapping[str, Methods]):
    """Chalice's table of routes: by path, then by method. `index` is a JSON file, path -> method -> module's name."""

    def __init__(self, app: App, index: Path) -> None:
        self._app, self._index_file = app, index
        self._loaded: set[str] = set()
        self._is_whole = False
        self._table: dict[str, Methods] = defaultdict(dict)

    @cached_property
    def _index(self) -> dict[str, dict[str, str]]:
        text = self._index_file.read_bytes() if self._index_file.is_file() else b"{}"
        index: dict[str, dict[str, str]] = json.loads(text)
        return index

    def _load(self, modules: Iterable[str]) -> None:
        # A blueprint registers its routes through the app's routes, which must not call this method again for each of
        # them.
        self._app.routes = self._table
        try:
            for name in modules:
                if name not in self._loaded:
                    self._app.register_blueprint(import_module(name).routes)
                    self._loaded.add(name)
        finally:
            self._app.routes = self

    def _load_all(self) -> None:
        if not self._is_whole:
            self._load(wings.names("routes"))
            self._is_whole = True

    def __getitem__(self, path: str) -> Methods:
        if path in self._index:
            self._load(self._index[path].values())
        else:
            self._load_all()
        return self._table[path]

    def __setitem__(self, path: str, methods: Methods) -> None:
        self._table[path] = methods

    def __delitem__(self, path: str) -> None:
        del self._table[path]

    def __contains__(self, path: object) -> bool:
        return path in set(self)

    def __iter__(self) -> Iterator[str]:
        self._load_all()
        return iter(self._table)

    def __len__(self) -> int:
        self._load_all()
        return len(self._table)

    def methods(self, path: str) -> list[str]:
        """The methods of the route that the gateway finds for `path`, in alphabetical order; none for an unknown path.

        Of several routes, the one whose first different part is fixed is taken: /documents/reindex before
        /documents/{document_id}.
        """
        described: Mapping[str, Iterable[str]] = self._index or self
        parts = path.strip("/").split("/")
        matches = [route for route in described if _fits(route.strip("/").split("/"), parts)]
        return sorted(described[min(matches, key=_places_of_names)]) if matches else []


def _fits(route: list[str], parts: list[str]) -> bool:
    return len(route) == len(parts) and all(
        name == part or (name.startswith("{") and part) for name, part in zip(route, parts, strict=True)
    )


def _places_of_names(route: str) -> list[bool]:
    return [part.startswith("{") for part in route.split("/")]


def methods(app: App, path: str) -> list[str]:
    """The methods of `path`; see LazyRoutes.methods."""
    routes: LazyRoutes = app.routes
    return routes.methods(path)


def use(app: App, index: Path) -> None:
    """Give `app` the routes of every wing; see LazyRoutes."""
    app.routes = LazyRoutes(app, index)


def index(app: App) -> dict[str, dict[str, str]]:
    """The content of the index file: each path, its methods, and the module of each method's view."""
    routes: Mapping[str, Methods] = app.routes
    return {
        path: {method: entry.view_function.__module__ for method, entry in sorted(methods.items())}
        for path, methods in sorted(routes.items())
    }
