"""Requests and responses of connectors."""

import base64
import binascii
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints, ValidationError, model_validator

from chalicelib.core import errors
from chalicelib.core.models import STORABLE, Changes, Failure, PageQuery, Request, Resource, Timestamp, matching
from chalicelib.knowledge.connectors import types
from chalicelib.knowledge.documents.models import Scope

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=255), STORABLE]
ConnectorType = Literal["web", "git", "ticket", "file", "google_drive", "onedrive", "teams", "imap", "confluence"]
ConnectorStatus = Literal["pending", "syncing", "active", "error", "disabled"]
RunStatus = Literal["pending", "running", "completed", "failed", "stopped", "cancelled"]
RefreshMinutes = Annotated[int, Field(ge=1, le=525_600)]
Percent = Annotated[int, Field(ge=0, le=100)]

_DEEPEST = 5


def _bounded(value: dict[str, Any]) -> dict[str, Any]:
    """The type's own model reads the values; this keeps what it is shown small and storable."""
    waiting: list[tuple[Any, int]] = [(value, 0)]
    seen = 0
    while waiting:
        part, depth = waiting.pop()
        seen += 1
        if seen > 2_000 or depth > _DEEPEST:
            raise ValueError("has too many values, or nests them too deeply")
        if isinstance(part, str) and ("\x00" in part or len(part) > 20_000):
            raise ValueError("must not contain the NUL character, and no text of more than 20,000 characters")
        if isinstance(part, dict):
            waiting += [(key, depth + 1) for key in part] + [(inner, depth + 1) for inner in part.values()]
        elif isinstance(part, list):
            waiting += [(inner, depth + 1) for inner in part]
    return value


Values = Annotated[dict[str, Any], AfterValidator(_bounded)]


def validated(model: type[Request], field: str, values: dict[str, Any]) -> dict[str, Any]:
    """The values as a type's model reads them. Raises ValueError with a sentence that names the field."""
    try:
        return model.model_validate(values).model_dump(mode="json", exclude_none=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join([field, *(str(part) for part in first["loc"])])
        raise ValueError(f"`{place}`: {first['msg'].removeprefix('Value error, ')}") from None


class NewConnector(Request):
    """A new connector. `scope` decides who can read its documents, as for documents.

    docs/connectors.md lists each type's `settings` and `credentials`. Credentials are stored encrypted and never
    returned. Without `refresh_minutes` it syncs only when a person asks for it. With `mirrors_readers`, each document
    is visible to those whom the source names as its readers, and to nobody else.
    """

    name: Name
    type: ConnectorType
    scope: Scope = "user"
    group_id: UUID | None = None
    settings: Values = Field(default_factory=dict)
    credentials: Values | None = None
    refresh_minutes: RefreshMinutes | None = None
    allow_private_addresses: bool = False
    most_removed_percent: Percent = 20
    mirrors_readers: bool = False

    @model_validator(mode="after")
    def _fits_type(self) -> "NewConnector":
        if (self.scope == "group") != (self.group_id is not None):
            raise ValueError("`group_id` is required when `scope` is `group`, and not allowed otherwise")
        kind = types.source_type(self.type)
        if self.mirrors_readers and (self.scope != "org" or not kind.names_readers):
            raise ValueError("`mirrors_readers` is for google_drive, onedrive and teams with the scope `org`")
        self.settings = validated(kind.settings, "settings", self.settings)
        if self.credentials is not None:
            self.credentials = validated(kind.credentials, "credentials", self.credentials)
        return self


class ConnectorChanges(Changes):
    """Changes of a connector. New `settings` or `credentials` replace the present ones whole."""

    _nullable = frozenset({"refresh_minutes", "credentials"})

    name: Name | None = None
    settings: Values | None = None
    credentials: Values | None = None
    refresh_minutes: RefreshMinutes | None = None
    allow_private_addresses: bool | None = None
    most_removed_percent: Percent | None = None
    enabled: bool | None = None


class Connector(Resource):
    """A connector. Its documents are in the repository `repository_id`, each at its path.

    `status` is `pending` before the first run, `syncing` during one, else `active`, `error` or `disabled`. `error` says
    what to do. `document_count` counts its documents.
    """

    id: UUID
    name: str
    type: ConnectorType
    scope: Scope
    group_id: UUID | None
    owner_id: UUID | None
    repository_id: UUID | None
    status: ConnectorStatus
    settings: dict[str, Any]
    has_credentials: bool
    refresh_minutes: int | None
    allow_private_addresses: bool
    most_removed_percent: int
    mirrors_readers: bool
    document_count: int
    error: Failure | None
    next_run_at: Timestamp | None
    last_sync_at: Timestamp | None
    created_at: Timestamp
    updated_at: Timestamp


class SyncQuery(Request):
    """How to run. `allow_removals` lets this run remove any number of documents."""

    allow_removals: bool = False


class SyncRun(Resource):
    """A run of a connector, and what it did so far. `error` says why it failed, stopped, or waits at present."""

    id: UUID
    connector_id: UUID
    started_by: Literal["schedule", "user"]
    status: RunStatus
    allow_removals: bool
    pages: int
    listed: int
    created: int
    updated: int
    removed: int
    unchanged: int
    withheld: int
    failed: int
    bytes: int
    error: Failure | None
    queued_at: Timestamp
    started_at: Timestamp | None
    finished_at: Timestamp | None


RedirectUri = Annotated[
    str, matching(r"^https?://[^\s#]+$", "must be an address without a fragment", max_length=2000), STORABLE
]


class NewConsent(Request):
    """Where the provider sends the user back to; the client at the provider must know this address."""

    redirect_uri: RedirectUri


class ConsentPage(Resource):
    """The provider's page at which the user consents. It sends the user back with `code` and `state`."""

    url: str


class ConsentCode(Request):
    """What the provider sent back, and the address to which it did."""

    code: Annotated[str, Field(min_length=1, max_length=4000), STORABLE]
    state: Annotated[str, Field(min_length=1, max_length=500), STORABLE]
    redirect_uri: RedirectUri


class ItemQuery(PageQuery):
    """Which items to list: all, or only those that could not be read."""

    cursor: str | None = Field(default=None, max_length=8000)
    failed: bool = False

    def after_item(self) -> str | None:
        """The item that the page starts after. Raises BadRequest (bad_cursor)."""
        if self.cursor is None:
            return None
        try:
            source_id = base64.urlsafe_b64decode(self.cursor.encode("ascii")).decode()
        except (ValueError, binascii.Error) as error:
            raise errors.BadRequest(code="bad_cursor") from error
        if "\x00" in source_id:
            raise errors.BadRequest(code="bad_cursor")
        return source_id


class ConnectorItem(Resource):
    """An item of a source: where it is there, and its document here. `error` says why it could not be read."""

    source_id: str
    document_id: UUID | None
    path: str
    original_url: str | None
    authors: list[str]
    source_created_at: Timestamp | None
    source_modified_at: Timestamp | None
    metadata: dict[str, Any]
    error: str | None
