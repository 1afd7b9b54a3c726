"""Connectors over HTTP."""

from uuid import UUID

from chalicelib.auth.audit import audit
from chalicelib.core import idempotency, identity
from chalicelib.core.http import Reply, Routes
from chalicelib.core.models import Page, PageQuery
from chalicelib.knowledge.connectors import authorization, connectors, items, runs
from chalicelib.knowledge.connectors.models import (
    Connector,
    ConnectorChanges,
    ConnectorItem,
    ConsentCode,
    ConsentPage,
    ItemQuery,
    NewConnector,
    NewConsent,
    SyncQuery,
    SyncRun,
)

routes = Routes(__name__)


@routes.post("/connectors", limit="document", status=201)
def create_connector(body: NewConnector) -> Reply[Connector]:
    """Connect a source: its documents are added, and kept as they are there. docs/connectors.md has the steps."""
    connector_id = connectors.new_id()
    sealed = connectors.seal(connector_id, body.credentials)
    with identity.as_caller() as conn:
        created = idempotency.once(
            conn,
            lambda: connectors.create(conn, connector_id, body, sealed),
            lambda existing_id: connectors.get(conn, existing_id),
        )
    return Reply(created, headers={"Location": f"/connectors/{created.id}"})


@routes.get("/connectors")
def list_connectors(query: PageQuery) -> Page[Connector]:
    """The caller's connectors, and those of spaces that the caller may write, newest first."""
    with identity.as_caller() as conn:
        return connectors.list_page(conn, query)


@routes.get("/connectors/{connector_id}")
def get_connector(connector_id: UUID) -> Connector:
    """One connector, with its status and its error."""
    with identity.as_caller() as conn:
        return connectors.get(conn, connector_id)


@routes.patch("/connectors/{connector_id}", limit="document")
def update_connector(connector_id: UUID, body: ConnectorChanges) -> Connector:
    """Change a connector. New settings begin with a whole listing; `enabled` false stops it, and documents stay."""
    with identity.as_caller() as conn:
        existing = connectors.get(conn, connector_id)
    changes = connectors.checked_changes(existing, body)
    sealed = connectors.seal(connector_id, changes.credentials)
    with identity.as_caller() as conn:
        return connectors.change(conn, connector_id, changes, sealed)


@routes.delete("/connectors/{connector_id}")
def delete_connector(connector_id: UUID) -> None:
    """Delete a connector. Its documents stay, as documents that nothing keeps up to date.

    Its consent is given back to the provider afterwards, by `tick`.
    """
    with identity.as_caller() as conn:
        connectors.delete(conn, connector_id)


@routes.post("/connectors/{connector_id}/take-over")
def take_over_connector(connector_id: UUID) -> Connector:
    """Become the owner of a connector: from now on it has the caller's rights. Its credentials are forgotten."""
    with identity.as_caller() as conn:
        return connectors.take_over(conn, connector_id)


@routes.post("/connectors/{connector_id}/authorization", limit="document")
def begin_consent(connector_id: UUID, body: NewConsent) -> ConsentPage:
    """Get the address at which the caller lets the connector read what the caller may read at Google or Microsoft."""
    return authorization.begin(connector_id, body)


@routes.post("/connectors/{connector_id}/authorization/code", limit="provider_key")
def finish_consent(connector_id: UUID, body: ConsentCode) -> Connector:
    """Give the connector what the provider sent back after the consent. The caller becomes the connector's owner."""
    return authorization.finish(connector_id, body)


@routes.post("/connectors/{connector_id}/sync", limit="document", status=202)
def sync_connector(connector_id: UUID, query: SyncQuery) -> SyncRun:
    """Run a connector now; while a run is open, this returns it."""
    with identity.as_caller() as conn:
        connectors.get(conn, connector_id)
        queued = runs.queue(conn, connector_id, allow_removals=query.allow_removals)
        details = {"run_id": queued.id, "allow_removals": query.allow_removals}
        audit.record(conn, "connector.synced", "connector", connector_id, **details)
    runs.wake([queued.id])
    return queued


@routes.get("/connectors/{connector_id}/runs")
def list_sync_runs(connector_id: UUID, query: PageQuery) -> Page[SyncRun]:
    """The runs of a connector, newest first."""
    with identity.as_caller() as conn:
        connectors.get(conn, connector_id)
        return runs.list_page(conn, connector_id, query)


@routes.get("/connectors/{connector_id}/runs/{run_id}")
def get_sync_run(connector_id: UUID, run_id: UUID) -> SyncRun:
    """One run of a connector, with what it did so far."""
    with identity.as_caller() as conn:
        return runs.get(conn, connector_id, run_id)


@routes.get("/connectors/{connector_id}/items")
def list_connector_items(connector_id: UUID, query: ItemQuery) -> Page[ConnectorItem]:
    """What the source has, by its ids there: each item's document, and why an item could not be read."""
    with identity.as_caller() as conn:
        connectors.get(conn, connector_id)
        return items.list_page(conn, connector_id, query)
