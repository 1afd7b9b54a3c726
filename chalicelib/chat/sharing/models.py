"""Requests and responses of the routes of shared conversations and exports."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from chalicelib.auth.mail import tokens
from chalicelib.chat.messages.models import FinishReason, Role
from chalicelib.core.models import PageQuery, Request, Resource, Timestamp, matching

ExportFormat = Literal["markdown", "html", "docx"]


class NewShare(Request):
    """A conversation to show, read-only: to a group of the caller's, or without one to whoever opens the link.

    With `later_messages`, messages that follow are shown too.
    """

    conversation_id: UUID
    group_id: UUID | None = None
    expires_in_days: Annotated[int, Field(ge=1, le=365)] = 30
    later_messages: bool = False


class Share(Resource):
    """A share, without its link. `readers` counts the people who have opened the link."""

    id: UUID
    conversation_id: UUID
    group_id: UUID | None
    later_messages: bool
    readers: int
    expires_at: Timestamp
    withdrawn_at: Timestamp | None
    created_at: Timestamp


class CreatedShare(Share):
    """A share with its link, which no other response contains; null for a group.

    `url` is null where this deployment knows no page; then `token` is handed over.
    """

    token: str | None
    url: str | None


class ShareQuery(PageQuery):
    """The shares of one conversation, or all."""

    conversation_id: UUID | None = None


class ShareLink(Request):
    """The code of a share's link."""

    token: Annotated[str, matching(tokens.PATTERN, "must be the code of a share's link")]


class SharedConversation(Resource):
    """A conversation that another user shows to the caller."""

    id: UUID
    title: str
    shared_by: str
    group_id: UUID | None
    expires_at: Timestamp
    created_at: Timestamp


class SharedSource(Resource):
    """The source of a citation `[number]`. A document that the reader cannot see has a number alone."""

    number: int
    document_id: UUID | None = None
    title: str | None = None
    page: int | None = None
    section: str | None = None
    quote: str | None = None


class SharedMessage(Resource):
    """A question or an answer of a shared conversation."""

    id: UUID
    parent_message_id: UUID | None
    role: Role
    content: str
    sources: list[SharedSource]
    finish_reason: FinishReason | None
    created_at: Timestamp


class ExportFormatQuery(Request):
    """The format of an export."""

    format: ExportFormat = "markdown"


class ExportedConversation(Resource):
    """A conversation as a file. `content` is its text, or for `base64` its bytes."""

    file_name: str
    content_type: str
    encoding: Literal["utf-8", "base64"]
    content: str
