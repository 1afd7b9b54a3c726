"""Every column of the five systems is found again over the API after a move, or is listed with the reason why not."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from enum import Enum, auto
from importlib import import_module
from typing import Any

from importers import verify
from tests.endurance import published
from tests.importers import columns
from tests.importers.columns import Answers, Field, Search
from tests.importers.sources import Source, move_of
from tests.importers.test_moves import OPTIONS, PASSWORD, administrator, hashed, moved, origin
from tests.service import Service, User

__all__ = ["administrator", "origin"]


class Reason(Enum):
    """Why no answer has a column, each with its own proof."""

    # A password's hash: who logs in with the password of before proves it.
    PASSWORD = auto()
    # A secret: no answer may have it.
    SECRET = auto()
    # A setting that has no place here: the report names its value.
    REPORT = auto()
    # docs/schema.md says that it is not stored, or made anew, or that no answer shows it, and why.
    PAGE = auto()


_ON_THE_PAGE = re.compile("not stored|made anew|counted anew|no answer shows it")

# Columns whose field has another name, or other words.
FIELDS: dict[str, dict[str, Field]] = {
    "aichat": {},
    "archi": {
        "ab_comparisons.is_config_a_first": Field("is_champion_first"),
        "ab_comparisons.preference": Field("preference", {"b": "first"}),
        "conversations.sender": Field("metadata.sender"),
        "documents.is_deleted": Field("deleted_at", is_set=True),
        "documents.source_type": Field("source_type", {"local_files": "upload"}),
        "dynamic_config.num_documents_to_retrieve": Field("num_documents_to_retrieve", path="/config/dynamic"),
        "dynamic_config.use_hybrid_search": Field("use_hybrid_search", path="/config/dynamic"),
        "feedback.inappropriate": Field("reasons", {True: "inappropriate"}),
        "feedback.incorrect": Field("reasons", {True: "incorrect"}),
        "feedback.unhelpful": Field("reasons", {True: "unhelpful"}),
        "static_config.auth_enabled": Field("anonymous_reads_organisation", {False: True}, path="/config/static"),
        "timing.msg_duration": Field("settings.timing.msg_duration", {timedelta(seconds=8.765): "00:00:08.765"}),
        "users.preferred_num_documents": Field("preferred_num_documents", path="/me/preferences"),
        "users.theme": Field("theme", path="/me/preferences"),
    },
    "arasul": {
        "self_healing_events.severity": Field("severity", {"CRITICAL": "critical"}),
        "update_backups.backup_size_mb": Field("backup_size_bytes", {Decimal("1.54"): 1_540_000}),
        "workflow_activity.status": Field("status", {"error": "failed"}),
    },
    "echomind": {
        "chat_messages.feedback": Field("kind", {"negative": "dislike"}, path="/messages/*/feedback"),
        "chat_sessions.mode": Field("settings.active_pipeline", {"chat": "qa"}),
        "connectors.status": Field("settings.moved_in_state.status"),
    },
    "knowledge": {
        "api_keys.is_active": Field("revoked_at", is_set=False),
        "memory_items.source_type": Field("source", {"chat": "learned"}),
        "messages.role": Field("role", {"tool": "system"}),
    },
}
# What a column names, where no step says it.
REFERENCES: dict[str, dict[str, tuple[str, ...]]] = {
    "aichat": {},
    "archi": {
        "ab_comparisons.conversation_id": ("conversation_metadata",),
        "agent_tool_calls.conversation_id": ("conversation_metadata",),
        "agent_tool_calls.message_id": ("conversations",),
        "agent_traces.conversation_id": ("conversation_metadata",),
    },
    "arasul": {"llm_queue.job_id": ("llm_jobs",)},
    "echomind": {},
    "knowledge": {
        "audit_logs.entity_id": ("documents",),
        "entity_tags.entity_id": ("documents", "chat_sessions"),
        "memory_items.source_id": ("documents", "messages"),
        "messages.parent_message_id": ("messages",),
    },
}


def _each(table: str, names: str, reason: Reason) -> dict[str, Reason]:
    return {f"{table}.{name}": reason for name in names.split()}


UNANSWERED: dict[str, dict[str, Reason]] = {
    "aichat": _each("users", "hashed_password", Reason.PASSWORD),
    "archi": {
        **_each("users", "password_hash", Reason.PASSWORD),
        **_each("users", "api_key_openrouter api_key_openai api_key_anthropic", Reason.SECRET),
        **_each("users", "github_id", Reason.PAGE),
        **_each("ab_comparisons", "config_a_id config_b_id", Reason.PAGE),
        **_each(
            "document_chunks",
            "id document_id chunk_index start_char end_char embedding metadata created_at",
            Reason.PAGE,
        ),
        **_each("static_config", "config_version data_path prompts_path distance_metric", Reason.PAGE),
        **_each(
            "static_config",
            "embedding_model embedding_dimensions chunk_size chunk_overlap created_at available_pipelines "
            "available_models available_providers",
            Reason.REPORT,
        ),
        **_each(
            "dynamic_config",
            "active_pipeline active_model active_condense_prompt active_chat_prompt active_system_prompt verbosity "
            "updated_at updated_by",
            Reason.REPORT,
        ),
    },
    "arasul": {
        **_each("admin_users", "password_hash", Reason.PASSWORD),
        **_each("password_history", "password_hash", Reason.SECRET),
        **_each("telegram_config", "bot_token_encrypted bot_token_iv bot_token_tag", Reason.SECRET),
        **_each("telegram_config", "enabled", Reason.REPORT),
        **_each("telegram_config", "created_at updated_at", Reason.PAGE),
        **_each("chat_conversations", "message_count", Reason.PAGE),
        **_each("document_chunks", "id document_id embedding_id created_at", Reason.PAGE),
        **_each("llm_queue", "id", Reason.PAGE),
        **{f"metrics_{name}.timestamp": Reason.PAGE for name in ("cpu", "ram", "gpu", "temperature", "disk")},
        **_each("token_blacklist", "id token_jti user_id blacklisted_at expires_at", Reason.PAGE),
        **_each("update_events", "duration_seconds", Reason.PAGE),
    },
    "echomind": {
        **_each("llms", "api_key_encrypted", Reason.SECRET),
        **_each("llms", "is_default", Reason.REPORT),
        **_each("apscheduler_jobs", "id next_run_time job_state", Reason.PAGE),
        **_each("embedding_models", "id name model_id dimension is_active created_at", Reason.PAGE),
    },
    "knowledge": {
        **_each("users", "password_hash", Reason.PASSWORD),
        **_each("api_keys", "key_hash", Reason.SECRET),
        **_each("document_embeddings", "embedding_id document_id embedding chunk_index created_at", Reason.PAGE),
        **_each("message_embeddings", "embedding_id message_id embedding created_at", Reason.PAGE),
        **_each("memory_embeddings", "embedding_id memory_id embedding created_at", Reason.PAGE),
    },
}


def test_every_column_is_found_over_the_api_or_says_why_not(
    origin: tuple[str, Source], service: Service, administrator: User
) -> None:
    """One walk for each system: a move, its check, and a second move, which finds nothing new."""
    system, database = origin
    columns.make_times_unique(database)
    before, after = Answers(), Answers()
    before.read(administrator)
    options = {"owner_name": administrator.email, **OPTIONS.get(system, {})}
    with move_of(service, database, system, **options) as move:
        steps = import_module(f"importers.{system}").steps(move)
        report = moved(move, system)
    service.pump_ingest()
    if system == "echomind":  # its login provider vouches for people, who have no password
        service.rows("update users set password_hash = %s where email = 'ada@example.org' returning 1", hashed())
    after.read(service.log_in("ada@example.org", PASSWORD))
    after.read(administrator)

    search = Search(before, after, steps, FIELDS[system], REFERENCES[system], columns.new_ids(service))
    result = search.columns(database)
    assert not result.null, "a column of the source is null in every row"
    listed = set(UNANSWERED[system])
    unlisted = {name: values for name, values in result.missing.items() if name not in listed}
    assert not unlisted, "no answer has them, and the list does not say why"
    assert listed & result.columns == set(), "they are found: the list needs them no more"
    assert listed == set(result.missing), "the source has no such column"
    for name, reason in UNANSWERED[system].items():
        assert _is_proven(reason, name, result.missing[name], after, report, published.homes(system)), (name, reason)

    with move_of(service, database, system, **options) as move:
        checks = verify.check(move, import_module(f"importers.{system}").steps)
        assert [(each.title, each.missing) for each in checks if not each.is_equal] == []
    with move_of(service, database, system, **options) as move:
        again = moved(move, system)
    assert again.partition("Documents")[0] == report.partition("Documents")[0], "moved twice"


def _is_proven(
    reason: Reason, name: str, values: list[Any], after: Answers, report: str, homes: Mapping[str, str]
) -> bool:
    column = name.partition(".")[2]
    match reason:
        case Reason.PASSWORD | Reason.SECRET:
            # The login with the password is in the walk itself.
            texts = {value if isinstance(value, str) else bytes(value).decode() for value in values}
            return not any(after.has(text.casefold()) for text in texts if len(text) > 1)
        case Reason.REPORT:
            (shown,) = values
            return f"{column} was {_as_reported(shown)}" in report
        case Reason.PAGE:
            return _ON_THE_PAGE.search(homes.get(name) or homes[f"{name.partition('.')[0]}.*"]) is not None


def _as_reported(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat().rstrip("0")
    return ", ".join(value) if isinstance(value, list) else str(value)
