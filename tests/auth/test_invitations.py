"""Invitations: who may invite, what an invitation gives, and that it is accepted once (A12)."""

from typing import Any

import pytest

from chalicelib.core import repairs
from tests.auth.mailboxes import PAGE, Mailboxes, race
from tests.auth.peers import IdentityProvider, Login, session
from tests.service import Answer, Service, User

PASSWORD = "the password of an invited person"
ADA = "ada@example.org"


def _accept(service: Service, token: str, **more: Any) -> Answer:
    return service.request("POST", "/auth/invitation/acceptance", {"token": token, "password": PASSWORD, **more})


def _closed(administrator: User) -> None:
    assert administrator.request("PATCH", "/config/dynamic", {"registration_open": False}).status == 200


def _group(administrator: User, member: User | None = None, role: str = "admin") -> str:
    group: str = administrator.post("/groups", {"name": f"Group {member.email if member else ''}"}).json["id"]
    if member is not None:
        assert administrator.put(f"/groups/{group}/members/{member.id}", {"role": role}).status == 204
    return group


def test_an_invited_person_comes_in_by_e_mail_while_registration_is_closed(mails: Mailboxes) -> None:
    service, administrator = mails.service, mails.service.administrator()
    _closed(administrator)
    group = _group(administrator)
    body = {"email": ADA, "send": True, "groups": [{"group_id": group, "role": "editor"}], "language": "de"}
    created = administrator.post("/invitations", body)
    assert (created.status, created.json["token"], created.json["url"]) == (201, None, None)
    (message,) = mails.of(ADA)
    assert message["Subject"] == "Administrator lädt Sie zu Alcove ein"
    token = mails.token(ADA, "invitation")
    shown = service.request("POST", "/auth/invitation", {"token": token}).json
    assert (shown["email"], shown["inviter"], shown["group_names"]) == (ADA, "Administrator", ["Group"])
    other = _accept(service, token, email="other@example.org")
    assert other.status == 422
    accepted = _accept(service, token, username="ada")
    assert (accepted.status, accepted.json["email_verified"], accepted.json["is_admin"]) == (201, True, False)
    ada = service.log_in(ADA, PASSWORD)
    assert [result["role"] for result in ada.get("/groups").json["items"]] == ["editor"]
    assert _accept(service, token).json["code"] == "invitation_invalid", "it works once"
    seen = administrator.get(f"/invitations/{created.json['id']}").json
    assert (seen["accepted_by"], seen["accepted_at"] is not None) == (str(ada.id), True)


def test_an_invitation_is_handed_over_without_e_mail(service: Service) -> None:
    administrator = service.administrator()
    created = administrator.post("/invitations", {"email": ADA}).json
    assert created["url"] is None
    assert _accept(service, created["token"]).json["email_verified"] is True, "an administrator vouches for it"
    open_to_all = administrator.post("/invitations", {}).json["token"]
    assert _accept(service, open_to_all).status == 422, "it names no address"
    accepted = _accept(service, open_to_all, email="eve@example.org").json
    assert (accepted["email"], accepted["email_verified"]) == ("eve@example.org", False)
    sent = administrator.post("/invitations", {"email": "x@example.org", "send": True})
    assert (sent.status, sent.json["code"]) == (409, "mail_off")


def test_the_link_leads_to_the_page_in_a_part_that_no_server_sees(mails: Mailboxes) -> None:
    created = mails.service.administrator().post("/invitations", {}).json
    assert created["url"] == f"{PAGE}#invitation={created['token']}"


def test_an_administrator_invites_another_one_and_nobody_else_does(service: Service) -> None:
    administrator, member = service.administrator(), service.user()
    group = _group(administrator, member)
    refused = member.post("/invitations", {"is_admin": True, "groups": [{"group_id": group}]})
    assert (refused.status, refused.json["code"]) == (403, "forbidden")
    token = administrator.post("/invitations", {"is_admin": True, "email": ADA}).json["token"]
    assert _accept(service, token).json["is_admin"] is True


def test_a_groups_administrator_invites_into_that_group_alone(service: Service) -> None:
    administrator, member = service.administrator(), service.user()
    mine, other = _group(administrator, member), _group(administrator)
    assert member.post("/invitations", {}).status == 403
    assert member.post("/invitations", {"groups": [{"group_id": mine}, {"group_id": other}]}).status == 403
    created = member.post("/invitations", {"email": ADA, "groups": [{"group_id": mine, "role": "member"}]})
    assert created.status == 201, created.body
    accepted = _accept(service, created.json["token"]).json
    assert accepted["email_verified"] is False, "a group's administrator vouches for nobody's address"
    assert member.get("/invitations").json["items"][0]["accepted_by"] == accepted["id"]


@pytest.mark.parametrize("ending", ["withdrawn", "expired", "demoted", "deactivated", "closed"])
def test_an_invitation_ends(service: Service, ending: str) -> None:
    """Also when its maker may no longer give what it gives."""
    administrator, member = service.administrator(), service.user()
    group = _group(administrator, member)
    created = member.post("/invitations", {"groups": [{"group_id": group}]}).json
    if ending == "withdrawn":
        assert member.delete(f"/invitations/{created['id']}").status == 204
        assert member.delete(f"/invitations/{created['id']}").status == 404
    elif ending == "expired":
        service.rows("update invitations set expires_at = now() returning 1")
    elif ending == "demoted":
        assert administrator.put(f"/groups/{group}/members/{member.id}", {"role": "editor"}).status == 204
    elif ending == "deactivated":
        administrator.request("PATCH", f"/users/{member.id}", {"is_active": False})
    else:
        administrator.request("PATCH", "/config/dynamic", {"invitations_open": False})
        assert member.post("/invitations", {"groups": [{"group_id": group}]}).status == 403
    answer = _accept(service, created["token"], email=ADA)
    assert (answer.status, answer.json["code"]) == (400, "invitation_invalid")


def test_an_account_that_exists_joins_and_keeps_the_rights_that_it_has(service: Service) -> None:
    administrator, member, invited = service.administrator(), service.user(), service.user()
    group = _group(administrator, member)
    tokens = [
        member.post("/invitations", {"groups": [{"group_id": group, "role": role}]}).json["token"]
        for role in ("editor", "member")
    ]
    for token in tokens:
        assert invited.post("/me/invitations", {"token": token}).status == 204
        assert [result["role"] for result in invited.get("/groups").json["items"]] == ["editor"]
    recorded = service.rows("select count(*) from audit_logs where action = 'invitation.accepted'")
    assert recorded == [(2,)]
    again = invited.post("/me/invitations", {"token": tokens[0]})
    assert (again.status, again.json["code"]) == (400, "invitation_invalid")


def test_an_invitation_of_an_address_is_for_its_verified_account_alone(service: Service) -> None:
    administrator, user = service.administrator(), service.user()
    token = administrator.post("/invitations", {"email": user.email}).json["token"]
    assert user.post("/me/invitations", {"token": token}).json["code"] == "invitation_invalid", "it only claims it"
    service.rows("update users set email_verified = true where id = %s returning 1", user.id)
    taken = _accept(service, token)
    assert (taken.status, taken.json["code"]) == (409, "email_taken")
    assert service.user().post("/me/invitations", {"token": token}).json["code"] == "invitation_invalid"
    assert user.post("/me/invitations", {"token": token}).status == 204


def test_of_fifty_acceptances_at_once_one_succeeds(service: Service) -> None:
    token = service.administrator().post("/invitations", {}).json["token"]
    service.rows("update rate_limits set burst = 1000 returning 1")
    numbers = iter(range(50))
    statuses = race(50, lambda: _accept(service, token, email=f"ada{next(numbers)}@example.org"))
    assert statuses == [201] + [400] * 49
    assert service.rows("select count(*) from users where email like 'ada%%'") == [(1,)]


def test_a_guessed_link_gives_nothing(service: Service) -> None:
    answer = service.request("POST", "/auth/invitation", {"token": "A" * 43})
    assert (answer.status, answer.json["code"]) == (400, "invitation_invalid")
    assert _accept(service, "A" * 43, email=ADA).json["code"] == "invitation_invalid"


def test_others_see_no_invitation(service: Service) -> None:
    administrator, other = service.administrator(), service.user()
    created = administrator.post("/invitations", {}).json
    assert other.get("/invitations").json["items"] == []
    assert other.get(f"/invitations/{created['id']}").status == 404
    assert other.delete(f"/invitations/{created['id']}").status == 404


def test_ended_invitations_are_deleted_when_retention_says(service: Service) -> None:
    administrator = service.administrator()
    ended = {
        "withdrawn_at": administrator.post("/invitations", {}).json["id"],
        "expires_at": administrator.post("/invitations", {}).json["id"],
        "accepted_at": administrator.post("/invitations", {}).json["id"],
    }
    open_one = administrator.post("/invitations", {}).json["id"]
    for days, left in ((89, {*ended.values(), open_one}), (91, {open_one})):
        for column, invitation in ended.items():
            moved = f"update invitations set {column} = now() - make_interval(days => %s) where id = %s returning 1"
            service.rows(moved, days, invitation)
        repairs.run("delete_expired_links")
        assert {str(row) for (row,) in service.rows("select id from invitations")} == left


def test_a_person_of_a_login_provider_comes_in_by_an_invitation(login: Login, idp: IdentityProvider) -> None:
    """Also where the provider's people get no accounts by themselves."""
    service = login.service
    login.oidc(idp.url, userinfo=True, create_accounts=False)
    idp.set_users(ada={"email": ADA})
    assert login.with_oidc(idp, "ada").status == 401
    administrator = service.administrator()
    group = _group(administrator)
    administrator.post("/invitations", {"email": ADA, "groups": [{"group_id": group}]})
    ada = session(service, login.with_oidc(idp, "ada"))
    assert [result["id"] for result in ada.get("/groups").json["items"]] == [group]
    assert administrator.get("/invitations").json["items"][0]["accepted_by"] == ada.id


def test_only_addresses_of_some_domains_register_and_only_once_they_are_verified(mails: Mailboxes) -> None:
    service, administrator = mails.service, mails.service.administrator()
    allowed = administrator.request("PATCH", "/config/dynamic", {"registration_domains": ["Firm.example"]})
    assert allowed.json["registration_domains"] == ["firm.example"]
    new = {"email": "ada@firm.example", "password": PASSWORD}
    for address in ("ada@other.example", "ada@sub.firm.example", "ada@firm.example.org"):
        refused = service.request("POST", "/auth/register", new | {"email": address})
        assert (refused.status, refused.json["code"]) == (403, "domain_refused")
    created = service.request("POST", "/auth/register", new)
    assert (created.status, created.json["awaits_verification"]) == (201, True)
    waiting = service.request("POST", "/auth/login", new)
    assert (waiting.status, waiting.json["code"]) == (403, "email_unverified")
    wrong = service.request("POST", "/auth/login", new | {"password": "wrong"})
    assert (wrong.status, wrong.json["code"]) == (401, "bad_credentials")
    body = {"token": mails.token("ada@firm.example", "verification"), "password": PASSWORD}
    assert service.request("POST", "/auth/verification", body).status == 204
    assert service.log_in("ada@firm.example", PASSWORD).get("/me").json["awaits_verification"] is False


def test_where_an_address_must_be_verified_nobody_registers_without_e_mail(service: Service) -> None:
    administrator = service.administrator()
    administrator.request("PATCH", "/config/dynamic", {"registration_requires_verification": True})
    answer = service.request("POST", "/auth/register", {"email": ADA, "password": PASSWORD})
    assert (answer.status, answer.json["code"]) == (409, "mail_off")
    tokens = service.request("POST", "/auth/anonymous", {"client_id": "0123456789abcdefghijklmnop"}).json
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    body = {"register": {"email": ADA, "password": PASSWORD}}
    upgraded = service.request("POST", "/auth/anonymous/upgrade", body, headers)
    assert (upgraded.status, upgraded.json["code"]) == (403, "registration_closed")
