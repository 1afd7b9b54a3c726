"""The schedule runs every repair there is: none can be written and forgotten (O2)."""

import inspect
import re
from importlib import import_module
from pathlib import Path
from types import FunctionType

import pytest

from chalicelib.core import repairs, wings
from tests.service import Service


def test_every_public_function_of_a_repairs_module_that_takes_nothing_is_registered() -> None:
    written = {
        name
        for module in map(import_module, wings.names("repairs"))
        if module is not repairs
        for name, value in vars(module).items()
        if isinstance(value, FunctionType) and value.__module__ == module.__name__ and not name.startswith("_")
        if not inspect.signature(value).parameters
    }
    assert written == set(repairs.registered())
    assert len(written) >= 15


def test_the_schedule_runs_every_repair(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[str] = []

    def recording(name: str, function: repairs.Repair) -> repairs.Repair:
        def recorded() -> object:
            ran.append(name)
            return function()

        return recorded

    registered = dict(repairs.registered())
    for name, function in registered.items():
        monkeypatch.setitem(repairs.registered(), name, recording(name, function))
    service.tick()
    assert ran == list(registered)


def test_the_queue_is_measured_even_if_a_repair_fails(service: Service, capsys: pytest.CaptureFixture[str]) -> None:
    with service.database.connect("owner") as conn:
        conn.execute("revoke execute on function free_expired_jobs(interval) from alcove_app")
    capsys.readouterr()
    with pytest.raises(Exception, match="free_expired_jobs"):
        service.tick()
    assert '"QuestionsWaiting"' in capsys.readouterr().out


def test_operations_md_describes_each_repair() -> None:
    """And the page knows of no more: a module of repairs under another name would not be found."""
    page = (Path(__file__).parents[2] / "docs" / "operations.md").read_text("utf-8")
    section = page.split("\n## Repairs\n", 1)[1].split("\n## ", 1)[0]
    assert sorted(re.findall(r"^\| `(\w+)` \| ", section, re.MULTILINE)) == sorted(repairs.registered())


def test_a_name_that_no_repair_has_is_an_error() -> None:
    with pytest.raises(KeyError, match="no_such_repair"):
        repairs.run("no_such_repair")
