"""Connectors: created, changed, handed over, deleted."""

import json
from typing import TYPE_CHECKING, Any
from uuid import UUID

from chalicelib.auth.audit import audit
from chalicelib.core import errors, identity, rows, sql
from chalicelib.core.models import Page, PageQuery, page_of
from chalicelib.knowledge.collections import repositories
from chalicelib.knowledge.collections.models import NewRepository
from chalicelib.knowledge.connectors import types
from chalicelib.knowledge.connectors.models import Connector, ConnectorChanges, NewConnector, validated
from chalicelib.knowledge.connectors.sealed_columns import CREDENTIALS

if TYPE_CHECKING:
    from chalicelib.core.connection import Conn
    from chalicelib.core.sealed import Sealed

queries = sql.load(__file__)

_MOST = 200
_WRITERS = {
    "user": "This API key may not make connectors.",
    "group": "Only editors and admins of the group may make connectors for it.",
    "org": "Only an administrator may make connectors for the whole organisation.",
}
_READ_ONLY = "Only those who may write to the connector's space may {verb} it."


def new_id() -> UUID:
    """The id of a connector to be created: its credentials are sealed for it before the row exists."""
    with identity.as_caller() as conn:
        created: UUID = rows.value(conn, queries.new_id)
    return created


def seal(connector_id: UUID, credentials: dict[str, Any] | None) -> "Sealed | None":
    """The credentials, encrypted for this connector; None without any. No transaction is open. Raises Unavailable."""
    return CREDENTIALS.seal(json.dumps(credentials), connector_id) if credentials else None


def create(conn: "Conn", connector_id: UUID, new: NewConnector, sealed: "Sealed | None") -> Connector:
    """Create a connector and its repository; audited. It runs at tick's next minute when it has a refresh interval.

    Raises Forbidden for a space that the caller may only read, and for private addresses unless the caller is an
    administrator (private_addresses); NotFound for a group that is not the caller's, Conflict (name_taken, too_many).
    """
    import psycopg

    if new.allow_private_addresses and not rows.value(conn, queries.is_admin):
        raise errors.Forbidden(code="private_addresses")
    space_id = rows.value(conn, repositories.queries.space, {"scope": new.scope, "group_id": new.group_id})
    if space_id is None:
        raise errors.NotFound("The group does not exist, or the caller is not a member.")
    rows.hold_limit(conn, "connectors", space_id)
    if rows.value(conn, queries.count, {"space_id": space_id}) >= _MOST:
        raise errors.Conflict(f"At most {_MOST} connectors are allowed in a scope. Delete one.", code="too_many")
    repository = repositories.create(
        conn, NewRepository(name=new.name, source_type=new.type, scope=new.scope, group_id=new.group_id)
    )
    params = new.model_dump(exclude={"settings", "credentials", "scope", "group_id"}) | {
        "id": connector_id,
        "space_id": space_id,
        "repository_id": repository.id,
        "settings": _json(new.settings),
    }
    try:
        conn.execute(queries.create, params | _sealed(sealed))
    except psycopg.errors.InsufficientPrivilege as error:
        raise errors.Forbidden(_WRITERS[new.scope]) from error
    created = get(conn, connector_id)
    _record(conn, "created", created, type=new.type)
    return created


def get(conn: "Conn", connector_id: UUID) -> Connector:
    """A connector that the caller owns or whose space the caller may write. Raises NotFound."""
    matches = rows.one(conn, Connector, queries.get, {"id": connector_id})
    if matches is None:
        raise errors.NotFound
    return matches


def list_page(conn: "Conn", query: PageQuery) -> Page[Connector]:
    """The connectors that the caller may see, newest first."""
    return page_of(
        rows.many(conn, Connector, queries.list, {"after": query.after(), "limit": query.limit + 1}), query.limit
    )


def checked_changes(existing: Connector, changes: ConnectorChanges) -> ConnectorChanges:
    """The changes with settings and credentials as the type reads them. Raises Unprocessable."""
    kind = types.source_type(existing.type)
    update: dict[str, Any] = {}
    for field, model in (("settings", kind.settings), ("credentials", kind.credentials)):
        value = getattr(changes, field)
        if value is not None:
            try:
                update[field] = validated(model, field, value)
            except ValueError as error:
                raise errors.invalid_field(field, str(error)) from error
    return changes.model_copy(update=update)


def change(conn: "Conn", connector_id: UUID, changes: ConnectorChanges, sealed: "Sealed | None") -> Connector:
    """Change a connector; audited. What it is, or how it logs in, begins its next run with a whole listing.

    Raises NotFound, Forbidden (private_addresses among it), Conflict (settings_fixed).
    """
    existing = _hold(conn, connector_id, "change")
    fields = changes.model_fields_set
    if "settings" in fields and existing.has_credentials and existing.owner_id != identity.caller_id():
        raise errors.Forbidden(
            "Only the connector's owner says where its credentials go. Take it over, and give it your own credentials."
        )
    if "settings" in fields and changes.settings != existing.settings:
        _check_settings(conn, existing, has_new_credentials="credentials" in fields)
    is_private = changes.allow_private_addresses or existing.allow_private_addresses
    if is_private and fields & {"settings", "allow_private_addresses"} and not rows.value(conn, queries.is_admin):
        raise errors.Forbidden(code="private_addresses")
    params = existing.model_dump() | changes.model_dump(exclude={"enabled", "credentials"}, include=set(fields))
    conn.execute(
        queries.change,
        params
        | _sealed(sealed)
        | {
            "settings": _json(params["settings"]),
            "has_new_credentials": "credentials" in fields,
            "has_new_settings": "settings" in fields,
            "enabled": changes.enabled,
        },
    )
    if changes.enabled is False:
        conn.execute(queries.cancel_runs, {"id": connector_id})
    _record(conn, "changed", existing, fields=sorted(fields))
    return get(conn, connector_id)


def _check_settings(conn: "Conn", existing: Connector, *, has_new_credentials: bool) -> None:
    """Raises Conflict (settings_fixed) for settings that decide who reads, or where a former owner's consent goes."""
    if existing.mirrors_readers:
        raise errors.Conflict(
            "The settings of a connector that mirrors readers do not change: another source could name other readers "
            "for the same documents. Delete it and make another one.",
            code="settings_fixed",
        )
    if not has_new_credentials and rows.value(conn, queries.ends_consent, {"id": existing.id}):
        raise errors.Conflict(
            "The former owner's consent is being given back. Try again in a minute.", code="settings_fixed"
        )


def take_over(conn: "Conn", connector_id: UUID) -> Connector:
    """Make the caller the owner; audited. The former owner's credentials are forgotten. Raises NotFound, Forbidden."""
    existing = _hold(conn, connector_id, "take over")
    if existing.owner_id != identity.caller_id():
        conn.execute(queries.cancel_runs, {"id": connector_id})
        conn.execute(queries.take_over, {"id": connector_id})
    _record(conn, "taken_over", existing)
    return get(conn, connector_id)


def delete(conn: "Conn", connector_id: UUID) -> None:
    """Delete a connector with its runs; its documents and its repository stay. Audited. Raises NotFound, Forbidden."""
    existing = _hold(conn, connector_id, "delete")
    conn.execute(queries.delete, {"id": connector_id})
    _record(conn, "deleted", existing)


def _hold(conn: "Conn", connector_id: UUID, verb: str) -> Connector:
    existing = get(conn, connector_id)
    if conn.execute(queries.lock, {"id": connector_id}).fetchone() is None:
        get(conn, connector_id)  # another request may have deleted it meanwhile: NotFound
        raise errors.Forbidden(_READ_ONLY.format(verb=verb))
    return existing


def _sealed(sealed: "Sealed | None") -> dict[str, Any]:
    return {name: getattr(sealed, name, None) for name in ("ciphertext", "wrapped_key", "master_key")}


def _json(values: dict[str, Any]) -> object:
    from psycopg.types.json import Jsonb

    return Jsonb(values)


def _record(conn: "Conn", verb: str, connector: Connector, **details: object) -> None:
    audit.record(
        conn,
        f"connector.{verb}",
        "connector",
        connector.id,
        scope=connector.scope,
        group_id=connector.group_id,
        **details,
    )
