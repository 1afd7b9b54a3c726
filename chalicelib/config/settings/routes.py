"""Routes of settings and preferences."""

import re

from chalicelib.auth.audit import audit
from chalicelib.config.settings import dynamic, preferences, resolution, static
from chalicelib.config.settings.models import (
    ConfigAuditQuery,
    ConfigChange,
    DynamicChanges,
    DynamicConfig,
    EffectiveConfig,
    EffectiveQuery,
    PreferenceChanges,
    Preferences,
    StaticConfig,
)
from chalicelib.core import errors, identity, request
from chalicelib.core.http import Reply, Routes
from chalicelib.core.models import Page

routes = Routes(__name__)

_ETAG = re.compile(r'"([0-9]{1,18})"')


@routes.get("/config/static", admin=True)
def get_static_config() -> StaticConfig:
    """The deployment's settings. Only a deploy changes them."""
    with identity.as_caller() as conn:
        return static.get(conn)


@routes.get("/config/dynamic", admin=True)
def get_dynamic_config() -> Reply[DynamicConfig]:
    """The administrators' settings. Where a value is null, the deployment's applies."""
    with identity.as_caller() as conn:
        return _versioned(dynamic.get(conn))


@routes.patch("/config/dynamic", admin=True)
def update_dynamic_config(body: DynamicChanges) -> Reply[DynamicConfig]:
    """Change some settings; null removes a value.

    With `If-Match: <ETag>`, 412 `stale_update` when the settings have changed since. Each changed field is audited.
    """
    with identity.as_caller() as conn:
        changed = dynamic.change(conn, body, _expected_revision())
        fields = sorted(body.model_fields_set)
        audit.record(conn, "config.changed", "config", None, fields=fields, revision=changed.revision)
        return _versioned(changed)


@routes.get("/config/effective")
def get_effective_config(query: EffectiveQuery) -> EffectiveConfig:
    """Every setting's value for the caller, and the level that it comes from.

    Only administrators get the addresses of LLM providers (`provider_base_urls`).
    """
    with identity.as_caller() as conn:
        return resolution.effective(conn, query.conversation_id)


@routes.get("/config/audit", admin=True)
def list_config_audit(query: ConfigAuditQuery) -> Page[ConfigChange]:
    """Every changed field with its old and new value, newest first."""
    with identity.as_caller() as conn:
        return dynamic.list_changes(conn, query)


@routes.get("/me/preferences")
def get_preferences() -> Preferences:
    """The caller's preferences."""
    with identity.as_caller() as conn:
        return preferences.get(conn)


@routes.patch("/me/preferences", scope="account")
def update_preferences(body: PreferenceChanges) -> Preferences:
    """Change some preferences; null removes one."""
    with identity.as_caller() as conn:
        return preferences.change(conn, body)


def _versioned(config: DynamicConfig) -> Reply[DynamicConfig]:
    return Reply(config, headers={"ETag": f'"{config.revision}"'})


def _expected_revision() -> int | None:
    if_match = request.header("if-match")
    if if_match is None or if_match.strip() == "*":
        return None
    match = _ETAG.fullmatch(if_match.strip())
    if match is None:
        raise errors.PreconditionFailed
    return int(match[1])
