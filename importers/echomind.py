"""EchoMind: people from its login provider, connectors with their documents, assistants, models and conversations.

One module because the steps of a system are read in the order in which they run.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from uuid import UUID

from chalicelib.config.registry.llm_providers import LLM_PROVIDERS
from chalicelib.core import sql
from importers import papers, people, talks
from importers.left import left
from importers.move import Move
from importers.records import Json, Row, Skipped, Step, Target

queries = sql.load(__file__)

_ORGANISATION = 1
_MODEL = re.compile(r"[^A-Za-z0-9._:/-]+")
# The service has a built-in model, which comes first in no list: others are registered beside it.
_CONNECTORS = {"teams", "google_drive", "onedrive", "web", "file"}
_SECRET = re.compile(r"token|secret|password|key|credential|auth", re.IGNORECASE)
_VOTES = {"positive": "like", "negative": "dislike"}


def groups(row: Row, move: Move) -> Iterator[Target]:
    """A group, by its name; one that is here already is that one."""
    name = (row.text("name", 200) or "").strip()
    if not name:
        raise Skipped("it has no name")
    present = move.owner.execute("select id from groups where name = %s", [name]).fetchone()
    new_id = move.named_id("groups", name, move.now)
    if present is not None:
        yield Target("groups", {"id": present[0]}, merged=True)
        return
    yield Target("groups", {"id": new_id, "name": name}, volatile=frozenset({"id"}))


def users(row: Row, move: Move) -> Iterator[Target]:
    """A person whom the login provider vouches for, in the groups that it named."""
    roles = [str(role).lower() for role in row.get("roles", [])]
    is_admin = any(role in {"admin", "administrator"} for role in roles)
    issuer = move.issuer
    if issuer is None:
        row.note("ISSUER, the login provider's address, was not given: the person logs in by the verified address")
    if others := sorted({role for role in roles if role not in {"admin", "administrator", "user"}}):
        row.note("roles besides administrator and user have no meaning here: they are in preferences.interface")
    preferences = row.get("preferences", {})
    preferences = dict(preferences) if isinstance(preferences, dict) else {"preferences": preferences}
    chosen = [preferences.pop(name, None) for name in ("default_assistant", "default_assistant_id")]
    theme = preferences.pop("theme", None)
    if others:
        preferences["roles"] = others
    values: dict[str, Json] = {
        "email": row.get("email"),
        "email_verified": True,
        "auth_provider": "oidc",
        "oidc_issuer": issuer,
        "oidc_subject": row.text("external_id", 255) if issuer else None,
        "is_admin": is_admin,
        "admin_from_claims": is_admin,
        "preferences": ({"theme": theme} if theme in {"system", "light", "dark"} else {})
        | ({"interface": preferences} if preferences else {}),
    }
    account = people.account(row, move, values, move.created(row))
    if any(chosen):
        # A later step adds the assistant.
        account.volatile |= {"preferences"}
    yield account
    for group in row.refs.get("groups", {}).values():
        membership: dict[str, Json] = {
            "group_id": group.id,
            "user_id": account.values["id"],
            "role": "member",
            "source": "claims",
        }
        changed = frozenset({"role", "source"})  # a connector of the group makes an editor of its creator
        yield Target("memberships", membership, key=("group_id", "user_id"), shared=True, volatile=changed)


def defaults(row: Row, move: Move) -> Iterator[Target]:
    """The assistant that a user's new conversations begin with."""
    user, assistant = row.match("self"), row.match("assistant")
    if user is None or assistant is None:
        raise Skipped("it names no assistant that was moved")
    del move
    values: dict[str, Json] = {"id": user.id, "preferences": {"default_assistant_id": str(assistant.id)}}
    # Another step brought the other preferences.
    volatile = frozenset({"preferences"})
    yield Target("users", values, update=True, json_merged=("preferences",), volatile=volatile)


def llms(row: Row, move: Move) -> Iterator[Target]:
    """A language model without its key, whose cipher is not published: an administrator enters the key."""
    provider = str(row.get("provider", "")).lower()
    if provider not in LLM_PROVIDERS:
        raise Skipped("its provider is none of this service's")
    created, name = move.created(row), _MODEL.sub("-", str(row.get("name", ""))).strip("-._:/")[:100]
    if not name:
        raise Skipped("its name has no letter that a name may have here")
    present = move.owner.execute("select id from llms where name = %s", [name]).fetchone()
    new_id = move.id(row, created)
    if present is not None and present[0] != new_id:
        row.note("a model of this name is here already")
        yield Target("llms", {"id": present[0]}, merged=True)
        return
    if row.get("api_key_encrypted") is not None:
        row.note("its key is not moved: enter it with PATCH /llms/{llm_id}")
    if row.get("is_default", False):
        row.note("is_default was True: make it the default here once it answers")
    values: dict[str, Json] = {
        "id": new_id,
        "name": name,
        "provider": provider,
        "model_id": row.text("model_id", 200, "unknown"),
        "endpoint": row.text("endpoint", 2048),
        "max_tokens": row.whole("max_tokens", 1, 100_000),
        "temperature": row.number("temperature", 0, 2),
        "created_at": created,
        "updated_at": move.time(row, "updated_at", created),
    }
    yield Target("llms", values)


def assistants(row: Row, move: Move) -> Iterator[Target]:
    """An assistant; the default there is the default here, unless there is one."""
    created, name = move.created(row), (row.text("name", 100) or "").strip() or f"Assistant {row.key}"
    new_id = move.id(row, created)
    present = move.owner.execute(
        "select id, name = %s, is_default from assistants where name = %s or is_default", [name, name]
    ).fetchall()
    if any(same and other != new_id for other, same, _ in present):
        row.note("another assistant has this name: its number is added")
        name = f"{name[:90]} {row.key}"
    is_default = bool(row.get("is_default", False)) and not any(
        default and other != new_id for other, _, default in present
    )
    llm, creator = row.match("llm_id"), row.match("created_by")
    values: dict[str, Json] = {
        "id": new_id,
        "name": name,
        "description": row.text("description", 2000, ""),
        "llm_id": llm.id if llm else None,
        "system_prompt": row.text("system_prompt", 20_000),
        "task_prompt": row.text("task_prompt", 20_000),
        "starter_messages": [str(each)[:1000] for each in row.get("starter_messages", []) if each][:20],
        "is_default": is_default,
        "is_visible": bool(row.get("is_visible", True)),
        "created_by": creator.id if creator else None,
        "created_at": created,
        "updated_at": move.time(row, "updated_at", created),
    }
    yield Target("assistants", values, volatile=frozenset({"name", "is_default"}))


def connectors(row: Row, move: Move) -> Iterator[Target]:
    """A connector, disabled: its credentials are entered anew. What it said of its source stays."""
    created = move.created(row)
    owner_id, memberships = _owner(row, move)
    kind = str(row.get("type", "file")).lower()
    config = row.get("config", {})
    config = config if isinstance(config, dict) else {"config": config}
    public = _without_secrets(config)
    if public != config:
        row.note("its credentials are not moved: enter them anew, then enable it")
    values: dict[str, Json] = {
        "id": move.id(row, created),
        "space_id": space_of(row),
        "owner_id": owner_id,
        "name": row.text("name", 255, "connector"),
        "type": kind if kind in _CONNECTORS else "file",
        "status": "disabled",
        "settings": {
            "moved_in": public,
            # Where the other system was: its first run here begins anew. Unlike a state, settings are shown.
            "moved_in_state": {
                "state": _without_secrets(row.get("state")),
                "status": row.get("status"),
                "docs_analyzed": row.get("docs_analyzed"),
            },
        },
        "state": {},
        "refresh_minutes": row.whole("refresh_freq_minutes", 1, 525_600),
        "last_sync_at": move.time(row, "last_sync_at"),
        "created_at": created,
        "updated_at": move.time(row, "updated_at", created),
    }
    yield Target("connectors", values, volatile=frozenset({"status", "updated_at"}))
    yield from memberships


def _without_secrets(values: Json) -> Json:
    if not isinstance(values, dict):
        return values
    return {name: value for name, value in values.items() if not _SECRET.search(name)}


def _owner(row: Row, move: Move) -> tuple[UUID, list[Target]]:
    """Who owns a connector here, and what lets this account write where the documents lie: else none is ingested."""
    creator, scope = row.needs("created_by", "creator"), _scope(row)
    if scope == "org" and not creator.row.get("is_admin"):
        row.note("its creator is no administrator: the OWNER has it and its documents")
        return move.fallback_owner()[0], []
    if scope != "group":
        return creator.id, []
    changed = frozenset({"role", "source"})
    key = {"group_id": row.needs("scope_id", "group").id, "user_id": creator.id}
    if move.owner.execute(queries.administrates, key).fetchone() is not None:
        return creator.id, []
    row.note("its creator becomes an editor of its group")
    added = Target("memberships", key | {"role": "editor"}, tuple(key), shared=True, volatile=changed)
    return creator.id, [
        added,
        Target("memberships", key | {"role": "editor"}, tuple(key), update=True, volatile=changed),
    ]


def space_of(row: Row) -> int:
    """The space of a connector: its creator's, its group's or the organisation's."""
    scope = _scope(row)
    if scope == "org":
        return _ORGANISATION
    if scope == "group":
        return int(row.needs("scope_id", "group").row["space_id"])
    return int(row.needs("created_by", "creator").row["space_id"])


def _scope(row: Row) -> str:
    scope = str(row.get("scope", "user")).lower()
    return "org" if scope in {"organization", "organisation"} else scope


def documents(row: Row, move: Move) -> Iterator[Target]:
    """A document of a connector, and what its source has it under."""
    connector, created = row.needs("connector_id", "connector"), move.created(row)
    owner_id, space_id = connector.row["owner_id"], connector.row["space_id"]
    batch, address = row.get("chunking_session"), row.get("original_url")
    extra_data: dict[str, Json] = {
        "url": row.get("url"),
        "status": row.get("status"),
        "chunk_count": row.get("chunk_count"),
        "error_message": row.get("error_message"),
    }
    document = papers.document(
        row,
        move,
        owner_id,
        space_id,
        extra_data=extra_data,
        filename=str(row.get("title") or row.get("url") or ""),
        title=row.get("title"),
        media_type=row.get("content_type"),
        created=created,
        source_type=connector.row["type"],
        connector_id=connector.id,
        batch_id=_uuid(row, batch),
        source_id=row.text("source_id", 255),
        original_url=address,
    )
    yield document
    item: dict[str, Json] = {
        "connector_id": connector.id,
        "source_id": row.values["source_id"],
        "space_id": space_id,
        "document_id": document.id,
        "path": str(document.values["filename"])[:400] + f".{row.key}",
        "original_url": address,
    }
    yield Target("connector_items", item, key=("connector_id", "source_id"))


def _uuid(row: Row, value: Json) -> UUID | None:
    try:
        return UUID(str(value)) if value else None
    except ValueError:
        row.note("chunking_session is no UUID")
        return None


def parents(row: Row, move: Move) -> Iterator[Target]:
    """The document that contained a document."""
    del move
    own, parent = row.needs("self", "document"), row.needs("parent_id", "parent")
    if own.id == parent.id:
        raise Skipped("it says that it contains itself")
    if parent.row.get("parent_id") == str(own.id):
        raise Skipped("the two documents say that they contain each other")
    if parent.row["depth"] >= 3:
        raise Skipped("it lies more than three documents deep")
    depth = parent.row["depth"] + 1
    yield Target("documents", {"id": own.id, "parent_id": parent.id, "depth": depth}, update=True)


def texts(row: Row, move: Move) -> Iterator[Target]:
    """The bytes of a document, or the text of its points in Qdrant."""
    chunks = None
    content = move.files.read(str(row.get("url", "")))
    if content is None and move.points is not None:
        chunks = move.points(row.key)
    yield from papers.send(row, move, path=row.get("url"), text=papers.joined(chunks))


def conversations(row: Row, move: Move) -> Iterator[Target]:
    """A conversation with its assistant and its mode."""
    user, assistant = row.needs("user_id", "user"), row.match("assistant_id")
    mode = str(row.get("mode", "chat"))
    settings = {"active_pipeline": {"chat": "qa", "search": "search"}[mode]} if mode in {"chat", "search"} else {}
    if not settings:
        row.note("its mode is neither chat nor search")
    yield talks.conversation(
        row, move, user.id, extra_data={}, assistant_id=assistant.id if assistant else None, settings=settings
    )


def messages(row: Row, move: Move) -> Iterator[Target]:
    """A message, and the vote on it. Its sources name chunks that are made anew here, so they stay as they were."""
    conversation, role = row.needs("session_id", "conversation"), talks.role_of(row.get("role"))
    tokens = row.whole("token_count", 0, 2**31 - 1)
    extra_data: dict[str, Json] = {
        "sources": row.get("sources"),
        "token_count": tokens if role != "assistant" else None,
    }
    message = talks.message(
        row,
        move,
        conversation,
        role,
        extra_data=extra_data,
        rephrased_query=row.text("rephrased_query", 20_000),
        completion_tokens=tokens if role == "assistant" else None,
    )
    yield message
    yield from talks.usage(row, move, message, "unknown")
    vote = row.get("feedback")
    if vote is None:
        return
    if vote not in _VOTES:
        row.note("its feedback is neither positive nor negative")
        return
    feedback: dict[str, Json] = {
        "id": move.id(row, message.values["created_at"], kind="feedback", rank=2),
        "message_id": message.id,
        "conversation_id": conversation.id,
        "user_id": conversation.row["user_id"],
        "kind": _VOTES[vote],
        "created_at": message.values["created_at"],
    }
    yield Target("feedback", feedback)


def follows(row: Row, move: Move) -> Iterator[Target]:
    """The message that a message follows: the one before it."""
    del move
    yield from talks.follows(row, "previous")


def runs(row: Row, move: Move) -> Iterator[Target]:
    """A run of a connector, or of other scheduled work."""
    started = move.created(row, "started_at")
    finished = move.time(row, "completed_at")
    status = {"completed": "completed", "failed": "failed"}.get(str(row.get("status")), "cancelled")
    if row.get("connector_id") is None:
        move.check_retention("workflow_activity", started)
        spent = int(((finished or started) - started).total_seconds() * 1000)
        activity: dict[str, Json] = {
            "id": move.id(row, started),
            "workflow_name": row.text("job_name", 100, "unknown"),
            "status": "completed" if status == "completed" else "failed",
            "duration_ms": min(max(spent, 0), 2**31 - 1),
            "counts": {"documents_triggered": row.get("documents_triggered", 0)},
            "error": row.text("error_message", 2000),
            "created_at": started,
        }
        yield Target("workflow_activity", activity)
        return
    move.check_retention("sync_runs", started)
    connector = row.needs("connector_id", "connector")
    values: dict[str, Json] = {
        "id": move.id(row, started),
        "connector_id": connector.id,
        "started_by": "schedule",
        "status": status,
        "created": row.whole("documents_triggered", 0, 2**31 - 1, 0),
        "error_code": "source_unavailable" if status == "failed" else None,
        "error_message": row.text("error_message", 2000),
        "queued_at": started,
        "started_at": started,
        "finished_at": finished or started,
    }
    yield Target("sync_runs", values)


def steps(move: Move) -> Sequence[Step]:
    """The steps of a move."""
    del move
    return STEPS


def _default_of(values: Mapping[str, Json]) -> list[Json]:
    preferences = values.get("preferences")
    preferences = preferences if isinstance(preferences, dict) else {}
    chosen = preferences.get("default_assistant_id") or preferences.get("default_assistant")
    return [] if chosen is None else [chosen]


_ID = (("id", "bigint"),)
_SELF = ("documents", lambda values: [values["id"]])
STEPS = (
    Step("groups", queries.groups, groups, order=(("name", "text"),), key=("name",), requires=("users", "connectors")),
    Step(
        "users", queries.users, users, order=_ID, refs={"groups": ("groups", lambda values: values.get("groups") or [])}
    ),
    Step("llms", queries.llms, llms, order=_ID),
    Step("assistants", queries.assistants, assistants, order=_ID, refs={"llm_id": "llms", "created_by": "users"}),
    Step(
        "users",
        queries.users,
        defaults,
        name="users: assistants",
        order=_ID,
        refs={"self": ("users", lambda values: [values["id"]]), "assistant": ("assistants", _default_of)},
    ),
    Step("connectors", queries.connectors, connectors, order=_ID, refs={"created_by": "users", "scope_id": "groups"}),
    Step("documents", queries.documents, documents, order=_ID, refs={"connector_id": "connectors"}),
    Step(
        "documents",
        queries.parents,
        parents,
        name="documents: parents",
        order=_ID,
        refs={"self": "documents", "parent_id": "documents"},
    ),
    Step(
        "chat_sessions",
        queries.conversations,
        conversations,
        order=_ID,
        refs={"user_id": "users", "assistant_id": "assistants"},
    ),
    Step("chat_messages", queries.messages, messages, order=_ID, refs={"session_id": "chat_sessions"}),
    Step(
        "chat_messages",
        queries.follows,
        follows,
        name="chat_messages: order",
        order=_ID,
        refs={"self": "chat_messages", "previous": "chat_messages"},
    ),
    Step("scheduler_runs", queries.runs, runs, order=(("id", "uuid"),), refs={"connector_id": "connectors"}),
    Step("documents", queries.documents, texts, name="documents: bytes", sends=True, order=_ID, refs={"self": _SELF}),
    Step(
        "embedding_models",
        queries.embedding_models,
        left("vectors are made anew by this service's active model"),
        order=_ID,
    ),
    Step(
        "apscheduler_jobs",
        queries.apscheduler_jobs,
        left("schedules follow from connectors.refresh_minutes here"),
        order=(("id", "text"),),
    ),
)
