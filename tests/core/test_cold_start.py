"""`import app` stays light: every function pays for it at each cold start."""

import sys
from pathlib import Path

from bench.cold_start import HEAVY, loaded_modules


def test_import_app_loads_nothing_heavy() -> None:
    loaded = {name.split(".")[0] for name in loaded_modules([str(Path(__file__).parents[2]), *sys.path])}
    assert "chalice" in loaded
    assert loaded.isdisjoint(HEAVY)
