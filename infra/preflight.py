"""What an account or region lacks for a stage, found before anything is created: one list, all at once (S1).

Each check returns problems in sentences that say what to do. A check that the credentials may not make, or that cannot
be made for another reason, is reported as such and stops nothing. One module because the checks are one list.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.ops.updates.clouds import DeployError, Progress
from infra import package

# Service Quotas' codes.
_VPCS = ("vpc", "L-F678F1CE")
_GPU_VCPUS = {"false": ("ec2", "L-DB2E81BA"), "true": ("ec2", "L-3819A6DF")}  # on demand, spot
# Lambda keeps so many unreserved.
_UNRESERVED = 100
# One of each kind of thing that the parts create.
_ACTIONS: dict[str, tuple[str, ...]] = {
    "network": ("ec2:CreateVpc", "ec2:CreateSubnet", "ec2:CreateSecurityGroup", "ec2:CreateVpcEndpoint"),
    "database": ("rds:CreateDBCluster", "rds:CreateDBInstance", "secretsmanager:CreateSecret"),
    "embedder": ("batch:CreateComputeEnvironment", "ecr:CreateRepository"),
    "application": (
        "apigateway:PATCH",
        "apigateway:POST",
        "cloudformation:CreateChangeSet",
        "cloudformation:ExecuteChangeSet",
        "events:PutRule",
        "iam:CreateRole",
        "iam:PassRole",
        "iam:PutRolePolicy",
        "kms:CreateKey",
        "lambda:CreateFunction",
        "lambda:InvokeFunction",
        "lambda:PublishLayerVersion",
        "logs:CreateLogGroup",
        "s3:CreateBucket",
        "s3:PutBucketNotification",
        "s3:PutBucketPolicy",
        "secretsmanager:CreateSecret",
        "sqs:CreateQueue",
    ),
    "edge": ("acm:RequestCertificate", "wafv2:CreateWebACL"),
    "monitoring": ("cloudwatch:PutMetricAlarm", "sns:CreateTopic"),
}

Clients = Callable[[str], Any]


@dataclass(frozen=True)
class Plan:
    """What is to be deployed: a stage's name, its parts' parameters over the templates' defaults, which parts exist."""

    stage: str
    parts: dict[str, dict[str, str]]
    defaults: dict[str, dict[str, str]]
    existing: frozenset[str]
    architecture: str = "x86_64"

    def value(self, part: str, name: str) -> str:
        """A parameter's value, "" without one."""
        return self.parts.get(part, {}).get(name) or self.defaults.get(part, {}).get(name, "")

    def creates(self, part: str) -> bool:
        """Whether the part is in the stage, and no stack of it exists yet."""
        return part in self.parts and part not in self.existing


Check = Callable[[Plan, Clients], Iterator[str]]


def _parameters(plan: Plan, clients: Clients) -> Iterator[str]:
    """What the parameters themselves contradict; asks nobody."""
    del clients
    if plan.creates("application") and "@" not in plan.value("application", "AdministratorEmail"):
        yield "No administrator is named. Set ADMINISTRATOR_EMAIL to an e-mail address."
    if float(plan.value("monitoring", "MonthlyBudget") or 0) and not plan.value("monitoring", "AlarmEmail"):
        yield "The budget would tell nobody. Set ALARM_EMAIL to an address, or monitoring.MonthlyBudget=0."
    if plan.architecture == "arm64":
        yield (
            "Functions on arm64 are refused: ONNX Runtime was reported to abort when it is imported on Lambda's arm64. "
            "Leave out application.Architecture."
        )
    if plan.value("network", "Egress") == "ipv6" and plan.value("network", "EndpointsBesides") != "true":
        if plan.value("application", "Bedrock") == "true":
            yield "Bedrock has no IPv6 address. Set network.EndpointsBesides=true and network.Services=bedrock-runtime."
        if "embedder" in plan.parts:
            yield (
                "AWS Batch has no IPv6 address. Set network.EndpointsBesides=true and network.Services as "
                'docs/deploying.md says under "The GPU task", or network.Egress=nat.'
            )


def _python(plan: Plan, clients: Clients) -> Iterator[str]:
    """Whether this machine has the Python that compiles the package."""
    del clients
    if "application" in plan.parts:
        try:
            package.interpreter(package.AWS.python)
        except package.PackageError as error:
            yield str(error)


def _rights(plan: Plan, clients: Clients) -> Iterator[str]:
    """What the credentials may not create, as IAM simulates it; service control policies are not simulated."""
    arn = clients("sts").get_caller_identity()["Arn"]
    if arn.endswith(":root"):
        return
    if ":assumed-role/" in arn:
        account, role = arn.split(":")[4], arn.split("/")[1]
        arn = f"arn:{arn.split(':')[1]}:iam::{account}:role/{role}"
    actions = sorted({action for part in plan.parts for action in _ACTIONS[part]})
    answer = clients("iam").simulate_principal_policy(PolicySourceArn=arn, ActionNames=actions)
    denied = [item["EvalActionName"] for item in answer["EvaluationResults"] if item["EvalDecision"] != "allowed"]
    if denied:
        yield f"{arn} may not {', '.join(denied)}. Use an administrator's credentials, or allow these to the role."


def _engine(plan: Plan, clients: Clients) -> Iterator[str]:
    """Whether the region offers the database in two zones."""
    if not plan.creates("database"):
        return
    is_aurora = plan.value("database", "Engine") == "aurora"
    version = plan.value("database", "Version")
    engine = "aurora-postgresql" if is_aurora else "postgres"
    kind = "db.serverless" if is_aurora else plan.value("database", "InstanceClass")
    pages = clients("rds").get_paginator("describe_orderable_db_instance_options")
    matches = pages.paginate(Engine=engine, EngineVersion=version, DBInstanceClass=kind)
    options = [option for page in matches for option in page["OrderableDBInstanceOptions"]]
    if not options:
        yield (
            f"This region has no {kind} with {engine} {version}. Choose another region, or database.Version; "
            f"`aws rds describe-db-engine-versions --engine {engine}` lists them."
        )
        return
    offered = {zone["Name"] for option in options for zone in option["AvailabilityZones"]}
    chosen = [zone for name in ("FirstZone", "SecondZone", "LastZone") if (zone := plan.value("network", name))]
    if chosen and (lacking := sorted(set(chosen) - offered)):
        listed = ", ".join(sorted(offered))
        yield f"{', '.join(lacking)} offer no {kind} with {engine} {version}. Choose among {listed}."
    if plan.creates("network") and not chosen:
        zones = clients("ec2").describe_availability_zones(
            Filters=[{"Name": "zone-type", "Values": ["availability-zone"]}]
        )
        first = sorted(zone["ZoneName"] for zone in zones["AvailabilityZones"])[:2]
        if len(first) < 2 or not set(first) <= offered:
            yield (
                f"The first zones of this region are {', '.join(first)}, and {', '.join(sorted(offered))} offer the "
                "database. Set network.FirstZone and network.SecondZone to two of the latter."
            )


def _vpcs(plan: Plan, clients: Clients) -> Iterator[str]:
    """Whether one more VPC fits into the quota."""
    if not plan.creates("network"):
        return
    pages = clients("ec2").get_paginator("describe_vpcs").paginate()
    count = sum(len(page["Vpcs"]) for page in pages)
    most = _quota(clients, *_VPCS)
    if count >= most:
        yield f"The region has {count} VPCs of {most:.0f}. Delete one, or raise the quota {_VPCS[1]} in Service Quotas."


def _concurrency(plan: Plan, clients: Clients) -> Iterator[str]:
    """Whether Lambda lets so many functions run; a new account has ten. One that is throttled answers 503."""
    if "application" not in plan.parts:
        return
    limit = clients("lambda").get_account_settings()["AccountLimit"]
    most, unreserved = limit["ConcurrentExecutions"], limit["UnreservedConcurrentExecutions"]
    reserved = int(plan.value("application", "ApiReservedConcurrency") or 0)
    if reserved and plan.creates("application") and unreserved - reserved < _UNRESERVED:
        yield (
            f"application.ApiReservedConcurrency={reserved} is refused: Lambda keeps {_UNRESERVED} unreserved, and "
            f"{unreserved} are left. Set it to 0, or raise the quota of concurrent executions (L-B99A9384)."
        )
    workers = sum(int(plan.value("application", name) or 0) for name in ("IngestConcurrency", "AnswerConcurrency"))
    # `tick`, `migrate`, and a few requests at once.
    if workers + 5 > most:
        yield (
            f"Lambda runs {most} functions at once in this account, and this stage may use {workers} for workers. "
            "Lower application.IngestConcurrency and AnswerConcurrency (2 each at least), or raise the quota of "
            "concurrent executions (L-B99A9384)."
        )


def _gpus(plan: Plan, clients: Clients) -> Iterator[str]:
    """Whether the GPU task may start an instance; a new account's quota is 0."""
    if "embedder" not in plan.parts:
        return
    code = _GPU_VCPUS[plan.value("embedder", "Spot") or "true"]
    most, needed = _quota(clients, *code), float(plan.value("embedder", "MaxVcpus") or 4)
    if most < needed:
        yield f'The quota {code[1]} ("G and VT" instances) is {most:.0f} vCPUs, and {needed:.0f} are needed. Raise it.'


def _image(plan: Plan, clients: Clients) -> Iterator[str]:
    """Whether the image of the GPU task was pushed, where nothing builds it; before its repository exists, none can."""
    if "embedder" not in plan.existing or "embedder" not in plan.parts or plan.value("embedder", "PythonImage"):
        return
    repository, tag = f"alcove-{plan.stage}-embedder", plan.value("embedder", "ImageTag")
    try:
        clients("ecr").describe_images(repositoryName=repository, imageIds=[{"imageTag": tag}])
    except ClientError as error:
        if error.response["Error"]["Code"] != "ImageNotFoundException":
            raise
        yield (
            f"The repository {repository} has no image {tag}: the GPU task could not start. Push it as "
            'docs/deploying.md says under "The GPU task", or set embedder.PythonImage and it is built.'
        )


def _names(plan: Plan, clients: Clients) -> Iterator[str]:
    """Whether names that the stage will use are taken, or wait for their deletion."""
    if not plan.creates("application"):
        return
    prefix = f"alcove/{plan.stage}/"
    pages = (
        clients("secretsmanager")
        .get_paginator("list_secrets")
        .paginate(IncludePlannedDeletion=True, Filters=[{"Key": "name", "Values": [prefix]}])
    )
    waiting = [item["Name"] for page in pages for item in page["SecretList"] if item.get("DeletedDate")]
    if waiting:
        yield (
            f"Secrets of a former stage wait for their deletion: {', '.join(waiting)}. Delete them at once with "
            "`aws secretsmanager delete-secret --force-delete-without-recovery --secret-id …`, or name the stage "
            "otherwise."
        )
    account, region = clients("sts").get_caller_identity()["Account"], clients("s3").meta.region_name
    bucket = f"alcove-{plan.stage}-documents-{account}-{region}"
    try:
        clients("s3").head_bucket(Bucket=bucket)
    except ClientError as error:
        if error.response["Error"]["Code"] in ("403", "AccessDenied"):
            yield f"The bucket {bucket} belongs to somebody else, or may not be read. Name the stage otherwise."


def _access_logs(plan: Plan, clients: Clients) -> Iterator[str]:
    """Whether the role by which API Gateway logs is there; without any, the deployment makes one."""
    if "application" not in plan.parts or plan.value("application", "AccessLogs") != "true":
        return
    role = clients("apigateway").get_account().get("cloudwatchRoleArn")
    if not role:
        return
    try:
        clients("iam").get_role(RoleName=role.rsplit("/")[-1])
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchEntity":
            raise
        yield (
            f"API Gateway of this region is set to log by the role {role}, which does not exist: nothing would be "
            "logged. Set another role in API Gateway's settings, or none and one is made, or application.AccessLogs="
            "false."
        )


CHECKS: tuple[Check, ...] = (
    _parameters,
    _python,
    _rights,
    _engine,
    _vpcs,
    _concurrency,
    _gpus,
    _image,
    _names,
    _access_logs,
)


def _quota(clients: Clients, service: str, code: str) -> float:
    value: float = clients("service-quotas").get_service_quota(ServiceCode=service, QuotaCode=code)["Quota"]["Value"]
    return value


def problems(plan: Plan, clients: Clients) -> tuple[list[str], list[str]]:
    """What is lacking, and which checks could not be made, a sentence each."""
    lacking: list[str] = []
    unchecked: list[str] = []
    for check in CHECKS:
        try:
            lacking += check(plan, clients)
        except (ClientError, BotoCoreError) as error:
            unchecked.append(f"Not checked ({check.__name__.strip('_')}): {error}")
    return lacking, unchecked


def clients_of(session: boto3.Session, endpoint_url: str | None = None) -> Clients:
    """Clients of a session, created when a check first uses them."""
    created: dict[str, Any] = {}

    def client(service: str) -> Any:
        if service not in created:
            untyped: Any = session
            created[service] = untyped.client(service, endpoint_url=endpoint_url)
        return created[service]

    return client


def require(plan: Plan, clients: Clients, progress: Progress) -> None:
    """DeployError with everything that is lacking. What could not be checked is only reported."""
    with progress.step("preflight") as details_of_step:
        lacking, unchecked = problems(plan, clients)
        details_of_step(f"{len(CHECKS) - len(unchecked)} of {len(CHECKS)} checks made")
    for line in unchecked:
        progress.report(f"      {line}")
    if lacking:
        listed = "\n".join(f"  - {line}" for line in lacking)
        raise DeployError(f"Nothing was created, because of what is lacking:\n{listed}")
