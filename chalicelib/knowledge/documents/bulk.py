"""Bulk actions: one action on many documents, of a list or of a filter, each judged as if it were the only one."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Literal
from uuid import UUID

from pydantic import Field, model_validator

from chalicelib.auth.audit import audit
from chalicelib.core import errors
from chalicelib.core.models import Request, Resource
from chalicelib.knowledge.documents import descriptions, documents, originals
from chalicelib.knowledge.documents.documents import DocumentChange
from chalicelib.knowledge.documents.models import DocumentChanges, DocumentQuery, Scope, check_space
from chalicelib.knowledge.documents.originals import Original

if TYPE_CHECKING:
    from chalicelib.core.connection import Conn

MOST = 100

Action = Literal["delete", "restore", "archive", "unarchive", "tag", "untag", "move", "share", "reindex", "download"]
_SPACES = frozenset({"move", "share"})
_TAGS = frozenset({"tag", "untag"})


class BulkRequest(Request):
    """One action on at most 100 `documents`, or on those of a filter `where`, `limit` of them for each request."""

    action: Action
    documents: Annotated[list[UUID], Field(min_length=1, max_length=MOST)] | None = None
    where: DocumentQuery | None = None
    after: UUID | None = None
    scope: Scope | None = None
    group_id: UUID | None = None
    tag: UUID | None = None

    @model_validator(mode="after")
    def _whole(self) -> "BulkRequest":
        if (self.documents is None) == (self.where is None):
            raise ValueError("either `documents` or `where` is required")
        if self.after is not None and self.where is None:
            raise ValueError("`after` is only allowed together with `where`")
        if self.where is not None and (self.where.q is not None or self.where.cursor is not None):
            raise ValueError("`where` takes no `q` and no `cursor`")
        if (self.tag is not None) != (self.action in _TAGS):
            raise ValueError("`tag` is required for the actions `tag` and `untag`, and not allowed otherwise")
        if self.action == "share" and self.scope is None:
            self.scope = "group"
        if (self.scope is not None) != (self.action in _SPACES) or (self.action == "share" and self.scope != "group"):
            raise ValueError("`scope` is required for the action `move`, `group_id` for `share`")
        check_space(self.scope, self.group_id)
        return self


class BulkRefusal(Resource):
    """A document with which the action could not be done."""

    document_id: UUID
    code: str
    detail: str


class BulkResult(Resource):
    """What was done. The action is done with all documents that it can be done with, also when others are refused."""

    documents: list[UUID]
    refused: list[BulkRefusal]
    originals: list[Original] | None = None
    next_after: UUID | None = None


def act(conn: "Conn", request: BulkRequest) -> tuple[BulkResult, list[str]]:
    """Do the action with each document. Returns the result, and the keys of objects to ingest after the commit."""
    ids, next_after = _chosen(conn, request)
    result = BulkResult(documents=[], refused=[], next_after=next_after)
    if request.action == "download":
        result.originals = []
    keys: list[str] = []
    # In one order, so that two bulk actions wait for each other instead of locking each other out.
    for document_id in sorted(ids):
        try:
            with conn.transaction():
                keys += _ACTIONS[request.action](conn, document_id, request, result)
        except errors.Problem as problem:
            refusal = BulkRefusal(document_id=document_id, code=problem.code, detail=str(problem))
            result.refused.append(refusal)
        else:
            result.documents.append(document_id)
            if request.action != "download":
                action = f"document.{request.action}"
                audit.record(conn, action, "document", document_id, bulk=True)
    return result, keys


def _chosen(conn: "Conn", request: BulkRequest) -> tuple[list[UUID], UUID | None]:
    if request.where is None:
        return list(dict.fromkeys(request.documents or ())), None
    most = {} if "limit" in request.where.model_fields_set else {"limit": MOST}
    page = documents.list_page(conn, request.where.model_copy(update=most), after=request.after)
    ids = [document.id for document in page.items]
    return ids, ids[-1] if page.next_cursor else None


Step = Callable[["Conn", UUID, BulkRequest, BulkResult], list[str]]


def _delete(conn: "Conn", document_id: UUID, _: BulkRequest, __: BulkResult) -> list[str]:
    documents.delete(conn, document_id)
    return []


def _restore(conn: "Conn", document_id: UUID, _: BulkRequest, __: BulkResult) -> list[str]:
    return documents.restore(conn, document_id).keys


def _reindex(conn: "Conn", document_id: UUID, _: BulkRequest, __: BulkResult) -> list[str]:
    return documents.reindex(conn, document_id).keys


def _download(conn: "Conn", document_id: UUID, _: BulkRequest, result: BulkResult) -> list[str]:
    original = originals.get(conn, document_id)
    result.originals = [*(result.originals or ()), original]
    return []


def _changed(conn: "Conn", document_id: UUID, **changes: object) -> DocumentChange:
    return documents.change(conn, document_id, DocumentChanges.model_validate(changes))


def _archive(conn: "Conn", document_id: UUID, request: BulkRequest, _: BulkResult) -> list[str]:
    return _changed(conn, document_id, is_archived=request.action == "archive").keys


def _move(conn: "Conn", document_id: UUID, request: BulkRequest, _: BulkResult) -> list[str]:
    place = {"scope": request.scope} | ({"group_id": request.group_id} if request.group_id else {})
    return _changed(conn, document_id, **place).keys


def _tag(conn: "Conn", document_id: UUID, request: BulkRequest, _: BulkResult) -> list[str]:
    current = documents.get(conn, document_id)
    if request.action == "tag":
        descriptions.attach(conn, current.id, [request.tag] if request.tag else [])
    else:
        descriptions.detach(conn, current.id, request.tag)
    return []


_ACTIONS: dict[Action, Step] = {
    "delete": _delete,
    "restore": _restore,
    "archive": _archive,
    "unarchive": _archive,
    "tag": _tag,
    "untag": _tag,
    "move": _move,
    "share": _move,
    "reindex": _reindex,
    "download": _download,
}
