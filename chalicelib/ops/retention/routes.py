"""Retention over HTTP."""

from chalicelib.core import identity
from chalicelib.core.http import Routes
from chalicelib.ops.retention import periods
from chalicelib.ops.retention.models import NewRetentionPeriod, RetentionPeriod, RetentionPeriods

routes = Routes(__name__)


@routes.get("/retention", admin=True)
def list_retention_periods() -> RetentionPeriods:
    """How long rows of each kind are kept."""
    with identity.as_caller() as conn:
        return periods.list_all(conn)


@routes.put("/retention/{retention_name}", admin=True, proof=True)
def set_retention_period(retention_name: str, body: NewRetentionPeriod) -> RetentionPeriod:
    """Change how long rows of one kind are kept. Older rows are deleted within minutes, and do not come back."""
    with identity.as_caller() as conn:
        return periods.change(conn, retention_name, body.days)
