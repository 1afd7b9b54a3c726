"""Accounts: registration, login, refresh, logout, the first administrator (A1, A2, A3, A4, A11)."""

import hashlib
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import bcrypt
import boto3
import pytest

from chalicelib.auth.accounts import password_hashes
from chalicelib.auth.sessions import tokens
from chalicelib.core import connection, process
from chalicelib.core.settings import settings
from chalicelib.ops import deployment
from tests.places import ADMINISTRATOR
from tests.service import Answer, Service

WRONG = "not the password at all"


def _login(service: Service, email: str, password: str) -> Answer:
    return service.request("POST", "/auth/login", {"email": email, "password": password})


def _import_hash(service: Service, email: str, password_hash: str) -> None:
    with service.database.connect("owner") as conn:
        conn.execute("update users set password_hash = %s where email = %s", [password_hash, email])


def _werkzeug(password: str) -> str:
    digest = hashlib.pbkdf2_hmac("sha256", password.encode(), b"saltysalt", 1000).hex()
    return f"pbkdf2:sha256:1000$saltysalt${digest}"


def _scrypt(password: str, n: int = 16) -> str:
    digest = hashlib.scrypt(password.encode(), salt=b"saltysalt", n=n, r=8, p=1, dklen=64).hex()
    return f"scrypt:{n}:8:1$saltysalt${digest}"


def test_register_login_me(service: Service) -> None:
    user = service.user()
    me = user.get("/me")
    assert me.status == 200
    assert me.json["email"] == user.email
    assert me.json["id"] == str(user.id)
    assert "password" not in me.body.decode()


def test_an_address_or_username_registers_once_whatever_its_case(service: Service) -> None:
    new = {"email": "Someone@Example.org", "username": "Someone", "password": "a long enough password"}
    first = service.request("POST", "/auth/register", new)
    assert (first.status, first.json["email"], first.json["username"]) == (201, "someone@example.org", "someone")
    for again in ({**new, "username": None}, {**new, "email": "other@example.org", "username": "SOMEONE"}):
        answer = service.request("POST", "/auth/register", again)
        assert (answer.status, answer.json["code"]) == (409, "email_taken")


def test_login_by_username(service: Service) -> None:
    new = {"email": "u@example.org", "username": "uma", "password": "a long enough password"}
    service.request("POST", "/auth/register", new)
    answer = service.request("POST", "/auth/login", {"username": "UMA", "password": "a long enough password"})
    assert answer.status == 200
    assert answer.json["token_type"] == "Bearer"
    assert answer.json["expires_in"] == tokens.ACCESS_SECONDS


def test_a1_passwords_are_hashed_with_the_parameters_of_rfc_9106() -> None:
    script = "from chalicelib.auth.accounts import password_hashes; print(password_hashes.hash_password('a password'))"
    output = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert output.startswith("$argon2id$v=19$m=65536,t=3,p=4$")


@pytest.mark.parametrize("imported", ["bcrypt", "pbkdf2", "scrypt"])
def test_a1_imported_hashes_log_in_once_and_are_rehashed(service: Service, imported: str) -> None:
    user = service.user()
    hashed = {
        "bcrypt": bcrypt.hashpw(user.password.encode(), bcrypt.gensalt(4)).decode(),
        "pbkdf2": _werkzeug(user.password),
        "scrypt": _scrypt(user.password),
    }
    _import_hash(service, user.email, hashed[imported])
    assert _login(service, user.email, WRONG).status == 401
    assert _login(service, user.email, user.password).status == 200
    ((stored,),) = service.rows("select password_hash from users where email = %s", user.email)
    assert stored.startswith("$argon2id$")
    assert _login(service, user.email, user.password).status == 200


def test_a1_a_bcrypt_hash_of_a_long_password_stays_until_the_password_is_changed(service: Service) -> None:
    """bcrypt read 72 bytes of it: any ending matches, so none is made the password."""
    user = service.user()
    long = "öäü" * 12 + " and what follows"  # 72 bytes, and more
    old = bcrypt.hashpw(long.encode()[:72], bcrypt.gensalt(4)).decode()
    _import_hash(service, user.email, old)
    for presented in (long, f"{'öäü' * 12} another ending", "öäü" * 12, long):
        assert _login(service, user.email, presented).status == 200
        assert service.rows("select password_hash from users where email = %s", user.email) == [(old,)]
    assert _login(service, user.email, "öäü" * 11).status == 401
    change = {"current_password": long, "new_password": f"{long}, changed"}
    refused = user.put("/me/password", change)
    assert (refused.status, refused.json["code"]) == (422, "password_reused"), "bcrypt cannot tell them apart"
    assert user.put("/me/password", change | {"new_password": "something else altogether"}).status == 204
    ((stored,),) = service.rows("select password_hash from users where email = %s", user.email)
    assert stored.startswith("$argon2id$")


@pytest.mark.parametrize("parameters", ["16", "16:8", "16:8:99", "1048576:8:1", "x:8:1", "-2:8:1"])
def test_a1_an_imported_scrypt_hash_that_takes_too_much_matches_nothing(parameters: str) -> None:
    digest = _scrypt("a password").rpartition("$")[2]
    assert not password_hashes.verify(f"scrypt:{parameters}$saltysalt${digest}", "a password")


def test_a1_a_bcrypt_hash_of_one_byte_less_is_whole_and_replaced(service: Service) -> None:
    user = service.user()
    _import_hash(service, user.email, bcrypt.hashpw(b"x" * 71, bcrypt.gensalt(4)).decode())
    assert _login(service, user.email, "x" * 71).status == 200
    ((stored,),) = service.rows("select password_hash from users where email = %s", user.email)
    assert stored.startswith("$argon2id$")
    assert _login(service, user.email, "x" * 72).status == 401


def test_a2_five_failures_lock_and_each_attempt_is_recorded(service: Service) -> None:
    user = service.user()
    for _ in range(5):
        assert _login(service, user.email, WRONG).status == 401
    locked = _login(service, user.email, user.password)
    assert (locked.status, locked.json["code"]) == (401, "bad_credentials")
    rows = service.rows("select success, user_agent from login_attempts where user_id = %s order by id", user.id)
    assert [row[0] for row in rows] == [True] + [False] * 6
    service.rows("update login_sources set locked_until = now() where user_id = %s returning 1", user.id)
    assert _login(service, user.email, user.password).status == 200
    assert service.rows("select failed_logins, locked_until from users where id = %s", user.id) == [(0, None)]


def test_a2_success_resets_the_count(service: Service) -> None:
    user = service.user()
    for _ in range(2):
        for _ in range(4):
            _login(service, user.email, WRONG)
        assert _login(service, user.email, user.password).status == 200


def test_a2_an_unknown_account_and_a_wrong_password_read_the_same(service: Service) -> None:
    user = service.user()
    unknown, wrong = _login(service, "nobody@example.org", WRONG), _login(service, user.email, WRONG)
    assert unknown.status == wrong.status == 401
    assert {**unknown.json, "request_id": ""} == {**wrong.json, "request_id": ""}
    recorded = service.rows("select user_id from login_attempts where identifier = 'nobody@example.org'")
    assert recorded == [(None,)]


def test_a3_logout_ends_every_token_of_the_session_within_one_request(service: Service) -> None:
    user = service.user()
    refreshed = service.request("POST", "/auth/refresh", {"refresh_token": user.refresh_token}).json
    assert user.post("/auth/logout").status == 204
    service.forget_connection()  # another instance
    assert user.get("/me").status == 401
    other_token = {"Authorization": f"Bearer {refreshed['access_token']}"}
    assert service.request("GET", "/me", headers=other_token).status == 401
    answer = service.request("POST", "/auth/refresh", {"refresh_token": refreshed["refresh_token"]})
    assert (answer.status, answer.json["code"]) == (401, "bad_refresh_token")


def test_a3_a_deactivated_user_is_out_within_one_request(service: Service) -> None:
    user = service.user()
    service.rows("update users set is_active = false where id = %s returning id", user.id)
    assert user.get("/me").status == 401
    assert _login(service, user.email, user.password).status == 401
    assert service.request("POST", "/auth/refresh", {"refresh_token": user.refresh_token}).status == 401


def test_a3_logging_out_of_one_session_leaves_the_others(service: Service) -> None:
    user = service.user()
    other = service.log_in(user.email, user.password)
    assert user.post("/auth/logout").status == 204
    assert other.get("/me").status == 200


def _refresh(service: Service, token: str) -> Answer:
    return service.request("POST", "/auth/refresh", {"refresh_token": token})


def let_the_grace_end(service: Service) -> None:
    """Let every used refresh token be used longer ago than refresh_grace()."""
    service.rows("update refresh_tokens set used_at = used_at - refresh_grace() - interval '1 second' returning 1")


def test_a4_a_reused_refresh_token_ends_its_session(service: Service) -> None:
    user = service.user()
    second = _refresh(service, user.refresh_token)
    assert second.status == 200
    let_the_grace_end(service)
    reused = _refresh(service, user.refresh_token)
    assert (reused.status, reused.json["code"]) == (401, "bad_refresh_token")
    assert _refresh(service, second.json["refresh_token"]).status == 401, "thief or owner"
    assert user.get("/me").status == 401
    assert service.rows("select count(*) from audit_logs where action = 'session.refresh_reused'") == [(1,)]


def test_a13_a_refresh_whose_answer_was_lost_is_answered_again(service: Service) -> None:
    user = service.user()
    missed = _refresh(service, user.refresh_token).json
    again = _refresh(service, user.refresh_token)
    assert again.status == 200
    for tokens_ in (missed, again.json):
        headers = {"Authorization": f"Bearer {tokens_['access_token']}"}
        assert service.request("GET", "/me", headers=headers).status == 200
        assert _refresh(service, tokens_["refresh_token"]).status == 200, "each is of the living family"
    assert service.rows("select count(*) from audit_logs where action = 'session.refresh_reused'") == [(0,)]


def test_a13_a_retry_does_not_prolong_the_grace_and_reuse_after_it_ends_every_token(service: Service) -> None:
    user = service.user()
    family = [_refresh(service, user.refresh_token).json["refresh_token"]]
    service.rows(
        "update refresh_tokens set used_at = used_at - refresh_grace() / 2 where used_at is not null returning 1"
    )
    family.append(_refresh(service, user.refresh_token).json["refresh_token"])
    service.rows(
        "update refresh_tokens set used_at = used_at - refresh_grace() / 2 where used_at is not null returning 1"
    )
    assert _refresh(service, user.refresh_token).status == 401
    assert [_refresh(service, token).status for token in family] == [401, 401]
    assert user.get("/me").status == 401


def test_a13_fifty_raced_refreshes_all_work_and_the_session_lives(service: Service) -> None:
    user = service.user()
    successors = [tokens.new_refresh_token() for _ in range(50)]
    together = threading.Barrier(len(successors))

    def rotate(successor: bytes) -> bool:
        with service.database.connect() as conn:
            together.wait()
            arguments = [tokens.refresh_hash(user.refresh_token), successor]
            return conn.execute("select session_id from rotate_refresh_token(%s, %s)", arguments).fetchone() is not None

    with ThreadPoolExecutor(len(successors)) as pool:
        assert all(pool.map(rotate, [hashed for _, hashed in successors]))
    assert user.get("/me").status == 200
    assert {_refresh(service, token).status for token, _ in successors} == {200}
    assert service.rows("select count(*) from sessions where revoked_at is not null") == [(0,)]


def test_a4_tokens_verify_after_the_signing_key_was_rotated(service: Service) -> None:
    user = service.user()
    new_key = json.dumps({"k": "another key that is long enough to sign with, surely"})
    boto3.client("secretsmanager").put_secret_value(SecretId=settings().signing_secret, SecretString=new_key)
    process.forget()  # a function instance that starts after the rotation
    assert user.get("/me").status == 200
    assert service.log_in(user.email, user.password).get("/me").status == 200


def _claims(**changed: object) -> dict[str, object]:
    now = int(time.time())
    claims: dict[str, object] = {
        "iss": "alcove/test",
        "aud": "alcove",
        "sub": "x",
        "sid": "00000000-0000-7000-8000-000000000000",
        "iat": now,
        "nbf": now,
        "exp": now + 60,
    }
    return {name: value for name, value in (claims | changed).items() if value is not None}


@pytest.mark.parametrize(
    "changed",
    [
        {"exp": int(time.time()) - 3600},
        {"exp": None},
        {"nbf": int(time.time()) + 3600},
        {"iss": "alcove/other"},
        {"aud": "somebody else"},
        {"sid": None},
        {"sid": 7},
    ],
    ids=lambda changed: "-".join(changed),
)
def test_a_token_with_wrong_claims_is_refused(service: Service, changed: dict[str, object]) -> None:
    from joserfc import jwt

    service.user()
    key = tokens._ring().current()
    header = {"alg": "HS256", "kid": key.kid}
    good = jwt.encode(header, _claims(), key)
    assert str(tokens.authenticate(good)) == "00000000-0000-7000-8000-000000000000"
    forged = jwt.encode(header, _claims(**changed), key)
    answer = service.request("GET", "/me", headers={"Authorization": f"Bearer {forged}"})
    assert (answer.status, answer.json["code"]) == (401, "unauthorized")


def test_forged_and_unsigned_tokens_are_refused(service: Service) -> None:
    from joserfc import jwt
    from joserfc.jwk import OctKey

    user = service.user()
    kid = tokens._ring().current().kid or ""
    other_user = OctKey.import_key("somebody else's key, of the same length as ours is", {"kid": kid})
    head, claims, signature = user.access_token.split(".")
    none_header = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0"
    for token in (
        jwt.encode({"alg": "HS256", "kid": kid}, _claims(), other_user),
        f"{none_header}.{claims}.",
        f"{head}.{claims}.{signature[:-4]}AAAA",
        f"{head}.{claims}",
        "a.b.c",
        "..",
        "x" * 5000,
        "é",
        "[[[[" * 500,
    ):
        answer = service.request("GET", "/me", headers={"Authorization": f"Bearer {token}"})
        assert (answer.status, answer.json["code"]) == (401, "unauthorized"), token


def test_a11_the_first_administrator_is_made_once_and_only_from_its_secret(service: Service) -> None:
    assert service.rows("select count(*) from users") == [(0,)]
    assert deployment.migrate()["administrator_made"] is True
    assert deployment.migrate()["administrator_made"] is False
    administrator = service.log_in(**ADMINISTRATOR)
    assert administrator.get("/me").json["is_admin"] is True
    assert service.rows("select count(*) from users") == [(1,)]


def test_no_password_or_token_is_stored_in_clear(service: Service) -> None:
    user = service.user(password="unmistakable-secret-phrase")
    everything = service.dump()
    assert user.email in everything
    for secret in (user.password, user.access_token, user.refresh_token):
        assert secret not in everything


def test_a5_a_login_that_meets_a_change_of_the_password_leaves_the_old_one_dead(service: Service) -> None:
    old, new = "the old password of mine", "the new password of mine"
    for _ in range(3):
        user = service.user(old)
        _import_hash(service, user.email, bcrypt.hashpw(old.encode(), bcrypt.gensalt(4)).decode())
        with ThreadPoolExecutor(2) as pool:
            logging_in = pool.submit(_in_thread, partial(_login, service, user.email, old))
            change = {"current_password": old, "new_password": new}
            changing = pool.submit(_in_thread, partial(user.put, "/me/password", change))
        opened, changed = logging_in.result(), changing.result()
        now = old if changed.status == 409 else new  # the login had made the hash anew, and the change says so
        assert changed.status in (204, 409)
        assert _login(service, user.email, new).status == (401 if now == old else 200)
        assert _login(service, user.email, old).status == (200 if now == old else 401)
        if opened.status == 200 and now == new:
            headers = {"Authorization": f"Bearer {opened.json['access_token']}"}
            assert service.request("GET", "/me", headers=headers).status == 401, "the change ends what was open"


def _in_thread(ask: Callable[[], Answer]) -> Answer:
    try:
        return ask()
    finally:
        connection.close()
