"""Users and conversations choose prompts and models by name: nobody is left with a name that is gone.

Whoever chooses shares a lock, whoever deletes wants it alone. Each takes it in a statement of its own before it locks
any row: what is looked up after that is not about to go, and the two never wait for each other in a circle.
"""

from typing import TYPE_CHECKING

from chalicelib.core import sql

if TYPE_CHECKING:
    from chalicelib.core.connection import Conn

queries = sql.load(__file__)


def lock_choices(conn: "Conn") -> None:
    """Until this transaction ends, what may be chosen is not deleted."""
    conn.execute(queries.lock_choices)


def close(conn: "Conn") -> None:
    """Wait for everybody who is choosing, and let nobody choose until this transaction ends."""
    conn.execute(queries.close)
