"""A stage's data of an earlier time in a new stage (S5): RDS's part at moto's records, all else on the emulator."""

import json
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from chalicelib.ops.drills.point_in_time import PointInTime, scratch_name
from chalicelib.ops.updates import stacks
from chalicelib.ops.updates.clouds import DeployError, Progress, silent
from infra import package, stage_restoring, stages
from infra.cloud import Cloud
from infra.former_database import FormerDatabase
from infra.local import emulator, postgres, stack
from infra.local.api_session import ApiSession
from infra.stage_data import StageData, delete_scratch, documents_bucket
from infra.stage_restoring import Restore

pytestmark = pytest.mark.long
NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)


# ------------------------------------------------------------------ RDS
@pytest.fixture(scope="module")
def session() -> boto3.Session:
    """One for all tests: each session reads AWS's models of the services anew."""
    return boto3.Session("x", "x", region_name="eu-central-1")


@pytest.fixture
def records(session: boto3.Session, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    """An account at moto, which keeps databases as records."""
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.setenv("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")  # 1,300 images that nobody starts, made for each test
    with mock_aws():
        cloud = replace(Cloud.connect(session), poll_seconds=0.0)
        network: Any = session.client("ec2")
        vpc = network.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        subnets = [
            network.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{n}.0/24", AvailabilityZone=f"eu-central-1{zone}")
            for n, zone in enumerate("ab")
        ]
        cloud.databases.create_db_subnet_group(
            DBSubnetGroupName="private",
            DBSubnetGroupDescription="private",
            SubnetIds=[subnet["Subnet"]["SubnetId"] for subnet in subnets],
        )
        yield cloud


def _cluster(cloud: Cloud) -> None:
    cloud.databases.create_db_cluster(
        DBClusterIdentifier="alcove-production",
        Engine="aurora-postgresql",
        MasterUsername="alcove_master",
        MasterUserPassword="a long enough password",
        DBSubnetGroupName="private",
    )


def _instance(cloud: Cloud) -> None:
    template = {"Parameters": {"Engine": {"Type": "String"}}, "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}
    cloud.cloudformation.create_stack(
        StackName="alcove-production-database",
        TemplateBody=json.dumps(template),
        Parameters=[{"ParameterKey": "Engine", "ParameterValue": "rds"}],
    )
    cloud.databases.create_db_instance(
        DBInstanceIdentifier="alcove-production",
        DBInstanceClass="db.t4g.medium",
        Engine="postgres",
        MasterUsername="alcove_master",
        MasterUserPassword="a long enough password",
        AllocatedStorage=50,
        DBSubnetGroupName="private",
    )


def _restore() -> Restore:
    return Restore("production", datetime.now(UTC), "restored")


def _databases(cloud: Cloud) -> set[str]:
    clusters = cloud.databases.describe_db_clusters()["DBClusters"]
    instances = cloud.databases.describe_db_instances()["DBInstances"]
    return {item["DBClusterIdentifier"] for item in clusters} | {item["DBInstanceIdentifier"] for item in instances}


def _snapshots(cloud: Cloud) -> set[str]:
    of_clusters = cloud.databases.describe_db_cluster_snapshots(SnapshotType="manual")["DBClusterSnapshots"]
    of_instances = cloud.databases.describe_db_snapshots(SnapshotType="manual")["DBSnapshots"]
    names = {item["DBClusterSnapshotIdentifier"] for item in of_clusters}
    return names | {item["DBSnapshotIdentifier"] for item in of_instances}


@pytest.mark.parametrize("make", [_cluster, _instance])
def test_a_snapshot_of_that_time_is_made_once_and_nothing_else_is_left(records: Cloud, make: Any) -> None:
    assert Restore("production", NOON, "restored").label == "alcove-restored-from-20261130t120000z"
    make(records)
    restore = _restore()
    for _ in range(2):
        assert FormerDatabase(records, restore).snapshot(silent()) == restore.label
        assert _databases(records) == {"alcove-production"}
        assert _snapshots(records) == {restore.label}


@pytest.mark.parametrize("make", [_cluster, _instance])
def test_the_snapshot_is_data_of_the_new_stage_and_is_deleted_with_it(records: Cloud, make: Any) -> None:
    make(records)
    snapshot = FormerDatabase(records, _restore()).snapshot(silent())
    for other in ("production", "rest", "restored-2"):
        StageData(records, other).delete()
    assert _snapshots(records) == {snapshot}
    assert StageData(records, "restored").describe() == [f"database: snapshot {snapshot}"]
    StageData(records, "restored").delete()
    assert _snapshots(records) == set()


@pytest.mark.parametrize("make", [_cluster, _instance])
def test_the_database_without_clients_is_deleted_when_its_snapshot_fails(records: Cloud, make: Any) -> None:
    make(records)
    restore = _restore()

    def fail(model: Any, **_: Any) -> None:
        if model.name in ("CreateDBClusterSnapshot", "CreateDBSnapshot"):
            raise ConnectionResetError(model.name)

    records.databases.meta.events.register("before-call.rds", fail)
    with pytest.raises(ConnectionResetError):
        FormerDatabase(records, restore).snapshot(silent())
    assert (_databases(records), _snapshots(records)) == ({"alcove-production"}, set())
    records.databases.meta.events.unregister("before-call.rds", fail)
    again = replace(restore, into="again")  # moto keeps the automatic backup of a database that is deleted
    FormerDatabase(records, again).snapshot(silent())
    assert (_databases(records), _snapshots(records)) == ({"alcove-production"}, {again.label})


@pytest.mark.parametrize("make", [_cluster, _instance])
def test_a_database_without_clients_that_cannot_be_deleted_yet_is_named(records: Cloud, make: Any) -> None:
    make(records)
    errors: Any = records.databases.exceptions

    def refuse(model: Any, **_: Any) -> None:
        kind = model.name.removeprefix("Delete")
        if kind in ("DBCluster", "DBInstance"):
            code = f"Invalid{kind}StateFault"
            raise getattr(errors, code)({"Error": {"Code": code}}, model.name)

    records.databases.meta.events.register("before-call.rds", refuse)
    restore, lines = _restore(), list[str]()
    FormerDatabase(records, restore).snapshot(Progress(lines.append))
    assert any(f"{restore.label} is not deleted (available)" in line for line in lines), lines


def test_what_a_killed_process_left_is_taken_up_and_deleted(records: Cloud) -> None:
    _cluster(records)
    restore = _restore()
    records.databases.restore_db_cluster_to_point_in_time(
        DBClusterIdentifier=restore.label, SourceDBClusterIdentifier="alcove-production", RestoreToTime=restore.at
    )
    FormerDatabase(records, restore).snapshot(silent())
    assert (_databases(records), _snapshots(records)) == ({"alcove-production"}, {restore.label})


@pytest.mark.parametrize("is_aurora", [True, False])
def test_a_destroyed_stage_leaves_no_database_of_a_drill_and_deletes_no_other(records: Cloud, is_aurora: bool) -> None:
    _cluster(records) if is_aurora else _instance(records)
    scratch, tags = scratch_name("production"), {"Drill": "production"}
    copy = PointInTime(records.databases, "alcove-production", scratch, is_aurora=is_aurora, tags=tags)
    copy.restore(datetime.now(UTC))
    copy.restore(datetime.now(UTC))
    while copy.address() is None:
        pass
    assert _databases(records) == {"alcove-production", scratch, *([f"{scratch}-1"] if is_aurora else [])}
    delete_scratch(records, "produc")
    assert scratch in _databases(records)
    delete_scratch(records, "production")
    assert _databases(records) == {"alcove-production"}
    delete_scratch(records, "production")


def test_a_time_outside_of_the_backups_is_refused_with_their_range(records: Cloud) -> None:
    _cluster(records)
    database = FormerDatabase(records, Restore("production", NOON, "restored"))
    with pytest.raises(DeployError, match="can be restored to a time from"):
        database.snapshot(silent())
    assert _databases(records) == {"alcove-production"}
    with pytest.raises(DeployError, match=r"from 2026-12-01 .* until 2026-12-02"):
        database._require_restorable(NOON + timedelta(days=1), NOON + timedelta(days=2))
    with pytest.raises(DeployError, match="from its first backup until"):
        database._require_restorable(None, NOON - timedelta(seconds=1))
    database._require_restorable(NOON, NOON)


@pytest.mark.parametrize("text", ["yesterday", "2026-11-30T12:00:00", "2126-11-30T12:00:00Z"])
def test_a_time_that_says_too_little_is_refused(text: str) -> None:
    with pytest.raises(DeployError):
        stage_restoring.parse_time(text)
    assert stage_restoring.parse_time("2026-11-30T13:00:00+01:00") == NOON


# ------------------------------------------------------------------ the new stage's parameters
def _stack(cloud: Cloud, part: str, parameters: dict[str, str], outputs: dict[str, str]) -> None:
    template = {
        "Parameters": {name: {"Type": "String"} for name in parameters},
        "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
        "Outputs": {name: {"Value": value} for name, value in outputs.items()},
    }
    cloud.cloudformation.create_stack(
        StackName=stages.Stage("production", {}).stack(part),
        TemplateBody=json.dumps(template),
        Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()],
    )


def test_the_new_stage_has_what_was_chosen_and_not_what_other_parts_give_it(records: Cloud) -> None:
    former = {"SnapshotIdentifier": "former", "Stage": "production"}
    _stack(records, "database", {"BackupDays": "14", "MinCapacity": "0.5"} | former, {"BackupDays": "14", "Host": "h"})
    handed = {"BackupDays": "14", "Host": "h", "Paused": "true", "DomainName": "answers.example.org"}
    own = {"LogRetentionDays": "90", "MasterKeyArn": "arn:aws:kms:eu-central-1:123456789012:key/former"}
    _stack(records, "application", own | handed, {"RestApiId": "r"})
    stage = stage_restoring.restored_stage(records, _restore(), ["database.MaxCapacity=4"])
    assert (stage.name, stage.parts["database"]) == ("restored", {"BackupDays": "14", "MaxCapacity": "4"})
    assert stage.parts["application"] == own


def test_a_time_that_rds_refuses_leaves_the_name_free_for_another_time(records: Cloud, tmp_path: Path) -> None:
    _cluster(records)
    stage = stages.Stage("restored", {"database": {}, "application": {}})
    for at in (NOON, NOON - timedelta(days=1)):
        with pytest.raises(DeployError, match="can be restored to a time from"):
            restore = Restore("production", at, "restored")
            stage_restoring.run(records, restore, stage, package.Package(*[tmp_path] * 3), silent(), directory=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_file_of_an_earlier_restore_is_replaced_and_any_other_is_not(records: Cloud, tmp_path: Path) -> None:
    file = tmp_path / "restored.toml"
    for snapshot in ("earlier", "later"):
        stage = stages.Stage("restored", {"database": {"SnapshotIdentifier": snapshot}, "application": {}})
        stage_restoring._journal_of(records, _restore(), stage, file)
        stage_restoring._write_file(stage, file)
    assert stages.read("restored", [], tmp_path).parts["database"] == {"SnapshotIdentifier": "later"}
    file.write_text("[application]\n")
    with pytest.raises(DeployError, match=r"restored exists: .*restored.toml. Choose a name"):
        stage_restoring._journal_of(records, _restore(), stage, file)


# ------------------------------------------------------------------ the emulator
@pytest.fixture(scope="module")
def place() -> Iterator[tuple[Cloud, postgres.Server]]:
    with tempfile.TemporaryDirectory(prefix="alcove-restoring-") as name:
        directory = Path(name)
        directory.chmod(0o755)
        server = postgres.start(directory / "postgres", durable=False)
        postgres.create_database(server, "alcove")
        cloud = stack.cloud_of(emulator.start(directory / "aws").endpoint_url)
        yield cloud, server
        emulator.stop(directory / "aws")
        postgres.stop(directory / "postgres")


def _logins(cloud: Cloud, server: postgres.Server, database: str) -> dict[str, str]:
    where = {"host": server.host, "port": server.port, "dbname": database}
    roles = {
        "DatabaseSecretArn": (postgres.APP, server.app_password),
        "OwnerSecretArn": (postgres.OWNER, server.owner_password),
    }
    values = {name: where | {"username": user, "password": password} for name, (user, password) in roles.items()}
    return {
        name: cloud.secrets.create_secret(Name=f"{database}-{name}", SecretString=json.dumps(value))["ARN"]
        for name, value in values.items()
    }


def _copy_of_this_moment(server: postgres.Server, name: str) -> None:
    """What RDS does to the second: the database as it is now, under another name."""
    with postgres.connect_superuser(server) as connection:
        connection.execute("alter database alcove allow_connections false")
        connection.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = 'alcove'")
    postgres.create_database(server, name, "alcove")
    with postgres.connect_superuser(server) as connection:
        connection.execute("alter database alcove allow_connections true")


def _completed(user: ApiSession, number: int) -> dict[str, Any]:
    deadline = time.monotonic() + 120
    while True:
        items = user.json("GET", "/documents")["items"]
        if len(items) == number and all(item["status"] == "completed" for item in items):
            return {item["title"]: item for item in items}
        assert time.monotonic() < deadline, items
        time.sleep(0.2)


def _state(cloud: Cloud, name: str) -> set[str]:
    """Whether the queues of a stage are read, and its schedules run."""
    session = boto3.Session(emulator.ACCESS_KEY, emulator.ACCESS_KEY, region_name=emulator.REGION)
    rules = session.client("events", endpoint_url=cloud.s3.meta.endpoint_url).list_rules()["Rules"]
    states = {str(rule["State"]) for rule in rules if f"alcove-{name}-" in rule["Name"]}
    for function in ("ingest", "answer", "sync"):
        listed = cloud.functions.list_event_source_mappings(FunctionName=f"alcove-{name}-{function}")
        states |= {mapping["State"].upper() for mapping in listed["EventSourceMappings"]}
    return states


@pytest.mark.stack
def test_a_stage_comes_back_as_it_was_and_a_restore_that_was_killed_goes_on(
    place: tuple[Cloud, postgres.Server], built: package.Package, tmp_path: Path
) -> None:
    cloud, server = place
    endpoint = cloud.s3.meta.endpoint_url
    source = stages.Stage("trial", {"application": _logins(cloud, server, "alcove"), "monitoring": {}})
    source.parts["application"] |= {"AdministratorEmail": "admin@example.org", "EndpointUrl": endpoint}
    source.parts["application"]["BackupDays"] = "7"  # with 0 the source's own tick may delete what was replaced
    outputs = stages.up(cloud, source, built, silent())
    secret = cloud.secrets.get_secret_value(SecretId=outputs["AdministratorSecretArn"])["SecretString"]
    login = json.loads(secret)["email"], json.loads(secret)["password"]
    user = ApiSession.log_in_as(outputs["ApiUrl"], *login)
    for name in ("lost", "replaced", "same"):
        (tmp_path / f"{name}.md").write_text(f"# {name}\n\nThe pump {name} is inspected every ninety days.\n")
        user.upload_json(tmp_path / f"{name}.md")
    before = _completed(user, 3)
    bucket = documents_bucket(cloud, "trial")
    time.sleep(1)  # S3 knows the time of a version to the second
    at = datetime.now(UTC)
    _copy_of_this_moment(server, "alcove_before")

    # What happens afterwards: a document is replaced, an object is lost, and another document comes.
    time.sleep(1)
    key = f"documents/{before['replaced.md']['id']}"
    cloud.s3.put_object(Bucket=bucket, Key=key, Body=b"# Replaced\n\nNothing of before.\n", ContentType="text/markdown")
    removed = f"documents/{before['lost.md']['id']}"
    for version in cloud.s3.list_object_versions(Bucket=bucket, Prefix=removed)["Versions"]:
        cloud.s3.delete_object(Bucket=bucket, Key=removed, VersionId=version["VersionId"])
    (tmp_path / "later.md").write_text("# Later\n\nThis came later.\n")
    user.upload_json(tmp_path / "later.md")

    restore = Restore("trial", at, "restored")
    with pytest.raises(DeployError, match="Restore it yourself"):
        stage_restoring.restored_stage(cloud, restore, [])
    overrides = [f"application.{name}={arn}" for name, arn in _logins(cloud, server, "alcove_before").items()]
    stage = stage_restoring.restored_stage(cloud, restore, overrides)
    assert stage.parts["application"]["AdministratorEmail"] == "admin@example.org"

    def die(params: Any, **_: Any) -> None:
        """Between the commit of the documents' versions and the journal."""
        if params["Key"].startswith("restores/") and b'"objects": 2' in params["Body"]:
            raise ConnectionResetError("killed")

    cloud.s3.meta.events.register("before-parameter-build.s3.PutObject", die)
    with pytest.raises(ConnectionResetError):
        stage_restoring.run(cloud, restore, stage, built, silent(), directory=tmp_path)
    cloud.s3.meta.events.unregister("before-parameter-build.s3.PutObject", die)
    assert _state(cloud, "restored") == {"DISABLED"}

    stage = stage_restoring.restored_stage(cloud, restore, overrides)
    journal = stage_restoring.run(cloud, restore, stage, built, silent(), directory=tmp_path)
    assert (journal.objects, journal.missing) == (2, 1)
    assert _state(cloud, "restored") == {"ENABLED"}
    params = stacks.parameters(cloud, "alcove-restored")
    former_key = cloud.cloudformation.describe_stack_resource(StackName="alcove-trial", LogicalResourceId="MasterKey")
    assert params["MasterKeyArn"].endswith(former_key["StackResourceDetail"]["PhysicalResourceId"])

    restored = ApiSession.log_in_as(stacks.outputs(cloud, "alcove-restored")["ApiUrl"], *login)
    documents = {item["title"]: item for item in restored.json("GET", "/documents")["items"]}
    assert documents.keys() == before.keys()
    assert documents["same.md"] == before["same.md"], "nothing is ingested again"
    copied = cloud.s3.get_object(Bucket=documents_bucket(cloud, "restored"), Key=key)["Body"].read()
    assert b"The pump replaced" in copied
    assert "[application]" in (tmp_path / "restored.toml").read_text()
    for other in (restore, replace(restore, at=at - timedelta(minutes=1))):
        with pytest.raises(DeployError, match=r"was restored already|is a restore of trial to"):
            stage_restoring.run(cloud, other, stage, built, silent(), directory=tmp_path)
    with pytest.raises(DeployError, match="another one"):
        stage_restoring.restored_stage(cloud, replace(restore, into="trial"), overrides)
    topic = json.dumps({"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}})
    cloud.cloudformation.create_stack(StackName="alcove-taken", TemplateBody=topic)
    with pytest.raises(DeployError, match="taken exists: alcove-taken"):
        stage_restoring.run(cloud, replace(restore, into="taken"), replace_name(stage, "taken"), built, silent())
    for session in (user, restored):
        session.close()


def replace_name(stage: stages.Stage, name: str) -> stages.Stage:
    """The same stage under another name."""
    return stages.Stage(name, {part: dict(values) for part, values in stage.parts.items()})
