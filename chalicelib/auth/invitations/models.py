"""Requests and responses of the routes of invitations."""

from typing import Annotated, ClassVar
from uuid import UUID

from pydantic import Field, model_validator

from chalicelib.auth.accounts.models import DisplayName, Email, Password, Username
from chalicelib.auth.groups.models import Role
from chalicelib.auth.mail import tokens
from chalicelib.auth.mail.models import Language
from chalicelib.core.models import Request, Resource, Shape, Timestamp, matching

LinkToken = Annotated[str, matching(tokens.PATTERN, "must be the code of an invitation's link")]


class InvitedGroup(Request):
    """A group that the invited person is to join, and the role in it."""

    group_id: UUID
    role: Role = "member"


class NewInvitation(Request):
    """An invitation. With `send`, its link goes to `email`; without, the response contains the link to hand over.

    Administrators of the service invite anybody; other people invite into groups that they administer.
    """

    _shapes: ClassVar = {
        "InvitationByEmail": Shape("An invitation that is sent by e-mail.", frozenset({"email", "send"})),
        "InvitationByLink": Shape("An invitation whose link is handed over.", without=frozenset({"send", "language"})),
    }

    email: Email | None = None
    send: bool = False
    is_admin: bool = False
    groups: Annotated[list[InvitedGroup], Field(max_length=20)] = Field(default_factory=list)
    expires_in_days: Annotated[int, Field(ge=1, le=90)] = 7
    language: Language | None = None

    @model_validator(mode="after")
    def _addressed(self) -> "NewInvitation":
        if self.send and self.email is None:
            raise ValueError("`email` is required with `send`")
        if len({group.group_id for group in self.groups}) < len(self.groups):
            raise ValueError("a group must not be named twice")
        return self


class InvitationGroup(Resource):
    """A group that the invited person is to join. `name` is null for who cannot see the group."""

    group_id: UUID
    name: str | None
    role: Role


class Invitation(Resource):
    """An invitation, without its link."""

    id: UUID
    created_by: UUID
    email: str | None
    is_admin: bool
    groups: list[InvitationGroup]
    expires_at: Timestamp
    accepted_at: Timestamp | None
    accepted_by: UUID | None
    withdrawn_at: Timestamp | None
    created_at: Timestamp


class CreatedInvitation(Invitation):
    """An invitation with its link, which no other response contains; null when an e-mail has it.

    `url` is null where this deployment knows no page; then `token` is handed over.
    """

    token: str | None
    url: str | None


class InvitationLink(Request):
    """The code of an invitation's link."""

    token: LinkToken


class ShownInvitation(Resource):
    """What an invitation gives, for who has its link. Without `email`, the invited person names an address."""

    email: str | None
    is_admin: bool
    inviter: str
    group_names: list[str]
    expires_at: Timestamp


class Acceptance(Request):
    """A new account for an invited person. `email` is required when the invitation names none."""

    token: LinkToken
    password: Password
    email: Email | None = None
    username: Username | None = None
    display_name: DisplayName | None = None
    language: Language | None = None
