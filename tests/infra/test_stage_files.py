"""Stages are files of differences: what they may say, and that nothing is deleted without its name being typed."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from chalicelib.ops.updates.clouds import DeployError
from infra import package, policies, stages

PAGE = package.ROOT / "docs" / "deploying.md"
# What the deployment fills in, from one part for the next and from the package.
_FILLED_IN = {
    "network": {"Stage"},
    "database": {"Stage", "SubnetIds", "DatabaseGroupId", "ProxyGroupId"},
    "embedder": {
        "Stage",
        "SubnetIds",
        "FunctionGroupId",
        "DatabaseAddress",
        "DatabaseResourceId",
        "DatabaseSecretArn",
        "DualStack",
        "ArtefactBucket",
    },
    "application": {
        "Stage",
        "ArtefactBucket",
        "LibrariesKey",
        "FunctionKey",
        "DomainName",
        "ApiEndpointId",
        "DatabaseEngine",
    },
    "edge": {"Stage", "RestApiId"},
    "monitoring": {"Stage", "DatabaseEngine", "DatabaseMaxCapacity"},
}


@pytest.fixture(scope="module")
def templates() -> dict[str, Any]:
    return policies.templates()


@pytest.mark.parametrize("name", [path.stem for path in sorted(stages.STAGES.glob("*.toml"))])
def test_a_stage_names_parameters_that_exist_and_only_where_they_differ(name: str, templates: dict[str, Any]) -> None:
    stage = stages.read(name, [])
    assert list(stage.parts) == [part for part in stages.PARTS if part in stage.parts]
    for part, selected in stage.parts.items():
        declared = templates[part]["Parameters"]
        assert selected.keys() <= declared.keys() - _FILLED_IN[part]
        for key, value in selected.items():
            default = declared[key].get("Default")
            assert value != str(default), f"{key} of {name} is the default"
            assert value in [str(allowed) for allowed in declared[key].get("AllowedValues", [value])]


def test_what_a_part_needs_comes_from_the_parts_before_it(templates: dict[str, Any]) -> None:
    provided: set[str] = set()
    for part in stages.PARTS:
        needed = {key for key, item in templates[part]["Parameters"].items() if "Default" not in item}
        missing = needed - provided - {"Stage", "ArtefactBucket", "LibrariesKey", "FunctionKey", "AdministratorEmail"}
        assert not missing, f"{part} needs {missing}"
        provided |= templates[part].get("Outputs", {}).keys()


def test_every_parameter_is_on_the_page(templates: dict[str, Any]) -> None:
    page = PAGE.read_text("utf-8")
    for part in stages.PARTS:
        section = page.split(f"\n**{part}**\n", 1)[1].split("\n**", 1)[0].split("\n### ", 1)[0]
        rows = re.findall(r"^\| (`[^|]+`) \|", section, re.MULTILINE)
        documented = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
        assert documented - {"Architecture", "Embeddings"} == templates[part]["Parameters"].keys() - _FILLED_IN[part], (
            part
        )


def test_values_are_written_as_cloudformation_takes_them(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(
        '[network]\nNat = true\nServices = ["sqs", "kms"]\n[database]\nMinCapacity = 0.5\n'
        '[application]\nArchitecture = "arm64"\nEmbeddings = ["multilingual-e5-small"]\n'
    )
    stage = stages.read("mine", ["edge.Waf=true", "application.TickSchedule=rate(5 minutes)"], tmp_path)
    assert stage.parts == {
        "network": {"Nat": "true", "Services": "sqs,kms"},
        "database": {"MinCapacity": "0.5"},
        "application": {"TickSchedule": "rate(5 minutes)"},
        "edge": {"Waf": "true"},
        "monitoring": {},
    }
    assert (stage.architecture, stage.embeddings) == ("arm64", "multilingual-e5-small")
    assert [stage.stack(part) for part in ("network", "application")] == ["alcove-mine-network", "alcove-mine"]


@pytest.mark.parametrize(
    ("name", "text", "overrides", "why"),
    [
        ("Big", None, [], "cannot be a stage's name"),
        ("../x", None, [], "cannot be a stage's name"),
        ("none", None, [], "does not exist; there are mine"),
        ("mine", "[network\n", [], "mine.toml: "),
        ("mine", "[netwerk]\n", [], "names netwerk; a stage has network, database"),
        ("mine", "", ["Nat=true"], "not of the form part.Parameter=value"),
    ],
)
def test_a_mistake_is_named(tmp_path: Path, name: str, text: str | None, overrides: list[str], why: str) -> None:
    (tmp_path / "mine.toml").write_text(text or "")
    with pytest.raises(DeployError, match=re.escape(why)):
        stages.read(name, overrides, tmp_path)


@pytest.mark.parametrize("confirmation", [None, "", "productio"])
def test_nothing_is_destroyed_without_the_stages_name(confirmation: str | None) -> None:
    with pytest.raises(DeployError, match="Nothing was deleted"):
        stages._confirm("production", confirmation)
    stages._confirm("production", "production")


def test_the_loops_of_the_monitoring_template_cover_every_queue_and_function(templates: dict[str, Any]) -> None:
    resources = templates["monitoring"]["Resources"]
    assert resources["Fn::ForEach::Queues"][1] == ["ingest", "answer", "sync"]
    functions = {
        item["Properties"]["FunctionName"]["Fn::Sub"].rsplit("-")[-1]
        for item in templates["application"]["Resources"].values()
        if item["Type"] == "AWS::Serverless::Function"
    }
    # Failures of these are shown by the deployment, the gateway's 5XX, the history, and events.
    serving = functions - {"migrate", "stream", "update", "drill"}
    assert set(resources["Fn::ForEach::Functions"][1]) == serving
    assert "$" not in json.dumps(resources["Budget"]["Properties"]["Budget"]["BudgetLimit"])
