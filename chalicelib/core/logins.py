"""How the roles of the database log in: with the password of a secret, or as IAM allows (docs/deploying.md#passwords).

A login is `{host, port, dbname, username}` with `password`, or without one for a token of IAM, and optionally
`sslmode` and `sslrootcert`, libpq's names.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from chalicelib.core import aws
from chalicelib.core.settings import MissingSettingError, settings, variable

Login = Mapping[str, Any]

APP, OWNER, MASTER = "alcove_app", "alcove_owner", "alcove_master"
_ROOTS = Path(__file__).with_name("rds.pem")


def of(role: str, secret: str) -> dict[str, Any]:
    """How `role` logs in: as its secret says, or without a secret by IAM at the database's address.

    Raises MissingSettingError when neither is set, or when the address is not `host:port/dbname`.
    """
    if secret:
        document: dict[str, Any] = json.loads(aws.secrets().get_secret_value(SecretId=secret)["SecretString"])
        return document
    match = re.fullmatch(r"([^:/]+):(\d+)/(\w+)", settings().database_address)
    if match is None:
        raise MissingSettingError(
            f"The environment has neither a secret for {role} nor an address host:port/dbname in "
            f"{variable('database_address')}; see docs/settings.md."
        )
    return {"host": match[1], "port": int(match[2]), "dbname": match[3], "username": role} | _verification(match[1])


def is_by_iam(login: Login) -> bool:
    """Whether the role has no password of its own."""
    return "password" not in login


def password(login: Login) -> str:
    """The login's password: its own, or a new token of IAM, which opens connections for 15 minutes."""
    if not is_by_iam(login):
        return str(login["password"])
    return aws.rds().generate_db_auth_token(
        DBHostname=login["host"], Port=int(login["port"]), DBUsername=login["username"]
    )


def _verification(host: str) -> dict[str, str]:
    """How the server is verified: by the root of its region, where rds.pem has it; otherwise TLS without a check.

    RDS Proxy has certificates of another authority.
    """
    region = re.search(r"\.([a-z0-9-]+)\.rds\.amazonaws\.com$", host)
    if region is None or ".proxy-" in host or f"# {region[1]}\n" not in _ROOTS.read_text("ascii"):
        return {"sslmode": "require"}
    return {"sslmode": "verify-full", "sslrootcert": str(_ROOTS)}
