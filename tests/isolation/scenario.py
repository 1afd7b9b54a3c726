"""One user who owns one of everything, so that everybody else can be caught touching it.

A new table or a new id in a path needs a line in `fill`, or in BY_HAND for what no request makes; the generated tests
say so by failing.
"""

from dataclasses import dataclass, field

import psycopg
from psycopg import sql

from chalicelib.chat.answering import answering
from tests.service import Service, User

PUMP = "The coolant pump P-17 is inspected every ninety days. Replace its seal when it leaks."

# Rows that no request of a user makes: table → statement, with the owner's id as its only parameter.
BY_HAND = {
    "embedding_requests": "insert into embedding_requests (document_id, model_id, chunk_index, chunk_text) "
    "select id, 1, 0, 'text' from documents where owner_id = %s limit 1",
    "recognised_pages": "insert into recognised_pages (document_id, page, object_version, languages) "
    "select id, 1, 'v', 'eng' from documents where owner_id = %s limit 1",
    "embedding_queue": "insert into embedding_queue (model_id, document_id) "
    "select 1, id from documents where owner_id = %s limit 1",
    "agent_tool_calls": "insert into agent_tool_calls "
    "(trace_id, user_id, step_number, tool_name, tool_args, tool_result, milliseconds, started_at) "
    "select id, user_id, 1, 'search', '{}', 'found', 1, now() from agent_traces where user_id = %s limit 1",
    "usage": "insert into usage (user_id, job_id, model, provider, prompt_tokens, completion_tokens, cost_usd) "
    "select user_id, id, model, 'openai', 1, 1, 0 from llm_jobs where user_id = %s limit 1",
    "message_index_queue": "insert into message_index_queue (message_id, conversation_id, user_id) "
    "select id, conversation_id, user_id from messages where user_id = %s on conflict do nothing",
    "budgets": "insert into budgets (user_id, monthly_tokens) values (%s, 1000000)",
    "object_deletions": "insert into object_deletions (object_key) "
    "select 'documents/gone-' || count(*) from users where id = %s",
    "ended_consents": "insert into ended_consents (connector_id, type, settings, mirrors_readers, "
    "allow_private_addresses, ciphertext, wrapped_key, master_key) "
    "select uuidv7(), 'web', '{}', false, false, '', '', '' from users where id = %s",
    "inbox_objects": "insert into inbox_objects (object_key, document_id, object_etag) "
    "select 'inbox/user/somebody/pump.md', id, 'e' from documents where owner_id = %s limit 1",
    "lexical_segments": "select write_segment(t.space_id, '{}', array_agg(t.chunk_id)) "
    "from chunk_terms t join spaces s on s.id = t.space_id where s.user_id = %s group by t.space_id",
    "self_healing_events": "insert into self_healing_events "
    "(event_type, severity, description, action_taken, entity_id) "
    "select 'test', 'info', 'd', 'a', id from llm_jobs where user_id = %s",
    "hosts": "insert into hosts (name, interval_seconds) select 'web-1', 60 from users where id = %s",
    "host_metrics": "insert into host_metrics (host, measured_at, cpu_percent, ram_percent, ram_used_bytes, "
    "disk_percent, disk_used_bytes, disk_free_bytes) select 'web-1', now(), 1, 1, 1, 1, 1, 1 from users where id = %s",
    "workflow_activity": "insert into workflow_activity (workflow_name, status, duration_ms) "
    "select 'tick', 'completed', 1 from users where id = %s",
    "dead_letters": "insert into dead_letters (queue, fingerprint, reason) "
    "select 'ingest', sha256('a'), 'failed' from users where id = %s",
    "alert_subjects": "insert into alert_subjects (subject, level) "
    "select 'cpu of web-1', 'ok' from users where id = %s",
    "alerts": "insert into alerts (subject, kind, level, message) "
    "select 'cpu of web-1', 'metric', 'critical', 'm' from users where id = %s",
    "alert_deliveries": "insert into alert_deliveries (alert_id, channel) "
    "select a.id, 'telegram' from alerts a, users u where u.id = %s limit 1",
    "update_events": "insert into update_events (version_to, source, initiated_by) "
    "select '0.2.0', 'deploy', 'operator' from users where id = %s",
    "component_updates": "insert into component_updates "
    "(update_event_id, component_name, component_type, version_to, status) "
    "select e.id, 'function', 'code', '0.2.0', 'completed' from update_events e, users u where u.id = %s",
    "update_backups": "insert into update_backups (backup_path, backup_size_bytes) "
    "select 'backups/one', 1 from users where id = %s",
    "update_files": "insert into update_files (filename, file_path, source) "
    "select 'alcove.update', 'updates/one', 'upload' from users where id = %s",
    "update_rollbacks": "insert into update_rollbacks (original_update_event_id, rollback_reason, initiated_by) "
    "select e.id, 'r', 'update' from update_events e, users u where u.id = %s",
    "connector_items": "insert into connector_items (connector_id, source_id, space_id, path) "
    "select id, 'https://example.org/', space_id, 'example.org/index.html' from connectors where owner_id = %s",
    "migration_state": "insert into migration_state (source, step) select 'archi', 'users' from users where id = %s",
    "moved_rows": "insert into moved_rows (source, kind, key_hash, target, new_id, outcome) "
    "select 'archi', 'documents', sha256('4711'), 'documents', id, 'moved' from documents where owner_id = %s limit 1",
    "space_readers": "with s as (insert into spaces (kind, connector_id, readers_hash) "
    "select 'readers', id, sha256('a') from connectors where owner_id = %s returning id, connector_id) "
    "insert into space_readers (space_id, connector_id, principal) select id, connector_id, 'group:g' from s",
    "source_groups": "insert into source_groups (connector_id, principal) "
    "select id, 'group:g' from connectors where owner_id = %s",
    "source_members": "insert into source_members (connector_id, principal, email) "
    "select id, 'group:g', 'a@example.org' from connectors where owner_id = %s",
    "event_streams": "insert into event_streams (user_id, ends_at) values (%s, now() + interval '1 hour')",
    "outgoing_mails": "insert into outgoing_mails (kind, recipient, user_id) values ('email_new', 'a@example.org', %s)",
    "account_tokens": "insert into account_tokens (token_hash, purpose, user_id, expires_at) "
    "values (sha256('t'), 'unlock', %s, now() + interval '1 hour')",
    "email_changes": "insert into email_changes (user_id, new_email, expires_at) "
    "values (%s, 'new@example.org', now() + interval '1 hour')",
    "second_factors": "insert into second_factors (user_id, ciphertext, wrapped_key, master_key) "
    "values (%s, decode(repeat('00', 40), 'hex'), '\\x00', 'key')",
    "recovery_codes": "insert into recovery_codes (user_id, code_hash) values (%s, sha256('c'))",
    "share_readers": "insert into share_readers (share_id, user_id) "
    "select id, user_id from conversation_shares where user_id = %s limit 1",
    "provider_keys": "insert into provider_keys (user_id, provider, ciphertext, wrapped_key, master_key, last_four) "
    "values (%s, 'openai', decode(repeat('00', 40), 'hex'), '\\x00', 'key', '1234')",
    "webhook_deliveries": "insert into webhook_deliveries (webhook_id, user_id, event, payload) "
    "select id, user_id, 'document.failed', '{}' from webhooks where user_id = %s",
    "provider_logins": "insert into provider_logins "
    "(state_hash, browser_hash, provider, redirect_uri, user_id, session_id) "
    "select sha256('a'), sha256('b'), 'oidc', 'https://example.org', user_id, id from sessions "
    "where user_id = %s limit 1",
}


@dataclass
class Scenario:
    """A service, its people, and the ids of what `owner` has, by the names that paths give them."""

    service: Service
    administrator: User
    owner: User
    other_user: User
    ids: dict[str, str] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)


def people(service: Service) -> Scenario:
    """The people, before the owner has anything."""
    administrator = service.administrator()
    return Scenario(service, administrator, owner=service.user(), other_user=service.user())


def fill(created: Scenario) -> None:
    """Give the owner one of everything, once."""
    if created.ids:
        return
    service, owner = created.service, created.owner
    created.ids["user_id"] = str(owner.id)
    created.ids["batch_id"] = "11111111-2222-4333-8444-555555555555"
    created.ids["document_id"] = owner.add("Pump", PUMP, batch=created.ids["batch_id"])["id"]
    conversation = owner.post("/conversations", {}, {"Idempotency-Key": "one"}).json["id"]
    _selected(owner, created.ids["document_id"], conversation)
    created.ids |= {"conversation_id": conversation, "message_id": _answered(service, owner, conversation)}
    queued = owner.post(f"/conversations/{conversation}/messages", {"content": "And its seal?"}).json
    created.ids["job_id"] = queued["job"]["id"]
    assert owner.post("/documents", {"filename": "awaited.txt", "size_bytes": 9}).status == 201
    created.ids["memory_id"] = owner.post("/memories", {"content": "My pump leaks."}).json["id"]
    created.ids["reranker_id"] = reranker(service)
    created.ids |= _configured(created.administrator) | _compared(service, created.administrator, owner)
    created.ids |= _collected(owner, created.ids) | _evaluated(service, owner)
    group = created.administrator.post("/groups", {"name": "Operators"}).json["id"]
    joined = created.administrator.put(f"/groups/{group}/members/{owner.id}", {"role": "admin"})
    assert joined.status == 204, joined.body
    created.ids["group_id"] = group
    assert created.administrator.put(f"/groups/{group}/budget", {"monthly_tokens": 1_000_000}).status == 200
    owner.add("Shared", f"{PUMP} For all operators.", scope="group", group_id=group)
    invited = owner.post("/invitations", {"groups": [{"group_id": group}]})
    assert invited.status == 201, invited.body
    created.ids["invitation_id"] = invited.json["id"]
    shared = owner.post("/shares", {"conversation_id": conversation})
    assert shared.status == 201, shared.body
    created.ids["share_id"] = shared.json["id"]
    created.ids |= _connected(owner)
    password = "another long enough password"
    changed = owner.put("/me/password", {"current_password": owner.password, "new_password": password})
    assert changed.status == 204, changed.body
    owner.password = password
    assert service.request("POST", "/auth/login", {"email": owner.email, "password": "wrong"}).status == 401
    new = {"url": "https://hooks.invalid/", "events": ["document.failed"]}
    created.ids["webhook_id"] = owner.post("/webhooks", new).json["id"]
    for name, scopes in {"reading": ["read"], "everything": ["read", "write", "chat"]}.items():
        key = owner.post("/me/api-keys", {"name": name, "scopes": scopes})
        assert key.status == 201, key.body
        created.keys[name], created.ids["key_id"] = key.json["key"], key.json["id"]
    created.ids["session_id"] = service.log_in(owner.email, owner.password).get("/me/sessions").json["items"][0]["id"]
    service.rows("update users set github_id = 7, github_username = 'octo' where id = %s returning 1", owner.id)
    with service.database.connect("owner") as conn:
        for table, statement in BY_HAND.items():
            if conn.execute("select to_regclass(%s)", [table]).fetchone() != (None,):
                conn.execute(statement, [owner.id])
        (delivery,) = conn.execute("select id from webhook_deliveries").fetchone() or ("",)
    created.ids["delivery_id"] = str(delivery)


def _answered(service: Service, owner: User, conversation: str) -> str:
    """A question with an answer that the owner liked; the answer's id."""
    path = f"/conversations/{conversation}/messages"
    assert owner.post(path, {"content": "How often is the coolant pump inspected?"}).status == 202
    service.pump_answer()
    answer = owner.get(path).json["items"][1]
    assert owner.post(f"/messages/{answer['id']}/feedback", {"kind": "like"}).status == 200
    return str(answer["id"])


def _evaluated(service: Service, owner: User) -> dict[str, str]:
    """A set with a question, and a run that has measured its answer; their ids."""
    created = owner.post("/evals/sets", {"name": "Pumps", "questions": [{"question": "Which pump leaks?"}]})
    assert created.status == 201, created.body
    run = owner.post("/evals/runs", {"set_id": created.json["id"], "settings": {"active_pipeline": "search"}})
    assert run.status == 202, run.body
    service.rows(
        "update llm_queue set priority = 10 where job_id = (select job_id from eval_results) returning 1"
    )  # before the question that is to wait
    assert answering.answer_next()
    assert owner.post(f"/evals/runs/{run.json['id']}/advance").json["status"] == "completed"
    schedule = owner.post("/evals/schedules", {"set_id": created.json["id"], "schedule": "0 0 1 1 *"})
    assert schedule.status == 201, schedule.body
    return {
        "eval_set_id": created.json["id"],
        "eval_run_id": run.json["id"],
        "other_run_id": run.json["id"],
        "eval_schedule_id": schedule.json["id"],
    }


def _compared(service: Service, administrator: User, owner: User) -> dict[str, str]:
    """A pool of two variants, and a question of the owner's that both have answered; ids of a variant and of that."""
    searching = {"active_pipeline": "search"}  # which tells few events
    pool = {"Champion": True, "Challenger": False}
    variants = [
        administrator.post("/ab/pool", {"name": name, "is_champion": is_champion, "settings": searching})
        for name, is_champion in pool.items()
    ]
    assert {answer.status for answer in variants} == {201}
    conversation = owner.post("/conversations", {}).json["id"]
    queued = owner.post(f"/conversations/{conversation}/comparisons", {"content": "Which pump leaks?"})
    assert queued.status == 202, queued.body
    for side in ("first", "second"):
        service.rows("update llm_queue set priority = 10 where job_id = %s returning 1", queued.json[side]["job_id"])
        assert answering.answer_next()
    return {"variant_id": variants[1].json["id"], "comparison_id": queued.json["id"]}


def _selected(owner: User, document: str, conversation: str) -> None:
    """A document that the owner's searches use by default and in a conversation."""
    for path in (f"/selection/documents/{document}", f"/conversations/{conversation}/selection/{document}"):
        selected = owner.put(path, {"enabled": True})
        assert selected.status == 200, selected.body


def _collected(owner: User, ids: dict[str, str]) -> dict[str, str]:
    """A repository with a document, and a tag on everything that can have one; their ids."""
    created = {
        "repository_id": owner.post("/repositories", {"name": "Manuals"}).json["id"],
        "tag_id": owner.post("/tags", {"name": "important"}).json["id"],
    }
    placed = owner.put(f"/repositories/{created['repository_id']}/documents/{ids['document_id']}", {"path": "pump.md"})
    assert placed.status == 200, placed.body
    for kind, entity in (ids | created).items():
        if kind in {"document_id", "repository_id", "conversation_id", "memory_id"}:
            name = {"repository_id": "repositories", "memory_id": "memories"}.get(kind, f"{kind.removesuffix('_id')}s")
            assert owner.put(f"/tags/{created['tag_id']}/{name}/{entity}").status == 204, kind
    return created


def _connected(owner: User) -> dict[str, str]:
    """A connector with a run, which no worker takes; their ids."""
    settings = {"start_urls": ["https://example.org/"]}
    connector = owner.post("/connectors", {"name": "Site", "type": "web", "settings": settings})
    assert connector.status == 201, connector.body
    run = owner.post(f"/connectors/{connector.json['id']}/sync")
    assert run.status == 202, run.body
    return {"connector_id": connector.json["id"], "run_id": run.json["id"]}


def _configured(administrator: User) -> dict[str, str]:
    """What an administrator gives everybody: a changed setting, a prompt, a model and an assistant; their ids."""
    assert administrator.request("PATCH", "/config/dynamic", {"history_tokens": 1000}).status == 200
    bodies = {
        "prompts": {"kind": "system", "name": "shared", "content": "Answer."},
        "llms": {"name": "shared", "provider": "ollama", "model_id": "m", "endpoint": "http://127.0.0.1:9/v1"},
        "assistants": {"name": "Shared"},
        "announcements": {"message": "We move.", "ends_at": "2999-01-01T00:00:00Z"},
    }
    created = {f"{kind.removesuffix('s')}_id": administrator.post(f"/{kind}", body) for kind, body in bodies.items()}
    assert {answer.status for answer in created.values()} == {201}
    return {name: answer.json["id"] for name, answer in created.items()}


def reranker(service: Service, name: str = "shared") -> str:
    """A reranker, whose server is not asked; its id."""
    ((created,),) = service.rows(
        "insert into rerankers (name, provider, base_url) values (%s, 'tei', 'http://127.0.0.1:9') returning id::text",
        name,
    )
    return str(created)


def tables(conn: "psycopg.Connection[tuple[object, ...]]") -> list[str]:
    """Every table of the schema but partitions, which their parents stand for."""
    result = conn.execute(
        "select relname from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') "
        "and not relispartition order by 1"
    ).fetchall()
    return [str(name) for (name,) in result]


def snapshot(service: Service) -> list[str]:
    """Every row of every table, but for what asking alone changes: when somebody was last seen, and rate limits."""
    of_table = sql.SQL("select {} || ': ' || (to_jsonb(t) - array['last_activity_at', 'last_used_at'])::text from {} t")
    conn = service.connection("owner")
    each = [
        of_table.format(sql.Literal(table), sql.Identifier(table))
        for table in tables(conn)
        if table != "rate_limit_buckets"
    ]
    return sorted(str(row[0]) for row in conn.execute(sql.SQL(" union all ").join(each)))
