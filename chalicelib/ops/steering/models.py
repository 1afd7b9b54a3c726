"""Requests and responses of the routes by which administrators steer the service."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, StringConstraints, model_validator

from chalicelib.core.models import STORABLE, Moment, PageQuery, Request, Resource, Timestamp

Dimension = Literal["user", "group", "model", "day"]
_DAYS = 400


def _a_month_ago() -> datetime:
    return datetime.now(UTC) - timedelta(days=30)


def _now() -> datetime:
    return datetime.now(UTC)


class UsageQuery(Request):
    """What use is added up by, and its time: at most 400 days, by default the last 30."""

    by: Dimension = "day"
    since: Moment = Field(default_factory=_a_month_ago)
    until: Moment = Field(default_factory=_now)

    @model_validator(mode="after")
    def _bounded(self) -> "UsageQuery":
        if not timedelta(0) < self.until - self.since <= timedelta(days=_DAYS):
            raise ValueError(f"`until` must be after `since`, by {_DAYS} days at most")
        return self


class UsageEntry(Resource):
    """The use of one user, group, model or day, in numbers.

    `key` is the id of the user or group, the model's name, or the date (UTC); `label` the address or name of the
    user, or the name of the group. `answers_without_sources`: answers that cite no document. `failed_documents`: that
    could not be read and failed in this time; 0 for a model.
    """

    key: str
    label: str | None
    answers: int
    prompt_tokens: int
    completion_tokens: int
    cost_usd: float
    answers_without_sources: int
    failed_questions: int
    likes: int
    dislikes: int
    mistakes: int
    failed_documents: int


class UsageReport(Resource):
    """The use of the service: the costliest first, or the newest day; at most 1,000."""

    items: list[UsageEntry]


class SpaceReport(Resource):
    """What one space holds, in numbers. `key` is the id of its user or group; null for the organisation's space."""

    kind: Literal["user", "group", "org"]
    key: UUID | None
    label: str | None
    documents: int
    failed_documents: int
    documents_with_warnings: int
    used_bytes: int
    limit_bytes: int | None


class StorageReport(Resource):
    """What the spaces hold: the fullest first, at most 1,000."""

    items: list[SpaceReport]


class StorageLimit(Request):
    """The MB that a space may hold, in place of the settings' limit: 0 for any number, null for the settings' limit."""

    megabytes: Annotated[int, Field(ge=0, le=1_000_000_000, strict=True)] | None = None


class NewAnnouncement(Request):
    """What everybody is to know, from now or a later time on."""

    message: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000), STORABLE]
    severity: Literal["info", "warning"] = "info"
    starts_at: Moment | None = None
    ends_at: Moment

    @model_validator(mode="after")
    def _ends(self) -> "NewAnnouncement":
        if self.ends_at <= (self.starts_at or _now()):
            raise ValueError("`ends_at` must be in the future, and after `starts_at`")
        return self


class Announcement(Resource):
    """What administrators tell everybody."""

    id: UUID
    message: str
    severity: Literal["info", "warning"]
    starts_at: Timestamp
    ends_at: Timestamp
    created_at: Timestamp


class AnnouncementQuery(PageQuery):
    """Announcements of this moment, or all."""

    all: bool = False
