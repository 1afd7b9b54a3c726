"""An account for the first requests of a deployment: it uploads, searches and asks, and is erased again."""

import secrets
from typing import TYPE_CHECKING

from chalicelib.auth.accounts import password_hashes
from chalicelib.core import sql

if TYPE_CHECKING:
    from chalicelib.core.connection import Conn

queries = sql.load(__file__)


def begin(owner: "Conn") -> dict[str, str]:
    """Create the account, for somebody who may invoke `migrate`; returns its `{email, password}`."""
    email, password = f"probe-{secrets.token_hex(8)}@alcove.invalid", secrets.token_urlsafe(24)
    owner.execute(queries.create, {"email": email, "password_hash": password_hashes.hash_password(password)})
    return {"email": email, "password": password}


def end(owner: "Conn") -> int:
    """Erase every such account, also those of deployments that were interrupted; returns how many."""
    return len(owner.execute(queries.erase).fetchall())
