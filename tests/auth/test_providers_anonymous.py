"""Anonymous use, and becoming an account without losing anything (A6)."""

import json
import secrets
import threading
from typing import Any

import psycopg
import pytest

from tests.auth.peers import IdentityProvider, Login, Peer, session
from tests.service import Answer, Service, User

PUMP = "The coolant pump P-17 is inspected every ninety days. Replace its seal when it leaks."


def _enter(service: Service, client_id: str | None = None) -> User:
    answer = service.request("POST", "/auth/anonymous", {"client_id": client_id or secrets.token_urlsafe(24)})
    return session(service, answer)


def _furnish(user: User) -> dict[str, Any]:
    """A document, a conversation with an answered question, as any user would have them."""
    document = user.add("Pumps", PUMP)
    conversation = user.post("/conversations", {"title": "About pumps"}).json
    queued = user.post(f"/conversations/{conversation['id']}/messages", {"content": "When is the pump inspected?"})
    assert queued.status == 202, queued.body
    user.service.pump_answer()
    return {"document": document["id"], "conversation": conversation["id"], "job": queued.json["job"]["id"]}


def _owns(user: User, things: dict[str, Any]) -> None:
    assert user.get(f"/documents/{things['document']}").status == 200
    messages = user.get(f"/conversations/{things['conversation']}/messages")
    assert [message["role"] for message in messages.json["items"]] == ["user", "assistant"]
    assert user.get(f"/jobs/{things['job']}").json["status"] == "completed"
    assert user.search("coolant pump seal")[0]["document_id"] == things["document"]


def _upgrade(user: User, **how: Any) -> Answer:
    return user.post("/auth/anonymous/upgrade", how)


def test_a6_the_same_client_is_the_same_user_and_its_secret_is_stored_nowhere(service: Service) -> None:
    client_id = secrets.token_urlsafe(24)
    first, again, other = _enter(service, client_id), _enter(service, client_id), _enter(service)
    assert first.id == again.id != other.id
    me = first.get("/me").json
    assert (me["auth_provider"], me["email"], me["is_admin"]) == ("anonymous", None, False)
    assert client_id not in service.dump()


def test_a6_a_guessable_client_id_is_refused_and_anonymous_use_may_be_closed(service: Service) -> None:
    for client_id in ("short", "a" * 40, "x" * 129, "white space in here, too long", "é" * 30, ""):
        answer = service.request("POST", "/auth/anonymous", {"client_id": client_id})
        assert (answer.status, answer.json["code"]) == (422, "validation_failed"), client_id
    client_id = secrets.token_urlsafe(24)
    _enter(service, client_id)
    service.rows("update static_config set anonymous_allowed = false returning 1")
    answer = service.request("POST", "/auth/anonymous", {"client_id": client_id})
    assert (answer.status, answer.json["code"]) == (403, "anonymous_off")


def test_a6_an_anonymous_user_sees_the_organisations_documents_only_where_that_is_allowed(service: Service) -> None:
    organisation = service.rows("select id from spaces where kind = 'org'")[0][0]
    author = service.user()
    document = author.add("Pumps", PUMP)
    service.rows("update documents set space_id = %s where id = %s returning 1", organisation, document["id"])
    anonymous, other = _enter(service), service.user()
    assert other.search("coolant pump")[0]["document_id"] == document["id"]
    assert anonymous.search("coolant pump") == []
    assert anonymous.get(f"/documents/{document['id']}").status == 404
    service.rows("update static_config set anonymous_reads_organisation = true returning 1")
    assert anonymous.search("coolant pump")[0]["document_id"] == document["id"]


def test_a6_registering_keeps_everything_under_the_same_user(service: Service) -> None:
    client_id = secrets.token_urlsafe(24)
    anonymous = _enter(service, client_id)
    things = _furnish(anonymous)
    account = {"email": "Ada@Example.org", "username": "ada", "password": "a long enough password"}
    upgraded = session(service, _upgrade(anonymous, register=account))
    assert upgraded.id == anonymous.id
    me = upgraded.get("/me").json
    assert (me["email"], me["username"], me["auth_provider"]) == ("ada@example.org", "ada", "local")
    _owns(upgraded, things)
    assert anonymous.get("/me").status == 401, "the anonymous session ended"
    assert _enter(service, client_id).id != upgraded.id, "the client's secret no longer opens the account"
    _owns(service.log_in("ada@example.org", "a long enough password"), things)


def test_a6_logging_in_moves_everything_into_the_account(service: Service) -> None:
    anonymous, account = _enter(service), service.user()
    own, things = _furnish(account), _furnish(anonymous)
    before = service.rows("select count(*) from messages")
    merged = session(service, _upgrade(anonymous, login={"email": account.email, "password": account.password}))
    assert merged.id == str(account.id)
    _owns(merged, things | {"document": own["document"]})
    assert merged.get(f"/documents/{things['document']}").status == 200
    assert service.rows("select count(*) from messages") == before
    assert service.rows("select count(*) from users where id = %s", anonymous.id) == [(0,)]
    assert anonymous.get("/me").status == 401
    absorbed = service.rows("select user_id, entity_id::text from audit_logs where action = 'user.absorbed'")
    assert absorbed == [(account.id, anonymous.id)]


def test_a6_an_account_of_a_provider_takes_everything_over_too(login: Login, idp: IdentityProvider, peer: Peer) -> None:
    service = login.service
    login.oidc(idp.url)
    login.github(peer)
    peer.github_user()
    idp.set_users(ada={})
    first = _enter(service)
    things = _furnish(first)
    became = session(service, login.with_oidc(idp, "ada", first))
    assert became.id == first.id
    assert became.get("/me").json["auth_provider"] == "oidc"
    assert first.get("/me").status == 401
    _owns(became, things)
    second = _enter(service)
    more = _furnish(second)
    merged = session(service, login.with_oidc(idp, "ada", second))
    assert merged.id == became.id
    assert merged.get(f"/conversations/{more['conversation']}").status == 200
    assert service.rows("select count(*) from users") == [(1,)]


def test_a6_a_failed_upgrade_changes_nothing(service: Service) -> None:
    used, anonymous = service.user(), _enter(service)
    things = _furnish(anonymous)
    before = service.rows("select t::text from users t order by id")
    account = {"email": used.email, "password": "a long enough password"}
    answer = _upgrade(anonymous, register=account)
    assert (answer.status, answer.json["code"]) == (409, "email_taken")
    answer = _upgrade(anonymous, login={"email": used.email, "password": "not the password"})
    assert (answer.status, answer.json["code"]) == (401, "bad_credentials")
    for wrong in ({}, {"login": account, "register": account}, {"register": {"email": "x"}}):
        assert _upgrade(anonymous, **wrong).status == 422
    service.rows("update users set failed_logins = 0 where id = %s returning 1", used.id)
    assert [row[0][:60] for row in service.rows("select t::text from users t order by id")] == [
        row[0][:60] for row in before
    ]
    _owns(anonymous, things)


def test_only_an_anonymous_user_is_upgraded(service: Service) -> None:
    user, other = service.user(), service.user()
    things = _furnish(user)
    login = {"email": other.email, "password": other.password}
    for how in ({"login": login}, {"register": {"email": "n@example.org", "password": "a long enough password"}}):
        answer = _upgrade(user, **how)
        assert (answer.status, answer.json["code"]) == (409, "not_anonymous")
    _owns(user, things)


def test_a_move_keeps_preferences_and_the_accounts_own_come_first(service: Service) -> None:
    anonymous, account = _enter(service), service.user()
    anonymous_ones = {"theme": "dark", "preferred_num_documents": 7}
    assert anonymous.request("PATCH", "/me/preferences", anonymous_ones).status == 200
    assert account.request("PATCH", "/me/preferences", {"theme": "light"}).status == 200
    merged = session(service, _upgrade(anonymous, login={"email": account.email, "password": account.password}))
    remaining = merged.get("/me/preferences").json
    assert (remaining["theme"], remaining["preferred_num_documents"]) == ("light", 7)


def test_a6_a_move_keeps_what_hangs_on_a_name_that_both_gave(service: Service) -> None:
    anonymous, account = _enter(service), service.user()
    service.rows("update static_config set anonymous_reads_organisation = true returning 1")
    shared = account.add("Everybody's", PUMP)["id"]
    service.rows("update documents set space_id = 1 where id = %s returning 1", shared)
    conversation = anonymous.post("/conversations", {"title": "mine"}).json["id"]
    document = anonymous.add("Valves", "The valve is inspected every week.")["id"]
    theirs, local_result = (
        anonymous.post("/tags", {"name": "Work"}).json["id"],
        account.post("/tags", {"name": "work"}).json["id"],
    )
    for entity in (f"conversations/{conversation}", f"documents/{document}", f"documents/{shared}"):
        assert anonymous.put(f"/tags/{theirs}/{entity}").status == 204
    assert account.put(f"/tags/{local_result}/documents/{shared}").status == 204
    repository = anonymous.post("/repositories", {"name": "Manuals"}).json["id"]
    assert anonymous.put(f"/repositories/{repository}/documents/{document}", {"path": "valve.md"}).status == 200
    assert account.post("/repositories", {"name": "manuals"}).status == 201
    merged = session(service, _upgrade(anonymous, login={"email": account.email, "password": account.password}))
    assert [tag["id"] for tag in merged.get("/tags").json["items"]] == [local_result]
    for entity in (f"conversation_id={conversation}", f"document_id={document}", f"document_id={shared}"):
        assert [tag["id"] for tag in merged.get(f"/tags?{entity}").json["items"]] == [local_result], entity
    assert service.rows("select count(*) from entity_tags") == [(3,)]
    placed = merged.get(f"/repositories/{repository}/documents").json["items"]
    assert [item["path"] for item in placed] == ["valve.md"]
    names = sorted(item["name"] for item in merged.get("/repositories").json["items"])
    assert names == [f"Manuals {repository[-8:]}", "manuals"]


def test_a6_registering_is_refused_where_registration_is_closed(service: Service) -> None:
    anonymous = _enter(service)
    service.rows("update static_config set registration_open = false returning 1")
    account = {"email": "new@example.org", "password": "a long enough password"}
    answer = _upgrade(anonymous, register=account)
    assert (answer.status, answer.json["code"]) == (403, "registration_closed")
    assert anonymous.get("/me").status == 200


def test_an_api_key_of_an_anonymous_user_does_not_survive_becoming_an_account(service: Service) -> None:
    anonymous = _enter(service)
    created = anonymous.post("/me/api-keys", {"name": "key", "scopes": ["read"]})
    assert created.status == 201, created.body
    account = {"email": "new@example.org", "password": "a long enough password"}
    assert _upgrade(anonymous, register=account).status == 200
    key = {"Authorization": f"Bearer {created.json['key']}"}
    assert service.request("GET", "/me", headers=key).status == 401


def test_a_move_keeps_the_accounts_row_where_both_have_one_and_moves_no_credential(service: Service) -> None:
    anonymous, account = _enter(service), service.user()
    for owner in (anonymous.id, account.id):
        service.rows(
            "insert into idempotency_keys (user_id, key, fingerprint) "
            "values (%s, 'k', sha256(%s::text::bytea)) returning 1",
            owner,
            owner,
        )
    own_ = service.rows("select fingerprint from idempotency_keys where user_id = %s", account.id)
    session(service, _upgrade(anonymous, login={"email": account.email, "password": account.password}))
    assert service.rows("select fingerprint from idempotency_keys") == own_
    assert service.request("POST", "/auth/refresh", {"refresh_token": anonymous.refresh_token}).status == 401


def test_the_same_person_or_client_at_once_is_made_once(service: Service) -> None:
    person = json.dumps({"issuer": "https://i", "subject": "s", "display_name": "S", "create": True})
    statements = [
        ("select user_id from finish_provider_login('oidc', %s, null, %s, '1 day', null, '', '')", person),
        ("select user_id from open_anonymous_session(sha256(%s::bytea), %s, '1 day', null, '', '')", "client"),
    ]
    for statement, argument in statements:
        users: list[Any] = []

        def enter(statement: str = statement, argument: str = argument, users: list[Any] = users) -> None:
            with service.database.connect() as conn:
                row = conn.execute(statement, [argument, secrets.token_bytes(32)]).fetchone()
                users.append(row[0] if row else None)

        threads = [threading.Thread(target=enter) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(users) == 8
        assert len(set(users)) == 1
        assert users[0] is not None
    assert service.rows("select count(*) from users") == [(2,)]
    assert service.rows("select count(*) from sessions") == [(16,)]


def test_every_table_that_belongs_to_a_user_follows_when_the_user_becomes_another(service: Service) -> None:
    """A new table is covered by itself: direct references are found in the catalogue, the others must cascade."""
    stuck = service.rows(
        "select c.conrelid::regclass::text, c.conname from pg_constraint c "
        " where c.contype = 'f' and c.conparentid = 0 and cardinality(c.conkey) > 1 and c.confupdtype <> 'c' "
        "   and exists (select from pg_attribute a where a.attrelid = c.conrelid "
        "                and a.attnum = any (c.conkey) and a.attname in ('user_id', 'owner_id'))"
    )
    assert stuck == [], "these foreign keys need `on update cascade`"


def test_the_application_cannot_move_a_users_rows_or_open_sessions_by_itself(service: Service) -> None:
    anonymous, account = _enter(service), service.user()
    with service.database.connect() as conn:
        for statement in (
            "select absorb_user(%(a)s, %(b)s)",
            "select open_session(%(b)s, 'x', sha256('x'), '1 day', null, '', '')",
            "select apply_claims(%(b)s, null, true, null, '')",
            "select link_login_identity('oidc', '{}', %(b)s, null, '')",
            "select set_full_identity(%(b)s, true)",
            "select set_identity(%(b)s, true)",
            "select * from provider_logins",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                conn.execute(statement, {"a": anonymous.id, "b": account.id})
        assert conn.execute("select absorb_anonymous(uuidv7(), null, 'r')").fetchone() == (False,)
        no_user = conn.execute("select upgrade_anonymous('x@y', null, 'x', 'x', sha256('x'), '1 day', null, '', '')")
        assert no_user.fetchone() == (None,)
