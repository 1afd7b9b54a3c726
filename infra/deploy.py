"""The steps of a deployment: artefacts to a bucket, a change set shown and executed, the migration, the first requests.

`infra/stages.py` takes them for an account's stages, `infra/local/stack.py` for the stack of one machine.
"""

from __future__ import annotations

import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from infra import package

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudformation.type_defs import ParameterTypeDef
    from mypy_boto3_kms import KMSClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_rds import RDSClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_secretsmanager import SecretsManagerClient

_POLL_SECONDS = 0.1
_POLL_SECONDS_AWS = 2.0
_STACK_SECONDS = 3600  # a database, or the network interfaces of functions that are gone, take half an hour
_MIGRATE_SECONDS = 905  # the function's own limit is 900
_READY_SECONDS = 60
_CHANGE_SET = "deploy"
_STANDING = {"CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"}
_NO_CHANGE = ("didn't contain changes", "No updates are to be performed")


class DeployError(RuntimeError):
    """The deployment did not succeed; the message says at which step and why."""


def _always() -> bool:
    return True


@dataclass(frozen=True)
class DeployResult:
    """What a stack gives, by name, and whether anything was changed to get there."""

    outputs: dict[str, str]
    changed: bool


@dataclass(frozen=True)
class Cloud:
    """Clients of one account and region, at AWS or at an emulator."""

    cloudformation: CloudFormationClient
    s3: S3Client
    functions: LambdaClient
    secrets: SecretsManagerClient
    databases: RDSClient
    keys: KMSClient
    account: str
    region: str
    poll_seconds: float

    @staticmethod
    def connect(session: boto3.Session, endpoint_url: str | None = None) -> Cloud:
        """Clients for `session`; `endpoint_url` defaults to `AWS_ENDPOINT_URL`, then to AWS."""
        # A migration must not be started again because its answer takes long.
        once = Config(retries={"total_max_attempts": 1}, read_timeout=_MIGRATE_SECONDS)
        emulated = bool(endpoint_url or os.environ.get("AWS_ENDPOINT_URL"))
        return Cloud(
            cloudformation=session.client("cloudformation", endpoint_url=endpoint_url),
            s3=session.client("s3", endpoint_url=endpoint_url),
            functions=session.client("lambda", endpoint_url=endpoint_url, config=once),
            secrets=session.client("secretsmanager", endpoint_url=endpoint_url),
            databases=session.client("rds", endpoint_url=endpoint_url),
            keys=session.client("kms", endpoint_url=endpoint_url),
            account=session.client("sts", endpoint_url=endpoint_url).get_caller_identity()["Account"],
            region=session.region_name or "us-east-1",
            poll_seconds=_POLL_SECONDS if emulated else _POLL_SECONDS_AWS,
        )

    @property
    def artefact_bucket(self) -> str:
        """Name of the bucket from which functions and layers are created."""
        return f"alcove-artefacts-{self.account}-{self.region}"


class Progress:
    """One printed line per step, with the seconds it took."""

    def __init__(self, silent: bool = False) -> None:
        self._silent = silent

    @contextmanager
    def step(self, name: str) -> Iterator[Callable[[str], None]]:
        """Time a step; what the given function is called with is printed behind the step's name."""
        details: list[str] = []
        started_at = time.monotonic()
        try:
            yield details.append
        except BaseException:
            self.report(f"  {name:<28} failed after {time.monotonic() - started_at:.1f} s")
            raise
        self.report(f"  {name:<28}{time.monotonic() - started_at:6.1f} s  {', '.join(details)}")

    def report(self, line: str) -> None:
        """Print a line at once."""
        if not self._silent:
            print(line, flush=True)


def upload(cloud: Cloud, built: package.Package) -> dict[str, str]:
    """Put a package's files into the artefact bucket, each under a key made of its contents; those there are left.

    Returns the keys by the names `libraries`, `function`, `template`.
    """
    files = {"libraries": built.libraries, "function": built.function, "template": built.template}
    return {name: upload_file(cloud, name, path) for name, path in files.items()}


def upload_file(cloud: Cloud, name: str, path: Path) -> str:
    """Put one file into the artefact bucket under `name` and its digest, unless it is there; return its key."""
    _ensure_artefact_bucket(cloud)
    key = f"{name}/{package.digest(path)}{path.suffix}"
    if not _exists(cloud, key):
        cloud.s3.upload_file(str(path), cloud.artefact_bucket, key)
    return key


def apply(
    cloud: Cloud, stage: str, keys: dict[str, str], parameters: dict[str, str], progress: Progress
) -> dict[str, str]:
    """Bring the application's stack of `stage` to an uploaded package, see `bring`; return its outputs."""
    artefacts = {
        "Stage": stage,
        "ArtefactBucket": cloud.artefact_bucket,
        "LibrariesKey": keys["libraries"],
        "FunctionKey": keys["function"],
    }
    return bring(cloud, f"alcove-{stage}", keys["template"], parameters | artefacts, progress).outputs


def bring(
    cloud: Cloud,
    name: str,
    template: str,
    parameters: dict[str, str],
    progress: Progress,
    agreed: Callable[[], bool] = _always,
) -> DeployResult:
    """Bring a stack to an uploaded template by a change set, which is shown, and executed when `agreed` says so.

    `template` is a key of the artefact bucket. Parameters left out keep their previous values. DeployError when one is
    missing, unknown, or when the change is not wanted or fails.
    """
    _delete_unborn(cloud, name)
    exists = _stack_status(cloud, name) not in (None, "REVIEW_IN_PROGRESS")
    values = _parameters(cloud, name, template, parameters, exists)
    with progress.step("change set") as details_of_step:
        changes = _change_set(cloud, name, template, values, exists)
        details_of_step(f"{name}: {len(changes)} changes" if changes else f"{name}: nothing to change")
    for line in changes:
        progress.report(f"      {line}")
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
    return _stack_status(cloud, name) in _STANDING


def delete(cloud: Cloud, name: str) -> None:
    """Delete a stack, if there is one, and wait until it is gone. What its template retains stays; DeployError."""
    if _stack_status(cloud, name) is None:
        return
    cloud.cloudformation.delete_stack(StackName=name)
    deadline = time.monotonic() + _STACK_SECONDS
    while (status := _stack_status(cloud, name)) not in (None, "DELETE_COMPLETE"):
        if status == "DELETE_FAILED":
            raise DeployError(f"Stack {name} cannot be deleted:\n{_failures(cloud, name)}")
        _wait_until(deadline, f"Stack {name} is {status} after an hour.", cloud.poll_seconds)


def outputs(cloud: Cloud, stack: str) -> dict[str, str]:
    """The outputs of a stack by name."""
    described = cloud.cloudformation.describe_stacks(StackName=stack)["Stacks"][0].get("Outputs", [])
    return {output["OutputKey"]: output["OutputValue"] for output in described}


def migrate(cloud: Cloud, function: str) -> dict[str, Any]:
    """Run the function that migrates the database and return its answer. DeployError with its error when it fails."""
    reply = cloud.functions.invoke(FunctionName=function, Payload=b"{}")
    payload = json.loads(reply["Payload"].read() or b"null")
    if reply.get("FunctionError"):
        trace = "".join(payload.get("stackTrace") or [])
        raise DeployError(f"The migration failed: {payload.get('errorType')}: {payload.get('errorMessage')}\n{trace}")
    return payload if isinstance(payload, dict) else {}


def migrate_ahead(cloud: Cloud, stage: str, keys: dict[str, str]) -> dict[str, Any] | None:
    """Migrate with the uploaded code while the former code still serves: no code ever meets a schema older than itself.

    Only the migrate function gets the new package, which the update of the stack then finds there. Returns the
    migration's answer; None when the stack does not stand yet or has this package already. DeployError when it fails;
    nothing that serves has been changed then.
    """
    name = f"alcove-{stage}"
    if _stack_status(cloud, name) not in _STANDING:
        return None
    described = cloud.cloudformation.describe_stacks(StackName=name)["Stacks"][0].get("Parameters", [])
    former = {parameter["ParameterKey"]: parameter["ParameterValue"] for parameter in described}
    if former["FunctionKey"] == keys["function"]:
        return None
    function = outputs(cloud, name)["MigrateFunctionName"]
    template = cloud.s3.get_object(Bucket=cloud.artefact_bucket, Key=keys["template"])["Body"].read()
    expected = json.loads(template)["Resources"]["Migrate"]["Properties"]
    updated = cloud.functions.get_waiter("function_updated_v2")
    if former["LibrariesKey"] != keys["libraries"]:
        layer = cloud.functions.publish_layer_version(
            LayerName=f"{name}-libraries", Content={"S3Bucket": cloud.artefact_bucket, "S3Key": keys["libraries"]}
        )["LayerVersionArn"]
        cloud.functions.update_function_configuration(
            FunctionName=function, Runtime=expected["Runtime"], Layers=[layer]
        )
        updated.wait(FunctionName=function)
    cloud.functions.update_function_code(
        FunctionName=function,
        S3Bucket=cloud.artefact_bucket,
        S3Key=keys["function"],
        Architectures=expected["Architectures"],
    )
    updated.wait(FunctionName=function)
    return migrate(cloud, function)


def await_ready(api_url: str) -> str:
    """Wait until the API and what it depends on answer `GET /ready`; return the answer. DeployError after a minute."""
    deadline = time.monotonic() + _READY_SECONDS
    while True:
        try:
            with urllib.request.urlopen(f"{api_url}/ready", timeout=30) as reply:
                return str(reply.read(10_000).decode())
        except urllib.error.HTTPError as error:
            _wait_until(
                deadline, f"{api_url}/ready answers {error.code}: {error.read(10_000).decode(errors='replace')}"
            )
        except OSError as error:
            _wait_until(deadline, f"{api_url}/ready does not answer: {error}")


def smoke(api_url: str) -> None:
    """See that requests are answered as they should, with and without the database. DeployError."""
    for path, expected in (("/openapi.json", 200), ("/auth/providers", 200), ("/me", 401)):
        try:
            with urllib.request.urlopen(f"{api_url}{path}", timeout=30) as reply:
                status = reply.status
        except urllib.error.HTTPError as error:
            status = error.code
        except OSError as error:
            raise DeployError(f"{api_url}{path} does not answer: {error}") from error
        if status != expected:
            raise DeployError(f"{api_url}{path} answers {status} instead of {expected}; its function's log says why.")


def _wait_until(deadline: float, problem: str, seconds: float = _POLL_SECONDS) -> None:
    """Wait a little; DeployError with `problem` when `deadline`, in seconds of the monotonic clock, is past."""
    if time.monotonic() > deadline:
        raise DeployError(problem)
    time.sleep(seconds)


def _ensure_artefact_bucket(cloud: Cloud) -> None:
    bucket = cloud.artefact_bucket
    try:
        cloud.s3.head_bucket(Bucket=bucket)
    except ClientError:
        if cloud.region == "us-east-1":
            cloud.s3.create_bucket(Bucket=bucket)
        else:
            location: Any = {"LocationConstraint": cloud.region}
            cloud.s3.create_bucket(Bucket=bucket, CreateBucketConfiguration=location)
        cloud.s3.put_public_access_block(
            Bucket=bucket,
            PublicAccessBlockConfiguration={
                "BlockPublicAcls": True,
                "BlockPublicPolicy": True,
                "IgnorePublicAcls": True,
                "RestrictPublicBuckets": True,
            },
        )


def _exists(cloud: Cloud, key: str) -> bool:
    try:
        cloud.s3.head_object(Bucket=cloud.artefact_bucket, Key=key)
    except ClientError as error:
        if error.response["Error"]["Code"] in ("404", "NoSuchKey", "NotFound"):
            return False
        raise
    return True


def _stack_status(cloud: Cloud, name: str) -> str | None:
    try:
        return cloud.cloudformation.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"]
    except ClientError as error:
        if "does not exist" in str(error):
            return None
        raise


def _url(cloud: Cloud, key: str) -> str:
    return f"{cloud.s3.meta.endpoint_url}/{cloud.artefact_bucket}/{key}"


def _parameters(
    cloud: Cloud, stack: str, template: str, parameters_given: dict[str, str], exists: bool
) -> list[ParameterTypeDef]:
    """Every parameter of the template, given or as it was before."""
    declared_names = declared(cloud, template)
    unknown = sorted(parameters_given.keys() - declared_names.keys())
    if unknown:
        raise DeployError(f"{stack} has no parameter {', '.join(unknown)}; it has {', '.join(sorted(declared_names))}.")
    previous = _previous_parameters(cloud, stack) & declared_names.keys() if exists else set()
    missing = sorted(
        name
        for name, has_default in declared_names.items()
        if not has_default and name not in previous | parameters_given.keys()
    )
    if missing:
        raise DeployError(f"{stack} needs {', '.join(missing)} when it is made.")
    values: list[ParameterTypeDef] = [
        {"ParameterKey": key, "ParameterValue": value} for key, value in parameters_given.items()
    ]
    return values + [
        {"ParameterKey": key, "UsePreviousValue": True} for key in sorted(previous - parameters_given.keys())
    ]


def _delete_unborn(cloud: Cloud, name: str) -> None:
    """Delete a stack whose creation failed: CloudFormation keeps its name, holds nothing in it and cannot update it."""
    if _stack_status(cloud, name) != "ROLLBACK_COMPLETE":
        return
    delete(cloud, name)


def _change_set(cloud: Cloud, stack: str, template: str, parameters: list[ParameterTypeDef], exists: bool) -> list[str]:
    """Create the change set and return its changes as lines, none when there is nothing to change."""
    if _stack_status(cloud, stack) is not None:  # nobody agreed to the last one, or it was interrupted
        cloud.cloudformation.delete_change_set(StackName=stack, ChangeSetName=_CHANGE_SET)
    cloud.cloudformation.create_change_set(
        StackName=stack,
        ChangeSetName=_CHANGE_SET,
        ChangeSetType="UPDATE" if exists else "CREATE",
        TemplateURL=_url(cloud, template),
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
        Parameters=parameters,
        ImportExistingResources=not exists,  # the bucket of a stage that was destroyed
    )
    deadline = time.monotonic() + _STACK_SECONDS
    while True:
        described = cloud.cloudformation.describe_change_set(StackName=stack, ChangeSetName=_CHANGE_SET)
        status, reason = described["Status"], described.get("StatusReason", "")
        if status == "CREATE_COMPLETE":
            return [_describe(change.get("ResourceChange", {})) for change in described["Changes"]]
        if status == "FAILED" and any(text in reason for text in _NO_CHANGE):
            return []
        if status == "FAILED" or time.monotonic() > deadline:
            raise DeployError(f"The change set of {stack} is {status}: {reason}")
        time.sleep(cloud.poll_seconds)


def _previous_parameters(cloud: Cloud, stack: str) -> set[str]:
    described = cloud.cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
    return {parameter["ParameterKey"] for parameter in described.get("Parameters", [])}


def _describe(change: Any) -> str:
    replaced = ", replaced" if change.get("Replacement") == "True" else ""
    return f"{change.get('Action', '?'):<7}{change.get('LogicalResourceId')} ({change.get('ResourceType')}{replaced})"


def _await_stack(cloud: Cloud, name: str) -> str:
    deadline = time.monotonic() + _STACK_SECONDS
    while True:
        status = _stack_status(cloud, name) or "GONE"
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
