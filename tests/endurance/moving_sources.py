"""Sources of the five systems with any number of rows, filled with awkward content; every column of every table.

The tables are those of tests/importers, or of the published schemas (`published`). A table's share is a part of all
rows. The columns that name other rows or choose a kind have an expression here; every other column is filled by its
type: with awkward texts and nulls, times of any age, JSON of any shape. `n` counts a table's rows from 0, and `{table}`
stands for a table's number of rows.
"""

import re
from collections.abc import Mapping, Sequence

import psycopg
from psycopg.sql import SQL, Identifier

from infra.local import postgres
from tests.endurance.published import Schema

# Texts that are at home in no program.
TEXTS = (
    "",
    " ",
    "'",
    '"',
    "\\",
    "\t\r\n",
    "null",
    "NULL",
    "undefined",
    "0",
    "-1",
    "1e999",
    "NaN",
    "true",
    "{}",
    "[]",
    "%s %(name)s {0} $1 :id",
    "'; drop table users; --",
    "<script>alert(1)</script>",
    "../../../etc/passwd",
    "$(touch here) `id` ${HOME}",
    "Zoë Ångström naïve",
    "Ｆｕｌｌｗｉｄｔｈ",
    "مرحبا بالعالم",
    "שלום עולם",
    "田中さんにあげて下さい",
    "👩‍👩‍👧‍👦 🏳️‍🌈 😀",
    "\u202eright to left\u202c",
    "a\u0300\u0301\u0302\u0303\u0304\u0305",
    "zero\u200bwidth\ufeff",
    "\x7f\x1b[31mred",
    "line one\nline two\n\n\n",
    "x" * 2000,
)
_HASH = "'$2b$04$' || repeat('a', 53)"
_EMAIL = "'U' || n || '@Example.org'"


def _one_of(*values: str) -> str:
    return f"(array[{', '.join(repr(value) for value in values)}])[(1 + n % {len(values)})::integer]"


def _id(table: str, number: str = "n") -> str:
    return f"md5('{table}' || ({number}))::uuid"


Spec = Mapping[str, tuple[float, Mapping[str, str]]]
ONE = 0.0  # one row
_AT = "moment + n * interval '37 s'"
_STEPS = (
    "client_sent_msg_ts",
    "server_received_msg_ts",
    "lock_acquisition_ts",
    "vectorstore_update_ts",
    "query_convo_history_ts",
    "chain_finished_ts",
    "archi_message_ts",
    "insert_convo_ts",
    "finish_call_ts",
    "server_response_msg_ts",
)
_CONVERSATION = "1 + ({0}) * {{conversation_metadata}} / {{conversations}}"
AICHAT: Spec = {
    "users": (0.02, {"id": _id("users"), "email": _EMAIL, "hashed_password": _HASH}),
    "sessions": (0.08, {"id": _id("sessions"), "user_id": _id("users", "n % ({users} + 1)")}),
    "messages": (
        0.9,
        {
            "id": _id("messages"),
            "session_id": _id("sessions", "n * {sessions} / {messages}"),
            "role": _one_of("user", "assistant"),
            "confidence": "(n % 11) / 10.0",
            "signal_strength": "(n % 11) / 10.0",
            "context_clarity": "n % 2",
            "needs_knowledge": "n % 2",
            "is_mistake": "n % 2",
        },
    ),
}
ARCHI: Spec = {
    "static_config": (ONE, {"id": "1", "session_lifetime_days": "30"}),
    "dynamic_config": (
        ONE,
        {
            "id": "1",
            "num_documents_to_retrieve": "10",
            "use_hybrid_search": "true",
            "bm25_weight": "0.5",
            "semantic_weight": "0.5",
        },
    ),
    "users": (
        0.02,
        {
            "id": "'u' || n",
            "email": _EMAIL,
            "auth_provider": _one_of("local", "github", "anonymous"),
            "password_hash": "'pbkdf2:sha256:1000$salt$' || repeat('ab', 32)",
            "github_id": "case n % 3 when 1 then n::text end",
            "theme": _one_of("system", "light", "odd"),
        },
    ),
    "sessions": (0.02, {"id": "'s' || n", "user_id": "'u' || n % ({users} + 1)"}),
    "config_audit": (
        0.03,
        {"id": "n + 1", "user_id": "'u' || n % ({users} + 1)", "config_type": _one_of("dynamic", "user_pref", "odd")},
    ),
    "documents": (
        0.05,
        {
            "id": "n + 1",
            "resource_hash": "md5(n::text) || md5(n::text)",
            "source_type": _one_of("local_files", "web", "ticket", "git", "unknown"),
            "is_deleted": "n % 9 = 0",
            "deleted_at": "case n % 18 when 0 then now() end",
        },
    ),
    "document_chunks": (
        0.1,
        {
            "id": "n + 1",
            "document_id": "1 + n % {documents}",
            "chunk_index": "n / {documents}",
            "start_char": "n / {documents} * 20",
            "end_char": "n / {documents} * 20 + 30",
        },
    ),
    "user_document_defaults": (
        0.03,
        {"user_id": "'u' || n % {users}", "document_id": "1 + n / {users} % ({documents} + 1)"},
    ),
    "conversation_metadata": (
        0.06,
        {
            "conversation_id": "n + 1",
            "user_id": "case when n % 5 > 1 then 'u' || n % {users} end",
            "client_id": "case n % 5 when 1 then 'client ' || n % 20 end",
        },
    ),
    "conversation_document_overrides": (
        0.03,
        {"conversation_id": "1 + n % {conversation_metadata}", "document_id": "1 + n % {documents}"},
    ),
    "conversations": (
        0.5,
        {
            "message_id": "n + 1",
            "conversation_id": _CONVERSATION.format("n"),
            "sender": _one_of("User", "archi"),
            "ts": _AT,
        },
    ),
    "feedback": (
        0.05,
        {"mid": "2 * (n / 2) + 2", "feedback_ts": _AT, "feedback": _one_of("like", "dislike", "comment")},
    ),
    "timing": (
        0.04,
        {"mid": "2 * n + 2", "msg_duration": "interval '9 s'"}
        | {name: f"moment + (2 * n) * interval '37 s' + interval '{place} s'" for place, name in enumerate(_STEPS)},
    ),
    "agent_traces": (
        0.03,
        {
            "trace_id": _id("traces"),
            "conversation_id": _CONVERSATION.format("2 * n + 1"),
            "user_message_id": "2 * n + 1",
            "message_id": "2 * n + 2",
            "status": _one_of("completed", "cancelled", "failed", "running"),
            "events": "jsonb_build_array(jsonb_build_object('event', n))",
        },
    ),
    "agent_tool_calls": (
        0.03,
        {
            "id": "n + 1",
            "conversation_id": _CONVERSATION.format("2 * (n % {agent_traces}) + 1"),
            "message_id": "2 * (n % {agent_traces}) + 2",
            "step_number": "1 + n / {agent_traces}",
        },
    ),
    "ab_comparisons": (
        0.01,
        {
            "comparison_id": "n + 1",
            "conversation_id": _CONVERSATION.format("10 * n"),
            "user_prompt_mid": "10 * n + 1",
            "response_a_mid": "10 * n + 2",
            "response_b_mid": "10 * n + 4",
            "preference": _one_of("a", "b", "tie"),
        },
    ),
}
ECHOMIND: Spec = {
    "users": (
        0.02,
        {
            "id": "n + 1",
            "external_id": "'x' || n",
            "email": _EMAIL,
            "groups": "array['g' || n % 3, 'g1']",
            "roles": "array['viewer']",
        },
    ),
    "llms": (0.001, {"id": "n + 1", "provider": _one_of("tgi", "vllm", "openai", "odd"), "name": "'model ' || n"}),
    "assistants": (
        0.01,
        {"id": "n + 1", "llm_id": "1 + n % ({llms} + 1)", "created_by": "1 + n % ({users} + 1)"},
    ),
    "embedding_models": (ONE, {"id": "1"}),
    "connectors": (
        0.01,
        {
            "id": "n + 1",
            "type": _one_of("teams", "google_drive", "onedrive", "web", "file", "odd"),
            "scope": _one_of("user", "group", "org"),
            "scope_id": "'g' || n % 3",
            "created_by": "1 + n % {users}",
        },
    ),
    "documents": (
        0.15,
        {
            "id": "n + 1",
            "connector_id": "1 + n % {connectors}",
            "parent_id": "case n % 10 when 3 then n when 5 then n + 1 end",
            "source_id": "'s' || n",
            "url": "'minio:documents:' || n || '.md'",
            "status": _one_of("pending", "processing", "completed", "failed"),
        },
    ),
    "chat_sessions": (
        0.08,
        {
            "id": "n + 1",
            "user_id": "1 + n % {users}",
            "assistant_id": "1 + n % ({assistants} + 1)",
            "mode": _one_of("chat", "search"),
        },
    ),
    "chat_messages": (
        0.65,
        {
            "id": "n + 1",
            "session_id": "1 + n * {chat_sessions} / {chat_messages}",
            "role": _one_of("user", "assistant", "user", "assistant", "system"),
            "feedback": _one_of("positive", "negative", "odd"),
            "sources": "jsonb_build_array(jsonb_build_object('document_id', n, 'score', 0.5))",
            "created_at": _AT,
        },
    ),
    "apscheduler_jobs": (0.001, {"id": "'job ' || n"}),
    "scheduler_runs": (
        0.05,
        {
            "id": _id("runs"),
            "connector_id": "case when n % 4 > 0 then 1 + n % {connectors} end",
            "status": _one_of("running", "completed", "failed"),
        },
    ),
}
_GAUGE = {"timestamp": "now() - n * interval '1 minute'", "value": "n % 101", "percent": "n % 101"}
ARASUL: Spec = {
    **{f"metrics_{name}": (0.02, _GAUGE) for name in ("cpu", "ram", "gpu", "temperature", "disk")},
    "admin_users": (0.02, {"id": "n + 1", "username": "'user' || n", "email": _EMAIL, "password_hash": _HASH}),
    "token_blacklist": (0.01, {"id": "n + 1"}),
    "login_attempts": (0.08, {"id": "n + 1", "username": "'user' || n % ({admin_users} + 3)"}),
    "active_sessions": (0.03, {"id": "n + 1", "user_id": "1 + n % ({admin_users} + 1)"}),
    "password_history": (
        0.02,
        {"id": "n + 1", "user_id": "1 + n % {admin_users}", "password_hash": _HASH, "changed_by": "'user' || n % 5"},
    ),
    "self_healing_events": (0.03, {"id": "n + 1", "severity": _one_of("INFO", "WARNING", "CRITICAL")}),
    "workflow_activity": (0.03, {"id": "n + 1", "status": _one_of("success", "error", "running")}),
    "update_events": (
        0.005,
        {
            "id": "n + 1",
            "status": _one_of("pending", "in_progress", "completed", "failed", "rolled_back"),
            "source": _one_of("dashboard", "usb", "auto"),
        },
    ),
    "update_backups": (0.005, {"id": "n + 1", "update_event_id": "1 + n % ({update_events} + 1)"}),
    "update_files": (0.005, {"id": "n + 1", "checksum_sha256": "md5(n::text) || md5(n::text)"}),
    "update_rollbacks": (
        0.005,
        {
            "id": "n + 1",
            "original_update_event_id": "1 + n % {update_events}",
            "backup_id": "1 + n % {update_backups}",
        },
    ),
    "component_updates": (0.005, {"id": "n + 1", "update_event_id": "1 + n % {update_events}"}),
    "chat_conversations": (0.06, {"id": _id("talks"), "deleted_at": "case n % 9 when 0 then now() end"}),
    "chat_messages": (
        0.4,
        {
            "id": _id("messages"),
            "conversation_id": _id("talks", "n * {chat_conversations} / {chat_messages}"),
            "role": _one_of("user", "assistant"),
            "created_at": _AT,
        },
    ),
    "llm_jobs": (
        0.08,
        {
            "id": _id("jobs"),
            "conversation_id": _id("talks", "n % {chat_conversations}"),
            "status": _one_of("pending", "processing", "completed", "failed"),
        },
    ),
    "llm_queue": (0.04, {"id": "n + 1", "job_id": _id("jobs", "n % ({llm_jobs} + 1)")}),
    "documents": (0.04, {"id": _id("documents"), "minio_path": "'docs/' || n || '.md'"}),
    "document_chunks": (
        0.06,
        {
            "id": _id("chunks"),
            "document_id": _id("documents", "n % {documents}"),
            "chunk_index": "n / {documents}",
        },
    ),
    "telegram_config": (ONE, {"id": "1", "chat_id": "'4711'", "alert_thresholds": "'{\"cpu_warning\": 71}'"}),
}
KNOWLEDGE: Spec = {
    "users": (
        0.02,
        {"user_id": _id("users"), "email": _EMAIL, "username": "'user' || n / 2", "password_hash": _HASH},
    ),
    "documents": (0.05, {"document_id": _id("documents"), "owner_id": _id("users", "n % ({users} + 1)")}),
    "document_embeddings": (
        0.06,
        {
            "embedding_id": _id("chunks"),
            "document_id": _id("documents", "n % {documents}"),
            "chunk_index": "n / {documents}",
        },
    ),
    "repositories": (
        0.01,
        {"repo_id": _id("repositories"), "owner_id": _id("users", "n % {users}"), "name": "'Repository ' || n / 2"},
    ),
    "repo_documents": (
        0.04,
        {
            "repo_id": _id("repositories", "n % {repositories}"),
            "document_id": _id("documents", "n / {repositories} % {documents}"),
        },
    ),
    "chat_sessions": (0.06, {"session_id": _id("talks"), "owner_id": _id("users", "n % {users}")}),
    "messages": (
        0.55,
        {
            "message_id": _id("messages"),
            "session_id": _id("talks", "n * {chat_sessions} / {messages}"),
            "role": _one_of("user", "assistant", "tool"),
            "parent_message_id": f"case when n % 20 > 0 then {_id('messages', 'n - 1')} end",
            "created_at": _AT,
        },
    ),
    "message_embeddings": (0.01, {"embedding_id": _id("of_messages"), "message_id": _id("messages")}),
    "memory_items": (
        0.02,
        {
            "memory_id": _id("memories"),
            "owner_id": _id("users", "n % {users}"),
            "source_type": _one_of("chat", "document", "manual"),
            "source_id": f"case n % 3 when 0 then {_id('messages')} when 1 then {_id('documents')} end",
        },
    ),
    "memory_embeddings": (0.01, {"embedding_id": _id("of_memories"), "memory_id": _id("memories")}),
    "tags": (0.02, {"tag_id": _id("tags"), "owner_id": _id("users", "n % {users}"), "name": "'Tag ' || n / 2"}),
    "entity_tags": (
        0.05,
        {
            "tag_id": _id("tags", "n % {tags}"),
            "entity_type": _one_of("document", "chat_session", "memory", "planet"),
            "entity_id": f"case n % 4 when 0 then {_id('documents')} when 1 then {_id('talks')} "
            f"else {_id('memories')} end",
        },
    ),
    "api_keys": (
        0.02,
        {
            "key_id": _id("keys"),
            "user_id": _id("users", "n % {users}"),
            "key_hash": "encode(sha256(n::text::bytea), 'hex')",
        },
    ),
    "audit_logs": (0.1, {"log_id": _id("logs"), "user_id": _id("users", "n % ({users} + 1)")}),
}
SPECS: Mapping[str, Spec] = {
    "aichat": AICHAT,
    "archi": ARCHI,
    "arasul": ARASUL,
    "echomind": ECHOMIND,
    "knowledge": KNOWLEDGE,
}


def make(
    server: postgres.Server,
    name: str,
    system: str,
    schema: Schema,
    rows: int,
    texts: Sequence[str],
    *,
    people: int | None = None,
) -> int:
    """A database `name` with about `rows` rows of `system`; returns how many it has. `people`: its number of users."""
    with postgres.connect_superuser(server) as superuser:
        superuser.execute(SQL("create database {}").format(Identifier(name)))
    spec = SPECS[system]
    counts = {table: max(1, round(share * rows)) for table, (share, _) in spec.items()}
    counts |= {table: people for table in ("users", "admin_users") if people and table in counts}
    storable = [text.replace("\x00", "") for text in texts]
    with psycopg.connect(server.url("superuser", name), autocommit=True) as conn:
        conn.execute("create temp table awkward (place integer primary key, text text)")
        conn.execute(
            "insert into awkward select place - 1, text from unnest(%s::text[]) with ordinality as t (text, place)",
            [storable],
        )
        for table, columns in schema.items():
            if table not in spec:
                continue
            _create(conn, table, columns)
            _fill(conn, table, columns, spec[table][1], counts, len(storable))
    return sum(counts[table] for table in schema if table in counts)


def _create(conn: "psycopg.Connection[tuple[object, ...]]", table: str, columns: Mapping[str, str]) -> None:
    definitions = ", ".join(f'"{column}" {type_of(kind)}' for column, kind in columns.items())
    conn.execute(f'create table "{table}" ({definitions})'.encode())


def _fill(
    conn: "psycopg.Connection[tuple[object, ...]]",
    table: str,
    columns: Mapping[str, str],
    params: Mapping[str, str],
    counts: Mapping[str, int],
    texts: int,
) -> None:
    values = [
        re.sub(r"\{(\w+)\}", lambda match: str(counts[match[1]]), params[column])
        if column in params
        else _by_type(type_of(kind), place, texts)
        for place, (column, kind) in enumerate(columns.items())
    ]
    names = ", ".join(f'"{column}"' for column in columns)
    conn.execute(
        f'insert into "{table}" ({names}) select {", ".join(values)} from '
        f"generate_series(0::bigint, {counts[table] - 1}) n, (select now() - interval '60 days' as moment) m".encode()
    )


def type_of(kind: str) -> str:
    """The type of a column as it can be created without extensions and other tables."""
    kind = re.split(r" (?:primary|not|default|unique|references|check)\b", kind.lower())[0].strip()
    kind = {"serial": "integer", "int": "integer", "float": "double precision"}.get(kind, kind)
    return "real[]" if kind.startswith("vector") else kind


def _by_type(kind: str, place: int, texts: int) -> str:
    """An expression for any value of a type."""
    text = f"(select text from awkward where place = (n * 31 + {place * 7}) % {texts})"
    nulls = f"case when n % 11 = {place % 11} then null else "
    time = (
        "case n % 499 when 7 then '1969-07-20'::timestamptz when 8 then '2199-01-01'::timestamptz "
        f"else moment + n * interval '37 s' + interval '{place} s' end"
    )
    if kind.startswith(("varchar", "text")) and not kind.endswith("[]"):
        size = re.search(r"\d+", kind)
        return f"{nulls}left({text}, {size[0] if size else 5000}) end"
    if kind.startswith("timestamp"):
        return f"({time})" if kind in {"timestamptz", "timestamp with time zone"} else f"({time})::timestamp"
    if kind.startswith(("numeric", "decimal", "double", "real")) and not kind.endswith("[]"):
        return f"{nulls}(n % 100) / 100.0 end"
    simple = {
        "integer": "n % 1000",
        "bigint": "n",
        "boolean": "n % 2 = 0",
        "jsonb": f"jsonb_build_object('k', {text}, 'n', n)",
        "text[]": f"array[{text}]",
        "bytea": "decode(md5(n::text), 'hex')",
        "inet": "'10.0.0.1'::inet",
        "uuid": f"md5('{place}' || n)::uuid",
        "real[]": "null::real[]",
        "interval": "interval '8 s'",
    }
    return f"{nulls}{simple[kind]} end"
