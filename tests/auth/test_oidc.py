"""OpenID Connect against a real provider process, and against one that lies (A6)."""

import json
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote
from uuid import UUID

import boto3
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, Key, KeySet, OctKey, OKPKey, RSAKey

from chalicelib.auth.login_providers import oidc, providers
from chalicelib.core import process
from chalicelib.core.settings import settings
from tests.auth.peers import APP, OIDC_CLIENT, IdentityProvider, Login, Peer, query_of, session

CLAIMS = {"userinfo": True, "groups_claim": "groups", "roles_claim": "roles", "admin_roles": ["ALCOVE_ADMIN"]}


def test_a6_a_person_logs_in_through_the_provider_and_is_the_same_user_next_time(
    login: Login, idp: IdentityProvider
) -> None:
    login.oidc(idp.url, **CLAIMS)
    idp.set_users(ada={"roles": ["USER"]})
    first = session(login.service, login.with_oidc(idp, "ada"))
    me = first.get("/me").json
    assert (me["email"], me["username"], me["auth_provider"]) == ("ada@example.org", "ada", "oidc")
    again = session(login.service, login.with_oidc(idp, "ada"))
    assert again.id == first.id
    assert login.service.rows("select count(*) from users") == [(1,)]
    attempts = login.service.rows("select identifier, success from login_attempts order by id")
    assert attempts == [("oidc", True), ("oidc", True)]


def test_a6_the_request_has_pkce_state_nonce_and_a_cookie_for_this_browser_only(
    login: Login, idp: IdentityProvider
) -> None:
    login.oidc(idp.url)
    started = login.start("oidc")
    queued = query_of(started.headers["Location"])
    assert (queued["code_challenge_method"], queued["response_type"]) == ("S256", "code")
    assert queued["scope"].split()[0] == "openid"
    assert min(len(queued[name]) for name in ("state", "nonce", "code_challenge")) == 43
    cookie = started.headers["Set-Cookie"]
    assert cookie.startswith("__Host-alcove-login=")
    for attribute in ("HttpOnly", "Secure", "SameSite=Lax", "Path=/", "Max-Age=600"):
        assert attribute in cookie
    stored = login.service.dump()
    for secret in (queued["state"], queued["nonce"], *login.cookies.values()):
        assert secret not in stored


def test_a6_groups_and_roles_follow_the_claims_at_each_login_and_manual_ones_stay(
    login: Login, idp: IdentityProvider
) -> None:
    service = login.service
    service.administrator()
    login.oidc(idp.url, **CLAIMS)
    idp.set_users(ada={"roles": ["ALCOVE_ADMIN"], "groups": ["pumps", "valves"]})
    user = session(service, login.with_oidc(idp, "ada"))
    assert user.get("/me").json["is_admin"] is True
    service.rows(
        "with g as (insert into groups (name) values ('by hand') returning id) "
        "insert into memberships (group_id, user_id, role) select id, %s, 'editor' from g returning 1",
        user.id,
    )
    idp.set_users(ada={"roles": ["USER"], "groups": ["valves", "by hand"]})
    session(service, login.with_oidc(idp, "ada"))
    current_rows = "select g.name, m.role, m.source from memberships m join groups g on g.id = m.group_id order by 1"
    assert service.rows(current_rows) == [("by hand", "editor", "manual"), ("valves", "member", "claims")]
    assert user.get("/me").json["is_admin"] is False
    idp.set_users(ada={"roles": ["USER"]})
    session(service, login.with_oidc(idp, "ada"))
    assert service.rows(current_rows) == [("by hand", "editor", "manual")]


def test_a6_claims_never_take_away_an_administrator_made_by_hand(login: Login, idp: IdentityProvider) -> None:
    login.oidc(idp.url, **CLAIMS)
    administrator = login.service.administrator()
    idp.set_users(boss={"roles": ["ALCOVE_ADMIN"]})
    assert session(login.service, login.with_oidc(idp, "boss", administrator)).id == str(administrator.id)
    idp.set_users(boss={"roles": ["USER"]})
    assert session(login.service, login.with_oidc(idp, "boss")).id == str(administrator.id)
    assert administrator.get("/me").json["is_admin"] is True


def test_a6_a_claim_does_not_take_away_the_last_administrator(login: Login, idp: IdentityProvider) -> None:
    login.oidc(idp.url, **CLAIMS)
    idp.set_users(ada={"roles": ["ALCOVE_ADMIN"]})
    user = session(login.service, login.with_oidc(idp, "ada"))
    idp.set_users(ada={"roles": []})
    session(login.service, login.with_oidc(idp, "ada"))
    assert user.get("/me").json["is_admin"] is True
    login.service.rows("update users set is_admin = true where id = %s returning 1", login.service.user().id)
    session(login.service, login.with_oidc(idp, "ada"))
    assert user.get("/me").json["is_admin"] is False


def test_a6_a_role_that_an_administrator_changed_is_by_hand_from_then_on(login: Login, idp: IdentityProvider) -> None:
    login.oidc(idp.url, **CLAIMS)
    administrator = login.service.administrator()
    idp.set_users(ada={"groups": ["pumps"]})
    user = session(login.service, login.with_oidc(idp, "ada"))
    group = administrator.get("/groups").json["items"][0]["id"]
    changed = administrator.put(f"/groups/{group}/members/{user.id}", {"role": "editor"})
    assert changed.status in {200, 204}, changed.body
    for groups in (["pumps"], []):
        idp.set_users(ada={"groups": groups})
        session(login.service, login.with_oidc(idp, "ada"))
        assert login.service.rows("select role, source from memberships") == [("editor", "manual")]


def test_a6_claims_bring_nobody_into_a_group_that_its_own_admin_calls_so(login: Login, idp: IdentityProvider) -> None:
    login.oidc(idp.url, **CLAIMS)
    administrator, squatter = login.service.administrator(), login.service.user()
    trap = administrator.post("/groups", {"name": "Trap"}).json["id"]
    assert administrator.put(f"/groups/{trap}/members/{squatter.id}", {"role": "admin"}).status == 204
    assert squatter.request("PATCH", f"/groups/{trap}", {"name": "pumps"}).status == 403
    idp.set_users(ada={"groups": ["pumps"]})
    ada = session(login.service, login.with_oidc(idp, "ada"))
    assert login.service.rows("select user_id from memberships where group_id = %s", trap) == [(squatter.id,)]
    assert [group["name"] for group in ada.get("/groups").json["items"]] == ["pumps"]


def test_a9_what_claims_change_is_in_the_audit_log_with_where_it_came_from(login: Login, idp: IdentityProvider) -> None:
    service = login.service
    service.administrator()
    login.oidc(idp.url, **CLAIMS)
    written = (
        "select a.action, a.user_id, host(a.ip_address), a.request_id is not null, g.name, a.details ->> 'role', "
        "a.details ->> 'from' from audit_logs a "
        "left join groups g on g.id = coalesce((a.details ->> 'group_id')::uuid, a.entity_id) "
        "where a.id > %s and a.action <> 'session.opened' order by a.id"
    )
    idp.set_users(ada={"roles": ["ALCOVE_ADMIN"], "groups": ["pumps"]})
    ada = session(service, login.with_oidc(idp, "ada"))
    origin = (UUID(str(ada.id)), "127.0.0.1", True)
    assert service.rows(written, UUID(int=0)) == [
        ("user.registered", *origin, None, None, "oidc"),
        ("group.created", *origin, "pumps", None, "claims"),
        ("membership.set", *origin, "pumps", "member", "claims"),
        ("user.claims_applied", *origin, None, None, None),
    ]
    ((before,),) = service.rows("select max(id::text)::uuid from audit_logs")
    login.with_oidc(idp, "ada")
    assert service.rows(written, before) == [], "nothing changed"
    idp.set_users(ada={"roles": ["USER"], "groups": []})
    login.with_oidc(idp, "ada")
    assert service.rows(written, before) == [
        ("membership.removed", *origin, "pumps", None, "claims"),
        ("user.claims_applied", *origin, None, None, None),
    ]


def test_a6_mapped_groups_have_their_name_and_role_and_others_are_ignored(login: Login, idp: IdentityProvider) -> None:
    groups = {"eng": {"name": "Engineering", "role": "editor"}}
    login.oidc(idp.url, **CLAIMS, groups=groups)
    idp.set_users(ada={"groups": ["eng", "golf"]})
    session(login.service, login.with_oidc(idp, "ada"))
    current_rows = login.service.rows("select g.name, m.role from memberships m join groups g on g.id = m.group_id")
    assert current_rows == [("Engineering", "editor")]
    assert login.service.rows("select name from groups") == [("Engineering",)]


def test_a6_the_keys_are_fetched_again_when_the_provider_has_rotated_them(
    login: Login, idp: IdentityProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    login.oidc(idp.url)
    idp.set_users(ada={})
    session(login.service, login.with_oidc(idp, "ada"))
    idp.rotate_keys()
    refused = login.with_oidc(idp, "ada")
    assert (refused.status, refused.json["code"]) == (502, "provider_failed"), "not asked again so soon"
    monkeypatch.setattr(oidc, "REFETCH_SECONDS", 0)
    session(login.service, login.with_oidc(idp, "ada"))


def test_a6_an_answer_works_once_and_only_in_the_browser_that_began(login: Login, idp: IdentityProvider) -> None:
    login.oidc(idp.url)
    idp.set_users(ada={})
    location = idp.log_in(login.start("oidc").headers["Location"], "ada")
    other = Login(login.service, login.environment)
    other.start("oidc")
    stolen = other.come_back("oidc", location)
    assert (stolen.status, stolen.json["code"]) == (400, "login_state_invalid")
    assert login.come_back("oidc", location).status == 200, "a thief's try does not spend it"
    again = login.come_back("oidc", location)
    assert (again.status, again.json["code"]) == (400, "login_state_invalid")


def test_a6_an_answer_after_ten_minutes_is_refused(login: Login, idp: IdentityProvider) -> None:
    login.oidc(idp.url)
    idp.set_users(ada={})
    location = idp.log_in(login.start("oidc").headers["Location"], "ada")
    login.service.rows("update provider_logins set created_at = now() - interval '601 seconds' returning 1")
    assert login.come_back("oidc", location).json["code"] == "login_state_invalid"
    login.start("oidc")
    assert login.service.rows("select count(*) from provider_logins") == [(1,)], "old ones are cleared"


def test_a6_two_tabs_of_one_browser_both_finish(login: Login, idp: IdentityProvider) -> None:
    login.oidc(idp.url)
    idp.set_users(ada={})
    first, second = (idp.log_in(login.start("oidc").headers["Location"], "ada") for _ in range(2))
    assert [login.come_back("oidc", location).status for location in (second, first)] == [200, 200]


def test_a6_a_code_stolen_from_another_login_fails_pkce(login: Login, idp: IdentityProvider) -> None:
    login.oidc(idp.url)
    idp.set_users(victim={}, thief={})
    victims = query_of(idp.log_in(Login(login.service, login.environment).start("oidc").headers["Location"], "victim"))
    own = query_of(idp.log_in(login.start("oidc").headers["Location"], "thief"))
    answer = login.come_back("oidc", f"https://x/?code={victims['code']}&state={own['state']}")
    assert (answer.status, answer.json["code"]) == (401, "provider_refused")
    assert login.service.rows("select count(*) from users") == [(0,)]


def test_a6_an_app_without_cookies_keeps_the_secret_itself(login: Login, idp: IdentityProvider) -> None:
    login.oidc(idp.url)
    idp.set_users(ada={})
    started = login.start("oidc", query=f"?mode=json&redirect_uri={APP}")
    assert started.status == 200
    assert "Set-Cookie" not in started.headers
    location = idp.log_in(started.json["authorization_url"], "ada")
    assert location.startswith(APP)
    path = f"/auth/oidc/callback?{location.partition('?')[2]}"
    assert login.service.request("GET", path).json["code"] == "login_state_invalid"
    done = login.service.request("GET", path, headers={"X-Login-Secret": started.json["login_secret"]})
    assert session(login.service, done).get("/me").status == 200


def test_a6_no_redirect_goes_where_the_settings_do_not_say(login: Login, idp: IdentityProvider) -> None:
    login.oidc(idp.url)
    for provided in ("https://evil.example", f"{APP}/more", f"{APP}?x=1", "//evil.example", "javascript:x", ""):
        answer = login.start("oidc", query=f"?redirect_uri={quote(provided)}")
        assert (answer.status, answer.json["code"]) == (400, "redirect_uri_refused"), provided
        assert "Location" not in answer.headers


def test_a6_a_refusal_by_the_provider_is_reported_and_spends_the_attempt(login: Login, idp: IdentityProvider) -> None:
    login.oidc(idp.url)
    state = query_of(login.start("oidc").headers["Location"])["state"]
    answer = login.come_back("oidc", f"https://x/?error=access_denied&state={state}")
    assert (answer.status, answer.json["code"]) == (401, "provider_refused")
    assert login.service.rows("select count(*) from provider_logins") == [(0,)]


def test_a6_a_verified_address_of_another_account_is_not_taken_over_but_linked_when_signed_in(
    login: Login, idp: IdentityProvider
) -> None:
    login.oidc(idp.url, userinfo=True)
    user = login.service.user()
    login.service.rows("update users set email_verified = true where id = %s returning 1", user.id)
    idp.set_users(ada={"email": user.email})
    answer = login.with_oidc(idp, "ada")
    assert (answer.status, answer.json["code"]) == (409, "email_taken")
    linked = session(login.service, login.with_oidc(idp, "ada", user))
    assert linked.id == str(user.id)
    assert session(login.service, login.with_oidc(idp, "ada")).id == str(user.id)
    assert login.service.log_in(user.email, user.password).get("/me").status == 200
    idp.set_users(ada={}, eve={})
    answer = login.with_oidc(idp, "eve", user)
    assert answer.json["code"] == "provider_refused", "an account is linked to one person of the provider"


def test_a6_a_closed_account_and_a_provider_that_makes_none_stay_closed(login: Login, idp: IdentityProvider) -> None:
    login.oidc(idp.url, create_accounts=False)
    idp.set_users(ada={})
    assert login.with_oidc(idp, "ada").json["code"] == "provider_refused"
    login.oidc(idp.url)
    user = session(login.service, login.with_oidc(idp, "ada"))
    login.service.rows("update users set is_active = false where id = %s returning 1", user.id)
    assert login.with_oidc(idp, "ada").json["code"] == "provider_refused"


def test_a_provider_without_a_secret_is_off_and_one_with_a_bad_secret_says_so_without_telling_it(
    login: Login, idp: IdentityProvider, caplog: pytest.LogCaptureFixture
) -> None:
    assert login.start("oidc").json["code"] == "provider_off"
    assert login.come_back("oidc", "https://x/?state=x").json["code"] == "provider_off"
    login.oidc(idp.url, client_secret="unmistakable", surprise="unmistakable")
    answer = login.start("oidc")
    assert (answer.status, answer.json["code"]) == (500, "internal_error")
    listed = login.service.request("GET", "/auth/providers").json["items"]
    assert [entry["name"] for entry in listed] == ["local", "anonymous"], "one that is not usable closes no other"
    output = "".join(str(record.__dict__) for record in caplog.records)
    assert "surprise" in output
    assert "unmistakable" not in output + answer.body.decode()


def test_the_ways_to_log_in_are_listed(login: Login, idp: IdentityProvider, peer: Peer) -> None:
    listed = login.service.request("GET", "/auth/providers").json["items"]
    assert [entry["name"] for entry in listed] == ["local", "anonymous"]
    login.oidc(idp.url, title="Company login")
    login.github(peer)
    login.service.rows("update static_config set anonymous_allowed = false returning 1")
    listed = login.service.request("GET", "/auth/providers").json["items"]
    assert [(entry["name"], entry["title"]) for entry in listed][1:] == [
        ("github", "GitHub"),
        ("oidc", "Company login"),
    ]


def test_a_changed_secret_needs_no_deploy(login: Login, idp: IdentityProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    login.oidc(idp.url, title="Before")
    secret = settings().oidc_secret
    client = boto3.client("secretsmanager")
    current_rows = json.loads(client.get_secret_value(SecretId=secret)["SecretString"])

    def title() -> str:
        result: str = login.service.request("GET", "/auth/providers").json["items"][-1]["title"]
        return result

    assert title() == "Before"
    client.put_secret_value(SecretId=secret, SecretString=json.dumps(current_rows | {"title": "After"}))
    assert title() == "Before", "it is not read for every request"
    process.forget()
    assert title() == "After", "another process reads it anew"
    client.put_secret_value(SecretId=secret, SecretString=json.dumps(current_rows | {"title": "Later"}))
    monkeypatch.setattr(providers, "_REREAD_SECONDS", 0)
    assert title() == "Later"


# ---------------------------------------------------------------- a provider that lies


class Liar:
    """An issuer whose every answer a test decides, on a real server."""

    def __init__(self, login: Login, peer: Peer) -> None:
        self.login, self.peer, self.issuer = login, peer, f"{peer.url}/canned"
        self.key: Key = RSAKey.generate_key(2048, {"kid": "k1", "use": "sig", "alg": "RS256"})
        peer.put("/canned/_forget", {})
        self.publish()
        self.jwks([self.key])
        login.oidc(self.issuer)

    def publish(self, **more: Any) -> None:
        document = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/jwks",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
        }
        self.peer.put("/canned/.well-known/openid-configuration", {"json": document | more})

    def jwks(self, keys: list[Key]) -> None:
        self.peer.put("/canned/jwks", {"json": KeySet(keys).as_dict(private=False)})

    def finish(self, header: dict[str, Any] | None = None, key: Key | None = None, **changed: Any) -> Any:
        """A login whose ID token is good but for what is `changed` (None takes a claim away)."""
        queued = query_of(self.login.start("oidc").headers["Location"])
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "aud": OIDC_CLIENT[0],
            "sub": "248289761001",
            "nonce": queued["nonce"],
            "iat": now,
            "exp": now + 60,
            "email": "jane@example.org",
            "email_verified": True,
            **changed,
        }
        header = header or {"alg": "RS256", "kid": "k1"}
        output = {name: claim for name, claim in claims.items() if claim is not None}
        token = jwt.encode(header, output, key or self.key, algorithms=[header["alg"]])
        self.peer.put("/canned/token", {"json": {"access_token": "at", "token_type": "Bearer", "id_token": token}})
        return self.login.come_back("oidc", f"https://x/?code=c&state={queued['state']}")


@pytest.fixture
def liar(login: Login, peer: Peer) -> Liar:
    return Liar(login, peer)


def test_the_liars_honest_answer_is_accepted(liar: Liar) -> None:
    assert session(liar.login.service, liar.finish()).get("/me").json["email"] == "jane@example.org"


NOW = int(time.time())


WRONG_CLAIMS: list[dict[str, Any]] = [
    {"iss": "https://other.example"},
    {"iss": None},
    {"aud": "somebody-else"},
    {"aud": ["somebody-else"]},
    {"aud": None},
    {"aud": [OIDC_CLIENT[0], "somebody-else"]},
    {"aud": [OIDC_CLIENT[0], "somebody-else"], "azp": "somebody-else"},
    {"azp": "somebody-else"},
    {"nonce": "another login's"},
    {"nonce": None},
    {"nonce": 7},
    {"exp": NOW - 3600},
    {"exp": None},
    {"exp": "never"},
    {"exp": True},
    {"iat": NOW + 3600},
    {"iat": None},
    {"nbf": NOW + 3600},
    {"sub": None},
    {"sub": ""},
    {"sub": "x" * 256},
    {"sub": 7},
]


def test_an_id_token_with_wrong_claims_opens_nothing(liar: Liar) -> None:
    for changed in WRONG_CLAIMS:
        answer = liar.finish(**changed)
        assert (answer.status, answer.json["code"]) == (502, "provider_failed"), changed
    assert liar.login.service.rows("select count(*) from users") == [(0,)]


def test_every_allowed_kind_of_signature_is_accepted(liar: Liar) -> None:
    rsa = RSAKey.generate_key(2048, {"kid": "r"})
    keys: dict[str, Key] = {
        "RS256": rsa,
        "PS256": rsa,
        "ES256": ECKey.generate_key("P-256", {"kid": "e2"}),
        "ES384": ECKey.generate_key("P-384", {"kid": "e3"}),
        "Ed25519": OKPKey.generate_key("Ed25519", {"kid": "o"}),
    }
    liar.jwks([rsa, *(key for key in keys.values() if key is not rsa)])
    for algorithm, key in keys.items():
        assert liar.finish({"alg": algorithm, "kid": key.kid}, key, sub=algorithm, email=None).status == 200, algorithm


def test_a_secret_signature_with_the_public_key_or_the_client_secret_is_refused(liar: Liar) -> None:
    confused = OctKey.import_key(OIDC_CLIENT[1] * 4, {"kid": "k1"})
    assert liar.finish({"alg": "HS256", "kid": "k1"}, confused).json["code"] == "provider_failed"


def test_a_key_that_is_not_published_is_refused(liar: Liar) -> None:
    other_user = RSAKey.generate_key(2048, {"kid": "k1"})
    assert liar.finish(key=other_user).json["code"] == "provider_failed"
    assert liar.finish({"alg": "RS256", "kid": "k2"}, other_user).json["code"] == "provider_failed"


def test_unknown_keys_are_fetched_from_the_issuer_once_not_each_time(liar: Liar) -> None:
    other_user = RSAKey.generate_key(2048, {"kid": "k2"})
    for _ in range(5):
        liar.finish({"alg": "RS256", "kid": "k2"}, other_user)
    assert liar.peer.requests().count("/canned/jwks") == 1


def test_an_answer_of_another_issuer_is_refused(liar: Liar) -> None:
    state = query_of(liar.login.start("oidc").headers["Location"])["state"]
    answer = liar.login.come_back("oidc", f"https://x/?code=c&state={state}&iss=https://other.example")
    assert answer.json["code"] == "provider_failed"
    liar.publish(authorization_response_iss_parameter_supported=True)
    process.forget()
    assert liar.finish().json["code"] == "provider_failed", "it promised to name itself and did not"


def _other_issuer(liar: Liar) -> None:
    liar.publish(issuer="https://other.example")


def _plain_http(liar: Liar) -> None:
    liar.publish(token_endpoint="http://other.example/token")


def _huge(liar: Liar) -> None:
    liar.peer.put("/canned/jwks", {"text": " " * 1_100_000 + "{}"})


def _redirect(liar: Liar) -> None:
    liar.peer.put("/canned/jwks", {"status": 302, "headers": {"Location": f"{liar.issuer}/elsewhere"}})


def _not_json(liar: Liar) -> None:
    liar.peer.put("/canned/jwks", {"text": "[" * 100_000})


def _down(liar: Liar) -> None:
    liar.peer.put("/canned/jwks", {"status": 503})


def test_a_provider_that_cannot_be_trusted_or_understood_opens_nothing(liar: Liar) -> None:
    breaks: list[Callable[[Liar], None]] = [_other_issuer, _plain_http, _huge, _redirect, _not_json, _down]
    for break_it in breaks:
        liar.publish()
        liar.jwks([liar.key])
        break_it(liar)
        process.forget()
        started = liar.login.start("oidc")
        answer = started if started.status != 302 else liar.finish()
        assert (answer.status, answer.json["code"]) == (502, "provider_failed"), break_it
    assert liar.login.service.rows("select count(*) from users") == [(0,)]


def test_an_unverified_address_is_not_stored_unless_the_provider_is_trusted_with_it(liar: Liar) -> None:
    unverified = session(liar.login.service, liar.finish(email_verified=False))
    assert unverified.get("/me").json["email"] is None
    liar.login.oidc(liar.issuer, trust_email=True)
    trusted = session(liar.login.service, liar.finish(sub="2", email="Two@Example.org", email_verified=None))
    assert trusted.get("/me").json["email"] == "two@example.org"


def test_userinfo_about_somebody_else_is_refused(liar: Liar) -> None:
    liar.login.oidc(liar.issuer, userinfo=True)
    liar.peer.put("/canned/userinfo", {"json": {"sub": "somebody else", "email": "x@example.org"}})
    assert liar.finish().json["code"] == "provider_failed"


HOSTILE = ["'; drop table users; --", "名前 🦀", "<script>alert(1)</script>", "x" * 500, " "]


def test_hostile_names_are_stored_exactly_or_replaced(liar: Liar) -> None:
    for number, name in enumerate(HOSTILE):
        answer = liar.finish(sub=str(number), email=None, name=name, preferred_username=name)
        displayed = session(liar.login.service, answer).get("/me").json["display_name"]
        assert displayed == (name[:200] if name.strip() else str(number)), name
    assert liar.finish(sub="nul", name="a\x00b").json["code"] == "provider_failed"


def test_a_nested_claim_is_found_and_too_many_groups_are_refused(liar: Liar) -> None:
    liar.login.oidc(liar.issuer, groups_claim="realm_access.groups")
    assert liar.finish(realm_access={"groups": ["a", "b", 7, "", None]}).status == 200
    assert liar.login.service.rows("select name from groups order by 1") == [("a",), ("b",)]
    many = [f"g{number}" for number in range(501)]
    assert liar.finish(realm_access={"groups": many}).json["code"] == "provider_failed"
