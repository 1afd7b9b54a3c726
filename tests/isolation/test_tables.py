"""Tables × identities (A9, A10): what the catalogue holds, tables of tomorrow included, as everybody who may not.

Asked with SQL as the application's role: what holds here holds whatever the code above asks. The rules come first,
then what each identity really sees, after one user was given rows in every table.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg import sql
from psycopg.types.json import Jsonb

from tests.isolation import scenario
from tests.isolation.scenario import Scenario

Conn = "psycopg.Connection[Any]"

# Not behind row-level security, because the application has no right to them at all.
BOOKKEEPING = {"migration_checksums", "_yoyo_log", "_yoyo_migration", "_yoyo_version", "yoyo_lock"}
# The service's own settings: the same for everybody, so everybody reads them.
SHARED = {"static_config", "dynamic_config", "prompts", "prompt_versions", "llms", "assistants"}
SHARED |= {"embedding_models", "rerankers", "rate_limits", "announcements"}
# What an administrator manages of others. Everything else of theirs is theirs.
MANAGED = {"users", "groups", "memberships", "budgets", "ab_pool", "audit_logs", "config_audit", "self_healing_events"}
MANAGED |= {"hosts", "host_metrics", "workflow_activity", "dead_letters", "telegram_config", "retention"}
MANAGED |= {"alert_subjects", "alerts", "alert_deliveries"}
MANAGED |= {"update_events", "component_updates", "update_backups", "update_files", "update_rollbacks"}
MANAGED |= {"invitations", "invitation_groups", "second_factors", "migration_state"}
# Counts over everybody that no row of is anybody's.
SUMS = {"lexeme_counts"}

COMMANDS = {"SELECT": "r", "INSERT": "a", "UPDATE": "w", "DELETE": "d"}


def test_the_applications_role_owns_nothing_and_bypasses_nothing(people: Scenario) -> None:
    (role,) = people.service.rows(
        "select rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolreplication from pg_roles "
        "where rolname = 'alcove_app'"
    )
    assert role == (False,) * 5
    owned = people.service.rows(
        "select classid::regclass, objid from pg_shdepend "
        "where refobjid = 'alcove_app'::regrole and deptype = 'o' and dbid = (select oid from pg_database "
        "where datname = current_database())"
    )
    assert owned == []
    assert people.service.rows("select roleid::regrole from pg_auth_members where member = 'alcove_app'::regrole") == []


def test_row_level_security_is_enabled_and_forced_on_every_table(people: Scenario) -> None:
    open_tables = people.service.rows(
        "select relname from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') "
        "and not (relrowsecurity and relforcerowsecurity)"
    )
    assert {row[0] for row in open_tables} - BOOKKEEPING == set(), "call protect('table') in the migration"


def test_the_application_has_no_right_to_bookkeeping_or_partitions_and_the_public_none_at_all(people: Scenario) -> None:
    rights = people.service.rows(
        "select relname, p from pg_class, unnest(array['SELECT', 'INSERT', 'UPDATE', 'REFERENCES']) p "
        "where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') "
        "and (relname = any (%s) or relispartition) "
        "and has_any_column_privilege('alcove_app', oid, p)",
        list(BOOKKEEPING),
    )
    assert rights == []
    public = people.service.rows(
        "select relname from pg_class, aclexplode(relacl) a "
        "where relnamespace = 'public'::regnamespace and a.grantee = 0 "
        "and not exists (select from pg_depend d where d.objid = pg_class.oid and d.deptype = 'e')"
    )
    assert public == []
    dangerous = people.service.rows(
        "select relname, p from pg_class, unnest(array['TRUNCATE', 'REFERENCES', 'TRIGGER']) p "
        "where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') "
        "and has_table_privilege('alcove_app', oid, p)"
    )
    assert dangerous == [], "truncating and triggers go around row-level security"


def test_every_granted_command_has_a_policy(people: Scenario) -> None:
    bare = people.service.rows(
        "select c.relname, g.name from pg_class c, "
        "unnest(array['SELECT', 'INSERT', 'UPDATE', 'DELETE'], array['r', 'a', 'w', 'd']) as g (name, cmd) "
        "where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition "
        "and (has_table_privilege('alcove_app', c.oid, g.name) "
        "     or (g.name <> 'DELETE' and has_any_column_privilege('alcove_app', c.oid, g.name))) "
        "and not exists (select from pg_policy p where p.polrelid = c.oid and p.polcmd::text in (g.cmd, '*') "
        "                and 'alcove_app'::regrole = any (p.polroles))"
    )
    assert bare == []


def test_the_application_only_appends_to_the_audit_log_and_triggers_to_that_of_settings(people: Scenario) -> None:
    statements = ["update audit_logs set action = 'x'", "update config_audit set config_type = 'static'"]
    statements += [
        f"{verb} {table}" for verb in ("delete from", "truncate") for table in ("audit_logs", "config_audit")
    ]
    statements.append(
        "insert into config_audit (config_type, field_name, old_value, new_value) values ('static', 'x', '0', '1')"
    )
    with people.service.database.connect() as conn:
        for statement in statements:
            with conn.transaction(force_rollback=True), pytest.raises(psycopg.errors.InsufficientPrivilege):
                conn.execute("select assume_user(%s)", [people.administrator.id])
                conn.execute(statement)


def test_views_run_with_the_rights_of_the_caller(people: Scenario) -> None:
    elevated = people.service.rows(
        "select relname from pg_class where relnamespace = 'public'::regnamespace and relkind in ('v', 'm') "
        "and not coalesce('security_invoker=true' = any (reloptions), false) "
        "and has_any_column_privilege('alcove_app', oid, 'SELECT') "
        "and not exists (select from pg_depend d where d.objid = pg_class.oid and d.deptype = 'e')"
    )
    assert elevated == []


def test_definer_functions_have_a_fixed_search_path_and_are_not_granted_to_public(people: Scenario) -> None:
    """Which there are, and what each gives away, docs/schema.md lists; tests/docs holds it to the catalogue."""
    definers = people.service.rows(
        "select proname, 'search_path=public, pg_temp' = any (proconfig), proowner::regrole::text, "
        "       exists (select from aclexplode(coalesce(proacl, acldefault('f', proowner))) a where a.grantee = 0) "
        "  from pg_proc where pronamespace = 'public'::regnamespace and prosecdef"
    )
    assert len(definers) > 20
    loose = [row for row in definers if row[1:] != (True, "alcove_owner", False)]
    assert loose == []


def test_no_function_of_the_schema_is_granted_to_public(people: Scenario) -> None:
    loose = people.service.rows(
        "select proname from pg_proc p where pronamespace = 'public'::regnamespace "
        "and exists (select from aclexplode(coalesce(proacl, acldefault('f', proowner))) a where a.grantee = 0) "
        "and not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e')"
    )
    assert loose == []


@contextmanager
def _as(world: Scenario, user_id: UUID | None) -> "Iterator[psycopg.Connection[Any]]":
    """A connection of the application in a transaction that never commits, under this identity or none."""
    with world.service.database.connect() as conn, conn.transaction(force_rollback=True):
        if user_id is not None:
            assert conn.execute("select assume_user(%s)", [user_id]).fetchone() == (True,)
        yield conn


@dataclass(frozen=True)
class Reach:
    """How many rows of a table an identity sees, could change and could delete."""

    observed: int
    changed: int
    deleted: int


def _reach(conn: "psycopg.Connection[Any]", table: str) -> Reach:
    """What the identity of this transaction reaches; nothing is left changed."""
    name = sql.Identifier(table)
    return Reach(
        observed=_affected(conn, sql.SQL("select 1 from {}").format(name)),
        changed=sum(
            _affected(conn, sql.SQL("update {} set {column} = {column}").format(name, column=sql.Identifier(column)))
            for column in _updatable(conn, table)[:1]
        ),
        deleted=_affected(conn, sql.SQL("delete from {}").format(name)),
    )


def _affected(conn: "psycopg.Connection[Any]", statement: sql.Composed) -> int:
    try:
        with conn.transaction(force_rollback=True):
            return conn.execute(statement).rowcount
    except psycopg.errors.InsufficientPrivilege:
        return 0
    except psycopg.errors.ForeignKeyViolation:
        return 1  # it would have been deleted, were nothing else in the way


def _updatable(conn: "psycopg.Connection[Any]", table: str) -> list[str]:
    result = conn.execute(
        "select attname from pg_attribute where attrelid = %s::regclass and attnum > 0 and not attisdropped "
        "and has_column_privilege(attrelid, attnum, 'UPDATE') order by attnum",
        [table],
    ).fetchall()
    return [row[0] for row in result]


def _everything(world: Scenario, user_id: UUID | None) -> dict[str, Reach]:
    with world.service.database.connect("owner") as conn:
        names = scenario.tables(conn)
    with _as(world, user_id) as conn:
        return {table: _reach(conn, table) for table in names}


@pytest.fixture(scope="module")
def reach(people: Scenario) -> dict[str, tuple[dict[str, Reach], dict[str, Reach]]]:
    """What nobody, the stranger and the administrator reach: before the owner has anything, and after."""
    assert people.ids == {}, "the owner must have nothing yet"
    identities = {"nobody": None, "stranger": people.other_user.id, "administrator": people.administrator.id}
    before = {caller: _everything(people, identity) for caller, identity in identities.items()}
    scenario.fill(people)
    return {caller: (before[caller], _everything(people, identity)) for caller, identity in identities.items()}


def test_the_owner_has_rows_in_every_table(
    people: Scenario, reach: dict[str, tuple[dict[str, Reach], dict[str, Reach]]]
) -> None:
    """Without this, seeing none of them would say nothing."""
    with people.service.database.connect("owner") as conn:
        names = set(scenario.tables(conn)) - BOOKKEEPING - SHARED
        empty = {
            name
            for name in names
            if conn.execute(sql.SQL("select 1 from {} limit 1").format(sql.Identifier(name))).fetchone() is None
        }
    assert empty == set(), "give the owner one in tests/isolation/scenario.py"


def test_without_identity_there_is_nothing(reach: dict[str, tuple[dict[str, Reach], dict[str, Reach]]]) -> None:
    _, after = reach["nobody"]
    assert {table: what for table, what in after.items() if what != Reach(0, 0, 0)}.keys() <= SHARED
    assert all(what.changed == what.deleted == 0 for what in after.values())


def test_another_user_reaches_no_row_of_the_owner(reach: dict[str, tuple[dict[str, Reach], dict[str, Reach]]]) -> None:
    before, after = reach["stranger"]
    assert {table: what for table, what in after.items() if what != before[table]}.keys() <= SHARED
    assert all(after[table].changed == after[table].deleted == 0 for table in SHARED)


def test_an_administrator_reaches_only_what_one_manages(
    reach: dict[str, tuple[dict[str, Reach], dict[str, Reach]]],
) -> None:
    before, after = reach["administrator"]
    own = {"idempotency_keys"}
    assert {table for table, what in after.items() if what != before[table]} - own <= MANAGED | SHARED
    for table in ("audit_logs", "config_audit", "static_config", "rate_limits"):
        assert after[table].changed == after[table].deleted == 0, table


def _columns(conn: "psycopg.Connection[Any]", table: str) -> list[str]:
    result = conn.execute(
        "select attname from pg_attribute where attrelid = %s::regclass and attnum > 0 and not attisdropped "
        "and has_column_privilege('alcove_app', attrelid, attnum, 'INSERT') order by attnum",
        [table],
    ).fetchall()
    return [row[0] for row in result]


def _constraint_columns(conn: "psycopg.Connection[Any]", condition: str, *params: Any) -> set[str]:
    result = conn.execute(
        "select distinct a.attname from pg_constraint c join pg_attribute a "
        f"on a.attrelid = c.conrelid and a.attnum = any (c.conkey) where {condition}",
        params,
    ).fetchall()
    return {row[0] for row in result}


def _unique_columns(conn: "psycopg.Connection[Any]", index: str | None) -> set[str]:
    result = conn.execute(
        "select a.attname from pg_index i join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any (i.indkey) "
        "where i.indexrelid = %s::regclass",
        [index],
    ).fetchall()
    return {row[0] for row in result}


def _links(conn: "psycopg.Connection[Any]", table: str) -> set[str]:
    """Columns that refer to another row of a user's, and not to the user or the space themselves."""
    return _constraint_columns(
        conn,
        "c.conrelid = %s::regclass and c.contype = 'f' and c.conparentid = 0 and c.confrelid::regclass::text "
        "<> all (array['users', 'spaces'] || %s::text[])",
        table,
        list(SHARED),
    ) - {"user_id", "owner_id", "space_id"}


def test_no_user_writes_rows_that_are_or_point_at_another_users(
    people: Scenario, reach: dict[str, tuple[dict[str, Reach], dict[str, Reach]]]
) -> None:
    """For every table that the application may add to, a copy of each of the owner's rows: once as it is, once with
    the stranger's user and space in it, so that only foreign keys are left to object."""
    owner, other_user = people.owner.id, people.other_user.id
    spaces = dict(people.service.rows("select user_id, id from spaces where user_id is not null"))
    attempt_counts: dict[str, int] = {}
    with people.service.database.connect("owner") as conn:
        for table in scenario.tables(conn):
            columns = _columns(conn, table)
            if not columns or table in MANAGED - {"audit_logs"}:
                continue
            statement = sql.SQL("select {} from {} t where t::text ~ %s").format(
                sql.SQL(", ").join(map(sql.Identifier, columns)), sql.Identifier(table)
            )
            links = _links(conn, table)
            for values in conn.execute(statement, [f"{owner}|,{spaces[owner]},"]).fetchall():
                row = {name: value for name, value in zip(columns, values, strict=True) if name != "id"}
                attempts = [row]
                if any(row.get(link) is not None for link in links):
                    attempts.append(_claimed(row, owner, other_user, spaces))
                for attempt in attempts:
                    attempt_counts[table] = attempt_counts.get(table, 0) + 1
                    assert _refused(people, conn, table, attempt), (table, attempt)
    assert {"documents", "document_chunks", "embeddings", "messages", "llm_jobs", "job_events"} <= attempt_counts.keys()
    assert max(attempt_counts.values()) < 100


def _claimed(row: dict[str, Any], owner: UUID, other_user: UUID, spaces: dict[UUID, int]) -> dict[str, Any]:
    claimed = {name: other_user if value == owner else value for name, value in row.items()}
    if "space_id" in claimed:
        claimed["space_id"] = spaces[other_user]
    return claimed


def _refused(people: Scenario, conn: "psycopg.Connection[Any]", table: str, row: dict[str, Any]) -> bool:
    try:
        return _refused_by_policy_or_key(people, table, row)
    except psycopg.errors.UniqueViolation as error:
        name = error.diag.constraint_name
    # The owner's own row is in the way of the stranger's copy: that proves nothing, so it must get out of it.
    unique = _unique_columns(conn, name)
    for free in sorted(unique - _constraint_columns(conn, "c.conrelid = %s::regclass and c.contype = 'f'", table)):
        return _refused(people, conn, table, row | {free: _other(row[free])})
    where = sql.SQL(" and ").join(
        sql.SQL("{} = {}").format(sql.Identifier(column), sql.Literal(row[column])) for column in sorted(unique)
    )
    used = conn.execute(
        sql.SQL("delete from {t} where {w} returning to_jsonb({t})").format(t=sql.Identifier(table), w=where)
    )
    current_rows = used.fetchall()
    try:
        return _refused_by_policy_or_key(people, table, row)
    finally:
        for (remaining,) in current_rows:
            conn.execute(
                sql.SQL("insert into {t} select * from jsonb_populate_record(null::{t}, %s)").format(
                    t=sql.Identifier(table)
                ),
                [Jsonb(remaining)],
            )


def _other(value: Any) -> Any:
    """A value of the same type and length that is not this one."""
    if isinstance(value, int):
        return value + 100_000
    return bytes(reversed(value)) if isinstance(value, bytes) else f"{value[:-1]}~"


def _refused_by_policy_or_key(people: Scenario, table: str, row: dict[str, Any]) -> bool:
    documents = people.service.rows(
        "select attname from pg_attribute where attrelid = %s::regclass and atttypid = 'jsonb'::regtype", table
    )
    values = {name: Jsonb(value) if (name,) in documents else value for name, value in row.items()}
    statement = sql.SQL("insert into {} ({}) values ({})").format(
        sql.Identifier(table),
        sql.SQL(", ").join(map(sql.Identifier, values)),
        sql.SQL(", ").join(sql.Placeholder() for _ in values),
    )
    with _as(people, people.other_user.id) as conn:
        try:
            with conn.transaction(force_rollback=True):
                conn.execute(statement, list(values.values()))
        except (psycopg.errors.InsufficientPrivilege, psycopg.errors.ForeignKeyViolation):
            return True
    return False


def test_definer_functions_that_take_an_id_return_nothing_to_other_users(
    people: Scenario, reach: dict[str, tuple[dict[str, Reach], dict[str, Reach]]]
) -> None:
    ids = people.ids
    with _as(people, people.other_user.id) as conn:
        for statement, expected, nothing in (
            ("select count(*) from group_members(%s, null, 100)", ids["group_id"], 0),
            ("select delete_group(%s)", ids["group_id"], None),
            ("select set_password(%s, null, 'x', null, null)", ids["user_id"], False),
            ("select erase_account(%s)", ids["session_id"], "stale_session"),
            ("select queue_position(%s)", ids["job_id"], None),
            ("select (queue_load()).mine - 0 * length(%s)", ids["job_id"], 0),
            ("select (queue_statistics()).mine - 0 * length(%s)", ids["job_id"], 0),
            ("select prioritise_job(%s, 9)", ids["job_id"], None),
            ("select count(*) from report_jobs(null, null, %s, 100)", "ffffffff-ffff-ffff-ffff-ffffffffffff", 0),
            ("select count(*) from versions_of(%s, null, 100)", ids["document_id"], 0),
            ("select (month_spending()).tokens - 0 * length(%s)", ids["user_id"], 0),
        ):
            assert conn.execute(statement, [expected]).fetchone() == (nothing,), statement
        before = people.service.rows("select sum(chunks) from lexeme_counts")
        conn.execute("select count_lexemes(%s, 1)", [ids["document_id"]])
        assert conn.execute("select recent_passwords()").fetchone() != (None,)
        assert people.service.rows("select sum(chunks) from lexeme_counts") == before
    with _as(people, None) as conn:
        assert conn.execute("select recent_passwords()").fetchone() == (None,)
        assert conn.execute("select erase_account(%s)", [ids["session_id"]]).fetchone() == ("stale_session",)
        assert conn.execute("select set_password(%s, null, 'x', null, null)", [ids["user_id"]]).fetchone() == (False,)


def test_only_functions_that_prove_the_caller_can_set_an_identity(people: Scenario) -> None:
    """set_identity() takes anybody's word, so the application may not call it; nor may it write the settings' names
    into a statement anywhere but in core/connection.py's transaction."""
    callable_by_app = people.service.rows(
        "select has_function_privilege('alcove_app', oid, 'EXECUTE') from pg_proc "
        "where proname in ('set_identity', 'set_full_identity') and pronamespace = 'public'::regnamespace"
    )
    assert callable_by_app
    assert not any(row[0] for row in callable_by_app)
    from pathlib import Path

    code = [path for path in (Path(__file__).parents[2] / "chalicelib").rglob("*") if path.suffix in {".py", ".sql"}]
    assert [path.name for path in code if re.search(r"app\.(user_id|is_admin|spaces)\b", path.read_text("utf-8"))] == []
