"""Alcove itself: what `alcove export` wrote of one account; `organisation` reads that of a whole organisation.

One module because what comes back of each table, and what does not, is read as one list.

The file is the account's own, so it is trusted with nothing but what its owner may do here anyway. Its rows become one
account's, in that account's space. A row that another row names must have come with the same move. Rights, verified
addresses and logs are not taken from it (LEFT, and `changes` of TABLES).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import LiteralString
from uuid import UUID

from chalicelib.core import sql
from importers import papers, people, talks
from importers.ids import key_hash
from importers.left import left
from importers.move import Move
from importers.records import Json, Row, Skipped, Step, Target

queries = sql.load(__file__)

ORDER: Sequence[tuple[LiteralString, LiteralString]] = (("key", "text"),)
_OVER = {"completed", "failed", "cancelled", "stopped"}
UNREAD = "it is made anew here"
LOG = "a log of what the other service saw, and a file is no witness"
_SECRET = "its secret is not part of an export: it is entered or made anew"  # noqa: S105 — a sentence
_RIGHT = "a right, which an administrator gives here"
MOMENT = "it belongs to a moment of the other service"


@dataclass(frozen=True)
class Table:
    """A table that is read back.

    `needs` and `may` are columns that name rows of other tables: without the row of `needs` the row is skipped, that of
    `may` is left out. `changes` are columns that do not become what they were: a value for all rows, or a function;
    Default leaves the column to this service. `skip` says why a row is not taken.
    """

    name: LiteralString
    key: tuple[str, ...] = ("id",)
    needs: Mapping[str, str] = field(default_factory=dict)
    may: Mapping[str, str] = field(default_factory=dict)
    changes: Mapping[str, Json] = field(default_factory=dict)
    # Columns that change by use or by ingestion: the check does not compare them.
    volatile: frozenset[str] = frozenset()
    skip: Callable[[Mapping[str, Json]], str | None] = lambda _: None


class Default:
    """In `changes`: this service sets the column itself."""


@dataclass(frozen=True)
class Holder:
    """Whose a row becomes: its space, and what a column that names a person becomes."""

    space_id: int
    person: Callable[[Row, str], UUID | None]


def deleted(row: Mapping[str, Json]) -> str | None:
    return "it is deleted there" if row.get("deleted_at") else None


def unfinished(row: Mapping[str, Json]) -> str | None:
    return None if row.get("status") in _OVER else "it had not ended"


def _concealed(row: Mapping[str, Json]) -> str | None:
    return None if "model" in row else "it is one of two answers that wait for a vote"


def _job(row: Mapping[str, Json]) -> str | None:
    return unfinished(row) or _concealed(row)


# Columns that name a person.
PEOPLE = ("user_id", "owner_id", "created_by")
_CONVERSATION = {"conversation_id": "conversations"}
_MESSAGE = _CONVERSATION | {"message_id": "messages"}
_JOB = {"job_id": "llm_jobs"}
LEASE = dict.fromkeys(("lease_token", "leased_until", "attempts"), Default)
CONNECTOR = dict.fromkeys(("mirrors_readers", "allow_private_addresses", "ends_consent"), False)
_INGESTION = (
    "object_version",
    "duplicate_of",
    "status",
    "stage",
    "chunks_done",
    "chunks_total",
    "error_code",
    "error_message",
    "warnings",
    "chunk_count",
    "recheck",
    "embed_here",
    "verified_at",
    "indexed_at",
    "processed_at",
    "upload_id",
    "sent_by",
    "parent_id",
    "depth",
    "announced_at",
)
TABLES = (
    Table("repositories"),
    Table("tags"),
    Table(
        "connectors",
        may={"repository_id": "repositories"},
        changes={"status": "disabled", "master_key": Default, "next_run_at": None, "failures": Default} | CONNECTOR,
    ),
    Table(
        "documents",
        may={"connector_id": "connectors"},
        changes=dict.fromkeys(_INGESTION, Default) | LEASE,
        volatile=frozenset({"size_bytes", "content_type", "updated_at", "title"}),
        skip=deleted,
    ),
    Table(
        "repo_documents",
        ("repository_id", "document_id"),
        {"repository_id": "repositories", "document_id": "documents"},
        changes={"readers_space_id": None},
    ),
    Table(
        "connector_items",
        ("connector_id", "source_id"),
        {"connector_id": "connectors", "document_id": "documents"},
        changes={"run_id": None},
    ),
    Table("sync_runs", needs={"connector_id": "connectors"}, changes=LEASE | {"cursor": None}, skip=unfinished),
    Table(
        "conversations",
        changes={"message_count": Default, "last_message_at": Default, "assistant_id": None},
        volatile=frozenset({"updated_at"}),
        skip=deleted,
    ),
    Table("messages", needs=_CONVERSATION, changes={"parent_message_id": Default}),
    Table("feedback", needs=_MESSAGE),
    Table("llm_jobs", needs=_CONVERSATION | {"question_id": "messages"}, may={"answer_id": "messages"}, skip=_job),
    Table("job_events", ("job_id", "number"), _JOB),
    Table("timing", ("job_id", "attempt", "stage"), _JOB),
    Table("usage", skip=_concealed),
    Table("agent_traces", needs=_JOB),
    Table("agent_tool_calls", needs={"trace_id": "agent_traces"}),
    Table("memory_items", may=_MESSAGE | {"document_id": "documents"}),
    Table("user_document_defaults", ("document_id",), {"document_id": "documents"}),
    Table(
        "conversation_document_overrides",
        ("conversation_id", "document_id"),
        _CONVERSATION | {"document_id": "documents"},
    ),
    Table(
        "entity_tags",
        needs=_CONVERSATION
        | {"tag_id": "tags", "document_id": "documents", "repository_id": "repositories", "memory_id": "memory_items"},
    ),
    Table("eval_sets"),
    Table("eval_questions", needs={"set_id": "eval_sets"}, may={"message_id": "messages"}),
    Table("eval_runs", needs={"set_id": "eval_sets"}, skip=unfinished),
    Table(
        "eval_results",
        ("run_id", "question_id"),
        {"run_id": "eval_runs", "question_id": "eval_questions"},
    ),
)
# Tables of an export that are not read back, and why.
LEFT: Mapping[LiteralString, str] = {
    "ab_comparisons": "its variants belong to the other service, and both answers are messages",
    "account_tokens": MOMENT,
    "api_keys": _SECRET,
    "audit_logs": LOG,
    "budgets": _RIGHT,
    "config_audit": LOG,
    "conversation_shares": "who reads a conversation here is decided here: it is shared anew",
    "document_chunks": f"{UNREAD}, of the document's bytes",
    "document_texts": f"{UNREAD}, of the document's bytes, or in their place where the file is missing",
    "document_versions": LOG,
    "email_changes": MOMENT,
    "embedding_requests": MOMENT,
    "eval_schedules": "it would spend money unasked: it is made anew",
    "event_streams": MOMENT,
    "idempotency_keys": MOMENT,
    "inbox_objects": MOMENT,
    "ingestion_turns": MOMENT,
    "login_attempts": LOG,
    "login_sources": LOG,
    "memberships": _RIGHT,
    "outgoing_mails": MOMENT,
    "password_history": _SECRET,
    "provider_keys": _SECRET,
    "provider_logins": MOMENT,
    "queue_turns": MOMENT,
    "recognised_pages": f"{UNREAD}, of the document's bytes",
    "recovery_codes": _SECRET,
    "refresh_tokens": _SECRET,
    "second_factors": _SECRET,
    "sessions": LOG,
    "share_readers": "who reads a conversation here is decided here: it is shared anew",
    "spaces": "the account's own space comes with the account",
    "uploads": MOMENT,
    "webhook_deliveries": MOMENT,
    "webhooks": _SECRET,
}
# Texts take the place of files that are missing, so they are loaded.
KEYS: dict[str, tuple[str, ...]] = {"users": ("id",), "document_texts": ("document_id",)}
KEYS |= {table.name: table.key for table in TABLES} | {name: () for name in LEFT if name not in KEYS}


def user(row: Row, move: Move) -> Iterator[Target]:
    """The account: that of OWNER, or the one with the same address, or a new one without a password."""
    if move.owner_name:
        yield Target("users", {"id": move.fallback_owner()[0]}, merged=True)
        return
    row.note("it has no password and no rights here, and its address is not verified")
    values: dict[str, Json] = {
        "email": row.get("email"),
        "username": row.get("username"),
        "preferences": row.get("preferences", {}),
    }
    yield people.account(row, move, values, move.created(row))


def _account(row: Row, move: Move) -> Holder:
    """What the export's account became. Raises Skipped for a row of anybody else."""
    match = move.once("account", lambda: move.owner.execute(queries.account, {"source": move.source}).fetchone())
    if match is None:
        raise Skipped("its account was not moved, or is erased here")
    owner = row.get("user_id", row.get("owner_id"))
    if owner is not None and key_hash(str(owner)).hex() != match[1]["exported"]:
        raise Skipped("it is not the row of the export's account")

    def person(row: Row, column: str) -> UUID | None:
        return match[0] if key_hash(str(row.get(column))).hex() == match[1]["exported"] else None

    return Holder(match[1]["space_id"], person)


def transform(table: Table, holder_of: Callable[[Row, Move], Holder]) -> Callable[[Row, Move], Iterator[Target]]:
    """How rows of a table become rows here, which are those of their holder."""

    def become(row: Row, move: Move) -> Iterator[Target]:
        if reason := table.skip(row.values):
            raise Skipped(reason)
        values = new_values(table, row, move, holder_of(row, move))
        yield Target(table.name, values, table.key, volatile=table.volatile)
        if table.name == "memory_items" and not move.is_checking:
            yield from talks.remembered(values["id"], values["user_id"], str(values["content"]))

    return become


def new_values(table: Table, row: Row, move: Move, holder: Holder) -> dict[str, Json]:
    """The columns of the new row. Raises Skipped."""
    columns = _columns(move, table.name)
    values = {
        column: _value(table, row, move, holder, column, columns[column])
        for column in row.values
        if column in columns and table.changes.get(column) is not Default
    }
    if table.name == "documents":
        values["object_key"] = f"documents/{values['id']}"
    return values


def _value(table: Table, row: Row, move: Move, holder: Holder, column: str, kind: str) -> Json:
    """What a column of a row becomes. Raises Skipped for a row that needs one that was not moved."""
    value = row.values[column]
    if column in table.changes:
        return table.changes[column]
    if column == "space_id":
        return holder.space_id
    if value is None:
        return None
    if column in table.needs:
        return row.needs(column, column.removesuffix("_id")).id
    if column in PEOPLE:
        return holder.person(row, column)
    if column == "id":
        return move.id(row, move.time(row, "created_at"))
    if column in table.may:
        match = row.match(column)
        return match.id if match else None
    return move.time(row, column) if kind == "timestamptz" else value


def _columns(move: Move, table: str) -> dict[str, str]:
    """The columns of a table here that can be written, with their types."""
    columns: dict[str, str] = move.once(
        f"columns of {table}", lambda: dict(move.owner.execute(queries.columns, {"table": table}).fetchall())
    )
    return columns


def follows(row: Row, move: Move) -> Iterator[Target]:
    """The message that a message follows."""
    del move
    yield from talks.follows(row, "parent_message_id")


def belongs(row: Row, move: Move) -> Iterator[Target]:
    """The document whose part a document is, such as an archive."""
    del move
    if row.get("parent_id") is None:
        raise Skipped("it is no part of another document")
    document, parent = row.needs("self", "document"), row.needs("parent_id", "parent")
    values: dict[str, Json] = {"id": document.id, "parent_id": parent.id, "depth": row.get("depth", 1)}
    yield Target("documents", values, update=True, volatile=frozenset(values))


def send(row: Row, move: Move) -> Iterator[Target]:
    """The bytes of a document: its file, or its text."""
    match = row.needs("self", "document")
    if not move.is_checking:
        move.owner.execute(queries.forget_deletion, {"key": match.row["object_key"]})
    yield from papers.send(row, move, path=row.get("file"), text=row.get("text"))


def steps(move: Move) -> Sequence[Step]:
    """The steps of a move."""
    del move
    return STEPS


def read(name: LiteralString) -> LiteralString:
    """The statement that reads a table of an export."""
    return 'select row, key from "' + name + '"'  # noqa: S608 — a name of this module


def _step(table: Table) -> Step:
    refs = dict(table.needs) | dict(table.may)
    return Step(table.name, read(table.name), transform(table, _account), order=ORDER, key=table.key, refs=refs)


def left_steps(reasons: Mapping[LiteralString, str], keys: Mapping[str, tuple[str, ...]]) -> list[Step]:
    """Steps that only say in the report why rows are not read back."""
    # A row without a key is known by its hash.
    return [
        Step(name, read(name), left(reason), order=ORDER, key=keys[name] or ("hash",))
        for name, reason in reasons.items()
    ]


_SELF = "select row || jsonb_build_object('self', key, 'file', key) as row, key from "
DOCUMENT_STEPS = (
    Step(
        "documents",
        _SELF + "documents",
        belongs,
        name="documents: parents",
        order=ORDER,
        refs={"self": "documents", "parent_id": "documents"},
    ),
    Step(
        "documents",
        "select d.row || jsonb_build_object('self', d.key, 'file', d.key, 'text', t.row -> 'content') as row, d.key "
        "from documents d left join document_texts t on t.key = d.key",
        send,
        name="documents: bytes",
        order=ORDER,
        refs={"self": "documents"},
        sends=True,
        requires=("documents", "document_texts"),
        otherwise=_SELF + "documents",
    ),
)
STEPS = (
    Step("users", read("users"), user, order=ORDER),
    *(_step(table) for table in TABLES),
    Step(
        "messages",
        _SELF + "messages",
        follows,
        name="messages: order",
        order=ORDER,
        refs={"self": "messages", "parent_message_id": "messages"},
    ),
    *DOCUMENT_STEPS,
    *left_steps(LEFT, KEYS),
)
