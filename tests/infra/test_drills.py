"""A drill of an account's backups (O8): deployed functions on the emulator, a real restore to a point in time."""

import json
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from chalicelib.ops.updates.clouds import silent
from infra import drills, package, stages
from infra.cloud import Cloud
from infra.local import emulator, postgres, stack
from infra.local.api_session import ApiSession
from tests.peers.restoring_rds import RestoringRds, serving

pytestmark = [pytest.mark.stack, pytest.mark.long]
SCRATCH = "drill-alcove-trial"


@dataclass
class Account:
    """A stage on the emulator whose database is a real server, and whose RDS is the peer."""

    cloud: Cloud
    server: postgres.Server
    rds: RestoringRds
    user: ApiSession

    def invoke(self, event: Any) -> dict[str, Any]:
        reply = self.cloud.functions.invoke(FunctionName="alcove-trial-drill", Payload=json.dumps(event).encode())
        answer: dict[str, Any] = json.loads(reply["Payload"].read())
        assert reply.get("FunctionError") is None, answer
        return answer

    def drill(self, *, begin: bool = True) -> dict[str, Any]:
        """One drill, to its end."""
        if begin:
            return drills.run(self.cloud, "trial", silent(), seconds=0.1)
        answer = self.invoke({"source": "aws.events"})
        deadline = time.monotonic() + 120
        while answer["step"] != "ended":
            assert time.monotonic() < deadline, answer
            answer = self.invoke({"source": "aws.events"})
        return answer

    def rows(self, statement: str) -> list[Any]:
        with postgres.connect_superuser(self.server, "alcove") as connection:
            return connection.execute(statement.encode()).fetchall()

    def newest(self) -> Any:
        """The newest backup of the list, as administrators see it."""
        return self.user.json("GET", "/backups")["items"][0]

    def journal(self, change: Callable[[dict[str, Any]], object] | None = None) -> dict[str, Any]:
        place: Any = {"Bucket": self.cloud.artefact_bucket, "Key": "drills/trial.json"}
        document: dict[str, Any] = json.loads(self.cloud.s3.get_object(**place)["Body"].read())
        if change is not None:
            change(document)
            self.cloud.s3.put_object(**place, Body=json.dumps(document).encode())
        return document

    def configure(self, **values: Any) -> None:
        name = "alcove-trial-drill"
        self.cloud.functions.update_function_configuration(FunctionName=name, **values)
        self.cloud.functions.get_waiter("function_updated_v2").wait(FunctionName=name)

    def variables(self, **changed: str) -> None:
        present = self.cloud.functions.get_function_configuration(FunctionName="alcove-trial-drill")["Environment"]
        self.configure(Environment={"Variables": present["Variables"] | changed})


@pytest.fixture(scope="module")
def account(built: package.Package) -> Iterator[Account]:
    with tempfile.TemporaryDirectory(prefix="alcove-drills-") as name:
        directory = Path(name)
        directory.chmod(0o755)
        server = postgres.start(directory / "postgres")
        postgres.create_database(server, "alcove")
        cloud = stack.cloud_of(emulator.start(directory / "aws").endpoint_url)
        try:
            yield from _deployed(cloud, server, directory, built)
        finally:
            emulator.stop(directory / "aws")
            postgres.stop(directory / "postgres")


def _deployed(cloud: Cloud, server: postgres.Server, directory: Path, built: package.Package) -> Iterator[Account]:
    parameters = {"AdministratorEmail": "admin@example.org", "EndpointUrl": cloud.s3.meta.endpoint_url}
    parameters |= {"BackupDays": "7", "DatabaseEngine": "aurora"}
    for parameter, role, password in (
        ("DatabaseSecretArn", postgres.APP, server.app_password),
        ("OwnerSecretArn", postgres.OWNER, server.owner_password),
    ):
        login = {"host": server.host, "port": server.port, "dbname": "alcove", "username": role, "password": password}
        secret = cloud.secrets.create_secret(Name=parameter, SecretString=json.dumps(login))
        parameters[parameter] = secret["ARN"]
    outputs = stages.up(cloud, stages.Stage("trial", {"application": parameters}), built, silent())
    secret = json.loads(cloud.secrets.get_secret_value(SecretId=outputs["AdministratorSecretArn"])["SecretString"])
    user = ApiSession.log_in_as(outputs["ApiUrl"], secret["email"], secret["password"])
    with serving("alcove-trial", directory / "postgres", directory / "copies") as (rds, address):
        account = Account(cloud, server, rds, user)
        account.variables(AWS_ENDPOINT_URL_RDS=address)
        for number in range(5):
            text = f"The pump P-{number} is inspected every {number + 2} days."
            user.json("POST", "/documents", {"title": f"Pump {number}", "content": text})
        deadline = time.monotonic() + 60
        while account.rows("select count(*) from documents where status = 'completed'") != [(5,)]:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        yield account
    user.close()


def _is_deleted(account: Account) -> bool:
    return account.rds.clusters.keys() == {"alcove-trial"} and not account.rds.instances


def test_without_a_schedule_nothing_is_done_and_nothing_stored(account: Account) -> None:
    account.rds.calls.clear()
    before = account.rows("select count(*) from workflow_activity where workflow_name = 'drill'")
    assert account.invoke({"source": "aws.events"})["step"] == "ended"
    assert set(account.rds.calls) <= {"DescribeDBClusters"}
    with pytest.raises(account.cloud.s3.exceptions.NoSuchKey):
        account.journal()
    assert account.rows("select count(*) from workflow_activity where workflow_name = 'drill'") == before


def test_a_drill_passes_while_others_write(account: Account) -> None:
    stopped = threading.Event()

    def write() -> None:
        """New rows, changed rows, rows that come and go, and a table that is as large as before and has other rows."""
        with postgres.connect_superuser(account.server, "alcove") as connection:
            connection.execute("create table busy (id bigint primary key, words text)")
            connection.execute("grant select on busy to alcove_owner")
            connection.execute("insert into busy select n, 'a row' from generate_series(1, 5000) n")
            number = 5000
            while not stopped.is_set():
                number += 1
                connection.execute("insert into busy values (%s, 'new')", [number])
                connection.execute("update busy set words = words || '!' where id = %s", [1 + number * 7 % 1000])
                connection.execute("delete from busy where id = %s", [number - 3000])
                connection.execute(
                    "begin; insert into busy values (-1, 'short'); commit; delete from busy where id < 0"
                )

    writer = threading.Thread(target=write)
    writer.start()
    try:
        ended = account.drill()
    finally:
        stopped.set()
        writer.join()
    assert ended["differences"] == []
    assert ended["is_recorded"]
    assert ended["counts"]["changing_parts"] > 0, "the writer was not noticed"
    assert (ended["counts"]["objects"], ended["counts"]["searches"]) == (5, 1)
    backup = account.newest()
    assert (backup["restoration_tested"], backup["backup_path"]) == (True, f"alcove-trial@{ended['at']}")
    assert backup["components"] == ["database", "objects"]
    assert account.rows("select status, counts ->> 'objects' from workflow_activity where workflow_name = 'drill'") == [
        ("completed", "5")
    ]
    assert _is_deleted(account)
    assert {"DeleteDBInstance", "DeleteDBCluster"} <= set(account.rds.calls)


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        ("truncate document_chunks cascade", "document_chunks has 0 rows instead of 5"),
        ("update users set display_name = 'Somebody'", "users has"),
        ("drop table webhooks cascade", "webhooks is missing"),
        ("revoke select on documents from alcove_app", "a search in the restored database fails"),
    ],
)
def test_a_drill_notices_what_a_backup_lacks(account: Account, damage: str, sentence: str) -> None:
    account.rds.damage = lambda connection: connection.execute(damage.encode())
    try:
        ended = account.drill()
    finally:
        account.rds.damage = lambda _: None
    assert any(line.startswith(sentence) for line in ended["differences"]), ended["differences"]
    backup = account.newest()
    assert not backup["restoration_tested"]
    assert sentence in backup["notes"]
    event = account.user.json("GET", "/self-healing-events?event_type=drill_failed")["items"][0]
    assert event["severity"] == "critical"
    assert sentence in event["description"]
    assert _is_deleted(account)


def test_a_drill_notices_an_object_that_is_another_one_or_gone(account: Account) -> None:
    changed, missing = account.rows("select object_key, object_version from documents order by title limit 2")
    account.rows(f"update documents set content_sha256 = sha256('x') where object_key = '{changed[0]}' returning 1")
    bucket = next(b["Name"] for b in account.cloud.s3.list_buckets()["Buckets"] if "documents" in b["Name"])
    account.cloud.s3.delete_object(Bucket=bucket, Key=missing[0], VersionId=missing[1])
    ended = account.drill()
    assert set(ended["differences"]) == {
        f"the object {changed[0]} has other contents",
        f"the object {missing[0]} is missing in the version of that time",
    }
    account.rows(f"delete from documents where object_key in ('{changed[0]}', '{missing[0]}') returning 1")


def test_a_drill_that_was_killed_is_deleted_and_recorded_by_the_next_invocation(account: Account) -> None:
    account.configure(Timeout=10)
    account.rds.hangs.set()
    reply = account.cloud.functions.invoke(FunctionName="alcove-trial-drill", Payload=b'{"drill": "begin"}')
    assert "FunctionError" in reply, "the function's time is over"
    account.rds.hangs.clear()
    account.configure(Timeout=900)
    deadline = time.monotonic() + 60
    while account.rds.clusters[SCRATCH]["Status"] != "available":
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert account.journal()["step"] == "restore"
    assert account.invoke({"source": "aws.events"})["step"] == "restore", "it may still be at work"
    assert SCRATCH in account.rds.clusters
    past = (datetime.now(UTC) - timedelta(seconds=1)).isoformat()
    account.journal(lambda document: document.update(claimed_until=past))
    ended = account.drill(begin=False)
    assert ended["differences"] == ["The drill was interrupted in the step restore."]
    assert _is_deleted(account)
    assert not account.newest()["restoration_tested"]
    assert "interrupted" in account.newest()["notes"]


def test_a_database_without_a_drill_is_deleted_and_told(account: Account) -> None:
    account.rds.clusters[SCRATCH] = {"Status": "available"}
    ended = account.drill(begin=False)
    assert ended["differences"] == [f"The database {SCRATCH} of an earlier drill was there still."]
    assert _is_deleted(account)
    assert "was there still" in account.newest()["notes"]


def test_a_database_that_cannot_be_deleted_is_told_while_it_costs(account: Account) -> None:
    account.rds.refuses_deletion = True
    account.invoke({"drill": "begin"})
    for _ in range(2):
        answer = account.invoke({"source": "aws.events"})
    assert (answer["step"], answer["is_recorded"]) == ("delete", False)
    past = (datetime.now(UTC) - timedelta(hours=2)).isoformat()
    account.journal(lambda document: document.update(deleting_since=past))
    answer = account.invoke({"source": "aws.events"})
    assert (answer["step"], answer["is_recorded"]) == ("delete", True)
    assert "cannot be deleted, and costs money" in account.newest()["notes"]
    account.rds.refuses_deletion = False
    account.drill(begin=False)
    assert _is_deleted(account)


def test_a_drill_that_is_requested_while_the_function_looks_begins_afterwards(account: Account) -> None:
    soon = (datetime.now(UTC) + timedelta(seconds=3)).isoformat()
    former = account.journal(lambda document: document.update(claimed_until=soon))
    assert account.invoke({"drill": "begin"})["started_at"] == former["started_at"]
    ended = account.drill()
    assert ended["started_at"] > former["started_at"]
    assert ended["differences"] == []


def test_a_schedule_begins_a_drill_when_it_is_due_and_not_before(account: Account) -> None:
    account.variables(ALCOVE_DRILL_DAYS="7")
    number = account.rows("select count(*) from update_backups")
    assert account.invoke({"source": "aws.events"})["step"] == "ended"
    assert account.rows("select count(*) from update_backups") == number
    week = (datetime.now(UTC) - timedelta(days=7, seconds=1)).isoformat()
    account.journal(lambda document: document.update(started_at=week))
    assert account.drill(begin=False)["differences"] == []
    assert account.newest()["restoration_tested"]
