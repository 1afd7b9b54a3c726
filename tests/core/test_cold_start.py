"""`import app` stays light: every function pays for it at each cold start."""

import json
import subprocess
import sys
from pathlib import Path

import app
from bench.cold_start import HEAVY, loaded_modules
from chalicelib.core import routing, wings

_ROOT = Path(__file__).parents[2]
_ROUTES = set(wings.names("routes"))


def _fresh(code: str) -> list[str]:
    """What `code` prints, word by word, in a process that has not imported anything of ours yet."""
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=_ROOT)
    return finished.stdout.split()


def test_import_app_loads_nothing_heavy() -> None:
    loaded = {name.split(".")[0] for name in loaded_modules([str(_ROOT), *sys.path])}
    assert "chalice" in loaded
    assert loaded.isdisjoint(HEAVY)


def test_import_app_loads_no_routes() -> None:
    loaded = _fresh("import app, sys; print(*sys.modules)")
    assert len(_ROUTES) > 10
    assert "chalicelib.core.http" in loaded
    assert _ROUTES.isdisjoint(loaded)
    assert not [name for name in loaded if name.startswith("chalicelib.doors")], "the doors cost `import app` nothing"


def test_no_model_is_built_before_it_is_used() -> None:
    built = _fresh(
        "import app\n"
        "from pydantic import BaseModel\n"
        "def below(kind):\n"
        "    for model in kind.__subclasses__(): yield model; yield from below(model)\n"
        "assert len(app.app.routes) > 50\n"
        "ours = [model for model in below(BaseModel) if model.__module__.startswith('chalicelib.')]\n"
        "assert len(ours) > 100\n"
        "print(*(f'{model.__module__}.{model.__name__}' for model in ours if model.__pydantic_complete__))"
    )
    # pydantic builds a generic model as soon as it gets a parameter.
    assert built == ["chalicelib.core.models.Page"]


def test_a_request_loads_the_modules_of_its_own_path_alone(tmp_path: Path) -> None:
    index = routing.index(app.app)
    path, modules = next((path, set(views.values())) for path, views in index.items() if len(set(views.values())) == 1)
    (tmp_path / "routes.json").write_text(json.dumps({path: index[path]}))
    loaded = _fresh(
        "import pathlib, sys\n"
        "from chalice.app import Chalice\n"
        "from chalicelib.core import routing\n"
        f"routing.use(app := Chalice(app_name='test'), pathlib.Path({str(tmp_path / 'routes.json')!r}))\n"
        f"assert app.routes[{path!r}]\n"
        "print(*sys.modules)"
    )
    assert _ROUTES.intersection(loaded) == modules


def test_a_path_that_two_wings_serve_has_the_methods_of_both(tmp_path: Path) -> None:
    (tmp_path / "routes.json").write_text(json.dumps(routing.index(app.app)))
    shared = {
        path: sorted(methods)
        for path, methods in app.app.routes.items()
        if len({entry.view_function.__module__ for entry in methods.values()}) > 1
    }
    assert shared
    for path, methods in shared.items():
        methods_served = _fresh(
            "import pathlib\n"
            "from chalice.app import Chalice\n"
            "from chalicelib.core import routing\n"
            f"routing.use(app := Chalice(app_name='test'), pathlib.Path({str(tmp_path / 'routes.json')!r}))\n"
            f"print(*app.routes[{path!r}])"
        )
        assert sorted(methods_served) == methods, path


def test_a_path_that_the_index_does_not_know_is_found_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "routes.json").write_text("{}")
    imports = _fresh(
        "import pathlib\n"
        "from chalice.app import Chalice\n"
        "from chalicelib.core import routing\n"
        f"routing.use(app := Chalice(app_name='test'), pathlib.Path({str(tmp_path / 'routes.json')!r}))\n"
        "print('/no/such/path' in app.routes, *app.routes['/health'])"
    )
    assert imports == ["False", "GET"]
