"""Responses about updates and backups."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from chalicelib.core.models import Request, Resource, Timestamp
from chalicelib.knowledge.documents.models import Upload
from chalicelib.ops.updates.packages import MAX_BYTES

UpdateStatus = Literal["pending", "in_progress", "completed", "failed", "rolled_back"]
ComponentStatus = Literal["pending", "completed", "failed", "rolled_back"]


class NewUpdate(Request):
    """The announcement of a signed package."""

    size_bytes: Annotated[int, Field(ge=1, le=MAX_BYTES)]


class AnnouncedUpdate(Resource):
    """Where the package is to be put; it is verified and applied when it has arrived."""

    id: UUID
    upload: Upload


class ComponentUpdate(Resource):
    """What an update did to one component."""

    id: UUID
    component_name: str
    component_type: str
    version_from: str | None
    version_to: str
    status: ComponentStatus
    started_at: Timestamp
    completed_at: Timestamp | None
    error_message: str | None


class UpdateRollback(Resource):
    """A return to the former version."""

    id: UUID
    backup_id: UUID | None
    rollback_reason: str
    initiated_by: str
    started_at: Timestamp
    completed_at: Timestamp | None
    success: bool | None
    error_message: str | None


class UpdateEvent(Resource):
    """One update of the service."""

    id: UUID
    version_from: str | None
    version_to: str
    status: UpdateStatus
    source: Literal["deploy", "upload", "rollback", "dashboard", "usb", "auto"]
    components_updated: list[object]
    error_message: str | None
    started_at: Timestamp
    completed_at: Timestamp | None
    requires_reboot: bool
    initiated_by: str
    components: list[ComponentUpdate]
    rollback: UpdateRollback | None


class UpdateFile(Resource):
    """A file that was given as an update."""

    id: UUID
    filename: str
    file_path: str
    file_size_bytes: int | None
    checksum_sha256: str | None
    source: Literal["deploy", "upload", "dashboard", "usb", "auto"]
    uploaded_at: Timestamp
    signature_verified: bool
    manifest: dict[str, object] | None
    validation_status: Literal["pending", "valid", "invalid"]
    validation_error: str | None
    applied: bool


class Backup(Resource):
    """A backup, and whether a drill has restored it."""

    id: UUID
    backup_path: str
    update_event_id: UUID | None
    created_at: Timestamp
    backup_size_bytes: int
    components: list[str]
    restoration_tested: bool
    restoration_tested_at: Timestamp | None
    notes: str | None
