"""An organisation of Alcove: what `alcove export --organisation` wrote, an administrator's export.

It gives people accounts, groups and memberships, so the operator who reads it says so (`FROM=organisation`) and vouches
for the file. It makes nobody an administrator and gives nobody a password. Where something of the same name is here
already, that stays as it is and takes the place of the exported row.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import LiteralString
from uuid import UUID

from chalicelib.core import sql
from importers import alcove, config, people
from importers.alcove import Default, Holder, Table
from importers.move import Move
from importers.records import Json, Row, Skipped, Step, Target

queries = sql.load(__file__)

_SPACE = 1
# A key is not part of an export: what has one answers only after it is entered again.
_KEYS = {"master_key": Default, "key_last_four": Default}
_TABLES = {table.name: table for table in alcove.TABLES}
_DOCUMENT = {"document_id": "documents"}


def _archived(row: Mapping[str, Json]) -> str | None:
    return "it is archived there" if row.get("archived_at") else None


TABLES = (
    Table("groups"),
    Table("memberships", ("group_id", "user_id"), {"group_id": "groups", "user_id": "users"}),
    Table("budgets", needs={"group_id": "groups", "user_id": "users"}),
    Table("prompts"),
    Table("prompt_versions", needs={"prompt_id": "prompts"}),
    Table("llms", changes=_KEYS | {"is_enabled": False}),
    Table("rerankers", changes=_KEYS),
    Table("assistants", may={"llm_id": "llms"}, volatile=frozenset({"is_default"})),
    Table(
        "ab_pool",
        may={"assistant_id": "assistants"},
        changes={"is_active": False, "is_champion": False},
        skip=_archived,
    ),
    _TABLES["repositories"],
    _TABLES["tags"],
    _TABLES["connectors"],
    _TABLES["documents"],
    _TABLES["repo_documents"],
    _TABLES["connector_items"],
    _TABLES["sync_runs"],
    Table("entity_tags", needs=_DOCUMENT | {"tag_id": "tags", "repository_id": "repositories"}),
)
SETTINGS = Table(
    "dynamic_config",
    changes=dict.fromkeys(
        # The model and the reranker that answer require their keys first.
        ("id", "revision", "updated_by", "active_model", "active_reranker", "created_at", "updated_at"),
        Default,
    ),
)
# Tables of an export that are not read back, and why.
LEFT: Mapping[LiteralString, str] = {
    "announcements": alcove.MOMENT,
    "config_audit": alcove.LOG,
    "document_texts": alcove.LEFT["document_texts"],
    "document_versions": alcove.LOG,
    "embedding_models": "the model here embeds: the vectors are made anew",
    "static_config": "the deployment's own settings",
    "telegram_config": "its token is not part of an export: alerts are set up here",
}
KEYS: dict[str, tuple[str, ...]] = {"users": ("id",), "dynamic_config": ("id",), "document_texts": ("document_id",)}
KEYS |= {table.name: table.key for table in TABLES} | {name: () for name in LEFT if name not in KEYS}


def user(row: Row, move: Move) -> Iterator[Target]:
    """An account without a password and without rights, or the one here with the same address."""
    if row.get("delete_after") is not None:
        raise Skipped("it is being deleted there")
    row.note("it has no password and is no administrator here, and its address is not verified")
    values: dict[str, Json] = {
        "email": row.get("email"),
        "username": row.get("username"),
        "is_active": bool(row.get("is_active", True)),
    }
    yield people.account(row, move, values, move.created(row))


def _holder(_row: Row, move: Move) -> Holder:
    """The organisation. What belongs to nobody who was moved belongs to the OWNER."""

    def person(row: Row, column: str) -> UUID | None:
        match = row.match(column)
        if match is not None:
            return match.id
        return move.fallback_owner()[0] if column == "owner_id" else None

    return Holder(_SPACE, person)


def _named(table: Table) -> Callable[[Row, Move], Iterator[Target]]:
    """Rows with a name of their own: one of the same name that is here takes their place."""
    become = alcove.transform(table, _holder)

    def merge(row: Row, move: Move) -> Iterator[Target]:
        for target in become(row, move):
            present = move.owner.execute(
                queries.namesake,
                {
                    "table": table.name,
                    "id": target.values["id"],
                    "name": target.values["name"],
                    "kind": target.values.get("kind"),
                },
            ).fetchone()
            if present is not None:
                row.note("one of the same name is here: it stays as it is")
                yield Target(table.name, {"id": present[0]}, merged=True)
                return
            if table.name == "assistants" and target.values["is_default"]:
                target.values["is_default"] = _is_free(row, move, target.values["id"])
            yield target

    return merge


def _is_free(row: Row, move: Move, assistant: UUID) -> bool:
    if move.owner.execute(queries.other_default, {"id": assistant}).fetchone() is None:
        return True
    row.note("another assistant is the default here")
    return False


def version(row: Row, move: Move) -> Iterator[Target]:
    """A version of a prompt that was moved."""
    match = row.needs("prompt_id", "prompt")
    if str(match.id) != str(row.get("prompt_id")):
        raise Skipped("a prompt of the same name is here: it stays as it is")
    yield from alcove.transform(_table("prompt_versions"), _holder)(row, move)


def settings(row: Row, move: Move) -> Iterator[Target]:
    """The administrators' settings, as far as none is set here."""
    row.note("active_model and active_reranker are chosen here, once their keys are entered")
    target = config.settings(row, move, alcove.new_values(SETTINGS, row, move, _holder(row, move)))
    if target.values.get("registration_open"):
        row.note("registration_open was on there: whoever reaches this service can create an account here")
    yield target


def _table(name: str) -> Table:
    return next(table for table in TABLES if table.name == name)


def steps(move: Move) -> Sequence[Step]:
    """The steps of a move."""
    del move
    return STEPS


_NAMED = {"groups", "prompts", "llms", "rerankers", "assistants", "ab_pool", "repositories", "tags"}
_OTHERWISE = {"prompt_versions": version}


def _step(table: Table) -> Step:
    become = _OTHERWISE.get(table.name) or (_named(table) if table.name in _NAMED else alcove.transform(table, _holder))
    refs = dict.fromkeys(alcove.PEOPLE, "users") | dict(table.needs) | dict(table.may)
    return Step(table.name, alcove.read(table.name), become, order=alcove.ORDER, key=table.key, refs=refs)


STEPS = (
    Step("users", alcove.read("users"), user, order=alcove.ORDER),
    *(_step(table) for table in TABLES),
    Step("dynamic_config", alcove.read("dynamic_config"), settings, order=alcove.ORDER),
    *alcove.DOCUMENT_STEPS,
    *alcove.left_steps(LEFT, KEYS),
)
