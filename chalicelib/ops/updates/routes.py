"""The history of updates and backups over HTTP."""

from chalicelib.core import identity
from chalicelib.core.http import Routes
from chalicelib.core.models import Page, PageQuery
from chalicelib.ops.updates import history
from chalicelib.ops.updates.models import Backup, UpdateEvent, UpdateFile

routes = Routes(__name__)


@routes.get("/updates", admin=True)
def list_updates(query: PageQuery) -> Page[UpdateEvent]:
    """Updates of the service with what each did to its components, newest first."""
    with identity.as_caller() as conn:
        return history.events(conn, query)


@routes.get("/updates/files", admin=True)
def list_update_files(query: PageQuery) -> Page[UpdateFile]:
    """Files that were given as updates, with what their verification said, newest first."""
    with identity.as_caller() as conn:
        return history.files(conn, query)


@routes.get("/backups", admin=True)
def list_backups(query: PageQuery) -> Page[Backup]:
    """Backups, and whether a drill has restored them, newest first."""
    with identity.as_caller() as conn:
        return history.backups(conn, query)
