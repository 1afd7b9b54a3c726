"""One user who owns one of everything, so that everybody else can be caught touching it.

A new table or a new id in a path needs a line in `fill`, or in BY_HAND for what no request makes; the generated tests
say so by failing.
"""

from dataclasses import dataclass, field

import psycopg
from psycopg import sql

from tests.service import Service, User

PUMP = "The coolant pump P-17 is inspected every ninety days. Replace its seal when it leaks."

# Rows that no request of a user makes: table → statement, with the owner's id as its only parameter.
BY_HAND = {
    "embedding_queue": "insert into embedding_queue (model_id, document_id) "
    "select 1, id from documents where owner_id = %s limit 1",
    "object_deletions": "insert into object_deletions (object_key) "
    "select 'documents/gone-' || count(*) from users where id = %s",
    "self_healing_events": "insert into self_healing_events "
    "(event_type, severity, description, action_taken, entity_id) "
    "select 'test', 'info', 'd', 'a', id from llm_jobs where user_id = %s",
    "provider_keys": "insert into provider_keys (user_id, provider, ciphertext, wrapped_key, master_key, last_four) "
    "values (%s, 'openai', decode(repeat('00', 40), 'hex'), '\\x00', 'key', '1234')",
    "provider_logins": "insert into provider_logins (state_hash, browser_hash, provider, redirect_uri, user_id) "
    "values (sha256('a'), sha256('b'), 'oidc', 'https://example.org', %s)",
}


@dataclass
class Scenario:
    """A service, its people, and the ids of what `owner` has, by the names that paths give them."""

    service: Service
    administrator: User
    owner: User
    stranger: User
    ids: dict[str, str] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)


def people(service: Service) -> Scenario:
    """The people, before the owner has anything."""
    administrator = service.administrator()
    return Scenario(service, administrator, owner=service.user(), stranger=service.user())


def fill(made: Scenario) -> None:
    """Give the owner one of everything, once."""
    if made.ids:
        return
    service, owner = made.service, made.owner
    made.ids["user_id"] = str(owner.id)
    made.ids["document_id"] = owner.add("Pump", PUMP)["id"]
    conversation = owner.post("/conversations", {}, {"Idempotency-Key": "one"}).json["id"]
    asked = owner.post(f"/conversations/{conversation}/messages", {"content": "What about the pump?"}).json
    made.ids |= {"conversation_id": conversation, "job_id": asked["job"]["id"], "message_id": asked["message"]["id"]}
    group = made.administrator.post("/groups", {"name": "Operators"}).json["id"]
    joined = made.administrator.put(f"/groups/{group}/members/{owner.id}", {"role": "admin"})
    assert joined.status == 204, joined.body
    made.ids["group_id"] = group
    owner.add("Shared", f"{PUMP} For all operators.", scope="group", group_id=group)
    password = "another long enough password"
    changed = owner.put("/me/password", {"current_password": owner.password, "new_password": password})
    assert changed.status == 204, changed.body
    owner.password = password
    assert service.request("POST", "/auth/login", {"email": owner.email, "password": "wrong"}).status == 401
    for name, scopes in {"reading": ["read"], "everything": ["read", "write", "chat"]}.items():
        key = owner.post("/me/api-keys", {"name": name, "scopes": scopes})
        assert key.status == 201, key.body
        made.keys[name], made.ids["key_id"] = key.json["key"], key.json["id"]
    made.ids["session_id"] = service.log_in(owner.email, owner.password).get("/me/sessions").json["items"][0]["id"]
    with service.database.connect("owner") as conn:
        for table, statement in BY_HAND.items():
            if conn.execute("select to_regclass(%s)", [table]).fetchone() != (None,):
                conn.execute(statement, [owner.id])


def tables(conn: "psycopg.Connection[tuple[object, ...]]") -> list[str]:
    """Every table of the schema but partitions, which their parents stand for."""
    found = conn.execute(
        "select relname from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') "
        "and not relispartition order by 1"
    ).fetchall()
    return [str(name) for (name,) in found]


def snapshot(service: Service) -> list[str]:
    """Every row of every table, but for what asking alone changes: when somebody was last seen, and rate limits."""
    rows: list[str] = []
    with service.database.connect("owner") as conn:
        for table in tables(conn):
            if table != "rate_limit_buckets":
                statement = sql.SQL(
                    "select (to_jsonb(t) - array['last_activity_at', 'last_used_at'])::text from {} t"
                ).format(sql.Identifier(table))
                rows += [f"{table}: {row[0]}" for row in conn.execute(statement)]
    return sorted(rows)
