"""The connectors' sealed credentials."""

from chalicelib.core import sealed

CREDENTIALS = sealed.Columns("connectors", "id")
