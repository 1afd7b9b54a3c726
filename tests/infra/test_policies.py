"""The policies of every template: what the linter finds is argued or wrong, and it finds what it should."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from infra import policies

Template = dict[str, Any]


@pytest.fixture(scope="module")
def templates() -> dict[str, Template]:
    return policies.templates()


def test_nothing_is_found_but_what_is_argued_and_every_argument_is_needed(templates: dict[str, Template]) -> None:
    assert policies.problems(templates) == []
    assert all(len(because) > 40 for because in policies.exceptions().values())


def _allow(role: str, action: str, resource: str) -> Callable[[Template], None]:
    def change(template: Template) -> None:
        document = template["Resources"][role]["Properties"]["Policies"][0]["PolicyDocument"]
        document["Statement"].append({"Effect": "Allow", "Action": action, "Resource": resource})

    return change


def _trust_everybody(template: Template) -> None:
    document = template["Resources"]["ApiRole"]["Properties"]["AssumeRolePolicyDocument"]
    document["Statement"][0]["Principal"] = {"AWS": "*"}


def _open_queue(template: Template) -> None:
    document = template["Resources"]["IngestQueuePolicy"]["Properties"]["PolicyDocument"]
    (statement,) = (item for item in document["Statement"] if item.get("Sid") == "EventsOfTheBucket")
    statement["Principal"] = "*"
    del statement["Condition"]


@pytest.mark.parametrize(
    ("name", "resource", "change"),
    [
        ("application", "ApiRole", _allow("ApiRole", "s3:GetObject", "*")),
        ("application", "TickRole", _allow("TickRole", "s3:*", "arn:aws:s3:::some-bucket")),
        ("application", "MigrateRole", _allow("MigrateRole", "iam:PutRolePolicy", "*")),
        ("application", "ApiRole", _trust_everybody),
        ("application", "IngestQueuePolicy", _open_queue),
        ("embedder", "JobRole", _allow("JobRole", "secretsmanager:GetSecretValue", "*")),
        ("database", "ProxyRole", _allow("ProxyRole", "secretsmanager:*", "arn:aws:secretsmanager:::secret:x")),
    ],
)
def test_a_right_too_many_is_found(
    templates: dict[str, Template], name: str, resource: str, change: Callable[[Template], None]
) -> None:
    wider = copy.deepcopy(templates[name])
    change(wider)
    more = policies.findings(name, wider) - policies.findings(name, templates[name])
    assert resource in {finding.resource for finding in more}


def test_every_template_is_looked_at(templates: dict[str, Template]) -> None:
    rated = {name: set(policies._accepted(template)["Resources"]) for name, template in templates.items()}
    assert {"application", "network", "database", "embedder", "edge", "monitoring", "gateway-logs"} == set(rated)
    assert {"NetworkPolicy", "MigrateRole", "MasterKey", "DocumentsBucket", "IngestQueue"} <= rated["application"]
    assert {"FunctionGroup", "DatabaseGroup"} <= rated["network"]
    assert {"JobRole", "InstanceRole"} <= rated["embedder"]
