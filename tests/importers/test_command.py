"""`python -m importers` as an operator runs it: as a process, with its exit status and what it says when it cannot."""

import io
import json
import os
import subprocess
import sys
import uuid
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from importers import __main__ as command
from importers.exported import ACCOUNT, ORGANISATION
from infra.local import postgres
from tests import places
from tests.importers.exports import export
from tests.importers.sources import Source, source
from tests.importers.test_moves import schema
from tests.isolation import scenario
from tests.service import Service

ROOT = Path(__file__).parents[2]
_TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"},
    ],
}


@pytest.fixture
def stage(service: Service, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The name of a stage whose functions lead to the test's service."""
    service.create_master_key(monkeypatch)
    name, functions, iam = f"t{uuid.uuid4().hex[:10]}", places.client("lambda"), places.client("iam")
    role = iam.create_role(RoleName=f"alcove-{name}", AssumeRolePolicyDocument=json.dumps(_TRUST))["Role"]["Arn"]
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("app.py", "")
    variables = {key: value for key, value in os.environ.items() if key.startswith(("ALCOVE_", "LOG_"))}
    functions.create_function(
        FunctionName=f"alcove-{name}-migrate",
        Runtime="python3.13",
        Handler="app.app",
        Role=role,
        Code={"ZipFile": code.getvalue()},
        Environment={"Variables": variables},
    )
    yield name
    functions.delete_function(FunctionName=f"alcove-{name}-migrate")
    iam.delete_role(RoleName=f"alcove-{name}")


@pytest.fixture
def talks(server: postgres.Server) -> Iterator[Source]:
    with source(server, "source_of_a_command", schema("aichat")) as created:
        yield created


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """The command in a process of its own, with the import path that `make import` gives it."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ALCOVE_")}
    environment["PYTHONPATH"] = ".local/models"
    return subprocess.run(
        [sys.executable, "-m", "importers", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def address(origin: Source) -> str:
    return origin.server.url("postgres", origin.name)


def test_a_move_ends_with_0_and_its_check_with_1_once_the_sides_differ(
    service: Service, stage: str, talks: Source, tmp_path: Path
) -> None:
    administrator = service.administrator()
    place = ("--from", "aichat", "--source", address(talks), "--stage", stage, "--owner", administrator.email)
    rehearsed = run("import", *place, "--dry-run")
    assert (rehearsed.returncode, rehearsed.stderr) == (0, "")
    assert "| messages | 2 | 0 | 0 |" in rehearsed.stdout
    assert service.rows("select count(*) from moved_rows") == [(0,)]
    done = run("import", *place, "--report", str(tmp_path / "moved.md"))
    assert (done.returncode, done.stderr) == (0, "")
    assert "| messages | 2 | 0 | 0 |" in (tmp_path / "moved.md").read_text("utf-8")
    checked = run("verify", *place, "--report", str(tmp_path / "check.md"))
    assert (checked.returncode, checked.stderr) == (0, "")
    assert "Both sides are equal." in (tmp_path / "check.md").read_text("utf-8")
    talks.run("update messages set content = 'Changed there.' where role = 'user'")
    differs = run("verify", *place)
    assert (differs.returncode, differs.stderr) == (1, "")
    assert "The two sides differ." in differs.stdout


@pytest.mark.parametrize(("system", "of"), [("alcove", ACCOUNT), ("organisation", ORGANISATION)])
def test_an_export_is_read_back_by_the_command(
    service: Service, stage: str, tmp_path: Path, system: str, of: str
) -> None:
    world = scenario.people(service)
    scenario.fill(world)
    owner = service.log_in(world.owner.email, world.owner.password)
    exporter = owner if of == ACCOUNT else service.administrator()
    folder = export(exporter, tmp_path / "export", of)
    place = ("--from", system, "--source", str(folder), "--stage", stage, "--name", "elsewhere")
    done = run("import", *place, "--dry-run")
    assert (done.returncode, done.stderr) == (0, "")
    # The account is here: its row is merged.
    assert "# Moved from elsewhere" in done.stdout
    assert "| users | 0 | " in done.stdout
    wrong = run("import", "--from", "alcove" if of == ORGANISATION else "organisation", *place[2:])
    assert wrong.returncode == 2
    assert wrong.stderr == f"error: {folder} is the export of an {of}: FROM={system} reads it.\n"


REFUSALS: dict[str, tuple[dict[str, str], str]] = {
    "no such stage": ({"--stage": "nowhere"}, "There is no deployed stage whose functions begin with alcove-nowhere-."),
    "no stack": ({"--stage": "", "--state": "{folder}"}, "No stack runs on this machine: `make up`, or name a stage"),
    "no such server": (
        {"--source": "postgresql://a:b@127.0.0.1:1/none?connect_timeout=2"},
        "The source cannot be reached: connection failed",
    ),
    "no such database": ({"--source": "{address}-none"}, "The source cannot be reached: "),
    "no such zone": ({"--time-zone": "Middle/Earth"}, "There is no time zone Middle/Earth."),
    "no such folder of files": ({"--files": "{folder}/none"}, "No such file or directory"),
    "no such key": ({"--key": "{folder}/none"}, "No such file or directory"),
    "no such owner": ({"--owner": "nobody@example.org"}, "OWNER names no active account"),
    "no export": ({"--from": "alcove", "--source": "{folder}"}, "{folder} is no whole export: it has no export.json."),
    "rows of no table": (
        {"--from": "alcove", "--source": "{folder}/odd"},
        "Line 1 of rows.jsonl is of a table that this version does not know: planets.",
    ),
    "another system's tables": ({"--from": "echomind"}, ""),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_what_cannot_start_is_answered_with_a_sentence(
    service: Service, stage: str, talks: Source, tmp_path: Path, capsys: pytest.CaptureFixture[str], case: str
) -> None:
    changes, sentence = REFUSALS[case]
    service.administrator()
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / "export.json").write_text(json.dumps({"format": "alcove export", "version": 1}))
    (tmp_path / "odd" / "rows.jsonl").write_text(json.dumps({"table": "planets", "row": {"id": 1}}) + "\n")
    arguments = {"--from": "archi", "--source": address(talks), "--stage": stage} | changes
    names: dict[str, Any] = {"folder": tmp_path, "address": address(talks)}
    options = [part.format(**names) for pair in arguments.items() for part in pair]
    status = command.main(["import", *options])
    written = capsys.readouterr()
    if not sentence:
        # Tables that the other system has not are left out, and the report says nothing was moved.
        assert (status, written.err) == (0, "")
        return
    assert status == 2, written
    assert written.err.startswith("error: ")
    assert sentence.format(**names) in written.err
    assert written.err.count("\n") <= 2, "more than a sentence"
    assert service.rows("select count(*) from moved_rows") == [(0,)]


def test_arguments_that_are_none_are_refused_with_the_usage() -> None:
    refused = run("import", "--from", "sharepoint", "--source", "x")
    assert refused.returncode == 2
    assert "usage: python -m importers" in refused.stderr
    assert "invalid choice: 'sharepoint'" in refused.stderr
