"""How a copy is compared with a database that others write to (O8), and how a drill is recorded."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from chalicelib.core import rows
from chalicelib.ops.drills import digests, recording
from chalicelib.ops.drills.digests import Digest
from tests.service import Service

PARTS = 4


class World:
    """A table, plain or partitioned, whose states at the three moments of a drill are the digests of these moments."""

    def __init__(self, conn: "psycopg.Connection[Any]", table: str) -> None:
        self.conn = conn
        self.table = table
        self.since = rows.value(conn, digests.queries.snapshot)
        self.before = self.digest()

    def digest(self) -> Digest:
        return {self.table: digests.of_database(self.conn, PARTS, self.since)[self.table]}

    def differences(self, copy: Digest) -> list[str]:
        """Of a copy, whose moment was before this one."""
        return digests.differences(self.before, copy, digests.changed(self.before, self.digest()))

    def run(self, statement: str) -> None:
        self.conn.execute(statement.format(table=self.table).encode())

    def damaged(self, statement: str) -> Digest:
        """The digest of the table as a damaged copy has it; the table itself stays."""
        with self.conn.transaction(force_rollback=True):
            self.run(statement)
            return self.digest()


@pytest.fixture(params=["plain", "partitioned"])
def world(service: Service, request: pytest.FixtureRequest) -> Iterator[World]:
    with service.database.connect("owner") as conn:
        table = f"public.{request.param}"
        conn.execute(f"create table {table} (id int, words text){_PARTITIONS[request.param]}".encode())
        conn.execute(f"insert into {table} select n, 'row ' || n from generate_series(1, 100) n".encode())
        yield World(conn, request.param)


_PARTITIONS = {
    "plain": "",
    "partitioned": " partition by hash (id); create table part_0 partition of partitioned for values with "
    "(modulus 2, remainder 0); create table part_1 partition of partitioned for values with (modulus 2, remainder 1)",
}


def test_o8_a_copy_of_an_idle_table_is_equal_and_each_damage_is_named(world: World) -> None:
    assert world.differences(world.digest()) == []
    expected = {
        "truncate {table}": f"{world.table} has 0 rows instead of 100",
        "delete from {table} where id = 17": f"{world.table} has 99 rows instead of 100",
        # The transaction's own version is counted; a copy has none that is not committed.
        "update {table} set words = 'x' where id = 17": f"{world.table} has other contents",
    }
    for damage, sentence in expected.items():
        assert world.differences(world.damaged(damage)) == [sentence]
    assert digests.differences(world.before, {}) == [f"{world.table} is missing"]
    assert digests.differences({}, world.before) == [f"{world.table} is too many"]


def test_o8_what_was_written_after_the_first_digest_is_no_difference(world: World) -> None:
    world.run("insert into {table} values (101, 'new')")
    world.run("insert into {table} values (102, 'short')")
    copy = world.digest()
    world.run("delete from {table} where id = 102")
    assert digests.changed(world.before, world.digest()) == {}, "every part is compared"
    assert world.differences(copy) == []


def test_o8_what_a_savepoint_of_a_running_transaction_wrote_is_no_difference(world: World, service: Service) -> None:
    with service.database.connect("owner") as other:
        with other.transaction():
            other.execute(f"insert into {world.table} values (101, 'outer')".encode())
            with other.transaction():
                other.execute(f"insert into {world.table} values (102, 'inner')".encode())
            # A number above those of the transaction and its savepoint is given and done.
            world.run("insert into {table} values (103, 'done')")
            later = World(world.conn, world.table)
        assert digests.changed(later.before, later.digest()) == {}, "every part is compared"
        assert later.differences(later.digest()) == []


def test_o8_a_row_that_is_changed_and_changed_back_leaves_its_part_uncompared_and_no_other(world: World) -> None:
    world.run("update {table} set words = 'other' where id = 17")
    copy = world.digest()
    world.run("update {table} set words = 'row 17' where id = 17")
    assert len(digests.changed(world.before, world.digest())[world.table]) == 1
    assert world.differences(copy) == []
    assert world.differences(world.damaged("delete from {table} where id < 17")) != []


def test_o8_a_table_that_changes_everywhere_has_a_least_number_of_rows(world: World) -> None:
    world.run("update {table} set words = 'changed' where id % 2 = 0")
    copy = world.digest()
    changing = digests.changed(world.before, world.digest())[world.table]
    assert len(changing) == PARTS
    assert world.differences(copy) == []
    assert world.differences(world.damaged("truncate {table}")) == [f"{world.table} has 0 rows instead of 50 to 100"]


def test_o8_a_digest_survives_its_way_as_json(world: World) -> None:
    assert digests.from_json(digests.as_json(world.before)) == world.before


def test_o8_a_drill_of_a_listed_backup_says_how_the_last_one_ended(service: Service) -> None:
    administrator = service.administrator()
    service.rows("insert into update_backups (backup_path, backup_size_bytes) values ('archive', 7) returning 1")
    document: dict[str, Any] = {"backup_path": "archive", "duration_ms": 5, "differences": [], "notes": "drill"}
    ended = []
    for differences in ([], ["users has 0 rows instead of 3", "the object a is missing"]):
        with service.database.connect("owner") as conn:
            recording.record(conn, document | {"differences": differences})
            recording.record(conn, document | {"differences": differences, "backup_path": "a folder of somebody"})
        (item,) = administrator.get("/backups").json["items"]
        ended.append((item["restoration_tested"], item["restoration_tested_at"] is not None, item["notes"]))
    assert ended == [(True, True, "drill"), (False, False, "users has 0 rows instead of 3; the object a is missing")]
    runs = administrator.get("/workflow-activity?workflow_name=drill").json["items"]
    assert [run["status"] for run in runs] == ["failed", "failed", "completed", "completed"]
    (event, _) = administrator.get("/self-healing-events?event_type=drill_failed").json["items"]
    assert (event["severity"], "users has 0 rows" in event["description"]) == ("critical", True)
