"""What keeps a stage's stacks from being deleted or emptied by mistake, whoever changes them and with what tool.

`make destroy` alone takes it off. CloudFormation itself enforces both: a stack with termination protection is not
deleted, and the stack policy refuses each update that would replace or delete what holds data.
"""

from __future__ import annotations

import json

from chalicelib.ops.updates import stacks
from infra.cloud import Cloud

# By part: the resources of its template that are retained, or leave a snapshot.
HOLD_DATA = {"database": ("Cluster", "Instance"), "application": ("DocumentsBucket", "MasterKey")}


def protect(cloud: Cloud, part: str, stack: str) -> None:
    """Protect the stack of a part."""
    cloud.cloudformation.update_termination_protection(StackName=stack, EnableTerminationProtection=True)
    if part in HOLD_DATA:
        cloud.cloudformation.set_stack_policy(StackName=stack, StackPolicyBody=json.dumps(_policy(part)))


def release(cloud: Cloud, stack: str) -> None:
    """Permit a stack's deletion, if there is such a stack."""
    if stacks.stack_status(cloud, stack) is not None:
        cloud.cloudformation.update_termination_protection(StackName=stack, EnableTerminationProtection=False)


def _policy(part: str) -> dict[str, object]:
    protected = [f"LogicalResourceId/{name}" for name in HOLD_DATA[part]]
    return {
        "Statement": [
            {"Effect": "Allow", "Principal": "*", "Action": "Update:*", "Resource": "*"},
            {"Effect": "Deny", "Principal": "*", "Action": ["Update:Replace", "Update:Delete"], "Resource": protected},
        ]
    }
