"""Responses about self-healing: events, runs, dead letters."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from chalicelib.core.models import Moment, PageQuery, Resource, Text, Timestamp

Severity = Literal["info", "warning", "critical"]
RunStatus = Literal["completed", "failed"]


class HealingEvent(Resource):
    """A fault that was found, and what was done about it."""

    id: UUID
    event_type: str
    severity: Severity
    description: str
    action_taken: str
    entity_id: UUID | None
    created_at: Timestamp


class HealingEventQuery(PageQuery):
    """A filter of events: every condition must hold. `from` is inclusive, `to` is exclusive."""

    severity: Severity | None = None
    event_type: Annotated[Text, Field(max_length=100)] | None = None
    entity_id: UUID | None = None
    since: Moment | None = Field(default=None, alias="from")
    until: Moment | None = Field(default=None, alias="to")


class WorkflowRun(Resource):
    """One run of scheduled or background work."""

    id: UUID
    workflow_name: str
    status: RunStatus
    duration_ms: int
    counts: dict[str, object]
    error: str | None
    created_at: Timestamp


class WorkflowRunQuery(PageQuery):
    """A filter of runs: every condition must hold. `from` is inclusive, `to` is exclusive."""

    workflow_name: Annotated[Text, Field(max_length=100)] | None = None
    status: RunStatus | None = None
    since: Moment | None = Field(default=None, alias="from")
    until: Moment | None = Field(default=None, alias="to")


class DeadLetter(Resource):
    """A message of a dead-letter queue that was sent once more."""

    id: UUID
    queue: Literal["ingest", "answer"]
    object_key: str | None
    reason: str
    redriven_at: Timestamp
    returned_at: Timestamp | None
