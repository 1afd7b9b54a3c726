"""Every command of `make bench` and `make endurance` still runs, and pytest collects none of them by itself."""

import shutil
import string
from pathlib import Path

import pytest

from bench import commands
from tests.bench import smallest
from tests.endurance import rollout

pytestmark = pytest.mark.long


@pytest.fixture
def places(tmp_path: Path) -> dict[str, Path]:
    files = {}
    for make in (smallest.collection, smallest.trace, smallest.texts, smallest.vectors):
        folder = tmp_path / make.__name__
        folder.mkdir()
        files[make.__name__] = make(folder)
    return files


RUNS = [*smallest.runs(on_stack=False)]
FAILURES = [each for each in RUNS if each[0] == "tests.endurance"]


@pytest.mark.parametrize(("package", "name", "arguments"), [each for each in RUNS if each not in FAILURES])
def test_figures_run_on_next_to_nothing(
    places: dict[str, Path], capfd: pytest.CaptureFixture[str], package: str, name: str, arguments: str
) -> None:
    # In this process: most of what they would cost is importing the same libraries again.
    assert commands.run(package, smallest.words(name, arguments, places)) == 0
    assert capfd.readouterr().out.strip()


@pytest.mark.parametrize(("package", "name", "arguments"), FAILURES)
def test_faults_run_on_next_to_nothing(places: dict[str, Path], package: str, name: str, arguments: str) -> None:
    assert smallest.run(package, name, arguments, **places).strip()


@pytest.mark.parametrize("package", smallest.PACKAGES)
def test_every_command_says_what_it_is_and_how_the_suite_runs_it(package: str) -> None:
    listed = commands.declared(package)
    assert listed
    for name, command in listed.items():
        assert command.title, name
        assert bool(command.smallest) != bool(command.costs), f"{name}: run by the suite, or a reason why not"
        named = {field for arguments in command.smallest for _, field, _, _ in string.Formatter().parse(arguments)}
        assert named <= {None, *commands.PLACES}, name


def test_a_module_without_a_declaration_is_no_command() -> None:
    assert "collection" not in commands.declared("bench")
    with pytest.raises(SystemExit, match="there is no command 'collection'"):
        commands.run("bench", ["collection"])


def test_options_without_a_name_are_refused() -> None:
    with pytest.raises(SystemExit, match="WHAT="):
        commands.run("bench", ["all", "--chunks", "3"])


def test_pytest_cannot_collect_faults_at_length(request: pytest.FixtureRequest) -> None:
    folder = request.config.rootpath / "tests" / "endurance"
    assert "tests/endurance" in request.config.getoption("ignore")
    assert [path.name for path in folder.rglob("*.py") if path.name.startswith("test_")] == []


def test_the_newer_release_of_a_rollout_can_be_made(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    for part in ("chalicelib", "migrations"):
        shutil.copytree(request.config.rootpath / part, tmp_path / part)
    rollout.make_newer(tmp_path)
    changed = [
        path
        for path in tmp_path.rglob("*")
        if path.is_file() and "begin_session_newer" in path.read_text(errors="replace")
    ]
    assert {path.suffix for path in changed} >= {".sql"}
    assert any(path.is_relative_to(tmp_path / "chalicelib") for path in changed)
