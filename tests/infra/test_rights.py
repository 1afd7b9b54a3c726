"""What a function calls of AWS is what its role may do: no more, and no less, on every path through the code.

The calls are derived from the code (tests/infra/aws_calls.py), the rights and the names of the resources are read from
the templates. A new call, a new resource or a new function is covered without a change here.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cfn_flip  # type: ignore[import-untyped]
import pytest

from chalicelib.core import logins, settings
from chalicelib.ops.drills import point_in_time
from infra import stages
from infra.package import ROOT
from tests.infra import aws_calls
from tests.infra.aws_calls import Call

Template = dict[str, Any]
Right = tuple[str, str]

# The function of the template for each handler, and its role; the GPU task stands in a template of its own.
FUNCTIONS = {"api": "APIHandler"} | {name: name.title() for name in ("ingest", "answer", "sync", "tick", "migrate")}
# IAM's actions for a method of boto3, where they are not the method's own name (Service Authorization Reference).
ACTIONS = {
    # Without s3:ListBucket a missing object is 403, and not 404.
    ("s3", "head_object"): ("s3:GetObject", "s3:ListBucket"),
    ("s3", "download_file"): ("s3:GetObject",),
    # The version that was judged, to the key of its document.
    ("s3", "copy_object"): ("s3:GetObject", "s3:GetObjectVersion", "s3:PutObject"),
    # A file in parts, which are joined.
    ("s3", "create_multipart_upload"): ("s3:PutObject",),
    ("s3", "upload_part"): ("s3:PutObject",),
    ("s3", "list_parts"): ("s3:ListMultipartUploadParts",),
    ("s3", "complete_multipart_upload"): ("s3:PutObject",),
    ("s3", "abort_multipart_upload"): ("s3:AbortMultipartUpload",),
    ("s3", "list_multipart_uploads"): ("s3:ListBucketMultipartUploads",),
    ("s3", "delete_objects"): ("s3:DeleteObjectVersion",),
    ("s3", "list_object_versions"): ("s3:ListBucketVersions",),
    ("s3", "list_objects_v2"): ("s3:ListBucket",),
    ("sqs", "send_message_batch"): ("sqs:SendMessage",),
    ("bedrock-runtime", "converse_stream"): ("bedrock:InvokeModelWithResponseStream",),
    ("sesv2", "send_email"): ("ses:SendEmail",),
    ("rds", "generate_db_auth_token"): ("rds-db:connect",),
}
# What a resource is called where no setting names it: a row of the database, an event or a request does.
NAMED_BY_DATA = {
    ("answer", "kms"): ("master_key",),
    ("api", "kms"): ("master_key",),
    ("ingest", "kms"): ("master_key",),
    ("sync", "kms"): ("master_key",),
    ("migrate", "kms"): ("master_key",),
    ("tick", "kms"): ("master_key",),
    ("migrate", "secretsmanager"): ("database_secret", "owner_secret", "signing_secret"),
}
# As whom a function logs in, where it is not the application's role alone.
ROLES = {"migrate": (logins.APP, logins.OWNER, logins.MASTER)}
MODELS = {"foundation-model/*", "inference-profile/*"}
# Reached by the derivation, which sees names and no types, and never called.
NOT_CALLED = {("embedder", "kms"): "the task embeds with the models in its image, and with none that has a key"}
# What Lambda itself does as the function's role.
LOGS = {"logs:CreateLogStream", "logs:PutLogEvents"}
CONSUMING = {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ChangeMessageVisibility"}
# Under which keys a function uses an action, where it is not documents/ alone: the calls do not say so.
DOCUMENTS, UPLOADS, INBOX = "/documents/*", "/uploads/*", "/inbox/*"
KEYS = {
    ("api", "s3:PutObject"): {DOCUMENTS, UPLOADS},  # it signs uploads
    ("ingest", "s3:GetObject"): {DOCUMENTS, UPLOADS, INBOX},
    ("ingest", "s3:GetObjectVersion"): {UPLOADS, INBOX},
    ("api", "s3:ListMultipartUploadParts"): {UPLOADS},
    ("sync", "s3:PutObject"): {UPLOADS},
    ("tick", "s3:GetObject"): {DOCUMENTS, UPLOADS},
    ("tick", "s3:DeleteObjectVersion"): {DOCUMENTS, UPLOADS},
    ("tick", "s3:AbortMultipartUpload"): {UPLOADS},
}
# `update` calls clients that it is given (chalicelib/ops/updates/clouds.py), which the derivation does not read.
UPDATES = ROOT / "chalicelib" / "ops" / "updates"
SERVICES_OF_UPDATE = {"cloudformation": "cloudformation", "functions": "lambda", "s3": "s3"}
ACTIONS_OF_UPDATE = {
    "invoke": {"lambda:InvokeFunction"},
    "get_waiter": {"lambda:GetFunction", "lambda:GetFunctionConfiguration"},
    "publish_layer_version": {"lambda:PublishLayerVersion", "lambda:GetLayerVersion"},
    "upload_file": {"s3:PutObject"},
    "download_file": {"s3:GetObject"},
    "head_object": {"s3:GetObject", "s3:ListBucket"},
    # Of a stack that was never finished: `update` runs in one that was.
    "delete_stack": set(),
}
# `drill` passes RDS's client on to what restores (chalicelib/ops/drills/point_in_time.py).
DRILLS = ROOT / "chalicelib" / "ops" / "drills"
ACTIONS_OF_DRILL = {
    ("s3", "get_object"): {"s3:GetObject", "s3:GetObjectVersion", "s3:ListBucket"},
    ("lambda", "invoke"): {"lambda:InvokeFunction"},
    ("rds", "generate_db_auth_token"): {"rds-db:connect"},
    ("rds", "restore_db_cluster_to_point_in_time"): {"rds:RestoreDBClusterToPointInTime", "rds:AddTagsToResource"},
}
OF_THE_BUCKET = {"s3:ListBucket", "s3:ListBucketVersions", "s3:ListBucketMultipartUploads"}


def _text(value: Any) -> str:
    """A value of a template as text: a resource or a parameter as its logical name."""
    match value:
        case {"Fn::If": [_, then, _]}:
            return _text(then)
        case {"Ref": name} | {"Fn::GetAtt": [name, *_]}:
            return str(name)
        case {"Fn::GetAtt": str() as path}:
            return path.split(".")[0]
        case {"Fn::Sub": pattern}:
            return re.sub(r"\$\{(?:AWS::)?(\w+)(?:\.\w+)?\}", r"\1", str(pattern))
    return str(value)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _rights(role: dict[str, Any]) -> Iterator[Right]:
    """The actions of a role with their resources, every condition being true."""
    for policy in role["Properties"]["Policies"]:
        for item in policy["PolicyDocument"]["Statement"]:
            statement = item["Fn::If"][1] if "Fn::If" in item else item
            for action in _list(statement["Action"]):
                yield from ((action, _text(resource)) for resource in _list(statement["Resource"]))


def _both_branches(role: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The statements of a role, whatever its conditions are."""
    for policy in role["Properties"]["Policies"]:
        for item in policy["PolicyDocument"]["Statement"]:
            branches = item["Fn::If"][1:] if "Fn::If" in item else [item]
            yield from (branch for branch in branches if "Action" in branch)


def _name(resource: str) -> str:
    """The last part of an ARN, a URL or a name; a version's `:*` and an object's `/documents/*` stay with it."""
    if resource.startswith("arn:"):
        _, _, service, _, _, own = resource.split(":", 5)
        if service == "s3":
            return own
        kind, _, rest = own.partition("/")
        stored = {"foundation-model", "inference-profile", "identity"}
        return f"{kind}/{rest}" if rest and kind in stored else rest or own
    return resource.rsplit("/", 1)[-1] if resource.startswith("https:") else resource


@pytest.fixture(scope="module")
def embedder() -> Template:
    read: Template = cfn_flip.load_yaml((stages.TEMPLATES / "embedder.yaml").read_text())
    return read


@pytest.fixture(scope="module")
def environments(template: Template, embedder: Template) -> dict[str, dict[str, str]]:
    """Each function's variables, with the names of the resources that they lead to."""
    shared = template["Globals"]["Function"]["Environment"]["Variables"]
    task = embedder["Resources"]["Job"]["Properties"]["ContainerProperties"]["Environment"]
    matched = {
        handler: shared | template["Resources"][name]["Properties"].get("Environment", {}).get("Variables", {})
        for handler, name in FUNCTIONS.items()
    } | {"embedder": {item["Name"]: item["Value"] for item in task}}
    return {handler: {name: _text(value) for name, value in items.items()} for handler, items in matched.items()}


@pytest.fixture(scope="module")
def rights(template: Template, embedder: Template) -> dict[str, set[Right]]:
    """Each function's rights, besides what Lambda does with its role."""
    matched = {"embedder": set(_rights(embedder["Resources"]["JobRole"]))}
    for handler, name in FUNCTIONS.items():
        function = template["Resources"][name]["Properties"]
        consumed = {
            (action, _text(event["Properties"]["Queue"]))
            for event in function.get("Events", {}).values()
            if event["Type"] == "SQS"
            for action in CONSUMING
        }
        allowed = set(_rights(template["Resources"][_text(function["Role"])]))
        assert consumed <= allowed
        matched[handler] = {right for right in allowed - consumed if right[0] not in LOGS}
    return matched


def _needed(handler: str, call: Call, environment: dict[str, str]) -> Iterator[Right]:
    """The rights that a call needs."""
    own_name = f"{call.service}:{''.join(word.capitalize() for word in call.method.split('_'))}"
    actions = ACTIONS.get((call.service, call.method), (own_name,))
    if call.service == "bedrock-runtime":
        yield from ((action, model) for action in actions for model in MODELS)
        return
    if call.service == "cloudwatch":  # the action knows no resources
        yield from ((action, "*") for action in actions)
        return
    if call.service == "sesv2":  # the sender's address stands in the secret
        yield from ((action, "identity/*") for action in actions)
        return
    if call.service == "rds":
        yield from ((action, role) for role in ROLES.get(handler, (logins.APP,)) for action in actions)
        return
    for setting in (call.setting,) if call.setting else NAMED_BY_DATA[handler, call.service]:
        variable = settings.variable(setting)
        assert environment.get(variable, "unused") != "unused", f"{handler} calls {call} without {variable}"
        for action in actions:
            of_objects = call.service == "s3" and action not in OF_THE_BUCKET
            stored = {"/updates/*"} if setting == "updates_bucket" else KEYS.get((handler, action), {DOCUMENTS})
            for keys in stored if of_objects else {""}:
                yield action, _name(environment[variable]) + keys


def _all_needed(handler: str, environment: dict[str, str]) -> set[Right]:
    return {
        right
        for call in aws_calls.of_functions()[handler]
        if (handler, call.service) not in NOT_CALLED
        for right in _needed(handler, call, environment)
    }


@pytest.mark.parametrize("handler", [*FUNCTIONS, "embedder"])
def test_a_function_may_do_what_it_calls_and_nothing_else(
    handler: str, environments: dict[str, dict[str, str]], rights: dict[str, set[Right]]
) -> None:
    needed = _all_needed(handler, environments[handler])
    allowed = {(action, _name(resource).removesuffix(":*")) for action, resource in rights[handler]}
    assert needed
    assert needed - allowed == set(), "what the code calls, and the role may not do"
    assert allowed - needed == set(), "what the role may do, and the code does not call"


def test_update_may_do_what_it_calls_and_nothing_else(template: Template) -> None:
    allowed = {action for action, _ in _rights(template["Resources"]["UpdateRole"])} - LOGS
    pattern = re.compile(rf"(?:cloud\.({'|'.join(SERVICES_OF_UPDATE)})|aws\.(s3)\(\))\.(\w+)\(")
    needed = {"iam:PassRole"}  # hands StackRole to CloudFormation
    for path in UPDATES.glob("*.py"):
        if path.stem == "announcing":  # the API's
            continue
        for client, direct, method in pattern.findall(path.read_text()):
            own = "".join(word.capitalize() for word in method.split("_"))
            needed |= ACTIONS_OF_UPDATE.get(method, {f"{SERVICES_OF_UPDATE[client or direct]}:{own}"})
    assert needed == allowed


def test_drill_may_do_what_it_calls_and_nothing_else(template: Template) -> None:
    rights = {action for item in _both_branches(template["Resources"]["DrillRole"]) for action in _list(item["Action"])}
    needed: set[str] = set()
    pattern = re.compile(r"(?:aws\.(\w+)\(\)|self\.(_rds))\.(\w+)\(")
    for path in DRILLS.glob("*.py"):
        for client, passed_on, method in pattern.findall(path.read_text()):
            service = aws_calls.code().services.get(f"chalicelib.core.aws.{client}", "rds" if passed_on else "")
            own = "".join(word.capitalize() for word in method.split("_")).replace("Db", "DB")
            needed |= ACTIONS_OF_DRILL.get((service, method), {f"{service}:{own}"})
    assert needed == rights - LOGS


def test_drill_changes_and_deletes_databases_of_drills_alone(template: Template) -> None:
    """By their name, which no stage's database has, and by their tag; and it is in no network."""
    role = template["Resources"]["DrillRole"]
    assert role["Condition"] == template["Resources"]["Drill"]["Condition"] == "HasDrills"
    assert "VpcConfig" not in template["Resources"]["Drill"]["Properties"]
    live = {f"{kind}:alcove-Stage" for kind in ("cluster", "db")}
    changing = {
        action: (json.dumps(statement["Resource"]).replace("${Stage}", "Stage"), statement.get("Condition"))
        for statement in _both_branches(role)
        for action in _list(statement["Action"])
        if action.startswith("rds:") and not action.startswith("rds:Describe")
    }
    for action, (resources, _) in changing.items():
        names = set(re.findall(r"(?:cluster|db):[\w-]+", resources))
        assert names, action
        assert not names & live or action.startswith("rds:Restore"), action
    of_a_drill = {"StringEquals": {"aws:ResourceTag/Drill": {"Ref": "Stage"}}}
    assert [changing[f"rds:DeleteDB{kind}"][1] for kind in ("Cluster", "Instance")] == [of_a_drill] * 2
    assert not point_in_time.scratch_name("production").startswith("alcove-")


def test_every_client_of_core_aws_is_called_by_some_function() -> None:
    called = {call.service for calls in aws_calls.of_functions().values() for call in calls}
    called |= set(SERVICES_OF_UPDATE.values())
    assert called == set(aws_calls.code().services.values())
    assert {(handler, call.service) for handler, calls in aws_calls.of_functions().items() for call in calls} >= set(
        NOT_CALLED
    )


@pytest.mark.parametrize(
    "source",
    [
        "def use():\n    return aws.sqs().meta.region_name",
        "def use(make=aws.sqs):\n    return make().send_message()",
        "def use():\n    client = aws.sqs()\n    return helper(client)",
    ],
)
def test_a_use_of_a_client_that_is_not_read_is_an_error(tmp_path: Path, source: str) -> None:
    for folder in ("chalicelib/core", "embedder"):
        (tmp_path / folder).mkdir(parents=True)
    for package in ("chalicelib", "chalicelib/core"):
        (tmp_path / package / "__init__.py").touch()
    client = 'def sqs():\n    import boto3\n    return boto3.client("sqs")\n'
    (tmp_path / "chalicelib/core/aws.py").write_text(client)
    (tmp_path / "app.py").write_text(f"from chalicelib.core import aws\n{source}\n")
    with pytest.raises(aws_calls.UnclearCallError, match="does not read"):
        aws_calls.Reach(aws_calls.Code(tmp_path), "app.use").calls()
