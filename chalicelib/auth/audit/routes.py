"""The audit log over HTTP."""

from chalicelib.auth.audit import audit
from chalicelib.auth.audit.models import AuditEntry, AuditQuery
from chalicelib.core import identity
from chalicelib.core.http import Routes
from chalicelib.core.models import Page

routes = Routes(__name__)


@routes.get("/audit-logs", admin=True)
def list_audit_logs(query: AuditQuery) -> Page[AuditEntry]:
    """Changes with who made them, when and from where; newest first."""
    with identity.as_caller() as conn:
        return audit.list_page(conn, query)
