"""CloudFormation's stacks: a change set is created, shown and executed; a stack is read and deleted."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chalicelib.ops.updates.clouds import Cloud, DeployError, Progress, wait_until

if TYPE_CHECKING:
    from mypy_boto3_cloudformation.type_defs import ParameterTypeDef

_STACK_SECONDS = 3600  # a database, or the network interfaces of functions that are gone, take half an hour
_CHANGE_SET = "deploy"
STANDING = {"CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"}
# What CloudFormation does with a resource that a change set takes away (`PolicyAction`), where data is in it.
_LEAVES_DATA = {"Retain", "RetainExceptOnCreate", "Snapshot"}
_NO_CHANGE = ("didn't contain changes", "No updates are to be performed")


def _always() -> bool:
    return True


@dataclass(frozen=True)
class DeployResult:
    """What a stack gives, by name, and whether anything was changed to get there."""

    outputs: dict[str, str]
    changed: bool


def bring(
    cloud: Cloud,
    name: str,
    template: str,
    parameters: dict[str, str],
    progress: Progress,
    agreed: Callable[[], bool] = _always,
    tags: dict[str, str] | None = None,
) -> DeployResult:
    """Bring a stack to an uploaded template by a change set, which is shown, and executed when `agreed` says so.

    `template` is a key of the artefact bucket. Parameters left out keep their previous values, and without `tags` the
    stack keeps those that it has. DeployError when a parameter is missing or unknown, when the change would replace or
    delete what holds data, and when it is not wanted or fails.
    """
    _delete_unborn(cloud, name)
    exists = stack_status(cloud, name) not in (None, "REVIEW_IN_PROGRESS")
    values = _parameters(cloud, name, template, parameters, exists)
    with progress.step("change set") as details_of_step:
        changes = _change_set(cloud, name, template, values, exists, tags)
        details_of_step(f"{name}: {len(changes)} changes" if changes else f"{name}: nothing to change")
    for change in changes:
        progress.report(f"      {_describe(change)}")
    _require_data_stays(name, changes)
    if changes:
        if not agreed():
            raise DeployError(f"{name} was left as it is.")
        with progress.step("update stack" if exists else "create stack") as details_of_step:
            cloud.cloudformation.execute_change_set(StackName=name, ChangeSetName=_CHANGE_SET)
            details_of_step(_await_stack(cloud, name))
    return DeployResult(outputs(cloud, name), bool(changes))


def declared(cloud: Cloud, template: str) -> dict[str, bool]:
    """The parameters of an uploaded template, and of each whether it has a default."""
    summary = cloud.cloudformation.get_template_summary(TemplateURL=_url(cloud, template))
    return {item["ParameterKey"]: "DefaultValue" in item for item in summary.get("Parameters", [])}


def stands(cloud: Cloud, name: str) -> bool:
    """Whether there is such a stack, finished, with something in it."""
    return stack_status(cloud, name) in STANDING


def delete(cloud: Cloud, name: str) -> None:
    """Delete a stack, if there is one, and wait until it is gone. What its template retains stays; DeployError."""
    if stack_status(cloud, name) is None:
        return
    cloud.cloudformation.delete_stack(StackName=name)
    deadline = time.monotonic() + _STACK_SECONDS
    while (status := stack_status(cloud, name)) not in (None, "DELETE_COMPLETE"):
        if status == "DELETE_FAILED":
            raise DeployError(f"Stack {name} cannot be deleted:\n{_failures(cloud, name)}")
        wait_until(deadline, f"Stack {name} is {status} after an hour.", cloud.poll_seconds)


def outputs(cloud: Cloud, stack: str) -> dict[str, str]:
    """The outputs of a stack by name."""
    described = cloud.cloudformation.describe_stacks(StackName=stack)["Stacks"][0].get("Outputs", [])
    return {output["OutputKey"]: output["OutputValue"] for output in described}


def parameters(cloud: Cloud, stack: str) -> dict[str, str]:
    """The parameters of a stack by name, {} without one."""
    if stack_status(cloud, stack) is None:
        return {}
    described = cloud.cloudformation.describe_stacks(StackName=stack)["Stacks"][0].get("Parameters", [])
    return {item["ParameterKey"]: item["ParameterValue"] for item in described}


def stack_status(cloud: Cloud, name: str) -> str | None:
    from botocore.exceptions import ClientError

    try:
        return cloud.cloudformation.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"]
    except ClientError as error:
        if "does not exist" in str(error):
            return None
        raise


def _url(cloud: Cloud, key: str) -> str:
    return f"{cloud.s3.meta.endpoint_url}/{cloud.artefact_bucket}/{key}"


def _parameters(
    cloud: Cloud, stack: str, template: str, supplied: dict[str, str], exists: bool
) -> "list[ParameterTypeDef]":
    """Every parameter of the template, given or as it was before."""
    declared_names = declared(cloud, template)
    unknown = sorted(supplied.keys() - declared_names.keys())
    if unknown:
        raise DeployError(f"{stack} has no parameter {', '.join(unknown)}; it has {', '.join(sorted(declared_names))}.")
    previous = parameters(cloud, stack).keys() & declared_names.keys() if exists else set()
    missing = sorted(
        name
        for name, has_default in declared_names.items()
        if not has_default and name not in previous | supplied.keys()
    )
    if missing:
        raise DeployError(f"{stack} needs {', '.join(missing)} when it is made.")
    values: list[ParameterTypeDef] = [{"ParameterKey": key, "ParameterValue": value} for key, value in supplied.items()]
    return values + [{"ParameterKey": key, "UsePreviousValue": True} for key in sorted(previous - supplied.keys())]


def _delete_unborn(cloud: Cloud, name: str) -> None:
    """Delete a stack whose creation failed: it keeps its name, contains nothing and cannot be updated."""
    if stack_status(cloud, name) != "ROLLBACK_COMPLETE":
        return
    delete(cloud, name)


def _require_data_stays(stack: str, changes: list[Any]) -> None:
    """DeployError when a change takes away what its template retains or snapshots: a database, a bucket, a key.

    The data would be left behind, and the service would go on without it.
    """
    removed = [
        f"{change['LogicalResourceId']} ({change['ResourceType']})"
        for change in changes
        if (change.get("Action") == "Remove" or change.get("Replacement") == "True")
        and change.get("PolicyAction", "").removeprefix("ReplaceAnd") in _LEAVES_DATA
    ]
    if removed:
        raise DeployError(
            f"{stack} was left as it is: the change would replace or delete {', '.join(removed)}, which holds data. "
            "To go back to a snapshot, or to another engine, make a new stage (docs/deploying.md, Restore)."
        )


def _change_set(
    cloud: Cloud,
    stack: str,
    template: str,
    parameters: "list[ParameterTypeDef]",
    exists: bool,
    tags: dict[str, str] | None,
) -> list[Any]:
    """Create the change set and return its changes of resources, none when there is nothing to change."""
    if stack_status(cloud, stack) is not None:  # the last one was declined or interrupted
        cloud.cloudformation.delete_change_set(StackName=stack, ChangeSetName=_CHANGE_SET)
    options: Any = {"RoleARN": cloud.stack_role} if cloud.stack_role else {}
    if tags is not None:
        options["Tags"] = [{"Key": key, "Value": value} for key, value in tags.items()]
    cloud.cloudformation.create_change_set(
        StackName=stack,
        ChangeSetName=_CHANGE_SET,
        ChangeSetType="UPDATE" if exists else "CREATE",
        TemplateURL=_url(cloud, template),
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
        Parameters=parameters,
        ImportExistingResources=not exists,  # the bucket of a stage that was destroyed
        **options,
    )
    deadline = time.monotonic() + _STACK_SECONDS
    while True:
        described = cloud.cloudformation.describe_change_set(StackName=stack, ChangeSetName=_CHANGE_SET)
        status, reason = described["Status"], described.get("StatusReason", "")
        if status == "CREATE_COMPLETE":
            return [change.get("ResourceChange", {}) for change in described["Changes"]]
        if status == "FAILED" and any(text in reason for text in _NO_CHANGE):
            return []
        if status == "FAILED" or time.monotonic() > deadline:
            raise DeployError(f"The change set of {stack} is {status}: {reason}")
        time.sleep(cloud.poll_seconds)


def _describe(change: Any) -> str:
    replaced = ", replaced" if change.get("Replacement") == "True" else ""
    return f"{change.get('Action', '?'):<7}{change.get('LogicalResourceId')} ({change.get('ResourceType')}{replaced})"


def _await_stack(cloud: Cloud, name: str) -> str:
    deadline = time.monotonic() + _STACK_SECONDS
    while True:
        status = stack_status(cloud, name) or "GONE"
        if status in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
            return status
        finished = not status.endswith("_IN_PROGRESS")
        if finished or time.monotonic() > deadline:
            raise DeployError(f"Stack {name} is {status}:\n{_failures(cloud, name)}")
        time.sleep(cloud.poll_seconds)


def _failures(cloud: Cloud, name: str) -> str:
    events = cloud.cloudformation.describe_stack_events(StackName=name)["StackEvents"]
    failed = [event for event in events if event.get("ResourceStatus", "").endswith("FAILED")]
    lines = [f"  {event.get('LogicalResourceId')}: {event.get('ResourceStatusReason', '')}" for event in failed]
    return "\n".join(reversed(lines))
