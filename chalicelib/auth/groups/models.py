"""Requests and responses of the routes of groups."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import StringConstraints

from chalicelib.core.models import STORABLE, Request, Resource, Text, Timestamp

Name = Annotated[Text, StringConstraints(min_length=1, max_length=100, pattern=r"\S")]


Role = Literal["member", "editor", "admin"]


class NewGroup(Request):
    """A group, or its new name."""

    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), STORABLE]


class GroupTitle(Request):
    """What members call a group; null for its name."""

    title: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), STORABLE] | None = (
        None
    )


class Group(Resource):
    """A group. `role` is the caller's role in it, null for a caller who is not a member.

    `title` is what its own administrators call it. Claims of a login provider name groups by `name`.
    """

    id: UUID
    name: str
    title: str | None
    role: Role | None
    created_at: Timestamp
    updated_at: Timestamp


class MemberRole(Request):
    """The role of a member: `member` reads documents, `editor` also writes them, `admin` also manages the group."""

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
        """The key by which pages continue."""
        return self.user_id
