"""What the routes of groups take and give."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import StringConstraints

from chalicelib.core.models import STORABLE, Request, Resource, Text, Timestamp

Name = Annotated[Text, StringConstraints(min_length=1, max_length=100, pattern=r"\S")]


Role = Literal["member", "editor", "admin"]


class NewGroup(Request):
    """A group, or its new name."""

    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), STORABLE]


class Group(Resource):
    """A group. `role` is the caller's own in it."""

    id: UUID
    name: str
    role: Role | None
    created_at: Timestamp
    updated_at: Timestamp


class MemberRole(Request):
    """What a member may do: read; write documents (`editor`); and also manage the group (`admin`)."""

    role: Role = "member"


class GroupMember(Resource):
    """A member of a group."""

    user_id: UUID
    display_name: str
    username: str | None
    role: Role
    created_at: Timestamp

    @property
    def id(self) -> UUID:
        """What pages of members are cut by."""
        return self.user_id
