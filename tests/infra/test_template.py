"""What the deployed template promises: nothing public, nothing lost without a trace, no right that is not needed."""

import copy
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

from chalicelib.core import errors, settings
from chalicelib.ops import handlers
from chalicelib.ops.hosts import cloud_metrics
from infra import bill, package, snapshot, stages

FUNCTIONS = {
    "APIHandler": "ApiRole",
    "Stream": "ApiRole",  # some of the same routes
    "Ingest": "IngestRole",
    "Answer": "AnswerRole",
    "Sync": "SyncRole",
    "Tick": "TickRole",
    "Migrate": "MigrateRole",
    "Update": "UpdateRole",
    "Drill": "DrillRole",
}
# Of CloudFormation, which has rights over every part of the stack while it carries out an update.
STACK_ROLE = "StackRole"

Template = dict[str, Any]


def _of_type(template: Template, kind: str) -> dict[str, Any]:
    return {name: item["Properties"] for name, item in template["Resources"].items() if item["Type"] == kind}


def _statements(role: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for policy in role["Policies"]:
        for statement in policy["PolicyDocument"]["Statement"]:
            yield statement["Fn::If"][1] if "Fn::If" in statement else statement


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _named(template: Template, reference: dict[str, Any]) -> str:
    """The logical id that `Ref`, `Fn::GetAtt`, a plain `Fn::Sub` or an `Fn::If` that holds leads to."""
    if "Fn::If" in reference:
        return _named(template, reference["Fn::If"][1])
    if "Ref" in reference:
        return str(reference["Ref"])
    if "Fn::GetAtt" in reference:
        return str(
            reference["Fn::GetAtt"][0]
            if isinstance(reference["Fn::GetAtt"], list)
            else reference["Fn::GetAtt"].split(".")[0]
        )
    return str(reference["Fn::Sub"]).removeprefix("${").split(".")[0].split("}")[0]


def test_cfn_lint_finds_nothing(template: Template) -> None:
    paths = [package.template(package.Target()), *sorted(stages.TEMPLATES.glob("*.yaml"))]
    assert len(paths) == len(stages.PARTS) + 1  # gateway-logs.yaml is the account's
    result = subprocess.run(
        [Path(sys.executable).parent / "cfn-lint", *paths], capture_output=True, text=True, check=False
    )
    assert (result.returncode, result.stdout) == (0, "")


def test_every_function_has_the_role_of_its_routes_or_queue(template: Template) -> None:
    functions = _of_type(template, "AWS::Serverless::Function")
    assert {name: _named(template, item["Role"]) for name, item in functions.items()} == FUNCTIONS
    assert set(_of_type(template, "AWS::IAM::Role")) == {*FUNCTIONS.values(), STACK_ROLE}


def test_the_routes_that_stream_are_the_function_streams_where_a_stage_has_it(template: Template) -> None:
    paths = template["Resources"]["RestAPI"]["Properties"]["DefinitionBody"]["paths"]
    streamed = {
        f"{method} {path}": operation["x-amazon-apigateway-integration"]
        for path, methods in paths.items()
        for method, operation in methods.items()
        if "responseTransferMode" in operation["x-amazon-apigateway-integration"]
    }

    assert set(streamed) == {"get /jobs/{job_id}/events", "post /openai/v1/chat/completions"}
    for integration in streamed.values():
        assert integration["responseTransferMode"] == {"Fn::If": ["Streams", "STREAM", "BUFFERED"]}
        condition, own, usual = integration["uri"]["Fn::If"]
        assert condition == "Streams"
        assert own["Fn::Sub"].endswith("functions/${Stream.Arn}/response-streaming-invocations")
        assert usual["Fn::Sub"].endswith("functions/${APIHandler.Arn}/invocations")
    resources = template["Resources"]
    assert resources["Stream"]["Condition"] == resources["StreamPermission"]["Condition"] == "Streams"
    function = resources["Stream"]["Properties"]
    longest = function["Timeout"] * 1000
    assert {integration["timeoutInMillis"]["Fn::If"][1] for integration in streamed.values()} == {longest}
    wrapper = function["Environment"]["Variables"]["AWS_LAMBDA_EXEC_WRAPPER"]
    assert os.access(package.ROOT / wrapper.removeprefix("/var/task/"), os.X_OK)


def test_the_bill_knows_the_memory_of_each_function(template: Template) -> None:
    functions = _of_type(template, "AWS::Serverless::Function")
    assert {name: functions[name]["MemorySize"] / 1024 for name in bill.MEMORY_GB} == bill.MEMORY_GB


def test_in_a_network_lambda_may_join_functions_to_it_and_their_code_may_not(template: Template) -> None:
    inside = {
        "SubnetIds": {"Fn::Split": [",", {"Ref": "SubnetIds"}]},
        "SecurityGroupIds": [{"Ref": "FunctionGroupId"}],
        "Ipv6AllowedForDualStack": {"Fn::If": ["HasDualStack", True, {"Ref": "AWS::NoValue"}]},
    }
    for name, function in _of_type(template, "AWS::Serverless::Function").items():
        placed = {"Fn::If": ["HasNetwork", inside, {"Ref": "AWS::NoValue"}]}
        assert function.get("VpcConfig") == (None if name in {"Update", "Drill"} else placed), name
    for name, role in _of_type(template, "AWS::IAM::Role").items():
        if name in {"UpdateRole", "DrillRole", STACK_ROLE}:
            continue
        attached = {"Fn::If": ["HasNetwork", {"Ref": "NetworkPolicy"}, {"Ref": "AWS::NoValue"}]}
        assert attached in role["ManagedPolicyArns"]
    policy = template["Resources"]["NetworkPolicy"]["Properties"]
    allowed, denied = policy["PolicyDocument"]["Statement"]
    assert (allowed["Effect"], denied["Effect"]) == ("Allow", "Deny")
    assert allowed["Action"] == denied["Action"]
    (functions,) = denied["Condition"]["ArnLike"].values()
    assert functions["Fn::Sub"].endswith("function:alcove-${Stage}-*")


def test_traces_are_recorded_where_a_stage_says_so(template: Template) -> None:
    assert template["Globals"]["Function"]["Tracing"] == {"Ref": "Tracing"}
    assert template["Resources"]["RestAPI"]["Properties"]["TracingEnabled"] == {"Fn::If": ["IsTraced", True, False]}
    assert template["Parameters"]["Tracing"]["Default"] == "PassThrough"
    attached = {"Fn::If": ["IsTraced", {"Ref": "TracingPolicy"}, {"Ref": "AWS::NoValue"}]}
    roles = _of_type(template, "AWS::IAM::Role")
    assert all(attached in role["ManagedPolicyArns"] for name, role in roles.items() if name != STACK_ROLE)
    (allowed,) = template["Resources"]["TracingPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert allowed["Action"] == ["xray:PutTraceSegments", "xray:PutTelemetryRecords"]


def test_functions_take_code_and_libraries_from_the_artefact_bucket(template: Template) -> None:
    for function in _of_type(template, "AWS::Serverless::Function").values():
        assert function["CodeUri"] == {"Bucket": {"Ref": "ArtefactBucket"}, "Key": {"Ref": "FunctionKey"}}
    assert template["Globals"]["Function"]["Layers"] == [{"Ref": "Libraries"}]


def test_functions_know_their_surroundings_and_only_migrate_the_owner(template: Template) -> None:
    shared = template["Globals"]["Function"]["Environment"]["Variables"]
    required = {variable for variable, is_required in settings.variables().items() if is_required}
    assert set(shared) == required | {
        "ALCOVE_DATABASE_SECRET",
        "ALCOVE_DATABASE_ADDRESS",
        "ALCOVE_DATABASE_HOST",
        "ALCOVE_DATABASE_WAIT_SECONDS",
        "ALCOVE_TICK_QUEUE_URL",
        "ALCOVE_DUAL_STACK",
        "ALCOVE_MASTER_KEY",
        "LOG_LEVEL",
        "POWERTOOLS_SERVICE_NAME",
        "POWERTOOLS_METRICS_NAMESPACE",
        "AWS_ENDPOINT_URL",
    }
    additional = {
        "Migrate": {
            "ALCOVE_OWNER_SECRET",
            "ALCOVE_MASTER_SECRET",
            "ALCOVE_ADMINISTRATOR_SECRET",
            "ALCOVE_REGISTRATION_OPEN",
        },
        "Ingest": {"ALCOVE_INBOX_DELETIONS"},
        "Tick": {
            "ALCOVE_DATABASE_WAIT_SECONDS",
            "ALCOVE_FORMER_VERSION_DAYS",
            "ALCOVE_EMBEDDER_QUEUE",
            "ALCOVE_EMBEDDER_JOB",
            "ALCOVE_MAIL_SECRET",
        },
        "APIHandler": {
            "ALCOVE_OIDC_SECRET",
            "ALCOVE_GITHUB_SECRET",
            "ALCOVE_MAIL_SECRET",
            "ALCOVE_ALLOWED_ORIGINS",
            "ALCOVE_DATABASE_WAIT_SECONDS",
            "ALCOVE_UPDATES_BUCKET",
            "ALCOVE_CLOUD_METRICS",
            "ALCOVE_DATABASE_ENGINE",
        },
        "Update": {"ALCOVE_UPDATES_BUCKET", "ALCOVE_SIGNERS", "ALCOVE_ARTEFACT_BUCKET", "ALCOVE_STACK_ROLE"},
        "Drill": {"ALCOVE_ARTEFACT_BUCKET", "ALCOVE_DATABASE_ENGINE", "ALCOVE_DRILL_DAYS"},
    }
    additional["Stream"] = additional["APIHandler"] | {"AWS_LAMBDA_EXEC_WRAPPER"}
    for name, function in _of_type(template, "AWS::Serverless::Function").items():
        own = set(function.get("Environment", {}).get("Variables", {}))
        assert own == additional.get(name, set())
    assert set(settings.variables()) <= set(shared).union(*additional.values())


@pytest.fixture(scope="module")
def translated(template: Template) -> Template:
    """The template as SAM translates it."""
    translator = Translator({}, Parser())
    os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
    result: Template = translator.translate(copy.deepcopy(template), dict.fromkeys(template["Parameters"], "x"))
    return result


def _gateway_stages(translated: Template) -> list[dict[str, Any]]:
    return list(_of_type(translated, "AWS::ApiGateway::Stage").values())


def test_s6_there_is_one_stage(translated: Template) -> None:
    """SAM adds one called `Stage` to an API without `OpenApiVersion`, and neither firewall nor domain is before it."""
    assert [stage["StageName"] for stage in _gateway_stages(translated)] == ["v1"]


def test_the_stage_limits_what_strangers_can_cost(translated: Template) -> None:
    (stage,) = _gateway_stages(translated)
    assert stage["MethodSettings"] == [
        {
            "ResourcePath": "/*",
            "HttpMethod": "*",
            "ThrottlingRateLimit": {"Ref": "RequestsPerSecond"},
            "ThrottlingBurstLimit": {"Ref": "RequestBurst"},
        }
    ]


def test_each_request_is_logged_without_what_a_person_sent(translated: Template) -> None:
    """The names are of API Gateway's "Variables for access logging for API Gateway"."""
    (stage,) = _gateway_stages(translated)
    condition, setting, otherwise = stage["AccessLogSetting"]["Fn::If"]
    assert (condition, otherwise) == ("LogsAccess", {"Ref": "AWS::NoValue"})
    assert _named(translated, setting["DestinationArn"]) == "AccessLog"
    line = json.loads(setting["Format"])
    assert "\n" not in setting["Format"]
    assert line == {
        "time": "$context.requestTimeEpoch",
        "request_id": "$context.requestId",
        "method": "$context.httpMethod",
        "route": "$context.resourcePath",
        "status": "$context.status",
        "milliseconds": "$context.responseLatency",
        "function_milliseconds": "$context.integration.latency",
        "function_status": "$context.integration.status",
        "error": "$context.error.responseType",
        "bytes": "$context.responseLength",
        "ip": "$context.identity.sourceIp",
    }
    # A path holds ids and the tokens of links; an error's message quotes what a person sent; a header is a credential.
    telling = (
        "$context.path",
        "Message",
        ".message",
        "integration.error",
        "userAgent",
        "authorizer",
        "apiKey",
        "$input",
    )
    assert not [name for name in telling if name in setting["Format"]]
    group = translated["Resources"]["AccessLog"]
    assert group["Condition"] == "LogsAccess"
    assert group["Properties"]["RetentionInDays"] == {"Ref": "LogRetentionDays"}


def test_on_aws_no_endpoint_url_is_set(template: Template) -> None:
    variable = template["Globals"]["Function"]["Environment"]["Variables"]["AWS_ENDPOINT_URL"]
    assert variable == {"Fn::If": ["IsEmulator", {"Ref": "EndpointUrl"}, {"Ref": "AWS::NoValue"}]}
    assert template["Parameters"]["EndpointUrl"]["Default"] == ""


@pytest.mark.parametrize("role", sorted(FUNCTIONS.values()))
def test_a_role_names_its_actions_and_resources(template: Template, role: str) -> None:
    for statement in _statements(_of_type(template, "AWS::IAM::Role")[role]):
        assert statement["Effect"] == "Allow"
        assert not [action for action in _list(statement["Action"]) if "*" in action]
        # Two actions know no resources (Service Authorization Reference).
        has_resources = statement["Action"] not in ("cloudformation:GetTemplateSummary", "cloudwatch:GetMetricData")
        assert ("*" not in _list(statement["Resource"])) == has_resources
        assert statement["Resource"]


def test_only_migrate_reads_the_masters_and_the_owners_secret(template: Template) -> None:
    readers: dict[str, set[str]] = {}
    for name, role in _of_type(template, "AWS::IAM::Role").items():
        for statement in _statements(role):
            if "secretsmanager:GetSecretValue" in _list(statement["Action"]):
                for resource in _list(statement["Resource"]):
                    readers.setdefault(_named(template, resource), set()).add(name)
    assert readers["OwnerSecretArn"] == readers["MasterSecretArn"] == {"MigrateRole"}
    assert readers["ServiceSecret"] == {"ApiRole", "MigrateRole"}
    assert readers["DatabaseSecretArn"] == set(FUNCTIONS.values()) - {"UpdateRole", "DrillRole"}


def test_only_update_may_change_the_stack_and_only_its_bucket_starts_it(template: Template) -> None:
    """And all of it is there only where somebody's signature is accepted (O3)."""
    for name, item in template["Resources"].items():
        if name.startswith(("Update", STACK_ROLE)):
            assert item["Condition"] == "TakesUpdates", name
    for name, role in _of_type(template, "AWS::IAM::Role").items():
        actions = {action for statement in _statements(role) for action in _list(statement["Action"])}
        assert any(action.startswith(("cloudformation:", "iam:PassRole")) for action in actions) == (
            name in {"UpdateRole", STACK_ROLE}
        )
        # `drill` has `migrate` look into databases.
        if name not in {"UpdateRole", "DrillRole"}:
            assert "lambda:InvokeFunction" not in actions
    permission = template["Resources"]["UpdatePermission"]["Properties"]
    assert permission["Principal"] == "s3.amazonaws.com"
    bucket = template["Resources"]["UpdatesBucket"]["Properties"]
    assert permission["SourceArn"]["Fn::Sub"] == f"arn:${{AWS::Partition}}:s3:::{bucket['BucketName']['Fn::Sub']}"
    assumed = template["Resources"][STACK_ROLE]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert [statement["Principal"] for statement in assumed] == [{"Service": "cloudformation.amazonaws.com"}]


def test_the_master_key_is_renewed_outlives_the_stack_and_few_may_use_it(template: Template) -> None:
    key = template["Resources"]["MasterKey"]
    assert (key["DeletionPolicy"], key["UpdateReplacePolicy"]) == ("RetainExceptOnCreate", "Retain")
    assert key["Properties"]["EnableKeyRotation"] is True
    holders: dict[str, set[str]] = {}
    for name, role in _of_type(template, "AWS::IAM::Role").items():
        for statement in _statements(role):
            holders |= {name: set(_list(statement["Action"]))} if "kms:Decrypt" in statement["Action"] else {}
    assert holders == {
        "ApiRole": {"kms:GenerateDataKey", "kms:Decrypt"},
        "AnswerRole": {"kms:Decrypt"},
        "TickRole": {"kms:Decrypt"},
        "SyncRole": {"kms:GenerateDataKey", "kms:Decrypt"},
        "IngestRole": {"kms:Decrypt"},
        "MigrateRole": {"kms:DescribeKey", "kms:Encrypt", "kms:Decrypt"},
    }


def test_only_the_api_ingestion_and_sync_write_documents_and_only_tick_deletes_them(template: Template) -> None:
    holders: dict[str, set[str]] = {}
    for name, role in _of_type(template, "AWS::IAM::Role").items():
        for statement in _statements(role):
            for action in _list(statement["Action"]):
                holders.setdefault(action, set()).add(name)
    writing = {"ApiRole", "IngestRole", "SyncRole"}  # uploads, what is packed into them, what a source has
    assert holders["s3:PutObject"] == writing | {"UpdateRole", "DrillRole"}  # packages; the journal
    assert holders["s3:GetObject"] == {
        "ApiRole",
        "IngestRole",
        "TickRole",
        "UpdateRole",
        "DrillRole",
        STACK_ROLE,
    }  # the API signs links to originals
    deleting = {action: names for action, names in holders.items() if action.startswith("s3:DeleteObject")}
    assert deleting == {"s3:DeleteObjectVersion": {"TickRole"}, "s3:DeleteObject": {"UpdateRole"}}  # erased; packages


def test_every_queue_with_work_has_a_dead_letter_queue(template: Template) -> None:
    """A request for a tick is no work of its own: it may reappear as often as a tick fails."""
    queues = _of_type(template, "AWS::SQS::Queue")
    assert "RedrivePolicy" not in queues["TickQueue"]
    working = {
        name: queue for name, queue in queues.items() if not name.endswith("DeadLetterQueue") and name != "TickQueue"
    }
    assert set(working) == {"IngestQueue", "AnswerQueue", "SyncQueue"}
    for name, queue in working.items():
        dead_letter = f"{name.removesuffix('Queue')}DeadLetterQueue"
        assert _named(template, queue["RedrivePolicy"]["deadLetterTargetArn"]) == dead_letter
        assert queue["RedrivePolicy"]["maxReceiveCount"] == 5
        assert queues[dead_letter]["MessageRetentionPeriod"] > queue["MessageRetentionPeriod"]
    assert all(queue["SqsManagedSseEnabled"] is True for queue in queues.values())


@pytest.mark.parametrize(("function", "largest_batch"), [("Ingest", 5), ("Answer", 1), ("Sync", 1)])
def test_a_queue_is_consumed_in_small_batches_whose_failures_are_reported_one_by_one(
    template: Template, function: str, largest_batch: int
) -> None:
    properties = _of_type(template, "AWS::Serverless::Function")[function]
    (event,) = properties["Events"].values()
    source = event["Properties"]
    assert (event["Type"], _named(template, source["Queue"])) == ("SQS", f"{function}Queue")
    assert source["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert source["BatchSize"] <= largest_batch
    assert source["ScalingConfig"] == {"MaximumConcurrency": {"Ref": f"{function}Concurrency"}}
    visibility = _of_type(template, "AWS::SQS::Queue")[f"{function}Queue"]["VisibilityTimeout"]
    assert visibility >= 6 * properties["Timeout"]


def test_tick_runs_every_minute_and_ends_within_it(template: Template) -> None:
    tick = _of_type(template, "AWS::Serverless::Function")["Tick"]
    event, sweep = tick["Events"]["TickEvent"], tick["Events"]["Sweep"]
    assert (event["Type"], event["Properties"]["Schedule"]) == ("Schedule", {"Ref": "TickSchedule"})
    assert (sweep["Type"], sweep["Properties"]["Schedule"]) == ("Schedule", "cron(17 3 * * ? *)")
    assert sweep["Properties"]["Name"]["Fn::Sub"].endswith(handlers.SWEEP)
    assert template["Parameters"]["TickSchedule"]["Default"] == "rate(1 minute)"
    assert tick["Timeout"] < 60


def test_the_bucket_is_private_versioned_encrypted_and_kept(template: Template) -> None:
    assert template["Resources"]["DocumentsBucket"]["DeletionPolicy"] == "RetainExceptOnCreate"
    bucket = _of_type(template, "AWS::S3::Bucket")["DocumentsBucket"]
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    assert bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert bucket["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    rules = {rule["Id"]: rule for rule in bucket["LifecycleConfiguration"]["Rules"]}
    # RDS restores as far back.
    assert rules["noncurrent-versions"]["NoncurrentVersionExpiration"] == {"NoncurrentDays": 35}
    assert rules["abandoned-uploads"]["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 1}


def test_the_bucket_and_its_queue_refuse_plain_http(template: Template) -> None:
    refusal = {"Bool": {"aws:SecureTransport": "false"}}
    assert template["Conditions"]["IsAws"] == {"Fn::Equals": [{"Ref": "EndpointUrl"}, ""]}
    assert template["Resources"]["DocumentsBucketPolicy"]["Condition"] == "IsAws"
    statements = template["Resources"]["DocumentsBucketPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    plain = next(item for item in statements if item["Sid"] == "OnlyTls")
    assert (plain["Effect"], plain["Condition"], plain["Action"]) == ("Deny", refusal, "s3:*")
    (policy,) = _of_type(template, "AWS::SQS::QueuePolicy").values()
    (switch,) = [item["Fn::If"] for item in policy["PolicyDocument"]["Statement"] if "Fn::If" in item]
    assert switch[:2] == ["IsEmulator", {"Ref": "AWS::NoValue"}]
    assert (switch[2]["Effect"], switch[2]["Condition"]) == ("Deny", refusal)


def test_objects_are_refused_wherever_nothing_looks_for_them(template: Template) -> None:
    places = [{"Fn::Sub": f"${{DocumentsBucket.Arn}}/{prefix}/*"} for prefix in ("documents", "uploads", "inbox")]
    for name, condition in {"DocumentsBucketPolicy": "IsAws", "EmulatedBucketPolicy": "IsEmulator"}.items():
        policy = template["Resources"][name]
        assert policy["Condition"] == condition
        (elsewhere,) = [
            item for item in policy["Properties"]["PolicyDocument"]["Statement"] if item.get("Sid") == "OnlyKnownPlaces"
        ]
        assert (elsewhere["Effect"], elsewhere["Principal"], elsewhere["Action"]) == ("Deny", "*", "s3:PutObject")
        assert elsewhere["NotResource"] == places


def test_the_bucket_alone_sends_events_to_the_ingest_queue(template: Template) -> None:
    bucket = _of_type(template, "AWS::S3::Bucket")["DocumentsBucket"]
    notifications = bucket["NotificationConfiguration"]["QueueConfigurations"]
    assert {_named(template, notification["Queue"]) for notification in notifications} == {"IngestQueue"}
    rules = [(entry["Event"], *entry["Filter"]["S3Key"]["Rules"]) for entry in notifications]
    created = [("s3:ObjectCreated:*", prefix) for prefix in ("documents/", "uploads/", "inbox/")]
    assert rules == [
        (event, {"Name": "prefix", "Value": prefix}) for event, prefix in [*created, ("s3:ObjectRemoved:*", "inbox/")]
    ]
    (policy,) = _of_type(template, "AWS::SQS::QueuePolicy").values()
    (allowed,) = [item for item in policy["PolicyDocument"]["Statement"] if item.get("Effect") == "Allow"]
    assert allowed["Principal"] == {"Service": "s3.amazonaws.com"}
    source = allowed["Condition"]["ArnEquals"]["aws:SourceArn"]["Fn::Sub"]
    assert source == f"arn:${{AWS::Partition}}:s3:::{bucket['BucketName']['Fn::Sub']}"


def test_the_gateways_own_answers_are_problem_documents(template: Template) -> None:
    """What the emulator cannot show, here: which answers the gateway gives itself, and what stands in them."""
    responses = template["Resources"]["RestAPI"]["Properties"]["GatewayResponses"]
    expected = {
        "DEFAULT_4XX": ("bad_request", None),
        "DEFAULT_5XX": ("internal_error", None),
        "MISSING_AUTHENTICATION_TOKEN": ("not_found", 404),
        "RESOURCE_NOT_FOUND": ("not_found", 404),
        "ACCESS_DENIED": ("forbidden", 403),
        "WAF_FILTERED": ("forbidden", 403),
        "REQUEST_TOO_LARGE": ("too_large", 413),
        "UNSUPPORTED_MEDIA_TYPE": ("unsupported_media_type", 415),
        "THROTTLED": ("rate_limited", 429),
        "QUOTA_EXCEEDED": ("rate_limited", 429),
        "INTEGRATION_FAILURE": ("unavailable", 503),
        "INTEGRATION_TIMEOUT": ("timeout", 504),
    }
    assert responses.keys() == expected.keys()
    for kind, (code, status) in expected.items():
        headers = responses[kind]["ResponseParameters"]["Headers"]
        assert headers["Content-Type"] == "'application/problem+json'"
        assert headers["X-Request-Id"] == "context.requestId"
        allowed = {"Fn::If": ["HasPages", "'*'", {"Ref": "AWS::NoValue"}]}
        assert headers["Access-Control-Allow-Origin"] == allowed
        assert ("Retry-After" in headers) == (status in {429, 503, 504})
        assert responses[kind].get("StatusCode") == status
        condition, own, gateways = responses[kind]["ResponseTemplates"]["application/json"]["Fn::If"]
        assert condition == "HasDomain"
        for text, address in ((own["Fn::Sub"], "${DomainName}"), (gateways, "$context.domainName/$context.stage")):
            problem = json.loads(text)
            assert problem["type"] == f"https://{address}/problems/{code}"
            assert (problem["code"], problem.get("status")) == (code, status)
            assert problem["title"] == errors.codes()[code][1]
            assert problem["request_id"] == "$context.requestId"


def test_what_no_route_serves_reaches_the_function(template: Template) -> None:
    paths = template["Resources"]["RestAPI"]["Properties"]["DefinitionBody"]["paths"]
    for path in ("/{proxy+}", "/"):
        integration = paths[path]["x-amazon-apigateway-any-method"]["x-amazon-apigateway-integration"]
        assert integration["type"] == "aws_proxy"
        assert "${APIHandler.Arn}" in integration["uri"]["Fn::Sub"]


def test_secrets_are_generated_not_written_down(template: Template) -> None:
    secrets = _of_type(template, "AWS::SecretsManager::Secret")
    assert set(secrets) == {"ServiceSecret"}
    for secret in secrets.values():
        assert "SecretString" not in secret
        assert secret["GenerateSecretString"]["PasswordLength"] >= 24


def test_no_request_outlives_the_gateway(template: Template) -> None:
    assert _of_type(template, "AWS::Serverless::Function")["APIHandler"]["Timeout"] <= 29


def test_every_function_logs_to_a_group_that_forgets(template: Template) -> None:
    groups = _of_type(template, "AWS::Logs::LogGroup")
    used = {
        _named(template, item["LoggingConfig"]["LogGroup"])
        for item in _of_type(template, "AWS::Serverless::Function").values()
    }
    assert used | {"AccessLog"} == set(groups)
    assert all(group["RetentionInDays"] == {"Ref": "LogRetentionDays"} for group in groups.values())


def test_the_packaged_template_is_the_reviewed_one(template: Template) -> None:
    changed = snapshot.difference(template)
    assert not changed, f"the packaged template differs from what was reviewed; `make snapshot` accepts it:\n{changed}"


def test_a_change_is_shown_as_the_lines_that_changed(template: Template) -> None:
    other = copy.deepcopy(template)
    other["Resources"]["Ingest"]["Properties"]["MemorySize"] = 4096
    changed = snapshot.difference(other)
    lines = [line.strip() for line in changed.splitlines() if line[0] in "+-" and not line.startswith(("+++", "---"))]
    assert lines == ["-      MemorySize: 2048", "+      MemorySize: 4096"]


def test_the_snapshot_says_nothing_about_the_machine_that_packaged(template: Template) -> None:
    assert str(package.ROOT) not in snapshot.text(template)
    other = copy.deepcopy(template)
    for resource in other["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"] |= {"Runtime": "python3.99", "Architectures": ["arm64"]}
    assert snapshot.text(other) == snapshot.text(template)


def test_pages_may_use_the_bucket_as_the_parameter_says(template: dict[str, Any]) -> None:
    condition, rules, otherwise = template["Resources"]["DocumentsBucket"]["Properties"]["CorsConfiguration"]["Fn::If"]
    (rule,) = rules["CorsRules"]
    assert (condition, otherwise) == ("HasPages", {"Ref": "AWS::NoValue"})
    assert rule["AllowedOrigins"] == {"Ref": "AllowedOrigins"}
    assert set(rule["AllowedMethods"]) == {"PUT", "GET"}
    assert "AllowedOrigins" in str(template["Conditions"]["HasPages"])


def test_cloudwatch_is_asked_about_every_function_and_queue(template: Template) -> None:
    functions = [item["FunctionName"]["Fn::Sub"] for item in _of_type(template, "AWS::Serverless::Function").values()]
    queues = [item["QueueName"]["Fn::Sub"] for item in _of_type(template, "AWS::SQS::Queue").values()]
    assert sorted(functions) == sorted(f"alcove-${{Stage}}-{name}" for name in cloud_metrics.FUNCTIONS)
    assert sorted(queues) == sorted(f"alcove-${{Stage}}-{name}" for name in cloud_metrics.QUEUES)
