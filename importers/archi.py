"""Archi: accounts, conversations and documents of its schema 2.0, and what 1.x left beside it.

One module because the steps of a system are read in the order in which they run.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from chalicelib.config.registry.sealed_columns import PROVIDER_KEYS
from chalicelib.core import sql
from importers import archi_answers, config, papers, people, talks
from importers.left import left
from importers.move import Move
from importers.records import Json, Row, Skipped, Step, Target

queries = sql.load(__file__)

# A conversation of a deleted user, who is one inactive account here.
NO_CLIENT = ""
_ORGANISATION = 1
_PROVIDERS = ("openrouter", "openai", "anthropic")


def users(row: Row, move: Move) -> Iterator[Target]:
    """An account with its preferences, and its own keys where the source's key opens them."""
    provider, created = str(row.get("auth_provider", "anonymous")), move.created(row)
    is_local = provider not in {"anonymous", "github", "oidc"}
    github = str(row.get("github_id", ""))
    if github and not github.isdigit():
        row.note("its GitHub id is no number: it logs in with GitHub by its verified address")
    values: dict[str, Json] = {
        "email": row.get("email"),
        "email_verified": provider == "github",
        "username": row.key if is_local and 2 <= len(row.key) <= 64 and "@" not in row.key else None,
        "auth_provider": "anonymous" if provider == "anonymous" else "github" if github.isdigit() else "local",
        "password_hash": people.password(row, "password_hash"),
        "github_id": int(github) if github.isdigit() and 0 < int(github) < 2**63 else None,
        "github_username": row.text("github_username", 100),
        "is_admin": bool(row.get("is_admin", False)),
        "preferences": people.preferences(row),
        "login_count": row.whole("login_count", 0, 2**31 - 1, 0),
        "last_login_at": move.time(row, "last_login_at"),
    }
    target = people.account(row, move, values, created)
    yield target
    if target.id is not None and not target.merged:
        yield from _keys(row, move, target.id)


def _keys(row: Row, move: Move, user_id: UUID) -> Iterator[Target]:
    for provider in _PROVIDERS:
        if row.get(f"api_key_{provider}") is None:
            continue
        key = row.get(f"opened_{provider}")
        if not key or move.seal is None:
            row.note(f"its key for {provider} is not moved: KEY, the source's encryption key, opens it")
            continue
        sealed = move.seal(PROVIDER_KEYS, key, (user_id, provider))
        values: dict[str, Json] = {
            "user_id": user_id,
            "provider": provider,
            "ciphertext": sealed.ciphertext,
            "wrapped_key": sealed.wrapped_key,
            "master_key": sealed.master_key,
            "last_four": key[-4:].rjust(4, "*"),
        }
        recomputed = frozenset({"ciphertext", "wrapped_key", "master_key"})
        yield Target("provider_keys", values, key=("user_id", "provider"), volatile=recomputed)


def clients(row: Row, move: Move) -> Iterator[Target]:
    """An account for a client without one, so that its conversations have an owner; nobody can log in to it."""
    is_unknown = row.get("client_id", NO_CLIENT) == NO_CLIENT
    values: dict[str, Json] = {
        "auth_provider": "anonymous",
        "display_name": "Deleted users of Archi" if is_unknown else "Anonymous user of Archi",
        "is_active": not is_unknown,
    }
    yield people.account(row, move, values, move.created(row))


def sessions(row: Row, move: Move) -> Iterator[Target]:
    """A login, which is over: its cookie means nothing here."""
    user, created = row.needs("user_id", "user"), move.created(row)
    expires = move.time(row, "expires_at", created) or created
    move.check_retention("sessions", expires)
    values: dict[str, Json] = {
        "id": move.id(row, created),
        "user_id": user.id,
        "created_at": created,
        "last_activity_at": created,
        "expires_at": expires,
        "revoked_at": move.now,
        "data": talks.metadata(
            row, row.get("data") if isinstance(row.get("data"), dict) else {"data": row.get("data")}
        ),
    }
    yield Target("sessions", values, volatile=frozenset({"revoked_at"}))


def documents(row: Row, move: Move) -> Iterator[Target]:
    """A document of the organisation: there, everybody saw every document."""
    owner_id, _ = move.fallback_owner()
    extra = row.get("extra_json")
    extra_data: dict[str, Json] = dict(extra) if isinstance(extra, dict) else {"extra_json": extra}
    extra_data |= {name: row.get(name) for name in _EXTRA}
    extra_data |= {name: None for name in ("url",) if len(str(row.get("url", ""))) <= 2048}
    created = move.created(row)
    is_deleted = bool(row.get("is_deleted", False))
    deleted = move.time(row, "deleted_at", move.now if is_deleted else None)
    path = row.get("original_path") or row.get("relative_path") or row.get("file_path")
    document = papers.document(
        row,
        move,
        owner_id,
        _ORGANISATION,
        extra_data=extra_data,
        filename=str(path or ""),
        title=row.get("display_name"),
        media_type=row.get("mime_type"),
        created=created,
        source_type=papers.source_type(row),
        source_id=row.text("resource_hash", 255),
        original_url=row.get("url") if len(str(row.get("url", ""))) <= 2048 else None,
        file_modified_at=move.time(row, "file_modified_at"),
        extra_text=row.text("extra_text", 10_000),
        deleted_at=deleted,
    )
    if row.get("deleted_at") is None:
        document.volatile |= {"deleted_at"}
    yield document


_EXTRA = (
    "url",
    "ticket_id",
    "git_repo",
    "git_commit",
    "suffix",
    "file_path",
    "original_path",
    "base_path",
    "relative_path",
    "ingested_at",
    "indexed_at",
)


def texts(row: Row, move: Move) -> Iterator[Target]:
    """The bytes of a document."""
    path = row.get("file_path")
    yield from papers.send(row, move, path=path, text=papers.joined(row.get("chunks")), size=row.get("size_bytes"))


def selection(row: Row, move: Move) -> Iterator[Target]:
    """Whether a user's searches use a document."""
    user, document = row.needs("user_id", "user"), row.needs("document_id", "document")
    values: dict[str, Json] = {
        "user_id": user.id,
        "document_id": document.id,
        "enabled": bool(row.get("enabled", False)),
        "updated_at": move.created(row, "updated_at"),
    }
    yield Target("user_document_defaults", values, key=("user_id", "document_id"))


def overrides(row: Row, move: Move) -> Iterator[Target]:
    """Whether a conversation uses a document."""
    conversation, document = row.needs("conversation_id", "conversation"), row.needs("document_id", "document")
    values: dict[str, Json] = {
        "conversation_id": conversation.id,
        "user_id": conversation.row["user_id"],
        "document_id": document.id,
        "enabled": bool(row.get("enabled", False)),
        "updated_at": move.created(row, "updated_at"),
    }
    yield Target("conversation_document_overrides", values, key=("conversation_id", "document_id"))


def conversations(row: Row, move: Move) -> Iterator[Target]:
    """A conversation of a user, or of a client without an account."""
    user = (
        row.match("user_id") if row.get("user_id") is not None else row.match("client", row.get("client_id", NO_CLIENT))
    )
    if user is None:
        raise Skipped("its user was not moved, or is erased here")
    extra_data: dict[str, Json] = {"archi_version": row.get("archi_version"), "client_id": row.get("client_id")}
    yield talks.conversation(row, move, user.id, extra_data=extra_data, updated_at=move.time(row, "last_message_at"))


def messages(row: Row, move: Move) -> Iterator[Target]:
    """A question or an answer. What was linked and quoted there stays beside it, in its metadata."""
    conversation = row.needs("conversation_id", "conversation")
    role = talks.role_of(row.get("sender"))
    extra_data: dict[str, Json] = {
        name: row.get(name) for name in ("archi_service", "sender", "link", "context", "conf_id")
    }
    yield talks.message(
        row,
        move,
        conversation,
        role,
        extra_data=extra_data,
        created="ts",
        pipeline=row.text("pipeline_used", 100),
        model=row.text("model_used", 200),
    )


def follows(row: Row, move: Move) -> Iterator[Target]:
    """The message that a message follows."""
    del move
    yield from talks.follows(row, "previous")


def static_config(row: Row, move: Move) -> Iterator[Target]:
    """What a deployment says of itself, as far as nobody has set it here; how it chunks and embeds stays as it is."""
    _name_values(
        row,
        "this service has its own",
        ("embedding_model", "embedding_dimensions", "chunk_size", "chunk_overlap", "created_at"),
    )
    _name_values(
        row, "register anew what is needed", ("available_pipelines", "available_models", "available_providers")
    )
    values: dict[str, Json] = {
        "deployment_name": row.text("deployment_name", 100),
        "session_lifetime_days": row.whole("session_lifetime_days", 1, 365),
        "anonymous_reads_organisation": not row.get("auth_enabled", True),
    }
    target = config.deployment(row, move, values)
    if target.values.get("anonymous_reads_organisation"):
        row.note("auth_enabled was off there: without an account, everybody reads the organisation's documents here")
    yield target


def dynamic_config(row: Row, move: Move) -> Iterator[Target]:
    """The administrators' settings, those that mean the same here and that nobody has set here."""
    prompts = tuple(f"active_{kind}_prompt" for kind in ("condense", "chat", "system"))
    _name_values(row, "choose it here once it is registered", ("active_model", "active_pipeline", *prompts))
    _name_values(row, "the environment's LOG_LEVEL says it here", ("verbosity",))
    _name_values(row, "here it is who changes the settings, and when", ("updated_by", "updated_at"))
    values: dict[str, Json] = {
        "temperature": row.number("temperature", 0, 2),
        "max_tokens": row.whole("max_tokens", 1, 100_000),
        "top_p": row.number("top_p", 0, 1),
        "top_k": row.whole("top_k", 1, 1000),
        "repetition_penalty": row.number("repetition_penalty", 0.01, 2),
        "system_prompt": row.text("system_prompt", 20_000),
        "num_documents_to_retrieve": row.whole("num_documents_to_retrieve", 1, 100),
        "use_hybrid_search": row.get("use_hybrid_search"),
        "bm25_weight": row.number("bm25_weight", 0, 1),
        "semantic_weight": row.number("semantic_weight", 0, 1),
        "ingestion_schedule": row.text("ingestion_schedule", 100),
    }
    yield config.settings(row, move, values)


def config_audit(row: Row, move: Move) -> Iterator[Target]:
    """A change of a setting; its values were text there."""
    kind = str(row.get("config_type", "dynamic"))
    if kind not in {"static", "dynamic", "user_pref"}:
        raise Skipped("its config_type is none of static, dynamic, user_pref")
    user, changed = row.match("user_id"), move.created(row, "changed_at")
    if user is None:
        row.note("the user who made the change was not moved")
    values: dict[str, Json] = {
        "id": move.id(row, changed),
        "config_type": kind,
        "field_name": row.text("field_name", 100, "unknown"),
        "old_value": _as_json(row.get("old_value")),
        "new_value": _as_json(row.get("new_value")),
        "user_id": user.id if user else None,
        "changed_at": changed,
    }
    yield Target("config_audit", values, json_nulls=("old_value", "new_value"))


def _name_values(row: Row, instead: str, columns: Sequence[str]) -> None:
    """Name in the report the values of settings for which there is no place here. Of a person it is the id alone."""
    for column in columns:
        if (value := row.get(column)) is not None:
            shown = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
            row.note(f"{column} was {shown[:100]}: {instead}")


def _as_json(value: Json) -> Any:
    try:
        return json.loads(value)
    except (ValueError, TypeError):
        return value


def steps(move: Move) -> Sequence[Step]:
    """The steps of a move. With the source's encryption key, its pgcrypto opens the users' own keys."""
    if move.key is None:
        return STEPS
    move.reader.execute("select set_config('moving.key', %s, true)", [move.key])
    return (replace(STEPS[0], read=queries.users_with_keys), *STEPS[1:])


NUMBER = (("id", "bigint"),)
STEPS = (
    Step("users", queries.users, users, key=("id",)),
    Step(
        "clients",
        queries.clients,
        clients,
        order=(("client_id", "text"),),
        key=("client_id",),
        requires=("conversation_metadata",),
    ),
    Step("sessions", queries.sessions, sessions, refs={"user_id": "users"}),
    Step("static_config", queries.static_config, static_config, order=NUMBER),
    Step("dynamic_config", queries.dynamic_config, dynamic_config, order=NUMBER),
    Step("config_audit", queries.config_audit, config_audit, order=NUMBER, refs={"user_id": "users"}),
    Step("documents", queries.documents, documents, order=NUMBER),
    Step(
        "user_document_defaults",
        queries.selection,
        selection,
        order=(("user_id", "text"), ("document_id", "bigint")),
        key=("user_id", "document_id"),
        refs={"user_id": "users", "document_id": "documents"},
    ),
    Step(
        "conversation_metadata",
        queries.conversations,
        conversations,
        order=(("conversation_id", "bigint"),),
        key=("conversation_id",),
        refs={"user_id": "users", "client": ("clients", lambda values: [values.get("client_id") or NO_CLIENT])},
    ),
    Step(
        "conversation_document_overrides",
        queries.overrides,
        overrides,
        order=(("conversation_id", "bigint"), ("document_id", "bigint")),
        key=("conversation_id", "document_id"),
        refs={"conversation_id": "conversation_metadata", "document_id": "documents"},
    ),
    Step(
        "conversations",
        queries.messages,
        messages,
        order=(("message_id", "bigint"),),
        key=("message_id",),
        refs={"conversation_id": "conversation_metadata"},
    ),
    Step(
        "conversations",
        queries.follows,
        follows,
        name="conversations: order",
        order=(("conversation_id", "bigint"), ("ts", "timestamp"), ("message_id", "bigint")),
        key=("message_id",),
        refs={"self": "conversations", "previous": "conversations"},
        requires=("conversations", "ab_comparisons"),
        otherwise=queries.follows_before_comparisons,
    ),
    *archi_answers.STEPS,
    Step(
        "documents",
        queries.texts,
        texts,
        name="documents: bytes",
        sends=True,
        order=NUMBER,
        refs={"self": ("documents", lambda values: [values["id"]])},
    ),
    Step("document_chunks", queries.chunks, left("chunks and vectors are made anew from the bytes"), order=NUMBER),
    Step(
        "configs",
        queries.configs,
        left("replaced in Archi itself by model and pipeline of each message"),
        order=(("config_id", "bigint"),),
        key=("config_id",),
    ),
    Step(
        "migration_state",
        queries.migration_state,
        left("Archi's own checkpoints; this move has its own"),
        order=(("place", "text"),),
        key=("place",),
    ),
)
