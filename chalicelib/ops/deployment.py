"""The work of the migrate function at every deploy: schema, application role, first administrator, sealed keys."""

import json
import secrets
from typing import Any

from chalicelib.auth.accounts import password_hashes
from chalicelib.core import aws, connection, logins, rows, sealed, sql
from chalicelib.core.log import logger
from chalicelib.core.logins import Login
from chalicelib.core.settings import settings
from chalicelib.ops import migrations

queries = sql.load(__file__)

# A database that was paused for days, or that has just been created.
_DATABASE_SECONDS = 300


def migrate() -> dict[str, Any]:
    """Bring the database to this version; returns the ids of the migrations that were applied now."""
    owner = _owner()
    connection.await_server(owner, _DATABASE_SECONDS)
    _ensure_owner(owner)
    applied = migrations.apply(owner)
    _admit_application(owner, logins.of(logins.APP, settings().database_secret))
    _set_registration(owner)
    created = _ensure_administrator(owner)
    rewrapped = _rewrap_keys(owner)
    logger().info("migrated", applied=applied, administrator_made=created, keys_rewrapped=rewrapped)
    return {"applied": applied, "administrator_made": created, "keys_rewrapped": rewrapped}


def unlock(login_name: str) -> bool:
    """End every login lock of an account, found by e-mail address or username; returns whether there is one.

    For the operator of a service whose only administrator is locked out on every device.
    """
    with connection.connect(_owner()) as conn:
        unlocked = bool(rows.value(conn, queries.unlock, {"login_name": login_name.strip().lower()}))
    logger().info("account unlocked", found=unlocked)
    return unlocked


def probe(step: str) -> dict[str, Any]:
    """The account of a deployment's first requests: `begin` creates it, `end` erases it."""
    from chalicelib.ops import probe as accounts

    with connection.connect(_owner()) as conn:
        return dict(accounts.begin(conn)) if step == "begin" else {"erased": accounts.end(conn)}


def record_update(document: dict[str, Any]) -> None:
    """Store what an update did; see updates/recording.py."""
    from chalicelib.ops.updates import recording

    with connection.connect(_owner()) as conn:
        recording.record(conn, document)


def smoke() -> int:
    """Search with this version's code; returns how many searches found something. Raises SmokeError."""
    from chalicelib.ops.updates import smoke as smoke_test

    with connection.connect(_owner()) as conn:
        return smoke_test.search(conn)


def restore_objects(event: dict[str, Any]) -> dict[str, Any]:
    """A step of infra/stage_restoring.py, in a stage whose database was restored.

    With `after` and `amount`: the next keys of documents' objects with the versions that the documents refer to, null
    for a file that is not ingested yet. With `versions`, each a key, the former version and the new one: the documents
    refer to the new ones, so that nothing is ingested again.
    """
    with connection.connect(_owner()) as conn:
        if "versions" not in event:
            page = {"after": event["after"], "amount": event["amount"]}
            return {"objects": [list(row) for row in conn.execute(queries.object_references, page).fetchall()]}
        params = [{"key": key, "before": before, "now": now} for key, before, now in event["versions"]]
        with conn.transaction(), conn.cursor() as cursor:
            cursor.execute(queries.stop_triggers)
            cursor.executemany(queries.set_object_version, params)
            cursor.execute(queries.start_triggers)
        return {"changed": len(params)}


def _owner() -> Login:
    return logins.of(logins.OWNER, settings().owner_secret)


def _has_master(owner: Login) -> bool:
    return bool(settings().master_secret) or logins.is_by_iam(owner)


def _master(owner: Login) -> Login:
    """The login of the database's master user."""
    master = logins.of(logins.MASTER, settings().master_secret)
    return {key: value for key, value in owner.items() if key != "password"} | master


def _ensure_owner(owner: Login) -> None:
    """In a database that has only its master user: create the owner's role, and make it the database's owner.

    One transaction: an owner's role that can connect is complete. The master user of RDS is not a superuser. It may
    create a role, and give its database to a role of which it is a member.
    """
    import psycopg
    from psycopg import sql as composed

    if not _has_master(owner):
        return
    try:
        connection.connect(owner).close()
    except psycopg.OperationalError as error:
        if not connection.is_refusal(error):
            raise
        names = {
            "owner": composed.Identifier(owner["username"]),
            "role": composed.Identifier(owner["username"]),
            "password": composed.Literal(owner.get("password")),
            "database": composed.Identifier(owner["dbname"]),
        }
        with connection.connect(_master(owner)) as conn, conn.transaction():
            exists = rows.value(conn, queries.has_role, {"name": owner["username"]})
            for statement in (
                queries.change_owner if exists else queries.make_owner,
                queries.join_owner,
                queries.make_extensions,
                queries.give_database,
                *([queries.admit_by_iam] if logins.is_by_iam(owner) else []),
            ):
                conn.execute(composed.SQL(statement).format(**names))


def _admit_application(owner: Login, app: Login) -> None:
    """Have the application's role log in: with the password of its secret, or by IAM, which the master user grants."""
    import psycopg
    from psycopg import sql as composed

    try:
        connection.connect(app).close()
    except psycopg.OperationalError as error:
        if not connection.is_refusal(error):
            raise
        statement = composed.SQL(queries.set_password).format(password=composed.Literal(app.get("password")))
        with connection.connect(owner) as conn:
            conn.execute(statement)
        if logins.is_by_iam(app):
            with connection.connect(_master(owner) if _has_master(owner) else owner) as conn:
                conn.execute(composed.SQL(queries.admit_by_iam).format(role=composed.Identifier(app["username"])))


def _rewrap_keys(owner: Login) -> int:
    """Re-wrap the data keys of sealed secrets under this deployment's master key; returns how many."""
    if not settings().master_key:
        return 0
    with connection.connect(owner) as conn:
        return sealed.rewrap_all(conn)


def _set_registration(owner: Login) -> None:
    """Set whether the deployment lets strangers register; administrators can decide otherwise at any time."""
    with connection.connect(owner) as conn:
        conn.execute(queries.set_registration, {"open": settings().registration_open == "true"})


def _ensure_administrator(owner: Login) -> bool:
    """Create the first administrator, once, from its secret `{email, password?}`; returns whether it was created.

    A password that is generated stands in the secret before the account exists: so it is never lost.
    """
    with connection.connect(owner) as conn:
        if rows.value(conn, queries.has_administrator):
            return False
        name = settings().administrator_secret
        secret: dict[str, str] = json.loads(aws.secrets().get_secret_value(SecretId=name)["SecretString"])
        if "password" not in secret:
            secret["password"] = secrets.token_urlsafe(18)
            aws.secrets().put_secret_value(SecretId=name, SecretString=json.dumps(secret))
        params = {
            "email": secret["email"].strip().lower(),
            "password_hash": password_hashes.hash_password(secret["password"]),
        }
        conn.execute(queries.make_administrator, params)
    return True
