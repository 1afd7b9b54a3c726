"""The connectors' sealed credentials."""

from chalicelib.core import sealed

CREDENTIALS = sealed.Columns("connectors", "id")
# Of connectors that were deleted: until the consent is given back.
ENDED = sealed.Columns("ended_consents", "connector_id", origin=CREDENTIALS)
