"""Updates and backups over HTTP: announcing a package, and the history."""

from chalicelib.auth.audit import audit
from chalicelib.core import identity
from chalicelib.core.http import Routes
from chalicelib.core.models import Page, PageQuery
from chalicelib.ops.updates import announcing, history
from chalicelib.ops.updates.models import AnnouncedUpdate, Backup, NewUpdate, UpdateEvent, UpdateFile

routes = Routes(__name__)


@routes.post("/updates", admin=True, proof=True, status=202)
def announce_update(body: NewUpdate) -> AnnouncedUpdate:
    """Announce a signed package of a new version.

    When its bytes have arrived, the package is verified, and applied: the history says how it goes, and whether the
    former version was brought back.
    """
    with identity.as_caller() as conn:
        announced = announcing.announce(body, identity.caller_id())
        audit.record(conn, "update.announced", "update", announced.id, size_bytes=body.size_bytes)
    return announced


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
