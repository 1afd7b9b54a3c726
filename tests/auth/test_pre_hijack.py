"""Attacks on an account before its owner has one: the five kinds of Sudhodanan and Paverd (USENIX Security 2022).

An attacker knows the victim's address, and makes an account with it first. The victim comes later, and must end with an
account that is theirs alone, or with none.
"""

import httpx
import pytest

from tests.auth.mailboxes import Mailboxes
from tests.auth.peers import IdentityProvider, Login, Peer, session
from tests.isolation import scenario
from tests.service import Service, User

VICTIM = "victim@example.org"
ATTACKER = {"email": VICTIM, "password": "the attacker's password"}
PASSWORD = "the victim's own password"


@pytest.fixture
def attacker(mails: Mailboxes) -> User:
    """The attacker, logged in to an account with the victim's address."""
    assert mails.service.request("POST", "/auth/register", ATTACKER).status == 201
    return mails.service.log_in(VICTIM, ATTACKER["password"])


def _recover(mails: Mailboxes) -> User:
    """The victim takes the account over by a forgotten password."""
    service = mails.service
    assert service.request("POST", "/auth/password/forgotten", {"email": VICTIM}).status == 204
    body = {"token": mails.token(VICTIM, "password_reset"), "new_password": PASSWORD, "keep_api_keys": True}
    assert service.request("POST", "/auth/password/reset", body).status == 204
    return service.log_in(VICTIM, PASSWORD)


def _is_out(service: Service, attacker: User) -> None:
    assert attacker.get("/me").status == 401
    assert service.request("POST", "/auth/refresh", {"refresh_token": attacker.refresh_token}).status == 401
    assert service.request("POST", "/auth/login", ATTACKER).status == 401


def test_1_classic_federated_merge(attacker: User, login: Login, idp: IdentityProvider) -> None:
    """The victim logs in through a provider: the accounts are not joined."""
    login.oidc(idp.url, userinfo=True)
    idp.set_users(victim={"email": VICTIM})
    victim = session(login.service, login.with_oidc(idp, "victim"))
    assert victim.id != str(attacker.id)
    victim.post("/conversations", {"title": "The victim's"})
    assert attacker.get("/conversations").json["items"] == []


def test_2_unexpired_session(attacker: User, mails: Mailboxes) -> None:
    """The attacker stays logged in, and keeps an API key: both end when the victim recovers the account."""
    key = attacker.post("/me/api-keys", {"name": "k", "scopes": ["read", "write", "chat"]}).json["key"]
    device = mails.service.request("POST", "/auth/login", ATTACKER).json
    _recover(mails)
    _is_out(mails.service, attacker)
    for token in (key, device["access_token"]):
        headers = {"Authorization": f"Bearer {token}"}
        assert mails.service.request("GET", "/me", headers=headers).status == 401


def test_3_trojan_identifier(attacker: User, mails: Mailboxes, login: Login, peer: Peer) -> None:
    """The attacker has linked an account at a provider, and chosen a username: neither leads in afterwards."""
    login.github(peer)
    peer.github_user(number=4711, email="attacker@example.org")
    linked = login.with_github(attacker)
    assert linked.status == 200, linked.body
    attacker.request("PATCH", "/me", {"username": "trojan"})
    victim = _recover(mails)
    me = victim.get("/me").json
    assert ([way["name"] for way in me["login_providers"]], me["username"]) == (["local"], None)
    again = session(mails.service, login.with_github())
    assert again.id != str(victim.id), "it leads to an account of the attacker's own"
    body = {"username": "trojan", "password": ATTACKER["password"]}
    assert mails.service.request("POST", "/auth/login", body).status == 401


def test_4_unexpired_change_of_address(attacker: User, mails: Mailboxes) -> None:
    """The attacker has begun to change the address, and holds the link, which ends with the recovery."""
    mine = "attacker@example.org"
    assert attacker.post("/me/email-change", {"email": mine}).status == 201
    link = mails.token(mine, "email_new")
    victim = _recover(mails)
    for user in (attacker, victim):
        answer = user.post("/me/email-change/confirmation", {"token": link})
        assert answer.status in {400, 401}
    assert victim.get("/me").json["email"] == VICTIM
    _is_out(mails.service, attacker)


def test_5_provider_that_verifies_nothing(mails: Mailboxes, login: Login, idp: IdentityProvider, peer: Peer) -> None:
    """The attacker's provider says the victim's address, unverified: it gives no claim to it, before or afterwards."""
    login.github(peer)
    peer.put(
        "/github/_user",
        {
            "user": {"id": 4712, "login": "attacker", "name": "Attacker"},
            "emails": [{"email": VICTIM, "primary": True, "verified": False}],
        },
    )
    attacker = session(mails.service, login.with_github())
    assert attacker.get("/me").json["email"] is None
    created = mails.service.request("POST", "/auth/register", {"email": VICTIM, "password": PASSWORD})
    assert created.status == 201
    victim = mails.service.log_in(VICTIM, PASSWORD)
    body = {"token": mails.token(VICTIM, "verification"), "password": PASSWORD}
    assert mails.service.request("POST", "/auth/verification", body).status == 204
    assert session(mails.service, login.with_github()).id == attacker.id != str(victim.id)


def test_a_victim_who_confirms_by_mistake_gives_the_attacker_nothing(attacker: User, mails: Mailboxes) -> None:
    """The attacker's registration sent a link: without the attacker's password it verifies nothing."""
    body = {"token": mails.token(VICTIM, "verification"), "password": PASSWORD}
    assert mails.service.request("POST", "/auth/verification", body).json["code"] == "wrong_password"
    assert attacker.get("/me").json["email_verified"] is False


def test_a_squatter_does_not_block_an_invitation(attacker: User, mails: Mailboxes) -> None:
    created = mails.service.administrator().post("/invitations", {"email": VICTIM, "send": True})
    assert created.status == 201
    body = {"token": mails.token(VICTIM, "invitation"), "password": PASSWORD}
    accepted = mails.service.request("POST", "/auth/invitation/acceptance", body)
    assert (accepted.status, accepted.json["email_verified"]) == (201, True)
    assert accepted.json["id"] != str(attacker.id)
    assert mails.service.log_in(VICTIM, PASSWORD).id != attacker.id


def test_what_the_attacker_shared_shows_nothing_that_the_victim_says(attacker: User, mails: Mailboxes) -> None:
    """A share of later messages, opened by an account of the attacker's own, would read on without any login."""
    conversation = attacker.post("/conversations", {"title": "Yours"}).json["id"]
    share = attacker.post("/shares", {"conversation_id": conversation, "later_messages": True}).json
    other = mails.service.user()
    opened = other.post("/shared-conversations", {"token": share["token"]}).json["id"]
    victim = _recover(mails)
    requested = victim.post(f"/conversations/{conversation}/messages", {"content": "A secret of the victim's"})
    assert requested.status == 202
    assert other.get(f"/shared-conversations/{opened}/messages").status == 404
    again = mails.service.user().post("/shared-conversations", {"token": share["token"]})
    assert again.json["code"] == "share_invalid"


def test_an_upload_that_the_attacker_announced_brings_the_victim_nothing(attacker: User, mails: Mailboxes) -> None:
    size = len(b"The attacker's words.")
    announced = attacker.post("/documents", {"filename": "manual.txt", "size_bytes": size}).json
    victim = _recover(mails)
    upload = announced["upload"]
    sent = httpx.request(upload["method"], upload["url"], headers=upload["headers"], content=b"The attacker's words.")
    assert sent.status_code == 200
    mails.service.pump_ingest()
    assert victim.get(f"/documents/{announced['id']}").json["status"] != "completed"
    assert victim.search("attacker") == []


# Of a table with rows of users: what of them must be gone when who has the mailbox takes an account over.
ENDED = {
    "account_tokens": "true",
    "api_keys": "revoked_at is null",
    "connectors": "status <> 'disabled'",
    "email_changes": "true",
    "invitations": "withdrawn_at is null and accepted_at is null",
    "login_sources": "true",
    "outgoing_mails": "kind <> 'password_changed'",
    "provider_keys": "true",
    "provider_logins": "true",
    "recovery_codes": "true",
    "second_factors": "true",
    "sessions": "revoked_at is null",
    "conversation_shares": "withdrawn_at is null",
    "share_readers": "true",
    "sync_runs": "status in ('pending', 'running')",
    "uploads": "closed_at is null",
    "webhooks": "true",
    "webhook_deliveries": "true",
}
# What stays, and why.
_WORDS = "words of the account: docs/security.md says that they stay"
_LOGS = "what was done, and by whom"
_BOUND = "it is used with a session or a key alone, and these end"
STAYS = (
    dict.fromkeys(
        [
            "ab_comparisons",
            "agent_tool_calls",
            "agent_traces",
            "conversation_document_overrides",
            "conversations",
            "documents",
            "entity_tags",
            "eval_questions",
            "eval_results",
            "eval_runs",
            "eval_schedules",
            "eval_sets",
            "feedback",
            "job_events",
            "llm_jobs",
            "llm_queue",
            "memory_embeddings",
            "memory_items",
            "message_embeddings",
            "message_index_queue",
            "message_terms",
            "messages",
            "queue_turns",
            "repositories",
            "tags",
            "timing",
            "user_document_defaults",
        ],
        _WORDS,
    )
    | dict.fromkeys(["audit_logs", "document_versions", "login_attempts", "usage"], _LOGS)
    | dict.fromkeys(["event_streams", "idempotency_keys", "refresh_tokens"], _BOUND)
    | {
        "budgets": "an administrator sets it",
        "ingestion_turns": "an order, and no right",
        "memberships": "a group's administrator gives it to the account, whoever has it",
        "password_history": "the former passwords are not accepted again",
        "spaces": "the account's own",
    }
)


def test_of_everything_that_an_account_has_it_is_decided_whether_it_survives_a_takeover(
    mails: Mailboxes, master_key: str
) -> None:
    """The tables come from the catalogue: a new one is neither ended nor said to stay, and fails here."""
    service = mails.service
    world = scenario.people(service)
    scenario.fill(world)
    owner = world.owner
    assert service.request("POST", "/auth/password/forgotten", {"email": owner.email}).status == 204
    body = {"token": mails.token(owner.email, "password_reset"), "new_password": PASSWORD, "keep_api_keys": True}
    service.rows(f"{scenario.BY_HAND['outgoing_mails']} returning 1", owner.id)  # the scenario's is sent
    columns = service.rows(
        "select c.relname, array_agg(distinct a.attname::text) "
        "from pg_attribute a join pg_class c on c.oid = a.attrelid "
        "left join pg_constraint f on f.conrelid = c.oid and f.confrelid = 'users'::regclass "
        "and a.attnum = any (f.conkey) "
        "where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition "
        "and (f.oid is not null or a.attname in ('user_id', 'owner_id', 'created_by')) "
        "and a.atttypid = 'uuid'::regtype group by 1 order by 1"
    )
    counted = {
        table: f"select count(*) from {table} where '{owner.id}' in ({', '.join(names)})" for table, names in columns
    }
    before = {table: service.rows(statement)[0][0] for table, statement in counted.items()}
    assert service.request("POST", "/auth/password/reset", body).status == 204
    having = {table for table, rows in before.items() if rows}
    assert having - set(ENDED) - set(STAYS) == set(), "say whether it ends or stays"
    assert (set(ENDED) | set(STAYS)) - having == set(), "the account has none of it"
    left = {table: service.rows(f"{counted[table]} and {condition}")[0][0] for table, condition in ENDED.items()}
    assert left == dict.fromkeys(ENDED, 0)
