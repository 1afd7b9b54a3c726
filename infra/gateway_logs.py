"""The role by which API Gateway writes access logs: one of an account and region, for all stages and every other API.

Whoever set a role there, it is left: to exchange it would redirect the logs of APIs that are not Alcove's.
"""

from __future__ import annotations

from collections.abc import Callable

from chalicelib.ops.updates import deploying, stacks
from chalicelib.ops.updates.clouds import DeployError, Progress
from infra import package
from infra.cloud import Cloud

TEMPLATE = package.ROOT / "infra" / "account" / "gateway-logs.yaml"
# No stage's stack can have this name: a stage's name has 16 characters at most, and no part is called `role`.
STACK = "alcove-shared-gateway-logs-role"


def ensure(cloud: Cloud, progress: Progress, agreed: Callable[[], bool]) -> bool:
    """Give API Gateway a role to log by, unless it has one. Returns whether one was given; DeployError."""
    if _role(cloud):
        return False
    template = deploying.upload_file(cloud, "gateway-logs", TEMPLATE)
    stacks.bring(cloud, STACK, template, {}, progress, agreed)
    if not _role(cloud):
        # The stack was there, and somebody has taken its role away since then: it has nothing to change.
        raise DeployError(
            f"API Gateway has no role to log by, although the stack {STACK} stands. Set one in API Gateway's settings, "
            "or delete that stack, or set application.AccessLogs=false."
        )
    return True


def _role(cloud: Cloud) -> str:
    role: str | None = cloud.gateways.get_account().get("cloudwatchRoleArn")
    return role or ""
