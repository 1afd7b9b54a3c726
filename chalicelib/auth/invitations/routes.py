"""Invitations over HTTP."""

from uuid import UUID

from chalicelib.auth.accounts.models import User
from chalicelib.auth.audit import audit
from chalicelib.auth.invitations import invitations
from chalicelib.auth.invitations.models import (
    Acceptance,
    CreatedInvitation,
    Invitation,
    InvitationLink,
    NewInvitation,
    ShownInvitation,
)
from chalicelib.core import identity, request
from chalicelib.core.http import Reply, Routes
from chalicelib.core.models import Page, PageQuery

routes = Routes(__name__)


@routes.get("/invitations")
def list_invitations(query: PageQuery) -> Page[Invitation]:
    """The caller's invitations; for an administrator, all. Newest first, the ended ones included."""
    with identity.as_caller() as conn:
        return invitations.list_page(conn, query)


@routes.post("/invitations", scope="account", proof=True, limit="invitation", status=201)
def create_invitation(body: NewInvitation) -> Reply[CreatedInvitation]:
    """Invite somebody: with `send` by e-mail, otherwise by the link in the response, which no other response contains.

    It can be accepted once, as long as the caller may give what it gives. 403 `forbidden` for who may not invite so,
    409 `mail_off`.
    """
    with identity.as_caller() as conn:
        created = invitations.create(conn, body)
        details = {"is_admin": created.is_admin, "groups": [str(group.group_id) for group in created.groups]}
        audit.record(conn, "invitation.created", "invitation", created.id, **details)
    return Reply(created, headers={"Location": f"/invitations/{created.id}"})


@routes.get("/invitations/{invitation_id}")
def get_invitation(invitation_id: UUID) -> Invitation:
    """An invitation, without its link."""
    with identity.as_caller() as conn:
        return invitations.get(conn, invitation_id)


@routes.delete("/invitations/{invitation_id}")
def withdraw_invitation(invitation_id: UUID) -> None:
    """Withdraw an invitation that nobody has accepted yet. It stays in the list."""
    with identity.as_caller() as conn:
        invitations.withdraw(conn, invitation_id)
        audit.record(conn, "invitation.withdrawn", "invitation", invitation_id)


@routes.post("/auth/invitation", auth=False, limit="recovery")
def show_invitation(body: InvitationLink) -> ShownInvitation:
    """What an invitation gives, for who has its link. 400 `invitation_invalid`."""
    return invitations.show(body.token)


@routes.post("/auth/invitation/acceptance", auth=False, limit="register", status=201)
def accept_invitation(body: Acceptance) -> Reply[User]:
    """Create an account by an invitation, also while registration is closed.

    400 `invitation_invalid`, 409 `email_taken`: log in to the account, and accept the invitation there.
    """
    return Reply(invitations.accept(body, request.origin()), headers={"Location": "/me"})


@routes.post("/me/invitations", scope="account")
def join_by_invitation(body: InvitationLink) -> None:
    """Accept an invitation with the caller's account, and get its groups and rights. 400 `invitation_invalid`."""
    with identity.as_caller() as conn:
        invitations.join(conn, body.token, request.origin())
