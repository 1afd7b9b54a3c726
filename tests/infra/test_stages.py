"""A stage's whole life on the emulator: deployed, used through every trigger, updated, rolled back, destroyed.

One emulator and one PostgreSQL serve the module, and its tests follow each other as the days of one deployment do.
The emulator keeps networks, databases of RDS and domains as records: that their templates deploy is seen here, that
anything is behind them is not. It knows no AWS Batch, NAT gateway, RDS Proxy, budget and web ACL association.
"""

import io
import json
import secrets
import shutil
import tempfile
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml
from botocore.exceptions import ClientError

from alcove import ApiError
from chalicelib.ops.updates import deploying, stacks
from chalicelib.ops.updates.clouds import DeployError, Progress, silent
from infra import artefacts, gateway_logs, package, stack_protection, stages
from infra.cloud import Cloud
from infra.local import emulator, postgres, stack
from infra.local.api_session import ApiSession
from infra.versions import versions

pytestmark = [pytest.mark.stack, pytest.mark.long]

# The emulator knows neither budgets nor gateways for IPv6 only; everything else is asked of it, too.
EMULATED = [
    "network.Egress=endpoints",
    "monitoring.MonthlyBudget=0",
    "monitoring.Alarms=all",
    "monitoring.Dashboard=true",
]
STAGE = "life"
SILENT = silent()
MANUAL = "# Pump manual\n\nThe coolant pump P-17 is inspected every ninety days by the shift engineer.\n"


@dataclass
class Account:
    """An account at the emulator, the stage in it, and what it was told last."""

    cloud: Cloud
    stage: stages.Stage
    provided: dict[str, str]

    def code(self) -> str:
        """Digest of the code that the API's function runs."""
        result = self.cloud.functions.get_function(FunctionName=f"alcove-{STAGE}-api")
        return result["Configuration"]["CodeSha256"]

    def client(self, service: Any) -> Any:
        session = boto3.Session(emulator.ACCESS_KEY, emulator.ACCESS_KEY, region_name=emulator.REGION)
        return session.client(service, endpoint_url=self.cloud.s3.meta.endpoint_url)


@pytest.fixture(scope="module")
def account(built: package.Package) -> Iterator[Account]:
    with tempfile.TemporaryDirectory(prefix="alcove-life-") as name:
        directory = Path(name)
        directory.chmod(0o755)
        server = postgres.start(directory / "postgres", durable=False)
        postgres.create_database(server, "alcove")
        aws = emulator.start(directory / "aws")
        cloud = stack.cloud_of(aws.endpoint_url)
        created = Account(cloud, _stage(cloud, server, aws.endpoint_url), {})
        zone = created.client("route53").create_hosted_zone(Name="example.org", CallerReference="one")["HostedZone"][
            "Id"
        ]
        created.stage.parts["edge"] = {"DomainName": "answers.example.org", "HostedZoneId": zone.rsplit("/")[-1]}
        created.provided = stages.up(cloud, created.stage, built, SILENT)
        yield created
        emulator.stop(directory / "aws")
        postgres.stop(directory / "postgres")


def _stage(cloud: Cloud, server: postgres.Server, endpoint_url: str) -> stages.Stage:
    """The stage of a trial, but for a database that can be reached."""
    stage = stages.read("trial", [*EMULATED, "monitoring.AlarmEmail=alarms@example.org"])
    stage.name = STAGE
    stage.tags = {"CostCenter": "4711"}
    stage.parts[stages.APPLICATION] = {
        "AdministratorEmail": "admin@example.org",
        "EndpointUrl": endpoint_url,
        "TickSchedule": "rate(1 minute)",
    }
    place = {"host": server.host, "port": server.port, "dbname": "alcove"}
    for name, user, password in (
        ("DatabaseSecretArn", postgres.APP, server.app_password),
        ("OwnerSecretArn", postgres.OWNER, server.owner_password),
    ):
        value = json.dumps(place | {"username": user, "password": password})
        created = cloud.secrets.create_secret(Name=f"test-{name}", SecretString=value)
        stage.parts[stages.APPLICATION][name] = created["ARN"]
    return stage


@pytest.fixture(scope="module")
def user(account: Account) -> Iterator[ApiSession]:
    """A user of a service whose registration the administrator has opened (A14)."""
    url, person = account.provided["ApiUrl"], ("somebody@example.org", "a long enough password")
    with pytest.raises(ApiError, match="registration_closed"):
        ApiSession.register(url, *person)
    secret = account.client("secretsmanager").get_secret_value(SecretId=account.provided["AdministratorSecretArn"])
    document = json.loads(secret["SecretString"])
    administrator = ApiSession.log_in_as(url, document["email"], document["password"])
    administrator.json("PATCH", "/config/dynamic", {"registration_open": True})
    administrator.close()
    created = ApiSession.register(url, *person)
    yield created
    created.close()


def _await(what: str, done: Any, seconds: float = 90) -> Any:
    deadline = time.monotonic() + seconds
    while not (result := done()):
        assert time.monotonic() < deadline, what
        time.sleep(0.1)
    return result


def test_every_part_is_a_stack_and_each_finds_what_those_before_it_made(account: Account) -> None:
    for part in account.stage.parts:
        assert stacks.stands(account.cloud, account.stage.stack(part)), part
    # The emulator does not keep what network a stack's function is in; the role it needs for that is there.
    handed = account.cloud.cloudformation.describe_stacks(StackName=f"alcove-{STAGE}")["Stacks"][0]["Parameters"]
    parameters = {item["ParameterKey"]: item["ParameterValue"] for item in handed}
    for name in ("SubnetIds", "FunctionGroupId", "DatabaseResourceId"):
        assert parameters[name] == account.provided[name] != ""
    # Replaced files are kept as long as the database's backups.
    assert parameters["BackupDays"] == account.stage.parts["database"]["BackupDays"]
    role = account.cloud.functions.get_function(FunctionName=f"alcove-{STAGE}-api")["Configuration"]["Role"]
    attached = account.client("iam").list_attached_role_policies(RoleName=role.rsplit("/")[-1])["AttachedPolicies"]
    assert ["NetworkPolicy" in policy["PolicyName"] for policy in attached] == [True]
    assert account.provided["DomainUrl"] == "https://answers.example.org"
    names = {alarm["AlarmName"] for alarm in account.client("cloudwatch").describe_alarms()["MetricAlarms"]}
    assert names == {
        f"alcove-{STAGE}-{name}"
        for name in (
            *(f"{queue}-{kind}" for queue in ("ingest", "answer", "sync") for kind in ("dead-letters", "age")),
            *(f"{function}-errors" for function in ("api", "ingest", "answer", "sync", "tick", "drill")),
            *(f"{function}-throttles" for function in ("api", "ingest", "answer", "sync", "tick")),
            "answers-failing",
            "database-capacity",
            "oldest-question",
            "server-errors",
            "tick-missing",
        )
    }


def _stack_of(account: Account, part: str) -> dict[str, Any]:
    described = account.cloud.cloudformation.describe_stacks(StackName=account.stage.stack(part))["Stacks"]
    return dict(described[0])


def test_no_stack_is_deleted_by_mistake_and_each_has_the_stages_tags(account: Account) -> None:
    for part in account.stage.parts:
        described = _stack_of(account, part)
        assert {tag["Key"]: tag["Value"] for tag in described["Tags"]} == {
            "Application": "alcove",
            "Stage": STAGE,
            "CostCenter": "4711",
        }
        assert described["EnableTerminationProtection"] is True
        with pytest.raises(ClientError, match="TerminationProtection"):
            account.cloud.cloudformation.delete_stack(StackName=account.stage.stack(part))


def test_a_change_that_would_replace_the_database_is_refused(account: Account) -> None:
    account.cloud.databases.create_db_cluster_snapshot(
        DBClusterSnapshotIdentifier="yesterday", DBClusterIdentifier=f"alcove-{STAGE}"
    )
    key = deploying.upload_file(account.cloud, "database", stages.TEMPLATES / "database.yaml")
    before = account.cloud.databases.describe_db_clusters()["DBClusters"]
    other = {"database": account.stage.parts["database"] | {"SnapshotIdentifier": "yesterday"}}
    stage = stages.Stage(STAGE, other, tags=account.stage.tags)
    with pytest.raises(DeployError, match=r"would replace or delete Cluster \(AWS::RDS::DBCluster\)"):
        stages._part(account.cloud, stage, "database", key, account.provided, SILENT)
    assert account.cloud.databases.describe_db_clusters()["DBClusters"] == before
    account.cloud.databases.delete_db_cluster_snapshot(DBClusterSnapshotIdentifier="yesterday")


@pytest.mark.parametrize(
    ("change", "is_refused"),
    [
        ({"Action": "Remove", "PolicyAction": "Snapshot"}, True),  # another engine: the emulator lists none for this
        ({"Action": "Remove", "PolicyAction": "Retain"}, True),
        ({"Action": "Modify", "Replacement": "True", "PolicyAction": "ReplaceAndRetain"}, True),
        (
            {"Action": "Modify", "Replacement": "True", "PolicyAction": "ReplaceAndDelete"},
            False,
        ),  # an instance, a secret
        ({"Action": "Modify", "Replacement": "Conditional"}, False),  # the stack policy decides, when it is known
        ({"Action": "Remove", "PolicyAction": "Delete"}, False),
    ],
)
def test_what_holds_data_is_known_by_what_its_template_does_with_it(change: dict[str, str], is_refused: bool) -> None:
    """Changes as CloudFormation's reference has them (`ResourceChange`)."""
    listed = [{"LogicalResourceId": "Cluster", "ResourceType": "AWS::RDS::DBCluster"} | change]
    if not is_refused:
        return stacks._require_data_stays("alcove-trial-database", listed)
    with pytest.raises(DeployError, match="which holds data"):
        stacks._require_data_stays("alcove-trial-database", listed)
    return None


def test_the_stack_policy_names_every_resource_that_holds_data(account: Account, built: package.Package) -> None:
    for part, names in stack_protection.HOLD_DATA.items():
        processed = account.cloud.cloudformation.get_template(
            StackName=account.stage.stack(part), TemplateStage="Processed"
        )
        body: Any = processed["TemplateBody"]
        template = body if isinstance(body, dict) else yaml.load(body, stages._Template)
        retained = {
            name
            for name, item in template["Resources"].items()
            if item.get("DeletionPolicy", "Delete") != "Delete" or item.get("UpdateReplacePolicy", "Delete") != "Delete"
        }
        assert retained == set(names), part
        stored = account.cloud.cloudformation.get_stack_policy(StackName=account.stage.stack(part))["StackPolicyBody"]
        allowed, denied = json.loads(stored)["Statement"]
        assert (allowed["Effect"], denied["Effect"]) == ("Allow", "Deny")
        assert set(denied["Resource"]) == {f"LogicalResourceId/{name}" for name in names}


def test_api_gateway_gets_a_role_to_log_by_once_for_all_stages(account: Account) -> None:
    gateways = account.client("apigateway")
    assert gateways.get_account().get("cloudwatchRoleArn") is None, "an emulated stage has no access log"
    assert gateway_logs.ensure(account.cloud, SILENT, lambda: True)
    role = gateways.get_account()["cloudwatchRoleArn"]
    attached = account.client("iam").list_attached_role_policies(RoleName=role.rsplit("/")[-1])["AttachedPolicies"]
    assert [policy["PolicyName"] for policy in attached] == ["AmazonAPIGatewayPushToCloudWatchLogs"]
    assert not gateway_logs.ensure(account.cloud, SILENT, lambda: True)

    change = {"op": "replace", "path": "/cloudwatchRoleArn", "value": "arn:aws:iam::000000000000:role/theirs"}
    gateways.update_account(patchOperations=[change])
    assert not gateway_logs.ensure(account.cloud, SILENT, lambda: True)
    assert gateways.get_account()["cloudwatchRoleArn"].endswith("role/theirs")

    gateways.update_account(patchOperations=[change | {"value": ""}])
    with pytest.raises(DeployError, match="although the stack"):
        gateway_logs.ensure(account.cloud, SILENT, lambda: True)


def test_the_dashboards_widgets_name_what_exists(account: Account) -> None:
    body = account.client("cloudwatch").get_dashboard(DashboardName=f"alcove-{STAGE}")["DashboardBody"]
    widgets = json.loads(body)["widgets"]
    assert len(widgets) == 8
    used = {text for text in json.dumps(widgets).split('"') if text.startswith(f"alcove-{STAGE}")}
    functions = {f"alcove-{STAGE}-{name}" for name in ("api", "ingest", "answer", "sync", "tick")}
    queues = {f"alcove-{STAGE}-{name}{kind}" for name in ("ingest", "answer", "sync") for kind in ("", "-dead-letter")}
    assert used == functions | queues | {f"alcove-{STAGE}"}


def test_http_the_bucket_and_both_queues_reach_their_functions(user: ApiSession, tmp_path: Path) -> None:
    (tmp_path / "manual.md").write_text(MANUAL)
    uploaded = user.upload_json(tmp_path / "manual.md")
    document = _await(
        "the bucket's event does not reach ingest",
        lambda: next(
            (
                result
                for result in [user.json("GET", f"/documents/{uploaded['id']}")]
                if result["status"] in {"completed", "failed"}
            ),
            None,
        ),
    )
    assert document["status"] == "completed"
    conversation = user.json("POST", "/conversations", {})["id"]
    queued = user.enqueue(conversation, "How often is the coolant pump inspected?")
    assert list(user.events(queued["job"]["id"]))[-1].name == "done"
    _, answer = user.json("GET", f"/conversations/{conversation}/messages")["items"]
    assert "ninety days" in answer["content"]


def test_deploying_the_same_again_changes_nothing(
    account: Account, built: package.Package, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    stages.up(account.cloud, account.stage, built, Progress())
    sets = [line for line in capsys.readouterr().out.splitlines() if line.startswith("  change set")]
    assert len(sets) == len(account.stage.parts)
    assert all("nothing to change" in line for line in sets), sets
    assert len(versions(account.cloud, STAGE)) == 1


def test_an_update_is_rolled_back_with_one_call_and_no_data_is_lost(
    account: Account, built: package.Package, user: ApiSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = account.code()
    stages.up(account.cloud, account.stage, _next_version(built, tmp_path), SILENT)
    after = account.code()
    assert after != before
    assert len(versions(account.cloud, STAGE)) == 2
    former = stages.roll_back(account.cloud, account.stage, SILENT)
    assert account.code() == before
    assert versions(account.cloud, STAGE) == [former]
    _prune(account, monkeypatch)
    assert [item["title"] for item in user.json("GET", "/documents")["items"]] == ["manual.md"]
    with pytest.raises(DeployError, match="No version"):
        stages.roll_back(account.cloud, account.stage, SILENT)


def _prune(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    """What no stage can be rolled back to goes after its time, and layers that no function uses go at once."""
    files = {item["Key"] for item in artefacts._objects(account.cloud, "function/")}
    useful = {version.keys["function"] for version in versions(account.cloud, STAGE)}
    assert len(files - useful) == 1, "the version that was rolled back"
    libraries = versions(account.cloud, STAGE)[-1].keys["libraries"]
    account.cloud.functions.publish_layer_version(
        LayerName=f"alcove-{STAGE}-libraries", Content={"S3Bucket": account.cloud.artefact_bucket, "S3Key": libraries}
    )
    assert artefacts.prune(account.cloud, STAGE) == (0, 1)
    monkeypatch.setattr(artefacts, "_RETAINED", timedelta(0))
    assert artefacts.prune(account.cloud, STAGE) == (1, 0)
    assert {item["Key"] for item in artefacts._objects(account.cloud, "function/")} == useful
    assert account.code()


def _next_version(built: package.Package, directory: Path) -> package.Package:
    """Code that differs, and a template with a parameter that the former one does not know."""
    function, template = directory / "function.zip", directory / "template.json"
    shutil.copyfile(built.function, function)
    with zipfile.ZipFile(function, "a") as archive:
        archive.writestr("next_version.txt", "next")
    changed = json.loads(built.template.read_text())
    changed["Parameters"]["Novelty"] = {"Type": "String", "Default": "new"}
    changed["Globals"]["Function"]["Environment"]["Variables"]["NOVELTY"] = {"Ref": "Novelty"}
    template.write_text(json.dumps(changed))
    return package.Package(built.libraries, function, template)


def test_the_schedule_reaches_tick(account: Account) -> None:
    logs = account.client("logs")
    # Its first minute is nearly over by now.
    _await(
        "the schedule has not called tick for two minutes",
        lambda: logs.filter_log_events(logGroupName=f"/alcove/{STAGE}/tick")["events"],
        150,
    )


def test_a_destroyed_stage_keeps_its_data_and_a_new_one_takes_it_up(account: Account, built: package.Package) -> None:
    account.cloud.databases.modify_db_cluster(DBClusterIdentifier=f"alcove-{STAGE}", DeletionProtection=True)
    remaining = stages.down(account.cloud, account.stage, SILENT)
    assert not [part for part in account.stage.parts if stacks.stands(account.cloud, account.stage.stack(part))]
    bucket = account.provided["BucketName"]
    assert [line.split(":")[0] for line in remaining] == ["documents", "master key", "database"]
    assert remaining[0].endswith(bucket)
    stored = {item["Key"] for item in account.cloud.s3.list_objects_v2(Bucket=bucket, Prefix="documents/")["Contents"]}
    again = stages.up(account.cloud, account.stage, built, SILENT)
    assert stages.up(account.cloud, account.stage, built, SILENT) == again, "deploying after adopting replaces nothing"
    user = ApiSession(again["ApiUrl"], "somebody@example.org", "a long enough password")
    user.log_in_again()
    (document,) = user.json("GET", "/documents")["items"]
    assert document["status"] == "completed"
    assert f"documents/{document['id']}" in stored
    user.close()
    assert stages.down(account.cloud, account.stage, SILENT, data=True) == []
    with pytest.raises(ClientError, match="404"):
        account.cloud.s3.head_bucket(Bucket=bucket)


def test_a_parameter_that_does_not_exist_is_named_before_anything_changes(
    account: Account, built: package.Package
) -> None:
    stage = stages.read("trial", ["monitoring.AlarmMail=you@example.org"])
    with pytest.raises(DeployError, match="monitoring has no parameter AlarmMail; it has AlarmEmail"):
        stages.up(account.cloud, stage, built, SILENT)
    assert not [part for part in stages.PARTS if stacks.stands(account.cloud, stage.stack(part))]


def test_changes_that_nobody_agrees_to_are_not_made(account: Account) -> None:
    stage = stages.read("trial", EMULATED)
    stage.agreed = lambda: False
    key = deploying.upload_file(account.cloud, "network", stages.TEMPLATES / "network.yaml")
    with pytest.raises(DeployError, match="alcove-trial-network was left as it is"):
        stages._part(account.cloud, stage, "network", key, {}, SILENT)
    assert not stacks.stands(account.cloud, stage.stack("network"))
    stage.agreed = lambda: True
    stages._part(account.cloud, stage, "network", key, {}, SILENT)
    assert stacks.stands(account.cloud, stage.stack("network"))
    stack_protection.release(account.cloud, stage.stack("network"))
    stacks.delete(account.cloud, stage.stack("network"))


def test_a_plain_instance_of_rds_deploys_as_well(account: Account) -> None:
    stage = stages.read(
        "trial", [*EMULATED, "database.Engine=rds", "database.SecondInstance=true", "database.Login=password"]
    )
    stage.name = f"rds{secrets.token_hex(2)}"
    provided: dict[str, str] = {}
    for part in ("network", "database"):
        key = deploying.upload_file(account.cloud, part, stages.TEMPLATES / f"{part}.yaml")
        provided |= stages._part(account.cloud, stage, part, key, provided, SILENT)
    assert provided["DatabaseEngine"] == "rds"
    app = json.loads(account.cloud.secrets.get_secret_value(SecretId=provided["DatabaseSecretArn"])["SecretString"])
    assert app["host"].startswith(f"alcove-{stage.name}.")
    assert (app["username"], app["sslmode"], len(app["password"])) == ("alcove_app", "require", 40)
    stages.down(account.cloud, stage, SILENT, data=True)
    assert not stacks.stands(account.cloud, stage.stack("database"))


def test_without_a_terminal_nothing_is_applied_that_nobody_agreed_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    with pytest.raises(DeployError, match="YES=1"):
        stages.ask()


def test_a_missing_region_or_credentials_are_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_DEFAULT_REGION", "AWS_REGION", "AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, "/nowhere")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(DeployError, match="AWS_DEFAULT_REGION"):
        stages.open_session()
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    with pytest.raises(DeployError, match="AWS_PROFILE"):
        stages.open_session()
