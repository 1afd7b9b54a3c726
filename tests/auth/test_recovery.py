"""Recovering an account by e-mail: forgotten passwords, locks, verification, another address (A12).

tests/auth/test_every_link.py tries each kind of link.
"""

from typing import Any

import pytest

from chalicelib.core import repairs
from tests.auth.mailboxes import Mailboxes
from tests.service import Answer, Service, User

NEW = "another long password"


def _post(service: Service, path: str, body: dict[str, Any]) -> Answer:
    return service.request("POST", path, body)


def _reset_link(mails: Mailboxes, user: User) -> str:
    assert _post(mails.service, "/auth/password/forgotten", {"email": user.email}).status == 204
    return mails.token(user.email, "password_reset")


def _expire(service: Service) -> None:
    service.rows("update account_tokens set expires_at = now() returning 1")


def _unverified(mails: Mailboxes) -> User:
    """An account that somebody registered over HTTP, with an e-mail that asks to verify it."""
    email = f"new{next(mails.service.numbers)}@example.org"
    created = _post(mails.service, "/auth/register", {"email": email, "password": "a long enough password"})
    assert created.status == 201
    return mails.service.log_in(email, "a long enough password")


def _use_reset(mails: Mailboxes, _: User, token: str) -> Answer:
    return _post(mails.service, "/auth/password/reset", {"token": token, "new_password": NEW})


def _use_unlock(mails: Mailboxes, _: User, token: str) -> Answer:
    return _post(mails.service, "/auth/unlock", {"token": token})


def _use_verification(mails: Mailboxes, user: User, token: str) -> Answer:
    return _post(mails.service, "/auth/verification", {"token": token, "password": user.password})


def _use_email(mails: Mailboxes, user: User, token: str) -> Answer:
    return user.post("/me/email-change/confirmation", {"token": token})


def _get_unlock(mails: Mailboxes, user: User) -> str:
    assert _post(mails.service, "/auth/unlock/request", {"email": user.email}).status == 204
    return mails.token(user.email, "unlock")


def _get_verification(mails: Mailboxes, user: User) -> str:
    return mails.token(user.email, "verification")


def _get_email(mails: Mailboxes, user: User) -> str:
    address = f"new-{user.email}"
    assert user.post("/me/email-change", {"email": address}).status == 201
    return mails.token(address, "email_new")


def test_one_of_the_last_passwords_is_refused_and_the_link_stays(mails: Mailboxes) -> None:
    user = _unverified(mails)
    token = _reset_link(mails, user)
    refused = _post(mails.service, "/auth/password/reset", {"token": token, "new_password": user.password})
    assert (refused.status, refused.json["code"]) == (422, "password_reused")
    assert _use_reset(mails, user, token).status == 204
    assert _post(mails.service, "/auth/login", {"email": user.email, "password": user.password}).status == 401
    assert mails.service.log_in(user.email, NEW).get("/me").json["email_verified"] is True


@pytest.mark.parametrize("retain", [False, True])
def test_a_new_password_by_a_link_ends_sessions_and_by_choice_keys(mails: Mailboxes, retain: bool) -> None:
    user = mails.service.user()
    mails.service.rows("update users set email_verified = true where id = %s returning 1", user.id)
    key = user.post("/me/api-keys", {"name": "k", "scopes": ["read"]}).json["key"]
    token, other = _reset_link(mails, user), _reset_link(mails, user)
    body = {"token": token, "new_password": NEW, "keep_api_keys": retain}
    assert _post(mails.service, "/auth/password/reset", body).status == 204
    assert user.get("/me").status == 401
    headers = {"Authorization": f"Bearer {key}"}
    assert mails.service.request("GET", "/me", headers=headers).status == (200 if retain else 401)
    assert _use_reset(mails, user, other).json["code"] == "link_invalid", "the other links end too"
    assert [message["Subject"] for message in mails.of(user.email)][-1] == "Alcove: your password was replaced"
    audited = mails.service.rows("select count(*) from audit_logs where action = 'user.password_reset'")
    assert audited == [(1,)]


def test_a_new_password_makes_the_links_that_were_sent_before_useless(mails: Mailboxes) -> None:
    user = mails.service.user()
    token = _reset_link(mails, user)
    change = {"current_password": user.password, "new_password": "changed by its owner"}
    assert user.put("/me/password", change).status == 204
    assert _use_reset(mails, user, token).json["code"] == "link_invalid"


def test_a_user_unlocks_the_own_account(mails: Mailboxes) -> None:
    user = mails.service.user()
    for _ in range(5):
        assert _post(mails.service, "/auth/login", {"email": user.email, "password": "wrong"}).status == 401
    assert _post(mails.service, "/auth/login", {"email": user.email, "password": user.password}).status == 401
    assert _use_unlock(mails, user, _get_unlock(mails, user)).status == 204
    assert mails.service.log_in(user.email, user.password)


def test_an_address_is_verified_with_the_password_and_five_wrong_ones_end_the_link(mails: Mailboxes) -> None:
    """Who reads the e-mail of an account that a other_user made cannot vouch for it."""
    user = _unverified(mails)
    token = _get_verification(mails, user)
    body = {"token": token, "password": "not the other_user's"}
    answers = [_post(mails.service, "/auth/verification", body).json["code"] for _ in range(6)]
    assert answers == ["wrong_password"] * 5 + ["link_invalid"]
    assert user.get("/me").json["email_verified"] is False
    assert _post(mails.service, "/auth/verification/request", {"email": user.email}).status == 204
    assert _use_verification(mails, user, _get_verification(mails, user)).status == 204
    assert user.get("/me").json["email_verified"] is True


def test_both_addresses_confirm_another_address(mails: Mailboxes) -> None:
    user = mails.service.user()
    mails.service.rows("update users set email_verified = true where id = %s returning 1", user.id)
    elsewhere, new = mails.service.log_in(user.email, user.password), "ada@elsewhere.example"
    started = user.post("/me/email-change", {"email": new})
    assert (started.status, started.json["old_email"]) == (201, user.email)
    reset = _reset_link(mails, user)
    for address, kind, status in ((new, "email_new", "waiting"), (user.email, "email_old", "changed")):
        token = mails.token(address, kind)
        other_user = mails.service.user()
        assert _use_email(mails, other_user, token).json["code"] == "link_invalid", "it is another account's"
        assert _use_email(mails, user, token).json["status"] == status
    me = user.get("/me").json
    assert (me["email"], me["email_verified"]) == (new, True)
    assert elsewhere.get("/me").status == 401, "the other sessions end"
    assert _use_reset(mails, user, reset).json["code"] == "link_invalid", "it was sent to the former address"
    assert mails.of(user.email)[-1]["Subject"] == "Alcove: your account has another e-mail address"
    assert user.get("/me/email-change").status == 404
    recorded = mails.service.rows("select action from audit_logs where action ~ 'email_change' order by id")
    assert [action for (action,) in recorded] == [
        "user.email_change_begun",
        "user.email_change_waiting",
        "user.email_change_changed",
    ]
    assert mails.service.log_in(new, user.password).id == user.id


def test_a_change_of_address_says_nothing_of_other_accounts_and_takes_nothing_from_them(mails: Mailboxes) -> None:
    user, owner = mails.service.user(), mails.service.user()
    mails.service.rows("update users set email_verified = true where id = %s returning 1", owner.id)
    started = user.post("/me/email-change", {"email": owner.email})
    assert started.status == 201
    assert mails.of(owner.email) == []
    free = f"free-{user.email}"
    assert user.post("/me/email-change", {"email": free}).status == 201
    token = mails.token(free, "email_new")
    mails.service.rows("update users set email = %s where id = %s returning 1", free, owner.id)
    taken = _use_email(mails, user, token)
    assert (taken.status, taken.json["code"]) == (409, "email_taken")
    assert user.get("/me").json["email"] == user.email


def test_an_administrator_gives_somebody_an_address_who_lost_the_former_mailbox(mails: Mailboxes) -> None:
    service = mails.service
    administrator, user = service.administrator(), service.user()
    service.rows("update users set email_verified = true where id = %s returning 1", user.id)
    new, path = f"new-{user.email}", f"/users/{user.id}/email-change"
    assert service.user().post(path, {"email": new}).status == 403
    started = administrator.post(path, {"email": new})
    assert (started.status, started.json["new_email"], started.json["old_email"]) == (201, new, None)
    token = mails.token(new, "email_new")
    assert mails.of(user.email)[-1]["Subject"] == "Alcove: your account is to get another e-mail address"
    assert user.get("/me").json["email"] == user.email, "the administrator's word alone changes nothing"
    assert _use_email(mails, administrator, token).json["code"] == "link_invalid", "only the account itself confirms"
    assert _use_email(mails, user, token).json["status"] == "changed"
    assert (user.get("/me").json["email"], user.get("/me").json["email_verified"]) == (new, True)
    assert mails.of(user.email)[-1]["Subject"] == "Alcove: your account has another e-mail address"
    recorded = service.rows("select user_id, entity_id from audit_logs where action = 'user.email_change_begun'")
    assert recorded == [(administrator.id, user.id)]


def test_an_administrators_change_of_an_address_can_be_ended_and_takes_nothing_from_others(mails: Mailboxes) -> None:
    service = mails.service
    administrator, user, owner = service.administrator(), service.user(), service.user()
    service.rows("update users set email_verified = true where id = %s returning 1", owner.id)
    path = f"/users/{user.id}/email-change"
    assert administrator.post(path, {"email": owner.email}).status == 201
    assert mails.of(owner.email) == []
    free = f"free-{user.email}"
    assert administrator.post(path, {"email": free}).status == 201
    token = mails.token(free, "email_new")
    assert mails.of(user.email) == [], "the former address is not known to be the user's"
    assert user.delete("/me/email-change").status == 204
    assert _use_email(mails, user, token).json["code"] == "link_invalid"
    assert administrator.post(f"/users/{administrator.id}/email-change", {"email": free}).json["code"] == "conflict"


def test_a_change_of_address_can_be_ended(mails: Mailboxes) -> None:
    user = mails.service.user()
    token = _get_email(mails, user)
    assert user.get("/me/email-change").json["new_email"] == f"new-{user.email}"
    assert user.delete("/me/email-change").status == 204
    assert user.delete("/me/email-change").status == 404
    assert _use_email(mails, user, token).json["code"] == "link_invalid"


def test_an_account_of_a_provider_gets_no_password_by_e_mail(mails: Mailboxes) -> None:
    user = mails.service.user()
    mails.service.rows(
        "update users set email_verified = true, password_hash = null, oidc_issuer = 'i', oidc_subject = 's' "
        "where id = %s returning 1",
        user.id,
    )
    assert _post(mails.service, "/auth/password/forgotten", {"email": user.email}).status == 204
    assert mails.of(user.email) == []


def test_links_that_have_expired_are_deleted(mails: Mailboxes) -> None:
    user = mails.service.user()
    _reset_link(mails, user)
    _expire(mails.service)
    repairs.run("delete_expired_links")
    assert mails.service.rows("select count(*) from account_tokens") == [(0,)]


def test_an_account_that_nobody_verifies_is_deleted(mails: Mailboxes) -> None:
    user = _unverified(mails)
    statement = "update users set awaits_verification = true, created_at = now() - interval '8 days' where id = %s "
    mails.service.rows(f"{statement} returning 1", user.id)
    repairs.run("delete_expired_links")
    assert mails.service.rows("select count(*) from users where id = %s", user.id) == [(0,)]
