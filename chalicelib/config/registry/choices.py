"""Users and conversations choose prompts and models by name. One lock prevents that a chosen name is deleted meanwhile.

A transaction that chooses takes the lock shared, a transaction that deletes takes it exclusively. Both take it in a
statement of its own, before any row lock: a statement after it sees only rows that stay, and there is no deadlock.
"""

from typing import TYPE_CHECKING

from chalicelib.core import sql

if TYPE_CHECKING:
    from chalicelib.core.connection import Conn

queries = sql.load(__file__)


def lock_choices(conn: "Conn") -> None:
    """Until this transaction ends, no prompt and no model is deleted."""
    conn.execute(queries.lock_choices)


def lock_deletions(conn: "Conn") -> None:
    """Wait for the transactions that choose, and exclude others until this transaction ends."""
    conn.execute(queries.lock_deletions)
