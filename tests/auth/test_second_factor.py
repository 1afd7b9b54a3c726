"""The second factor: one-time passwords and recovery codes, each used once (A12)."""

import base64
import time
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

from chalicelib.auth.second_factors import second_factors
from tests.auth.mailboxes import race
from tests.service import Answer, Service, User


class App:
    """What a person's app shows, at a time that the test sets."""

    def __init__(self, secret: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.totp = TOTP(base64.b32decode(secret), 6, SHA1(), 30)
        self.now = time.time()
        monkeypatch.setattr(f"{second_factors.__name__}.time.time", lambda: self.now)

    def code(self, step: int = 0) -> str:
        return self.totp.generate(int(self.now) + 30 * step).decode()

    def wait(self) -> None:
        """Until the app shows the next code."""
        self.now += 30


def enrolled(user: User, monkeypatch: pytest.MonkeyPatch) -> tuple[App, list[str]]:
    """A user with a second factor: the app, and the recovery codes."""
    started = user.post("/me/second-factor")
    assert started.status == 200, started.body
    app = App(started.json["secret"], monkeypatch)
    confirmed = user.post("/me/second-factor/confirmation", {"code": app.code()})
    assert confirmed.status == 200, confirmed.body
    app.wait()
    return app, confirmed.json["codes"]


def _log_in(user: User, code: str | None = None) -> Answer:
    body = {"email": user.email, "password": user.password} | ({"code": code} if code else {})
    return user.service.request("POST", "/auth/login", body)


def test_a_login_requires_a_code_once_the_key_is_confirmed(
    service: Service, master_key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = service.user()
    other = service.log_in(user.email, user.password)
    started = user.post("/me/second-factor").json
    address = urlsplit(started["uri"])
    assert (address.scheme, parse_qs(address.query)["issuer"]) == ("otpauth", ["Alcove"])
    assert _log_in(user).status == 200, "it does not count yet"
    assert user.post("/me/second-factor/confirmation", {"code": "000000"}).json["code"] == "wrong_code"
    app, codes = enrolled(user, monkeypatch)
    assert other.get("/me").status == 401, "sessions that were opened without it end"
    assert (len(codes), len(set(codes))) == (10, 10)
    missing = _log_in(user)
    assert (missing.status, missing.json["code"]) == (401, "code_required")
    assert _log_in(user, app.code()).status == 200
    assert user.get("/me").json["second_factor"] is True
    assert user.get("/me/second-factor").json["recovery_codes_left"] == 10
    assert user.post("/me/second-factor").json["code"] == "second_factor_on"


def test_the_key_and_the_codes_are_not_in_the_database(
    service: Service, master_key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = service.user()
    secret = user.post("/me/second-factor").json["secret"]
    app = App(secret, monkeypatch)
    codes = user.post("/me/second-factor/confirmation", {"code": app.code()}).json["codes"]
    dump = service.dump()
    for hidden in (secret, base64.b32decode(secret).hex(), codes[0], codes[0].replace("-", "")):
        assert hidden not in dump
    exported = user.get("/me/export?limit=1000").body.decode()
    assert "ciphertext" not in exported
    assert "code_hash" not in exported


def test_a_code_works_once_and_only_about_now(
    service: Service, master_key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = service.user()
    app, _ = enrolled(user, monkeypatch)
    app.wait()
    for step in (-3, 3):
        assert _log_in(user, app.code(step)).json["code"] == "bad_credentials"
    code = app.code()
    assert _log_in(user, code).status == 200
    assert _log_in(user, code).status == 401, "it was used"
    assert _log_in(user, app.code(-1)).status == 401, "it is older than one that was used"
    assert _log_in(user, app.code(1)).status == 200


def test_of_fifty_logins_with_one_code_one_succeeds(
    service: Service, master_key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = service.user()
    app, codes = enrolled(user, monkeypatch)
    service.rows("update rate_limits set burst = 1000 returning 1")
    for code in (app.code(), codes[0]):
        statuses = race(50, lambda code=code: _log_in(user, code))  # type: ignore[misc]
        assert statuses == [200] + [401] * 49
        service.rows("delete from login_sources returning 1")
        service.rows("update users set failed_logins = 0, locked_until = null returning 1")


def test_wrong_codes_lock_the_account_like_wrong_passwords(
    service: Service, master_key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = service.user()
    app, _ = enrolled(user, monkeypatch)
    wrong = str((int(app.code()) + 1) % 1_000_000).zfill(6)
    for _ in range(5):
        assert _log_in(user, wrong).json["code"] == "bad_credentials"
    assert _log_in(user, app.code()).status == 401, "it is locked"


def test_a_recovery_code_replaces_the_app_once(
    service: Service, master_key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    user, other = service.user(), service.user()
    _, codes = enrolled(user, monkeypatch)
    _, others = enrolled(other, monkeypatch)
    assert _log_in(user, others[0]).status == 401, "it is another user's"
    assert _log_in(user, codes[0].upper().replace("-", " ")).status == 200
    assert _log_in(user, codes[0]).status == 401
    fresh = user.post("/me/recovery-codes").json["codes"]
    assert _log_in(user, codes[1]).status == 401, "new codes replace the former ones"
    assert _log_in(user, fresh[0]).status == 200
    recorded = service.rows("select action from audit_logs where action ~ 'recovery_code' order by id")
    assert recorded == [("recovery_code.used",), ("recovery_code.replaced",), ("recovery_code.used",)]


def test_a_proof_requires_a_code_too(service: Service, master_key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a stolen token and a stolen password would be enough to end the second factor."""
    user = service.user()
    app, _ = enrolled(user, monkeypatch)
    service.rows("update sessions set created_at = now() - interval '1 hour', proven_at = null returning 1")
    assert user.delete("/me/second-factor").json["code"] == "recent_login_required"
    for body in ({"password": user.password}, {"password": user.password, "code": "000000"}):
        assert user.post("/me/session/proof", body).json["code"] == "wrong_code"
    assert user.post("/me/session/proof", {"password": user.password, "code": app.code()}).status == 200
    assert user.delete("/me/second-factor").status == 204
    assert _log_in(user).status == 200


def test_an_administrator_ends_a_lost_second_factor_and_others_cannot(
    service: Service, master_key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    administrator, user, other = service.administrator(), service.user(), service.user()
    enrolled(user, monkeypatch)
    assert other.delete(f"/users/{user.id}/second-factor").status == 403
    assert administrator.get(f"/users/{user.id}").json["second_factor"] is True
    assert administrator.delete(f"/users/{user.id}/second-factor").status == 204
    assert administrator.delete(f"/users/{user.id}/second-factor").status == 404
    assert _log_in(user).status == 200
    user.post("/me/second-factor")
    recorded = service.rows("select action, user_id from audit_logs where action ~ 'second_factor' order by id")
    assert recorded == [
        ("second_factor.begun", user.id),
        ("second_factor.added", user.id),
        ("second_factor.ended", administrator.id),
        ("second_factor.begun", user.id),
    ]


def test_administrators_need_one_where_the_settings_say_so(
    service: Service, master_key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    administrator = service.administrator()
    key = administrator.post("/me/api-keys", {"name": "k", "scopes": ["read", "admin"]}).json["key"]
    with_key = {"Authorization": f"Bearer {key}"}
    assert service.request("GET", "/users", headers=with_key).status == 200
    changed = administrator.request("PATCH", "/config/dynamic", {"administrators_need_second_factor": True})
    assert changed.status == 200
    refused = administrator.get("/users")
    assert (refused.status, refused.json["code"]) == (403, "second_factor_required")
    assert service.request("GET", "/users", headers=with_key).status == 403
    text = {"title": "t", "content": "Everybody reads this.", "scope": "org"}
    assert administrator.post("/documents", text).status in {403, 404}, "not by another way either"
    enrolled(administrator, monkeypatch)
    assert administrator.get("/users").status == 200
    assert service.request("GET", "/users", headers=with_key).status == 200


def test_an_account_of_a_provider_has_its_second_factor_there(service: Service, master_key: str) -> None:
    user = service.user()
    service.rows(
        "update users set password_hash = null, oidc_issuer = 'i', oidc_subject = 's' where id = %s returning 1",
        user.id,
    )
    assert user.post("/me/second-factor").json["code"] == "conflict"
