"""Self-healing over HTTP: events, runs and dead letters."""

from chalicelib.core import identity
from chalicelib.core.http import Routes
from chalicelib.core.models import Page, PageQuery
from chalicelib.ops.healing import healing
from chalicelib.ops.healing.models import (
    DeadLetter,
    HealingEvent,
    HealingEventQuery,
    WorkflowRun,
    WorkflowRunQuery,
)

routes = Routes(__name__)


@routes.get("/self-healing-events", admin=True)
def list_self_healing_events(query: HealingEventQuery) -> Page[HealingEvent]:
    """What the service found and repaired by itself, newest first."""
    with identity.as_caller() as conn:
        return healing.events(conn, query)


@routes.get("/workflow-activity", admin=True)
def list_workflow_activity(query: WorkflowRunQuery) -> Page[WorkflowRun]:
    """Runs of scheduled and background work, newest first."""
    with identity.as_caller() as conn:
        return healing.runs(conn, query)


@routes.get("/dead-letters", admin=True)
def list_dead_letters(query: PageQuery) -> Page[DeadLetter]:
    """Messages of dead-letter queues that were sent once more, newest first."""
    with identity.as_caller() as conn:
        return healing.dead_letters(conn, query)
