"""Rotation of secrets: the passwords of the two database roles, and the key that signs access tokens.

Secrets Manager rotates in four steps ("Rotation by Lambda function" in its guide): createSecret, setSecret, testSecret,
finishSecret. setSecret and testSecret do nothing here. Between a role's new password and the new current version of its
secret, connections with the current version fail: finishSecret does both, so that this time is short.
"""

import json
import secrets
import string
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from chalicelib.core import aws, connection, sql
from chalicelib.core.log import logger
from chalicelib.core.settings import settings

if TYPE_CHECKING:
    from chalicelib.core.connection import Conn

queries = sql.load(__file__)

_LETTERS = string.ascii_letters + string.digits
# The field of the secret that is rotated, and its length in letters and digits.
_PASSWORD, _SIGNING_KEY = ("password", 40), ("k", 64)


class UnknownSecretError(ValueError):
    """This function does not know the secret or the step that Secrets Manager names."""


def rotate(step: str, secret: str, version: str) -> None:
    """Do one step for `secret` (its ARN), whose new version is `version`. Every step may be repeated.

    Raises UnknownSecretError. After any other error, Secrets Manager tries again.
    """
    kinds = {settings().signing_secret: _SIGNING_KEY}
    kinds |= {name: _PASSWORD for name in (settings().database_secret, settings().owner_secret) if name}
    if secret not in kinds:
        raise UnknownSecretError(f"{secret} is not a secret that this deployment rotates.")
    if step == "createSecret":
        _create(secret, version, *kinds[secret])
    elif step == "finishSecret":
        _finish(secret, version)
    elif step not in ("setSecret", "testSecret"):
        raise UnknownSecretError(f"{step} is not a step of a rotation.")


def _create(secret: str, version: str, field: str, length: int) -> None:
    """Store the new version beside the current one."""
    with suppress(aws.secrets().exceptions.ResourceNotFoundException):
        _read(secret, version)
        return
    new = "".join(secrets.choice(_LETTERS) for _ in range(length))
    aws.secrets().put_secret_value(
        SecretId=secret,
        ClientRequestToken=version,
        SecretString=json.dumps(_read(secret) | {field: new}),
        VersionStages=["AWSPENDING"],
    )


def _finish(secret: str, version: str) -> None:
    """Set the new password in the database, and make the new version the current one."""
    stages = aws.secrets().describe_secret(SecretId=secret)["VersionIdsToStages"]
    (current,) = [name for name, labels in stages.items() if "AWSCURRENT" in labels]
    if current == version:
        return
    new = _read(secret, version)
    if "username" in new:
        _set_password(new)
    aws.secrets().update_secret_version_stage(
        SecretId=secret, VersionStage="AWSCURRENT", MoveToVersionId=version, RemoveFromVersionId=current
    )
    logger().info("secret rotated", secret=secret, version=version)


def _set_password(new: Mapping[str, Any]) -> None:
    """Set a role's new password, and check that the role can connect."""
    from psycopg import sql as composed

    names = {"role": composed.Identifier(new["username"]), "password": composed.Literal(new["password"])}
    with _as_owner(new) as conn:
        conn.execute(composed.SQL(queries.set_password).format(**names))
    connection.connect(new).close()


def _as_owner(new: Mapping[str, Any]) -> "Conn":
    """A connection as the owner. An interrupted rotation may have changed the owner's own password already."""
    import psycopg

    owner = _read(settings().owner_secret)
    try:
        return connection.connect(owner)
    except psycopg.OperationalError as error:
        if new["username"] != owner["username"] or not connection.is_refusal(error):
            raise
        return connection.connect(new)


def _read(secret: str, version: str | None = None) -> dict[str, Any]:
    which = {} if version is None else {"VersionId": version}
    document: dict[str, Any] = json.loads(aws.secrets().get_secret_value(SecretId=secret, **which)["SecretString"])
    return document
