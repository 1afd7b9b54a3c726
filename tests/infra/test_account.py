"""What the account's templates promise: nothing public, nothing in clear, nothing lost, nothing running for nobody."""

from typing import Any

import pytest

from chalicelib.core import settings
from infra import policies

Template = dict[str, Any]


@pytest.fixture(scope="module")
def templates() -> dict[str, Template]:
    return policies.templates()


def _of_type(template: Template, kind: str) -> dict[str, Any]:
    return {
        name: item["Properties"]
        for name, item in template["Resources"].items()
        if not name.startswith("Fn::") and item["Type"] == kind
    }


def test_nothing_reaches_into_the_network(templates: dict[str, Template]) -> None:
    network = templates["network"]
    for group in _of_type(network, "AWS::EC2::SecurityGroup").values():
        for item in group.get("SecurityGroupIngress", []):
            # Clients of a private API are addresses that the operator names.
            condition, rule, _ = item.get("Fn::If", ("", item, None))
            own = {"Ref": "Clients"} if condition == "HasClients" else {"Ref": "Cidr"}
            assert "SourceSecurityGroupId" in rule or rule["CidrIp"] == own
    for name, item in network["Resources"].items():
        if name.startswith(("InternetGateway", "Public", "Nat")) or name == "PrivateRoute":
            assert item["Condition"] == "HasNat", name
        if not name.startswith("Fn::") and item["Type"] == "AWS::EC2::Route":
            ways_out = {"GatewayId", "NatGatewayId", "EgressOnlyInternetGatewayId"} & item["Properties"].keys()
            assert name == "PublicRoute" or ways_out <= {"NatGatewayId", "EgressOnlyInternetGatewayId"}, name
    assert network["Conditions"]["HasNat"] == {"Fn::Equals": [{"Ref": "Egress"}, "nat"]}
    assert network["Parameters"]["Egress"]["Default"] == "ipv6"
    assert not [subnet for subnet in _of_type(network, "AWS::EC2::Subnet").values() if "MapPublicIpOnLaunch" in subnet]


def test_only_functions_and_the_proxy_reach_the_database(templates: dict[str, Template]) -> None:
    group = _of_type(templates["network"], "AWS::EC2::SecurityGroup")["DatabaseGroup"]
    sources = {rule["SourceSecurityGroupId"]["Ref"] for rule in group["SecurityGroupIngress"]}
    assert sources == {"FunctionGroup", "ProxyGroup"}
    assert {(rule["FromPort"], rule["ToPort"]) for rule in group["SecurityGroupIngress"]} == {(5432, 5432)}


def test_documents_cannot_leave_for_another_accounts_bucket(templates: dict[str, Template]) -> None:
    endpoint = templates["network"]["Resources"]["S3Endpoint"]["Properties"]
    own, images = endpoint["PolicyDocument"]["Statement"]
    assert own["Condition"] == {"StringEquals": {"aws:ResourceAccount": {"Ref": "AWS::AccountId"}}}
    assert images["Action"] == "s3:GetObject"


@pytest.mark.parametrize(("name", "kind"), [("Cluster", "DBCluster"), ("Instance", "DBInstance")])
def test_the_database_is_encrypted_private_kept_and_speaks_tls_only(
    templates: dict[str, Template], name: str, kind: str
) -> None:
    template = templates["database"]
    database = template["Resources"][name]
    assert database["Type"] == f"AWS::RDS::{kind}"
    assert database["DeletionPolicy"] == database["UpdateReplacePolicy"] == "Snapshot"
    properties = database["Properties"]
    assert properties["StorageEncrypted"] is True
    assert properties["ManageMasterUserPassword"] == {"Fn::If": ["HasPasswords", True, {"Ref": "AWS::NoValue"}]}
    assert properties["EnableIAMDatabaseAuthentication"] == {"Fn::If": ["IsByIam", True, False]}
    assert properties["MasterUserAuthenticationType"]["Fn::If"][2]["Fn::If"][:2] == ["IsByIam", "iam-db-auth"]
    assert template["Parameters"]["Login"]["Default"] == "iam"
    assert "MasterUserPassword" not in properties
    assert properties["DeletionProtection"] == {"Ref": "DeletionProtection"}
    assert template["Parameters"]["DeletionProtection"]["Default"] == "true"
    for instance in _of_type(template, "AWS::RDS::DBInstance").values():
        assert instance["PubliclyAccessible"] is False
        assert instance["CACertificateIdentifier"] == "rds-ca-rsa2048-g1"
    for group in ("ClusterSettings", "InstanceSettings"):
        assert template["Resources"][group]["Properties"]["Parameters"]["rds.force_ssl"] == "1"
    for name, secret in _of_type(template, "AWS::SecretsManager::Secret").items():
        assert template["Resources"][name]["Condition"] == "HasPasswords"
        assert '"sslmode": "require"' in secret["GenerateSecretString"]["SecretStringTemplate"]["Fn::Sub"][0]


def test_a_database_that_may_pause_is_let_go_by_idle_functions_before_it_would(templates: dict[str, Template]) -> None:
    template = templates["database"]
    idle = template["Resources"]["ClusterSettings"]["Properties"]["Parameters"]["idle_session_timeout"]["Fn::If"]
    assert (idle[0], idle[2]) == ("MayPause", "0")
    assert int(idle[1]) / 1000 < template["Parameters"]["SecondsUntilAutoPause"]["MinValue"]


def test_no_gpu_runs_while_nothing_waits(templates: dict[str, Template]) -> None:
    (environment,) = _of_type(templates["embedder"], "AWS::Batch::ComputeEnvironment").values()
    assert environment["ComputeResources"]["MinvCpus"] == 0
    assert "DesiredvCpus" not in environment["ComputeResources"]


def test_the_gpu_task_has_every_variable_that_it_cannot_do_without(templates: dict[str, Template]) -> None:
    (job,) = _of_type(templates["embedder"], "AWS::Batch::JobDefinition").values()
    provided = {item["Name"] for item in job["ContainerProperties"]["Environment"]}
    needed = {variable for variable, is_required in settings.variables().items() if is_required}
    besides = {"ALCOVE_TICK_QUEUE_URL", "ALCOVE_DATABASE_WAIT_SECONDS", "ALCOVE_DUAL_STACK"}
    besides |= {"ALCOVE_DATABASE_SECRET", "ALCOVE_DATABASE_ADDRESS"}
    assert provided - {"AWS_DEFAULT_REGION"} == needed | besides


def test_tick_finds_queue_and_job_of_the_gpu_task_by_their_names(templates: dict[str, Template]) -> None:
    (queue,) = _of_type(templates["embedder"], "AWS::Batch::JobQueue").values()
    (job,) = _of_type(templates["embedder"], "AWS::Batch::JobDefinition").values()
    variables = templates["application"]["Resources"]["Tick"]["Properties"]["Environment"]["Variables"]
    assert variables["ALCOVE_EMBEDDER_QUEUE"]["Fn::If"] == ["HasEmbedder", queue["JobQueueName"], ""]
    assert variables["ALCOVE_EMBEDDER_JOB"]["Fn::If"] == ["HasEmbedder", job["JobDefinitionName"], ""]


def test_the_firewall_counts_what_documents_and_questions_may_be_about(templates: dict[str, Template]) -> None:
    (firewall,) = _of_type(templates["edge"], "AWS::WAFv2::WebACL").values()
    rules = {rule["Name"]: rule for rule in firewall["Rules"]}
    assert set(rules) == {"rate", "reputation", "known-bad-inputs", "common"}
    overridden = rules["common"]["Statement"]["ManagedRuleGroupStatement"]["RuleActionOverrides"]
    assert {rule["Name"].rsplit("_")[-1] for rule in overridden} == {"BODY"}
    assert all(rule["ActionToUse"] == {"Count": {}} for rule in overridden)
