"""The knowledge core: documents in repositories, threaded messages, memories, tags, keys and the audit log.

One module because the steps of a system are read in the order in which they run.
"""

import ipaddress
import re
from collections.abc import Iterator, Sequence

from chalicelib.core import sql
from chalicelib.knowledge.memories import memories as remembering
from importers import papers, people, talks
from importers.left import left
from importers.move import Move
from importers.records import Json, KeysOf, NewRow, Row, Skipped, Step, Target

queries = sql.load(__file__)

_TYPES = {"text": "text/plain", "markdown": "text/markdown", "code": "text/plain", "html": "text/html"}
_ENDINGS = {"text/markdown": ".md", "text/html": ".html"}
_SHA256 = re.compile(r"(sha256[:$])?[0-9a-fA-F]{64}")
_ENTITIES = {
    "document": ("document_id", "documents"),
    "repository": ("repository_id", "repositories"),
    "chat_session": ("conversation_id", "chat_sessions"),
    "memory": ("memory_id", "memory_items"),
}
_KINDS = {"fact", "preference", "instruction", "event"}


def users(row: Row, move: Move) -> Iterator[Target]:
    """An account with its password."""
    values: dict[str, Json] = {
        "email": row.get("email"),
        "username": row.get("username"),
        "password_hash": people.password(row, "password_hash"),
        "is_active": bool(row.get("is_active", True)),
        "last_login_at": move.time(row, "last_login_at"),
    }
    yield people.account(row, move, values, move.created(row))


def documents(row: Row, move: Move) -> Iterator[Target]:
    """A document of its owner's; its text follows."""
    owner = row.needs("owner_id", "owner")
    stated = str(row.get("content_type", "text"))
    media_type = _TYPES.get(stated, stated if "/" in stated else "text/plain")
    extra, url = row.get("metadata"), row.get("source_url")
    extra_data: dict[str, Json] = dict(extra) if isinstance(extra, dict) else {"metadata": extra}
    extra_data |= {"content_type": stated, "source_url": url if url and len(url) > 2048 else None}
    title = str(row.get("title") or "")
    yield papers.document(
        row,
        move,
        owner.id,
        owner.row["space_id"],
        extra_data=extra_data,
        filename=(title.strip().replace("/", " ")[:240] or "content") + _ENDINGS.get(media_type, ".txt"),
        title=title,
        media_type=media_type,
        created=move.created(row),
        source_type="inline",
        original_url=url if url and len(url) <= 2048 else None,
        is_archived=bool(row.get("is_archived", False)),
    )


def texts(row: Row, move: Move) -> Iterator[Target]:
    """The text of a document."""
    yield from papers.send(row, move, path=None, text=row.get("content") or papers.joined(row.get("chunks")))


def repositories(row: Row, move: Move) -> Iterator[Target]:
    """A repository of its owner's."""
    owner, created = row.needs("owner_id", "owner"), move.created(row)
    extra = row.get("metadata")
    extra_data: dict[str, Json] = dict(extra) if isinstance(extra, dict) else {"metadata": extra}
    values: dict[str, Json] = {
        "id": move.id(row, created),
        "space_id": owner.row["space_id"],
        "owner_id": owner.id,
        "name": row.text("name", 255, "repository"),
        "description": row.text("description", 2000),
        "url": row.text("repo_url", 2048),
        "source_type": row.text("source_type", 50),
        "metadata": talks.metadata(row, extra_data),
        "is_archived": bool(row.get("is_archived", False)),
        "created_at": created,
        "updated_at": move.time(row, "updated_at", created),
    }
    yield Target("repositories", values)


def repo_documents(row: Row, move: Move) -> Iterator[Target]:
    """A document in a repository, at its path, or at its title where it has none."""
    repository, document = row.needs("repo_id", "repository"), row.needs("document_id", "document")
    path = (row.text("file_path", 500) or row.text("title", 450) or "document").strip("/ ") or "document"
    values: dict[str, Json] = {
        "repository_id": repository.id,
        "document_id": document.id,
        "space_id": repository.row["space_id"],
        "path": path if row.get("file_path") else f"{path}.{row.values['document_id'][:8]}",
        "added_at": move.created(row, "added_at"),
    }
    yield Target("repo_documents", values, key=("repository_id", "document_id"))


def conversations(row: Row, move: Move) -> Iterator[Target]:
    """A conversation with its metadata."""
    owner, extra = row.needs("owner_id", "owner"), row.get("metadata")
    extra_data: dict[str, Json] = dict(extra) if isinstance(extra, dict) else {"metadata": extra}
    yield talks.conversation(
        row, move, owner.id, extra_data=extra_data, is_archived=bool(row.get("is_archived", False))
    )


def messages(row: Row, move: Move) -> Iterator[Target]:
    """A message with its metadata; tokens and model are taken from there."""
    conversation, extra = row.needs("session_id", "conversation"), row.get("metadata")
    extra_data: dict[str, Json] = dict(extra) if isinstance(extra, dict) else {"metadata": extra}
    role = talks.role_of(row.get("role"))
    if row.get("role") not in {"user", "assistant", "system"}:
        extra_data["role"] = row.get("role")
    values: dict[str, Json] = {}
    for column in ("prompt_tokens", "completion_tokens"):
        number = extra_data.get(column)
        if isinstance(number, int) and not isinstance(number, bool) and 0 <= number < 2**31:
            values[column] = number
    if isinstance(extra_data.get("model"), str) and role == "assistant":
        values["model"] = str(extra_data["model"])[:200]
    message = talks.message(row, move, conversation, role, extra_data=extra_data, **values)
    yield message
    yield from talks.usage(row, move, message, "unknown")


def follows(row: Row, move: Move) -> Iterator[Target]:
    """The message that a message follows."""
    del move
    yield from talks.follows(row, "previous")


def memories(row: Row, move: Move) -> Iterator[Target]:
    """A memory, with the vectors of this service."""
    owner, created = row.needs("owner_id", "owner"), move.created(row)
    content = (row.text("content", 4000) or "").strip()
    if not content:
        raise Skipped("it has no content")
    extra = row.get("metadata")
    extra_data: dict[str, Json] = dict(extra) if isinstance(extra, dict) else {"metadata": extra}
    message, document = row.match("message", row.get("source_id")), row.match("document", row.get("source_id"))
    stated = str(row.get("source_type", "manual"))
    source = {"chat": "learned", "document": "document"}.get(stated, "written")
    if message is not None and message.row["user_id"] != str(owner.id):
        message = None
    extra_data |= {
        "source_type": stated if stated not in {"chat", "document", "manual"} else None,
        "source_id": row.get("source_id") if not (message if source == "learned" else document) else None,
    }
    kind = extra_data.get("kind")
    new_id = move.id(row, created)
    values: dict[str, Json] = {
        "id": new_id,
        "user_id": owner.id,
        "content": content,
        "gist": remembering.normalised_words(content),
        "kind": kind if kind in _KINDS else "fact",
        "importance": 0.5 if row.get("importance") is None else row.number("importance", 0, 1),
        "source": source,
        "conversation_id": message.row["conversation_id"] if message and source == "learned" else None,
        "message_id": message.id if message and source == "learned" else None,
        "document_id": document.id if document and source == "document" else None,
        "metadata": talks.metadata(row, extra_data),
        "access_count": row.whole("access_count", 0, 2**31 - 1, 0),
        "last_accessed_at": move.time(row, "last_accessed_at"),
        "created_at": created,
        "updated_at": created,
    }
    yield Target("memory_items", values, volatile=frozenset({"access_count", "last_accessed_at"}))
    if not move.is_checking:
        yield from talks.remembered(new_id, owner.id, content)


def tags(row: Row, move: Move) -> Iterator[Target]:
    """A tag of its owner's, or everybody's; a name that differs in capitals alone is the same tag."""
    owner = row.needs("owner_id", "owner") if row.get("owner_id") is not None else None
    created, name = move.created(row), (row.text("name", 100) or "").strip()
    if not name:
        raise Skipped("it has no name")
    owner_id = owner.id if owner else None
    same = move.owner.execute(
        "select id from tags where lower(name) = lower(%s) and owner_id is not distinct from %s", [name, owner_id]
    ).fetchone()
    new_id = move.id(row, created)
    if same is not None and same[0] != new_id:
        row.note("a tag of this name is there: it is that one")
        yield Target("tags", {"id": same[0]}, merged=True)
        return
    values: dict[str, Json] = {
        "id": new_id,
        "owner_id": owner_id,
        "name": name,
        "created_at": created,
        "updated_at": created,
    }
    yield Target("tags", values)


def entity_tags(row: Row, move: Move) -> Iterator[Target]:
    """A tag on a document, a repository, a conversation or a memory."""
    kind = str(row.get("entity_type"))
    if kind not in _ENTITIES:
        raise Skipped("its entity_type is none of document, repository, chat_session, memory")
    tag, thing = row.needs("tag_id", "tag"), row.match(kind, row.get("entity_id"))
    if thing is None:
        raise Skipped("what it is on was not moved, or is erased here")
    column, _ = _ENTITIES[kind]
    created = move.created(row)
    values: dict[str, Json] = {
        "id": move.id(row, created),
        "tag_id": tag.id,
        "owner_id": tag.row.get("owner_id"),
        "space_id": thing.row.get("space_id") or _space_of(move, thing),
        "document_id": None,
        "repository_id": None,
        "conversation_id": None,
        "memory_id": None,
        "created_at": created,
    }
    yield Target("entity_tags", values | {column: thing.id}, shared=True)


def _space_of(move: Move, thing: NewRow) -> int:
    owner = str(thing.row["user_id"])
    match = move.once(
        f"space of {owner}",
        lambda: move.owner.execute("select id from spaces where user_id = %s", [owner]).fetchone(),
    )
    return int(match[0])


def api_keys(row: Row, move: Move) -> Iterator[Target]:
    """A key whose hash is SHA-256: a program that presents it is let in as before."""
    user, created = row.needs("user_id", "user"), move.created(row)
    stored = str(row.get("key_hash", ""))
    if not _SHA256.fullmatch(stored):
        raise Skipped("its hash is not SHA-256: make a new key here")
    expires = move.time(row, "expires_at")
    values: dict[str, Json] = {
        "id": move.id(row, created),
        "user_id": user.id,
        "name": row.text("name", 100, "key"),
        "key_hash": bytes.fromhex(stored[-64:]),
        "prefix": "moved in",
        "scopes": ["chat", "read", "write"],
        "expires_at": expires,
        "last_used_at": move.time(row, "last_used_at"),
        "revoked_at": None if row.get("is_active", True) else created,
        "created_at": created,
    }
    yield Target("api_keys", values, volatile=frozenset({"last_used_at", "revoked_at"}))


def audit_logs(row: Row, move: Move) -> Iterator[Target]:
    """An entry of the audit log. What it is about has its new id where that was moved."""
    moment = move.created(row, "timestamp")
    move.check_retention("audit_logs", moment)
    user, entity = row.match("user_id"), str(row.get("entity_type", ""))
    thing = row.match(entity, row.get("entity_id")) if entity in _ENTITIES else None
    details = row.get("details")
    extra_data: dict[str, Json] = dict(details) if isinstance(details, dict) else {"details": details}
    address = str(row.get("ip_address", ""))
    try:
        address = str(ipaddress.ip_address(address.strip()))
    except ValueError:
        extra_data["ip_address"], address = address, ""
    if thing is None:
        extra_data["entity_id"] = row.get("entity_id")
    if user is None and row.get("user_id") is not None:
        row.note("its user was not moved")
    values: dict[str, Json] = {
        "id": move.id(row, moment),
        "user_id": user.id if user else None,
        "action": row.text("action", 100, "unknown"),
        "entity_type": row.text("entity_type", 100),
        "entity_id": thing.id if thing else None,
        "details": talks.metadata(row, extra_data),
        "ip_address": address or None,
        "created_at": moment,
    }
    yield Target("audit_logs", values)


def steps(move: Move) -> Sequence[Step]:
    """The steps of a move."""
    del move
    return STEPS


def _entity(kind: str) -> tuple[str, KeysOf]:
    return _ENTITIES[kind][1], lambda values: [values["entity_id"]] if values.get("entity_type") == kind else []


def _by(column: str) -> "tuple[tuple[str, str]]":
    return ((column, "uuid"),)


_RECOMPUTED = left("vectors are made anew")
STEPS = (
    Step("users", queries.users, users, order=_by("user_id"), key=("user_id",)),
    Step(
        "documents",
        queries.documents,
        documents,
        order=_by("document_id"),
        key=("document_id",),
        refs={"owner_id": "users"},
    ),
    Step(
        "repositories",
        queries.repositories,
        repositories,
        order=_by("repo_id"),
        key=("repo_id",),
        refs={"owner_id": "users"},
    ),
    Step(
        "repo_documents",
        queries.repo_documents,
        repo_documents,
        order=(("repo_id", "uuid"), ("document_id", "uuid")),
        key=("repo_id", "document_id"),
        refs={"repo_id": "repositories", "document_id": "documents"},
    ),
    Step(
        "chat_sessions",
        queries.conversations,
        conversations,
        order=_by("session_id"),
        key=("session_id",),
        refs={"owner_id": "users"},
    ),
    Step(
        "messages",
        queries.messages,
        messages,
        order=_by("message_id"),
        key=("message_id",),
        refs={"session_id": "chat_sessions"},
    ),
    Step(
        "messages",
        queries.follows,
        follows,
        name="messages: order",
        order=_by("message_id"),
        key=("message_id",),
        refs={"self": "messages", "previous": "messages"},
    ),
    Step(
        "memory_items",
        queries.memories,
        memories,
        order=_by("memory_id"),
        key=("memory_id",),
        refs={
            "owner_id": "users",
            "message": ("messages", lambda values: [values["source_id"]] if values.get("source_id") else []),
            "document": ("documents", lambda values: [values["source_id"]] if values.get("source_id") else []),
        },
    ),
    Step("tags", queries.tags, tags, order=_by("tag_id"), key=("tag_id",), refs={"owner_id": "users"}),
    Step(
        "entity_tags",
        queries.entity_tags,
        entity_tags,
        order=(("tag_id", "uuid"), ("entity_type", "text"), ("entity_id", "uuid")),
        key=("tag_id", "entity_type", "entity_id"),
        refs={"tag_id": "tags", **{kind: _entity(kind) for kind in _ENTITIES}},
    ),
    Step("api_keys", queries.api_keys, api_keys, order=_by("key_id"), key=("key_id",), refs={"user_id": "users"}),
    Step(
        "audit_logs",
        queries.audit_logs,
        audit_logs,
        order=_by("log_id"),
        key=("log_id",),
        refs={"user_id": "users", **{kind: _entity(kind) for kind in _ENTITIES}},
    ),
    Step(
        "documents",
        queries.texts,
        texts,
        name="documents: bytes",
        sends=True,
        order=_by("document_id"),
        key=("document_id",),
        refs={"self": "documents"},
        requires=("documents", "document_embeddings"),
    ),
    Step(
        "document_embeddings",
        queries.document_embeddings,
        _RECOMPUTED,
        order=_by("embedding_id"),
        key=("embedding_id",),
    ),
    Step(
        "message_embeddings", queries.message_embeddings, _RECOMPUTED, order=_by("embedding_id"), key=("embedding_id",)
    ),
    Step("memory_embeddings", queries.memory_embeddings, _RECOMPUTED, order=_by("embedding_id"), key=("embedding_id",)),
)
