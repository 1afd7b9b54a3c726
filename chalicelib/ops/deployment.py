"""What the migrate function does at every deploy: schema, application role, first administrator."""

import json
from typing import Any

from chalicelib.auth.accounts import passwords
from chalicelib.core import aws, connection, rows, sealed, sql
from chalicelib.core.log import logger
from chalicelib.core.settings import settings
from chalicelib.ops import migrations

queries = sql.load(__file__)


def migrate() -> dict[str, Any]:
    """Bring the database to this version; returns the ids of the migrations that were applied now."""
    owner = _secret(settings().owner_secret)
    _let_owner_in(owner)
    applied = migrations.apply(owner)
    _let_application_in(owner, _secret(settings().database_secret))
    created = _ensure_administrator(owner)
    rewrapped = _rewrap_keys(owner)
    logger().info("migrated", applied=applied, administrator_made=created, keys_rewrapped=rewrapped)
    return {"applied": applied, "administrator_made": created, "keys_rewrapped": rewrapped}


def _secret(name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(aws.secrets().get_secret_value(SecretId=name)["SecretString"])
    return document


def _let_owner_in(owner: dict[str, Any]) -> None:
    """In a database that has only its master user: make the owner, and give it the database. Otherwise nothing.

    A transaction, so that an owner who can connect has everything. The master user of RDS is no superuser: it may make
    a role, and hand over its database to one whose member it is.
    """
    import psycopg
    from psycopg import sql as composed

    if not settings().master_secret:
        return
    try:
        connection.connect(owner).close()
    except psycopg.OperationalError:
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


def _let_application_in(owner: dict[str, Any], app: dict[str, Any]) -> None:
    """Give the application's role the password of its secret, unless it has it already."""
    import psycopg
    from psycopg import sql as composed

    try:
        connection.connect(app).close()
    except psycopg.OperationalError:
        statement = composed.SQL(queries.set_password).format(password=composed.Literal(app["password"]))
        with connection.connect(owner) as conn:
            conn.execute(statement)


def _rewrap_keys(owner: dict[str, Any]) -> int:
    """Put sealed secrets under the master key that this deployment names; returns how many were under another."""
    if not settings().master_key:
        return 0
    with connection.connect(owner) as conn:
        return sealed.rewrap_all(conn)


def _ensure_administrator(owner: dict[str, Any]) -> bool:
    """Make the first administrator, once, from its secret `{email, password}`; returns whether it was made."""
    with connection.connect(owner) as conn:
        if rows.value(conn, queries.has_administrator):
            return False
        secret = _secret(settings().administrator_secret)
        params = {
            "email": secret["email"].strip().lower(),
            "password_hash": passwords.hash_password(secret["password"]),
        }
        conn.execute(queries.make_administrator, params)
    return True
