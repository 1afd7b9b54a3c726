"""Whose an e-mail address is: verified decides, a claim never blocks nor gets anything (A6, A12)."""

import pytest

from tests.auth.peers import IdentityProvider, Login, Peer, session
from tests.service import Service

ADA = "ada@example.org"
PASSWORD = "a long enough password"


def test_a_claimed_address_does_not_keep_the_person_out_and_is_never_merged(
    login: Login, idp: IdentityProvider
) -> None:
    """Somebody registers another person's address first, in the hope to share the account later."""
    service = login.service
    login.oidc(idp.url, userinfo=True)
    claim = {"email": ADA, "password": PASSWORD}
    assert service.request("POST", "/auth/register", claim).status == 201
    squatter = service.log_in(ADA, PASSWORD)
    idp.set_users(ada={"email": ADA})
    ada = session(service, login.with_oidc(idp, "ada"))
    assert ada.id != str(squatter.id)
    mine, theirs = ada.get("/me").json, squatter.get("/me").json
    ways = [[way["name"] for way in me["login_providers"]] for me in (mine, theirs)]
    assert (mine["email"], mine["email_verified"], ways[0]) == (ADA, True, ["oidc"])
    assert (theirs["email"], theirs["email_verified"], ways[1]) == (ADA, False, ["local"])
    assert service.log_in(ADA, PASSWORD).id == squatter.id, "the account goes on, with its own documents alone"
    assert session(service, login.with_oidc(idp, "ada")).id == ada.id
    again = service.request("POST", "/auth/register", claim)
    assert (again.status, again.json["code"]) == (409, "email_taken")


def test_who_registers_cannot_claim_a_verified_address(login: Login, idp: IdentityProvider) -> None:
    service = login.service
    login.oidc(idp.url, userinfo=True)
    idp.set_users(ada={"email": ADA})
    session(service, login.with_oidc(idp, "ada"))
    claim = {"email": ADA, "password": PASSWORD}
    assert service.request("POST", "/auth/register", claim).json["code"] == "email_taken"
    tokens = service.request("POST", "/auth/anonymous", {"client_id": "0123456789abcdefghijklmnop"}).json
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    upgraded = service.request("POST", "/auth/anonymous/upgrade", {"register": claim}, headers)
    assert (upgraded.status, upgraded.json["code"]) == (409, "email_taken")


def test_an_administrator_gives_a_claimed_address_to_the_person_it_belongs_to(service: Service) -> None:
    administrator = service.administrator()
    claim = {"email": ADA, "password": "the password of a squatter"}
    assert service.request("POST", "/auth/register", claim).status == 201
    created = administrator.post("/users", {"email": ADA, "password": PASSWORD})
    assert (created.status, created.json["email_verified"]) == (201, True)
    assert str(service.log_in(ADA, PASSWORD).id) == created.json["id"]
    assert service.request("POST", "/auth/login", claim).status == 401, "the address is the other account's login now"
    listed = administrator.get("/users?q=ada").json["items"]
    assert [user["email_verified"] for user in listed if user["email"] == ADA] == [True, False]
    assert administrator.post("/users", {"email": ADA}).json["code"] == "email_taken"


@pytest.mark.parametrize("create_accounts", [True, False])
def test_an_account_without_a_password_is_the_persons_whom_the_provider_confirms(
    login: Login, idp: IdentityProvider, create_accounts: bool
) -> None:
    service = login.service
    login.oidc(idp.url, userinfo=True, create_accounts=create_accounts)
    administrator = service.administrator()
    prepared = administrator.post("/users", {"email": ADA}).json
    assert prepared["login_providers"] == [], "nobody can log in to it yet"
    idp.set_users(ada={"email": ADA}, eve={"email": "eve@example.org"})
    assert session(service, login.with_oidc(idp, "ada")).id == prepared["id"]
    assert session(service, login.with_oidc(idp, "ada")).id == prepared["id"]
    seen = administrator.get(f"/users/{prepared['id']}").json
    assert (seen["auth_provider"], seen["login_providers"]) == ("oidc", [{"name": "oidc", "account": "ada"}])
    recorded = service.rows("select entity_id::text, details from audit_logs where action = 'user.linked'")
    assert recorded == [(prepared["id"], {"provider": "oidc", "by": "verified_email"})]
    assert (login.with_oidc(idp, "eve").status == 200) is create_accounts


def test_an_account_without_a_password_can_get_one_from_an_administrator(service: Service) -> None:
    administrator = service.administrator()
    prepared = administrator.post("/users", {"email": ADA}).json
    assert service.request("POST", "/auth/login", {"email": ADA, "password": PASSWORD}).status == 401
    assert administrator.request("PATCH", f"/users/{prepared['id']}", {"password": PASSWORD}).status == 200
    assert str(service.log_in(ADA, PASSWORD).id) == prepared["id"]


def test_only_an_account_that_nobody_logs_in_to_is_found_by_its_address(
    login: Login, idp: IdentityProvider, peer: Peer
) -> None:
    """One with a password, of another provider, deactivated or only claimed stays its user's."""
    service = login.service
    login.oidc(idp.url, userinfo=True)
    login.github(peer)
    administrator = service.administrator()
    people = {name: f"{name}@example.org" for name in ("password", "inactive", "unverified")}
    administrator.post("/users", {"email": people["password"], "password": PASSWORD})
    inactive = administrator.post("/users", {"email": people["inactive"]}).json["id"]
    administrator.request("PATCH", f"/users/{inactive}", {"is_active": False})
    service.rows("insert into users (email, display_name) values (%s, 'x') returning 1", people["unverified"])
    peer.github_user(email="octo@example.org")
    session(service, login.with_github())
    idp.set_users(octo={"email": "octo@example.org"}, **{name: {"email": email} for name, email in people.items()})
    answers = {name: login.with_oidc(idp, name) for name in ("octo", *people)}
    refused = {name: answer.json.get("code") for name, answer in answers.items()}
    assert refused == dict.fromkeys(("octo", "password", "inactive"), "email_taken") | {"unverified": None}
    assert service.rows("select count(*) from users where oidc_subject is not null") == [(1,)]


def test_an_address_is_verified_when_its_account_is_linked_with_a_provider_that_confirms_it(
    login: Login, idp: IdentityProvider
) -> None:
    service = login.service
    login.oidc(idp.url, userinfo=True)
    user, other = service.user(), service.user()
    idp.set_users(ada={"email": user.email}, eve={"email": "eve@example.org"})
    session(service, login.with_oidc(idp, "ada", user))
    session(service, login.with_oidc(idp, "eve", other))
    assert (user.get("/me").json["email_verified"], other.get("/me").json["email_verified"]) == (True, False)


def test_the_first_administrator_is_nobody_who_registered_that_address_before(service: Service) -> None:
    claim = {"email": "admin@example.org", "password": PASSWORD}
    assert service.request("POST", "/auth/register", claim).status == 201
    squatter = service.log_in(**claim)
    assert service.administrator().id != squatter.id
    assert squatter.get("/me").json["is_admin"] is False
