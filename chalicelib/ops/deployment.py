"""The work of the migrate function at every deploy: schema, application role, first administrator, sealed keys."""

import json
from typing import Any

from chalicelib.auth.accounts import password_hashes
from chalicelib.core import aws, connection, rows, sealed, sql
from chalicelib.core.log import logger
from chalicelib.core.settings import settings
from chalicelib.ops import migrations

queries = sql.load(__file__)

# A database that was paused for days, or that has just been created.
_DATABASE_SECONDS = 300


def migrate() -> dict[str, Any]:
    """Bring the database to this version; returns the ids of the migrations that were applied now."""
    owner = _secret(settings().owner_secret)
    connection.await_server(owner, _DATABASE_SECONDS)
    _ensure_owner(owner)
    applied = migrations.apply(owner)
    _set_application_password(owner, _secret(settings().database_secret))
    _set_registration(owner)
    created = _ensure_administrator(owner)
    rewrapped = _rewrap_keys(owner)
    logger().info("migrated", applied=applied, administrator_made=created, keys_rewrapped=rewrapped)
    return {"applied": applied, "administrator_made": created, "keys_rewrapped": rewrapped}


def unlock(login_name: str) -> bool:
    """End every login lock of an account, found by e-mail address or username; returns whether there is one.

    For the operator of a service whose only administrator is locked out on every device.
    """
    with connection.connect(_secret(settings().owner_secret)) as conn:
        unlocked = bool(rows.value(conn, queries.unlock, {"login_name": login_name.strip().lower()}))
    logger().info("account unlocked", found=unlocked)
    return unlocked


def record_update(document: dict[str, Any]) -> None:
    """Store what an update did; see updates/recording.py."""
    from chalicelib.ops.updates import recording

    with connection.connect(_secret(settings().owner_secret)) as conn:
        recording.record(conn, document)


def smoke() -> int:
    """Search with this version's code; returns how many searches found something. Raises SmokeError."""
    from chalicelib.ops.updates import smoke as smoke_test

    with connection.connect(_secret(settings().owner_secret)) as conn:
        return smoke_test.search(conn)


def _secret(name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(aws.secrets().get_secret_value(SecretId=name)["SecretString"])
    return document


def _ensure_owner(owner: dict[str, Any]) -> None:
    """In a database that has only its master user: create the owner's role, and make it the database's owner.

    One transaction: an owner's role that can connect is complete. The master user of RDS is not a superuser. It may
    create a role, and give its database to a role of which it is a member.
    """
    import psycopg
    from psycopg import sql as composed

    if not settings().master_secret:
        return
    try:
        connection.connect(owner).close()
    except psycopg.OperationalError as error:
        if not connection.is_refusal(error):
            raise
        names = {
            "owner": composed.Identifier(owner["username"]),
            "password": composed.Literal(owner["password"]),
            "database": composed.Identifier(owner["dbname"]),
        }
        with connection.connect(owner | _secret(settings().master_secret)) as conn, conn.transaction():
            exists = rows.value(conn, queries.has_role, {"name": owner["username"]})
            for statement in (
                queries.change_owner if exists else queries.make_owner,
                queries.join_owner,
                queries.make_extensions,
                queries.give_database,
            ):
                conn.execute(composed.SQL(statement).format(**names))


def _set_application_password(owner: dict[str, Any], app: dict[str, Any]) -> None:
    """Set the application role's password to that of its secret, if they differ."""
    import psycopg
    from psycopg import sql as composed

    try:
        connection.connect(app).close()
    except psycopg.OperationalError as error:
        if not connection.is_refusal(error):
            raise
        statement = composed.SQL(queries.set_password).format(password=composed.Literal(app["password"]))
        with connection.connect(owner) as conn:
            conn.execute(statement)


def _rewrap_keys(owner: dict[str, Any]) -> int:
    """Re-wrap the data keys of sealed secrets under this deployment's master key; returns how many."""
    if not settings().master_key:
        return 0
    with connection.connect(owner) as conn:
        return sealed.rewrap_all(conn)


def _set_registration(owner: dict[str, Any]) -> None:
    """Set whether the deployment lets strangers register; administrators can decide otherwise at any time."""
    with connection.connect(owner) as conn:
        conn.execute(queries.set_registration, {"open": settings().registration_open == "true"})


def _ensure_administrator(owner: dict[str, Any]) -> bool:
    """Create the first administrator, once, from its secret `{email, password}`; returns whether it was created."""
    with connection.connect(owner) as conn:
        if rows.value(conn, queries.has_administrator):
            return False
        secret = _secret(settings().administrator_secret)
        params = {
            "email": secret["email"].strip().lower(),
            "password_hash": password_hashes.hash_password(secret["password"]),
        }
        conn.execute(queries.make_administrator, params)
    return True
