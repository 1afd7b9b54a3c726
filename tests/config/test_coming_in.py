"""Who comes in, and what administrators need: settings that an administrator changes over the API (A12, A14)."""

from typing import Any

from tests.config.coverage import changes
from tests.service import Answer, Service, User

PASSWORD = "a long enough password"


def _change(administrator: User, **settings: Any) -> None:
    assert administrator.request("PATCH", "/config/dynamic", settings).status == 200


def _register(service: Service, email: str) -> Answer:
    return service.request("POST", "/auth/register", {"email": email, "password": PASSWORD})


@changes("registration_domains")
def test_whose_addresses_register(service: Service) -> None:
    administrator = service.administrator()
    _change(administrator, registration_domains=["Firm.example"])
    assert _register(service, "ada@other.example").json["code"] == "domain_refused"
    assert _register(service, "ada@firm.example").json["code"] == "mail_off", "nobody could verify the address"
    _change(administrator, registration_domains=[])
    assert _register(service, "ada@other.example").status == 201


@changes("registration_requires_verification")
def test_whether_an_address_is_verified_first(service: Service) -> None:
    administrator = service.administrator()
    _change(administrator, registration_requires_verification=True)
    assert _register(service, "ada@example.org").json["code"] == "mail_off"
    _change(administrator, registration_requires_verification=False)
    assert _register(service, "ada@example.org").json["awaits_verification"] is False


@changes("invitations_open")
def test_whether_invitations_are_made_and_accepted(service: Service) -> None:
    administrator = service.administrator()
    token = administrator.post("/invitations", {"email": "ada@example.org"}).json["token"]
    accepted = {"token": token, "password": PASSWORD}
    _change(administrator, invitations_open=False)
    assert administrator.post("/invitations", {}).status == 403
    refused = service.request("POST", "/auth/invitation/acceptance", accepted)
    assert refused.json["code"] == "invitation_invalid"
    _change(administrator, invitations_open=True)
    assert service.request("POST", "/auth/invitation/acceptance", accepted).status == 201


@changes("api_keys_may_last")
def test_whether_api_keys_without_an_end_are_created(service: Service) -> None:
    administrator = service.administrator()
    endless = {"name": "for a machine", "scopes": ["read"], "expires_in_days": None}
    assert administrator.post("/me/api-keys", endless).status == 403
    _change(administrator, api_keys_may_last=True)
    created = administrator.post("/me/api-keys", endless)
    assert (created.status, created.json["expires_at"]) == (201, None)
    header = {"Authorization": f"Bearer {created.json['key']}"}
    assert service.request("GET", "/documents", headers=header).status == 200
    _change(administrator, api_keys_may_last=False)


@changes("administrators_need_second_factor")
def test_what_an_administrator_needs_to_administer(service: Service) -> None:
    """tests/auth/test_second_factor.py goes the whole way."""
    administrator = service.administrator()
    _change(administrator, administrators_need_second_factor=True)
    assert administrator.get("/users").json["code"] == "second_factor_required"
    statement = (
        "insert into second_factors (user_id, ciphertext, wrapped_key, master_key, confirmed_at) "
        "values (%s, decode(repeat('00', 40), 'hex'), '\\x00', 'key', now()) returning 1"
    )
    service.rows(statement, administrator.id)
    assert administrator.get("/users").status == 200
