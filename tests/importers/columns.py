"""Which columns of a source the HTTP API answers with: what a move brought, looked for in the answers after it.

A column's value is found when it stands in an answer after the move and in none before it. That says something only of
values that occur once: texts name their column, numbers are chosen so, and times get milliseconds of their own. A word,
a boolean or a small number is found in an object about its own row, in the field with the column's name or the one that
`Field` says. A key is found as the id that its row has here, and a reference as the id of the row that it names, in an
object about the row or in one that such an object names. An object is about a row when it has the row's new id, or,
where a row has none, a value of the row that occurs once.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fnmatch import fnmatch
from ipaddress import IPv4Address
from typing import Any
from uuid import UUID

from psycopg.sql import SQL, Identifier

from importers.ids import key_hash
from importers.records import Step
from tests.importers.sources import Source
from tests.service import Service, User

# Lists, by the name that `{name}` has in PATHS.
LISTS = {
    "document": "/documents?limit=100",
    "repository": "/repositories",
    "conversation": "/conversations",
    "connector": "/connectors",
    "user": "/users",
    "group": "/groups",
}
# Where people and administrators read what was moved.
PATHS = (
    "/me",
    "/me/preferences",
    "/me/sessions",
    "/me/api-keys",
    "/me/provider-keys",
    "/documents?limit=100",
    "/documents?archived=true",
    "/documents?deleted=true",
    "/documents/{document}",
    "/documents/{document}/content",
    "/documents/{document}/chunks",
    "/repositories",
    "/repositories?archived=true",
    "/repositories/{repository}/documents",
    "/conversations",
    "/conversations?archived=true",
    "/conversations?deleted=true",
    "/conversations/{conversation}/messages",
    "/conversations/{conversation}/comparisons",
    "/messages/{message}/feedback",
    "/messages/{message}/timing",
    "/messages/{message}/trace",
    "/jobs/{job}",
    "/memories",
    "/tags",
    "/audit-logs",
    "/analytics/tokens",
    "/connectors",
    "/connectors/{connector}/runs",
    "/connectors/{connector}/items",
    "/assistants",
    "/llms",
    "/groups",
    "/groups/{group}/members",
    "/users",
    "/users/{user}",
    "/config/static",
    "/config/dynamic",
    "/config/audit",
    "/alerts/telegram",
    "/self-healing-events",
    "/workflow-activity",
    "/updates",
    "/updates/files",
    "/backups",
    "/ab/pool",
    "/ab/metrics",
    "/hosts",
)
# A number that stands in many answers by chance says nothing.
_LEAST_NUMBER = 100
# How far an answer about a row may be from one about the row that it names: a call of a tool names its trace, that the
# job, and that the conversation.
_MOST_STEPS = 3

Atom = str | float | datetime


@dataclass(frozen=True)
class Thing:
    """A JSON object of an answer: its fields, also those of objects in it, and every atom in it or in its path."""

    path: str
    fields: Mapping[str, Any]
    atoms: frozenset[Atom]


@dataclass
class Answers:
    """What callers are answered."""

    things: list[Thing] = field(default_factory=list)
    atoms: set[Atom] = field(default_factory=set)
    # What is about an id, a time or another atom.
    about: dict[Atom, list[Thing]] = field(default_factory=dict)

    def read(self, caller: User) -> None:
        """Everything that `caller` reads under PATHS."""
        ids: dict[str, set[str]] = {}
        for name, path in LISTS.items():
            ids[name] = {each["id"] for each in _items(caller, path)}
        ids["message"] = {
            message["id"]
            for conversation in ids["conversation"]
            for message in _items(caller, f"/conversations/{conversation}/messages?limit=100")
        }
        export = [("/me/export", each) for each in caller.items("/me/export", 1000)]
        ids["job"] = {each["row"]["id"] for _, each in export if each["table"] == "llm_jobs"}
        if caller.get("/organisation/export").status == 200:
            export += [("/organisation/export", each) for each in caller.items("/organisation/export", 1000)]
        for path, each in export:
            self._walk(each["row"], path, frozenset())
        now = datetime.now(UTC)
        since = now - timedelta(hours=3)
        metrics = f"/host-metrics?host=arasul&step=60&from={since:%Y-%m-%dT%H:%M:%SZ}&to={now:%Y-%m-%dT%H:%M:%SZ}"
        for path in (*PATHS, metrics):
            name = next((each for each in ids if f"{{{each}}}" in path), "")
            for identifier in sorted(ids[name]) if name else [""]:
                self._read(path.replace(f"{{{name}}}", identifier), caller)

    def has(self, atom: Atom) -> bool:
        """Whether an answer has it; a text also as a part of another one."""
        return atom in self.atoms or (
            isinstance(atom, str) and any(isinstance(each, str) and atom in each for each in self.atoms)
        )

    def _read(self, path: str, caller: User) -> None:
        answer = caller.get(path)
        if answer.status == 200:
            try:
                content = answer.json
            except ValueError:
                content = answer.body.decode()
            self._walk(content, path, frozenset(part for part in path.split("/") if _is_uuid(part)))

    def _walk(self, content: Any, path: str, around: frozenset[Atom]) -> frozenset[Atom]:
        """Note every object in it; returns its atoms."""
        if isinstance(content, dict):
            own = around | ({content["id"]} if isinstance(content.get("id"), str) else set())
            atoms = own.union(*(self._walk(value, path, own) for value in content.values()), _texts(content))
            thing = Thing(path, dict(_flat(content)), atoms)
            self.things.append(thing)
            for atom in atoms:
                self.about.setdefault(atom, []).append(thing)
        elif isinstance(content, list):
            atoms = around.union(*(self._walk(value, path, around) for value in content))
        else:
            atoms = frozenset(_leaf(content))
        self.atoms |= atoms
        return atoms


@dataclass(frozen=True)
class Field:
    """Where a column's value stands: the field `name`, with other words for some values, in any answer of `path`.

    `is_set`: the column says whether the field is null (False: that it is).
    """

    name: str
    words: Mapping[Any, Any] = field(default_factory=dict)
    path: str = "*"
    is_set: bool | None = None

    def expects(self, value: Any, here: Any) -> bool:
        """Whether `here` is what a column's value becomes."""
        if self.is_set is not None:
            return bool(value == ((here is not None) == self.is_set))
        expected = value
        if isinstance(value, (str, int, float, Decimal, timedelta)):
            expected = self.words.get(value, value)
        if isinstance(here, list) and not isinstance(expected, list):
            return expected in here
        return bool(expected == here)


@dataclass
class Columns:
    """The columns of a source, by whether the answers have them."""

    columns: set[str] = field(default_factory=set)
    missing: dict[str, list[Any]] = field(default_factory=dict)
    null: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Search:
    """What is looked for, and where."""

    before: Answers
    after: Answers
    steps: Sequence[Step]
    fields: Mapping[str, Field]
    # References that no step follows: the column, and the tables that it may name.
    references: Mapping[str, tuple[str, ...]]
    # By table and hash of the old key.
    new_ids: Mapping[tuple[str, bytes], str]

    def columns(self, source: Source) -> Columns:
        """Which columns of the source are found."""
        result = Columns()
        with source.connect() as conn:
            for table, names in columns(source).items():
                rows = conn.execute(SQL("select to_jsonb(t), t.* from {} t").format(Identifier(table))).fetchall()
                for place, name in enumerate(names, 1):
                    values = [(row, row[place]) for row in rows if row[place] is not None]
                    if not values:
                        result.null.add(f"{table}.{name}")
                    elif self._finds(table, name, values):
                        result.columns.add(f"{table}.{name}")
                    else:
                        result.missing[f"{table}.{name}"] = [value for _, value in values]
        return result

    def _finds(self, table: str, name: str, values: Sequence[tuple[tuple[Any, ...], Any]]) -> bool:
        return (
            any(self._is_new(value) for _, value in values)
            or any(self._is_linked(table, name, row) for row, _ in values)
            or self._is_field(table, name, values)
        )

    def _is_new(self, value: Any) -> bool:
        atoms = list(_atoms(value))
        return bool(atoms) and all(self.after.has(atom) and not self.before.has(atom) for atom in atoms)

    def _is_field(self, table: str, name: str, values: Sequence[tuple[tuple[Any, ...], Any]]) -> bool:
        """Whether each row that is answered has its value in the field."""
        stated = self.fields.get(f"{table}.{name}", Field(name))
        matches = []
        for row, value in values:
            things = self.after.things if stated.path.startswith("/") else self._about(table, row)
            here = [
                thing.fields[stated.name]
                for thing in things
                if stated.name in thing.fields and fnmatch(thing.path, stated.path)
            ]
            if here:
                matches.append(any(stated.expects(value, each) for each in here))
        return bool(matches) and (all(matches) or (stated.path.startswith("/") and any(matches)))

    def _about(self, table: str, row: tuple[Any, ...]) -> list[Thing]:
        """The objects about a row, the narrowest ones: those without another object about it inside."""
        own = self._own(table, row[0])
        if own:
            return [
                thing
                for each in own
                for thing in self.after.about.get(each, ())
                if thing.fields.get("id") == each or "id" not in thing.fields
            ]
        atoms = {atom for value in row[1:] for atom in _atoms(value) if not self.before.has(atom)}
        return [thing for atom in atoms for thing in self.after.about.get(atom, ())]

    def _own(self, table: str, values: Mapping[str, Any]) -> list[str]:
        """The ids that a row has here."""
        keys = {(step.title, key_hash(step.key_of(values))) for step in self.steps if step.kind == table}
        return [self.new_ids[key] for key in keys if key in self.new_ids]

    def _is_linked(self, table: str, column: str, row: tuple[Any, ...]) -> bool:
        """Whether a key is answered as the new id of its row, or a reference as that of the row that it names."""
        own = self._own(table, row[0])
        if any(step.kind == table and step.key == (column,) for step in self.steps) and any(
            each in self.after.about for each in own
        ):
            return True
        kinds = {step.refs[column] for step in self.steps if step.kind == table and column in step.refs}
        kinds |= set(self.references.get(f"{table}.{column}", ()))
        hashed = key_hash(str(row[0][column]))
        named = {
            self.new_ids[kind, hashed] for kind in kinds if isinstance(kind, str) and (kind, hashed) in self.new_ids
        }
        reached = {atom for thing in self._about(table, row) for atom in thing.atoms if _is_id(atom)}
        for _ in range(_MOST_STEPS):
            if named & reached:
                return True
            reached |= {
                atom
                for each in reached
                for thing in self.after.about.get(each, ())
                if thing.fields.get("id") == each
                for atom in thing.atoms
                if _is_id(atom)
            }
        return bool(named & reached)


def columns(source: Source) -> dict[str, list[str]]:
    """Every column of every table of the source, from its catalogue."""
    result: dict[str, list[str]] = {}
    with source.connect() as conn:
        for table, column in conn.execute(
            "select table_name, column_name from information_schema.columns where table_schema = 'public' "
            "order by table_name, ordinal_position"
        ):
            result.setdefault(table, []).append(column)
    return result


def make_times_unique(source: Source) -> None:
    """Give each time of the source milliseconds that no other one has."""
    with source.connect() as conn:
        place = 0
        for table, column in conn.execute(
            "select table_name, column_name from information_schema.columns where table_schema = 'public' "
            "and data_type like 'timestamp%' order by 1, ordinal_position"
        ).fetchall():
            statement = SQL(
                "update {0} set {1} = date_trunc('second', {1}) + %s * interval '1 millisecond' where ctid = %s"
            ).format(Identifier(table), Identifier(column))
            for (row,) in conn.execute(SQL("select ctid from {}").format(Identifier(table))).fetchall():
                place += 1
                conn.execute(statement, [place, row])


def new_ids(service: Service) -> dict[tuple[str, bytes], str]:
    """The ids that the rows of a move have here, by table and hash of the old key."""
    with service.database.connect("owner") as owner:
        rows = owner.execute("select kind, key_hash, new_id from moved_rows where new_id is not null").fetchall()
        return {(kind, bytes(hashed)): str(new_id) for kind, hashed, new_id in rows}


def _atoms(value: Any) -> Iterator[Atom]:
    """The parts of a source's value that occur once."""
    if isinstance(value, dict):
        for name, each in value.items():
            # A key that names its column; others stand in many answers.
            yield from _atoms(name) if "." in name else ()
            yield from _atoms(each)
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from _atoms(each)
    elif isinstance(value, datetime):
        yield value if value.tzinfo else value.replace(tzinfo=UTC)
    elif isinstance(value, (int, float, Decimal)) and not isinstance(value, bool):
        if value >= _LEAST_NUMBER or value != int(value):
            yield float(value)
    elif isinstance(value, IPv4Address) or (isinstance(value, str) and len(value) > 5):
        yield str(value).casefold()


def _leaf(value: Any) -> Iterator[Atom]:
    """What a leaf of an answer says."""
    if isinstance(value, str):
        yield value if _is_uuid(value) else value.casefold()
        if value[:4].isdigit() and "T" in value:
            try:
                moment = datetime.fromisoformat(value)
            except ValueError:
                return
            yield moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield float(value)


def _texts(content: Mapping[str, Any]) -> set[Atom]:
    return {name.casefold() for name in content if "." in name}


def _flat(content: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in content.items():
        yield before + name, value
        if isinstance(value, dict):
            yield from _flat(value, f"{before}{name}.")


def _is_id(atom: Atom) -> bool:
    return isinstance(atom, str) and _is_uuid(atom)


def _items(caller: User, path: str) -> list[dict[str, Any]]:
    answer = caller.get(path)
    items: list[dict[str, Any]] = answer.json.get("items", []) if answer.status == 200 else []
    return [each for each in items if "id" in each]


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return len(text) == 36
