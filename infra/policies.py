"""Who may do what, checked by cfripper's rules: `python -m infra.policies`.

Every role, policy, key, bucket, queue and security group of every template is looked at, with every option switched on.
What is allowed all the same stands, with its reason, in `infra/policy-exceptions.toml`; one that nothing needs is an
error too, so that the list stays short.
"""

from __future__ import annotations

import json
import logging
import sys
import tomllib
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from infra import package, stages

EXCEPTIONS = package.ROOT / "infra" / "policy-exceptions.toml"
_ACCEPTED = ("AWS::IAM::", "AWS::KMS::", "AWS::S3::", "AWS::SQS::", "AWS::SNS::", "AWS::EC2::SecurityGroup")
# Values with which everything optional is there.
_ARN = "arn:aws:secretsmanager:us-east-1:123456789012:secret:"
_EVERYTHING = {
    "AWS::AccountId": "123456789012",
    "AWS::Partition": "aws",
    "AWS::Region": "us-east-1",
    "AlarmEmail": "alarms@example.org",
    "ArtefactBucket": "artefacts",
    "PythonImage": "python:3.13-slim@sha256:0",
    "Cidr": "10.42.0.0/16",
    "DatabaseEngine": "aurora",
    "DatabaseAddress": "database.example.org:5432/alcove",
    "DatabaseResourceId": "cluster-ABCD",
    "DatabaseSecretArn": f"{_ARN}app",
    "Embedder": "true",
    "FunctionGroupId": "sg-1",
    "GithubSecretArn": f"{_ARN}github",
    "MailSecretArn": f"{_ARN}mail",
    "MasterSecretArn": f"{_ARN}master",
    "Nat": "true",
    "OidcSecretArn": f"{_ARN}oidc",
    "OwnerSecretArn": f"{_ARN}owner",
    "Proxy": "true",
    "RotationDays": "30",
    "Stage": "example",
    "SubnetIds": "subnet-1,subnet-2",
    "Tracing": "Active",
    "Signers": "RWQ",
    "Waf": "true",
}


@dataclass(frozen=True, order=True)
class Finding:
    """A rule that a resource of a template breaks, and what the rule says of it."""

    template: str
    resource: str
    rule: str
    reason: str = ""


def templates() -> dict[str, dict[str, Any]]:
    """Every template by its part's name, the application's as it is packaged."""
    import cfn_flip  # type: ignore[import-untyped]

    read: dict[str, dict[str, Any]] = {
        path.stem: json.loads(cfn_flip.to_json(path.read_text())) for path in sorted(stages.TEMPLATES.glob("*.yaml"))
    }
    packaged = package.template(package.Target()).read_text()
    return {stages.APPLICATION: json.loads(packaged), **read}


def findings(name: str, template: dict[str, Any]) -> set[Finding]:
    """What cfripper has against a template."""
    with warnings.catch_warnings(), _is_accepted():
        warnings.simplefilter("ignore")  # of types that pycfmodel does not know, and of pydantic's old ways
        import pycfmodel  # type: ignore[import-untyped]
        from cfripper.config.config import Config  # type: ignore[import-untyped]
        from cfripper.rule_processor import RuleProcessor  # type: ignore[import-untyped]
        from cfripper.rules import DEFAULT_RULES  # type: ignore[import-untyped]

        model = pycfmodel.parse(_accepted(template)).resolve(extra_params=dict(_EVERYTHING))  # which it changes
        config = Config(stack_name=name, rules=list(DEFAULT_RULES), aws_account_id=_EVERYTHING["AWS::AccountId"])
        result = RuleProcessor(*(rule(config) for rule in DEFAULT_RULES.values())).process_cf_template(model, config)
    if result.exceptions:
        raise RuntimeError(f"cfripper failed on {name}: {result.exceptions}")
    return {
        Finding(name, resource, failure.rule, failure.reason)
        for failure in result.failures
        for resource in failure.resource_ids or {""}
    }


@contextmanager
def _is_accepted() -> Iterator[None]:
    """Without log lines about functions that pycfmodel does not resolve: each stands for some ARN."""
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)


def _accepted(template: dict[str, Any]) -> dict[str, Any]:
    """The permissions in a template; cfripper cannot read the rest of SAM's and loops' language."""
    accepted = {
        name: resource
        for name, resource in template["Resources"].items()
        if not name.startswith("Fn::") and resource["Type"].startswith(_ACCEPTED)
    }
    # pycfmodel knows no list without a default.
    parameters = {
        name: item
        for name, item in template.get("Parameters", {}).items()
        if "Default" in item or "List" not in item["Type"]
    }
    return {"Parameters": parameters, "Conditions": template.get("Conditions", {}), "Resources": accepted}


def exceptions() -> dict[Finding, str]:
    """What is allowed all the same, and why."""
    listed = tomllib.loads(EXCEPTIONS.read_text())["exception"]
    return {Finding(item["template"], item["resource"], item["rule"]): item["because"] for item in listed}


def problems(read: dict[str, dict[str, Any]]) -> list[str]:
    """A line for each finding without an exception, and for each exception without a finding."""
    allowed = exceptions()
    current = {finding for name, template in read.items() for finding in findings(name, template)}
    plain = {Finding(finding.template, finding.resource, finding.rule) for finding in current}
    lines = [
        f"{finding.template}: {finding.resource}: {finding.reason} ({finding.rule})"
        for finding in sorted(current)
        if Finding(finding.template, finding.resource, finding.rule) not in allowed
    ]
    lines += [
        f"{EXCEPTIONS.name}: nothing needs the exception {item.template} {item.resource} {item.rule}"
        for item in sorted(allowed.keys() - plain)
    ]
    return lines


def main() -> None:
    """Print what is wrong, and exit with 1 when anything is."""
    wrong = problems(templates())
    print("\n".join(wrong) or f"Policies: nothing but {len(exceptions())} argued exceptions.")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
