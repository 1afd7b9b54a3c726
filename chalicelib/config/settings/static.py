"""The static level: the settings of the deployment. Only a deploy changes them."""

from typing import TYPE_CHECKING

from chalicelib.config.settings.models import StaticConfig
from chalicelib.core import rows, sql

if TYPE_CHECKING:
    from chalicelib.core.connection import Conn

queries = sql.load(__file__)


def get(conn: "Conn") -> StaticConfig:
    """The deployment's settings."""
    row = rows.one(conn, StaticConfig, queries.get)
    if row is None:
        raise RuntimeError("static_config is empty")
    return row
