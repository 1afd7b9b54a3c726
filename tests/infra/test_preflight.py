"""What an account lacks is told before anything is created, all at once (S1)."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from chalicelib.ops.updates.clouds import DeployError, Progress, silent
from infra import package, preflight, stages

ARN = "arn:aws:sts::123456789012:assumed-role/Deployer/me"
ZONES = ["eu-central-1a", "eu-central-1b", "eu-central-1c"]


def _plan(*overrides: str, existing: tuple[str, ...] = (), name: str = "trial") -> preflight.Plan:
    params = ["application.AdministratorEmail=you@example.org", "monitoring.AlarmEmail=you@example.org"]
    stage = stages.read(name, [*params, *overrides])
    return preflight.Plan(stage.name, stage.parts, _defaults(), frozenset(existing), stage.architecture)


@cache
def _defaults() -> dict[str, stages.Values]:
    paths = stages.template_paths() | {stages.APPLICATION: package.ROOT / "infra" / "template.yaml"}
    return {part: stages.defaults_of(path) for part, path in paths.items()}


Answers = dict[tuple[str, str], Any]


def _complete() -> Answers:
    """An account that lacks nothing, by service and operation; an answer that is a string is the error of that code."""
    return {
        ("sts", "get_caller_identity"): {"Arn": ARN, "Account": "123456789012"},
        ("iam", "simulate_principal_policy"): {
            "EvaluationResults": [{"EvalActionName": "lambda:CreateFunction", "EvalDecision": "allowed"}]
        },
        ("rds", "describe_orderable_db_instance_options"): {
            "OrderableDBInstanceOptions": [{"AvailabilityZones": [{"Name": name} for name in ZONES]}]
        },
        ("ec2", "describe_availability_zones"): {"AvailabilityZones": [{"ZoneName": name} for name in ZONES]},
        ("ec2", "describe_vpcs"): {"Vpcs": [{"VpcId": "vpc-1"}]},
        ("service-quotas", "get_service_quota"): {"Quota": {"Value": 5.0}},
        ("lambda", "get_account_settings"): {
            "AccountLimit": {"ConcurrentExecutions": 1000, "UnreservedConcurrentExecutions": 1000}
        },
        ("secretsmanager", "list_secrets"): {"SecretList": []},
        ("s3", "head_bucket"): "404",
        ("apigateway", "get_account"): {},
    }


@cache
def _session() -> Any:
    """One for all tests: each session reads AWS's models of the services anew."""
    return boto3.Session(aws_access_key_id="x", aws_secret_access_key="x", region_name="eu-central-1")


@contextmanager
def _account(answers: Answers) -> Iterator[preflight.Clients]:
    """Clients of an account that answers so; what is not in `answers` is denied."""
    session = _session()
    stubbed: dict[str, Any] = {}

    def client(service: str) -> Any:
        if service not in stubbed:
            created = session.client(service)
            created.meta.events.register("before-call", _answering(created, service, answers))
            stubbed[service] = created
        return stubbed[service]

    yield client


def _answering(created: Any, service: str, answers: Answers) -> Callable[..., Any]:
    method_of = {operation: method for method, operation in created.meta.method_to_api_mapping.items()}

    def answer(model: Any, **_: Any) -> Any:
        params = answers.get((service, method_of[model.name]), "AccessDenied")
        if isinstance(params, str):
            body = {"Error": {"Code": params, "Message": f"{model.name} says {params}"}, "ResponseMetadata": {}}
            return _Reply(403), body
        with Stubber(created) as stubber:
            # The stubber refuses an answer that AWS's own model of the operation does not allow.
            stubber.add_response(method_of[model.name], params)
        return _Reply(200), params

    return answer


class _Reply:
    def __init__(self, status_code: int) -> None:
        self.status_code = status_code


def _lacking(plan: preflight.Plan, **changes: Any) -> list[str]:
    answers = _complete()
    for name, value in changes.items():
        service, method = name.split("__")
        answers[service.replace("_", "-"), method] = value
    with _account(answers) as clients:
        lacking, unchecked = preflight.problems(plan, clients)
    assert unchecked == []
    return lacking


@pytest.fixture(autouse=True)
def compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Python of Lambda's version on the path, whatever this machine has."""
    program = tmp_path / f"python{package.AWS.python}"
    program.write_text(f"#!/bin/sh\necho {package.AWS.python}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.delenv("TARGET_PYTHON", raising=False)
    return program


@pytest.mark.skipif(package.Target() == replace(package.AWS, platform=""), reason="this Python compiles for itself")
def test_s1_a_machine_without_lambdas_python_is_told_where_to_get_it(
    compiler: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = compiler.rename(compiler.with_name("elsewhere"))
    monkeypatch.setenv("PATH", str(compiler.parent))
    monkeypatch.setenv("HOME", str(compiler.parent))
    (line,) = _lacking(_plan())
    assert "uv python install 3.13" in line
    monkeypatch.setenv("TARGET_PYTHON", str(other))
    assert _lacking(_plan()) == []
    other.write_text("#!/bin/sh\necho 3.12\n")
    assert _lacking(_plan()) == [line], "one of another version is none"


def test_s1_an_account_that_has_everything_lacks_nothing() -> None:
    for name in ("trial", "team", "production"):
        assert _lacking(_plan(name=name)) == []


LIMIT = {"AccountLimit": {"ConcurrentExecutions": 10, "UnreservedConcurrentExecutions": 10}}
NO_IMAGE = "ImageNotFoundException"
LOG_ROLE = "arn:aws:iam::123456789012:role/logs/Gateway"
QUOTA = {"Quota": {"Value": 0.0}}


@pytest.mark.parametrize(
    ("overrides", "changes", "why"),
    [
        (["application.AdministratorEmail="], {}, "Set ADMINISTRATOR_EMAIL"),
        (["monitoring.AlarmEmail="], {}, "Set ALARM_EMAIL"),
        (["application.Architecture=arm64"], {}, "arm64 are refused"),
        (["application.Bedrock=true"], {}, "Bedrock has no IPv6 address"),
        (["embedder.MaxVcpus=4"], {}, "AWS Batch has no IPv6 address"),
        (
            [],
            {
                "iam__simulate_principal_policy": {
                    "EvaluationResults": [{"EvalActionName": "iam:CreateRole", "EvalDecision": "implicitDeny"}]
                }
            },
            "arn:aws:iam::123456789012:role/Deployer may not iam:CreateRole",
        ),
        (
            [],
            {"rds__describe_orderable_db_instance_options": {"OrderableDBInstanceOptions": []}},
            "no db.serverless with aurora-postgresql 17.5",
        ),
        (
            [],
            {
                "rds__describe_orderable_db_instance_options": {
                    "OrderableDBInstanceOptions": [{"AvailabilityZones": [{"Name": name} for name in ZONES[1:]]}]
                }
            },
            "Set network.FirstZone and network.SecondZone",
        ),
        (
            ["network.FirstZone=eu-central-1a", "network.SecondZone=eu-central-1d"],
            {},
            "eu-central-1d offer no db.serverless",
        ),
        ([], {"ec2__describe_vpcs": {"Vpcs": [{"VpcId": f"vpc-{n}"} for n in range(5)]}}, "has 5 VPCs of 5"),
        (["application.IngestConcurrency=4"], {"lambda__get_account_settings": LIMIT}, "Lambda runs 10 functions"),
        (
            ["application.ApiReservedConcurrency=5"],
            {"lambda__get_account_settings": LIMIT},
            "ApiReservedConcurrency=5 is refused",
        ),
        (
            ["embedder.MaxVcpus=4", "network.Egress=nat"],
            {"service_quotas__get_service_quota": QUOTA, "ec2__describe_vpcs": {"Vpcs": []}},
            "L-3819A6DF",
        ),
        (
            [],
            {
                "secretsmanager__list_secrets": {
                    "SecretList": [{"Name": "alcove/trial/signing", "DeletedDate": "2026-01-01T00:00:00Z"}]
                }
            },
            "alcove/trial/signing",
        ),
        (
            [],
            {"apigateway__get_account": {"cloudwatchRoleArn": LOG_ROLE}, "iam__get_role": "NoSuchEntity"},
            f"log by the role {LOG_ROLE}, which does not exist",
        ),
        ([], {"s3__head_bucket": "403"}, "alcove-trial-documents-123456789012-eu-central-1 belongs to somebody else"),
    ],
)
def test_s1_what_is_lacking_is_named_with_what_to_do(overrides: list[str], changes: dict[str, Any], why: str) -> None:
    assert any(why in line for line in _lacking(_plan(*overrides), **changes))


def test_s1_everything_is_told_at_once_and_nothing_is_created() -> None:
    answers = _complete() | {("lambda", "get_account_settings"): LIMIT, ("s3", "head_bucket"): "403"}
    plan = _plan("application.AdministratorEmail=", "application.IngestConcurrency=4")
    with _account(answers) as clients, pytest.raises(DeployError) as refusal:
        preflight.require(plan, clients, silent())
    assert str(refusal.value).count("\n  - ") == 3


def test_s1_what_may_not_be_asked_stops_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with _account({}) as clients:
        preflight.require(_plan(), clients, Progress())
    printed = capsys.readouterr().out
    assert printed.count("Not checked") == len(preflight.CHECKS) - 4  # parameters, Python; no GPU task, no image of it


def test_s1_what_exists_is_not_created_again() -> None:
    """A stage that stands needs no VPC more, and its names are its own."""
    changes = {
        "ec2__describe_vpcs": {"Vpcs": [{"VpcId": f"vpc-{n}"} for n in range(5)]},
        "s3__head_bucket": "403",
        "rds__describe_orderable_db_instance_options": {"OrderableDBInstanceOptions": []},
    }
    assert _lacking(_plan(existing=stages.PARTS), **changes) == []


@pytest.mark.parametrize(("image", "is_lacking"), [("", True), ("python:3.13-slim@sha256:0", False)])
def test_s1_an_image_that_nobody_pushed_is_told_where_nothing_builds_it(image: str, is_lacking: bool) -> None:
    chosen = ["network.Egress=nat", "embedder.MaxVcpus=4", "embedder.ImageTag=2", f"embedder.PythonImage={image}"]
    changes = {"service_quotas__get_service_quota": {"Quota": {"Value": 8.0}}, "ecr__describe_images": {}}
    assert _lacking(_plan(*chosen, existing=("embedder",)), **changes) == []
    lacking = _lacking(_plan(*chosen, existing=("embedder",)), **changes | {"ecr__describe_images": NO_IMAGE})
    assert ["alcove-trial-embedder has no image 2" in line for line in lacking] == [True] * is_lacking
    assert _lacking(_plan(*chosen), **changes | {"ecr__describe_images": NO_IMAGE}) == []


def test_s1_a_role_of_api_gateway_that_exists_is_enough_and_none_is_made_later() -> None:
    at = "2026-01-01T00:00:00Z"
    role = {"Path": "/logs/", "RoleName": "Gateway", "RoleId": "A" * 16, "Arn": LOG_ROLE, "CreateDate": at}
    account = {"cloudwatchRoleArn": LOG_ROLE}
    assert _lacking(_plan(), apigateway__get_account=account, iam__get_role={"Role": role}) == []
    assert _lacking(_plan("application.AccessLogs=false"), apigateway__get_account=account) == []


def test_s1_every_part_has_actions_to_ask_for() -> None:
    assert preflight._ACTIONS.keys() == set(stages.PARTS)
