"""Two versions of the code on one schema: during a deployment, and after going back to the code of yesterday.

A deployment migrates first, so the former release's code runs on the new schema, for seconds or, after going back to
it, for days. `python -m infra.compatibility` records what a release asks of the database in `infra/contract.json`:
every statement of its code, and the declarations of the functions. Tests hold every newer schema to that record, and
every newer migration to adding only, unless its file says why something else does no harm. docs/migrations.md is the
page for authors of migrations. One module because the record and its check read the same statements and declarations.
"""

from __future__ import annotations

import importlib
import json
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chalicelib.core import connection, identity, sealed, sql
from chalicelib.ops import migrations

if TYPE_CHECKING:
    import psycopg

ROOT = Path(__file__).resolve().parent.parent
CONTRACT = ROOT / "infra" / "contract.json"
OWNER_FILES = {
    "ops/deployment.sql",
    "ops/probe.sql",
    "ops/updates/recording.sql",
    "ops/drills/digests.sql",
    "ops/drills/recording.sql",
    "core/sealed.sql",
}  # run by the owner alone; everything else by alcove_app

_EXPLAINABLE = re.compile(r"(?:--[^\n]*\n|\s)*(?:select|insert|update|delete|with|merge|values)\b", re.IGNORECASE)
_DECLARATION = re.compile(
    r"^create or replace (?P<kind>function|procedure) (?P<name>\w+)(?P<rest>\(.*?)\s+language\b",
    re.MULTILINE | re.DOTALL,
)
_PARAMETER = re.compile(r"%\((\w+)\)[bs]|%%")
_NOTE_LINE = re.compile(r"^-- compatible: (?P<what>[^:]+(?:::[^:]+)*): (?P<why>\S.*)$", re.MULTILINE)
# The driver says what type a value has, or writes the value itself; a bare parameter does neither where it matters.
_VALUES = {"attempt": "null::integer", "prompt_tokens": "null::integer", "dimension": "384"}


@dataclass(frozen=True)
class Statement:
    """One statement as `PREPARE` takes it, with `$1` for a parameter, and the role that runs it."""

    role: str
    text: str


def statements() -> dict[str, Statement]:
    """Every statement of the present code by name: `<wing>/<noun>.sql:query`, or where else it is made."""
    results: dict[str, Statement] = {}
    for path in sorted((ROOT / "chalicelib").rglob("*.sql")):
        file = path.relative_to(ROOT / "chalicelib").as_posix()
        queries = queries_of(path)
        texts = {name: str(getattr(queries, name)) for name in queries}
        composed = _composed(file, texts)
        parts = {name for name, text in texts.items() if any(text in whole for whole in composed.values())}
        role = "owner" if file in OWNER_FILES else "app"
        for name, text in {**texts, **composed}.items():
            if name not in parts and _EXPLAINABLE.match(text):
                results[f"{file}:{name}"] = Statement(role, _numbered(text))
    for name in sealed.queries:
        del results[f"core/sealed.sql:{name}"]
        for table, columns in sealed.registered().items():
            text = columns.compose(getattr(sealed.queries, name)).as_string()
            results[f"core/sealed.sql:_{name}[{table}]"] = Statement("owner", _numbered(text))
    for name, text in _openings():
        results[f"core/identity.py:{name}"] = Statement("app", _numbered(text))
    return results


def queries_of(path: Path) -> sql.Queries:
    """The queries of a `.sql` file of the present code, as its module loads them: with the parts of another file."""
    module = path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".")
    queries: sql.Queries = importlib.import_module(module).queries
    return queries


def _composed(file: str, texts: Mapping[str, str]) -> dict[str, str]:
    """Statements that the module beside `file` puts together from its queries when it is imported."""
    module = importlib.import_module(f"chalicelib.{file.removesuffix('.sql').replace('/', '.')}")
    values = {
        (f"{name}[{key}]" if key is not None else name): text
        for name, value in sorted(vars(module).items())
        for key, text in (value.items() if isinstance(value, dict) else [(None, value)])
        if isinstance(text, str)
    }
    return {
        name: text
        for name, text in values.items()
        if any(part in text and part != text for part in texts.values() if part)
    }


def _openings() -> Iterator[tuple[str, str]]:
    """What core/identity.py begins transactions with."""
    for name in ("_CHARGE", "_AS_SESSION", "_AS_API_KEY", "_AS_USER"):
        for part in getattr(identity, name).split("; "):
            if part.startswith("select"):
                yield name, part


def _numbered(text: str) -> str:
    names: list[str] = []

    def numbered(match: re.Match[str]) -> str:
        name = match[1]
        if name is None:
            return "%"
        if name in _VALUES:
            return _VALUES[name]
        if name not in names:
            names.append(name)
        return f"${names.index(name) + 1}"

    return _PARAMETER.sub(numbered, text)


def refused(connections: Mapping[str, psycopg.Connection[Any]], required: Mapping[str, Statement]) -> dict[str, str]:
    """The statements that a schema no longer serves, with the server's reason.

    `connections` has one for each role, in autocommit mode. A statement is planned and its rights are checked, nothing
    is run: PostgreSQL's `EXPLAIN (GENERIC_PLAN)`, which takes parameters without values (16 or newer).
    """
    import psycopg

    failures = {}
    for name, statement in required.items():
        cursor = psycopg.ClientCursor(connections[statement.role])
        try:
            cursor.execute(f"explain (generic_plan) {statement.text}".encode())
        except psycopg.Error as error:
            failures[name] = str(error).splitlines()[0]
    return failures


# What an older program can rely on, read from the catalogue. Each gives rows (kind, name, definition).
_CATALOGUE = """
select 'column', c.relname || '.' || a.attname,
       format_type(a.atttypid, a.atttypmod) || case when not a.attnotnull then '' else ' not null'
           || case when a.atthasdef or a.attidentity <> '' then ' with a value' else '' end end
  from pg_class c join pg_attribute a on a.attrelid = c.oid
 where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v', 'm') and not c.relispartition
   and a.attnum > 0 and not a.attisdropped
union all
select 'constraint', c.relname || '.' || k.conname, pg_get_constraintdef(k.oid)
  from pg_constraint k join pg_class c on c.oid = k.conrelid
 where c.relnamespace = 'public'::regnamespace and not c.relispartition and k.contype in ('c', 'f', 'u', 'p', 'x')
union all
select 'unique index', c.relname || '.' || i.relname, pg_get_indexdef(x.indexrelid)
  from pg_index x join pg_class i on i.oid = x.indexrelid join pg_class c on c.oid = x.indrelid
 where c.relnamespace = 'public'::regnamespace and not c.relispartition and x.indisunique
   and not exists (select from pg_constraint k where k.conindid = x.indexrelid)
union all
select 'trigger', c.relname || '.' || t.tgname, pg_get_triggerdef(t.oid)
  from pg_trigger t join pg_class c on c.oid = t.tgrelid
 where c.relnamespace = 'public'::regnamespace and not c.relispartition and not t.tgisinternal
union all
select 'policy', tablename || '.' || policyname, concat_ws(' ', permissive, cmd, roles::text, qual, with_check)
  from pg_policies where schemaname = 'public'
union all
select 'function', p.oid::regprocedure::text, pg_get_function_result(p.oid)
  from pg_proc p
 where p.pronamespace = 'public'::regnamespace
   and not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e')
union all
select 'right', 'to call ' || p.oid::regprocedure::text, ''
  from pg_proc p
 where p.pronamespace = 'public'::regnamespace and has_function_privilege('alcove_app', p.oid, 'execute')
   and not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e')
union all
select 'right', 'to ' || lower(privilege_type) || ' ' || table_name || '.' || column_name, ''
  from information_schema.column_privileges where grantee = 'alcove_app' and table_schema = 'public'
union all
select 'right', 'to delete ' || table_name, ''
  from information_schema.role_table_grants
 where grantee = 'alcove_app' and table_schema = 'public' and privilege_type = 'DELETE'
"""


@dataclass(frozen=True)
class Catalogue:
    """What a schema offers: definitions by kind and name."""

    items: dict[tuple[str, str], str] = field(default_factory=dict)

    @classmethod
    def read(cls, owner: psycopg.Connection[Any]) -> Catalogue:
        """The catalogue of a database, as its owner sees it."""
        rows = owner.execute(_CATALOGUE).fetchall()
        return cls({(kind, name): definition for kind, name, definition in rows})

    def tables(self) -> set[str]:
        """The names of tables and views."""
        return {name.split(".")[0] for kind, name in self.items if kind == "column"}


# Kinds that only narrow what may be written, or what happens when it is: a new one can refuse what was accepted.
_NARROWING = {"constraint", "unique index", "trigger"}


def incompatible(before: Catalogue, after: Catalogue) -> set[str]:
    """What in `after` could break a program written for `before`: each as `kind name`, such as `column users.email`.

    Gone or redefined columns and functions, rights taken away, and what narrows or intercepts writes to tables that
    existed. New tables, columns that are null or have a default, functions and permissive policies break nothing.
    """
    tables_before = before.tables()
    removed = {key for key in before.items if key not in after.items and key[0] in {"column", "function", "right"}}
    results = removed | {
        key for key, text in before.items.items() if _is_redefined(key[0], text, after.items.get(key, text))
    }
    for key in after.items.keys() - before.items.keys():
        kind, name = key
        if name.split(".")[0] in tables_before and _narrows(kind, after.items[key]):
            results.add(key)
    return {f"{kind} {name}" for kind, name in results}


def _is_redefined(kind: str, before: str, after: str) -> bool:
    if before == after:
        return False
    # A column may become nullable or get a default: then more is accepted than before, and what is read may be null.
    return not (kind == "column" and after == before + " with a value")


def _narrows(kind: str, definition: str) -> bool:
    if kind == "column":
        return definition.endswith(" not null")
    return kind in _NARROWING or (kind == "policy" and definition.startswith("RESTRICTIVE"))


def compatibility_comments(migration: str) -> dict[str, str]:
    """What a migration declares harmless: `-- compatible: column users.email: unread since 1.3` and its like."""
    return {match["what"]: match["why"] for match in _NOTE_LINE.finditer(migration)}


def declarations(directory: Path = migrations.DIRECTORY) -> dict[str, str]:
    """What `migrations/functions/` declares, by `function name`: parameters with defaults, and what is returned."""
    return {
        f"{match['kind']} {match['name']}": " ".join(match["rest"].split())
        for path in migrations.function_files(directory).values()
        for match in _DECLARATION.finditer(path.read_text("utf-8"))
    }


def unexplained(owner: Mapping[str, Any], former: Contract, directory: Path = migrations.DIRECTORY) -> list[str]:
    """What migrations after `former` change incompatibly and do not explain, and what they explain and do not change.

    `owner` is the secret of an empty database's owner; the migrations are applied to it one by one. Functions are not:
    their files are those of the newest. Their declarations are compared with those that `former` recorded.
    """
    newer = [path for path in migrations.files(directory) if path.stem > former.level]
    declared = declarations(directory)
    redeclared = {name for name, text in former.functions.items() if declared.get(name) != text}
    problems: list[str] = []
    with tempfile.TemporaryDirectory() as name:
        step = Path(shutil.copytree(directory, Path(name) / "migrations"))
        for path in [*(step / path.name for path in newer), *(step / "functions").glob("*.sql")]:
            path.unlink()
        migrations.apply(owner, step)
        before = _catalogue(owner)
        for path in newer:
            shutil.copy(path, step)
            migrations.apply(owner, step)
            after = _catalogue(owner)
            explained = set(compatibility_comments(path.read_text("utf-8")))
            results = incompatible(before, after) | (redeclared & explained)
            redeclared -= explained
            problems += [f"{path.stem}: {what} may break the former release" for what in sorted(results - explained)]
            problems += [f"{path.stem}: {what} is explained and not changed" for what in sorted(explained - results)]
            before = after
    return problems + [f"functions: {what} may break the former release" for what in sorted(redeclared)]


def _catalogue(owner: Mapping[str, Any]) -> Catalogue:
    with connection.connect(owner) as conn:
        return Catalogue.read(conn)


@dataclass(frozen=True)
class Contract:
    """What a release asks of the database: its newest migration, its statements and the functions' declarations."""

    level: str
    statements: dict[str, Statement]
    functions: dict[str, str]

    @classmethod
    def of_present(cls) -> Contract:
        """The contract of the code in this checkout."""
        newest = migrations.files()[-1].stem
        return cls(newest, statements(), declarations())

    @classmethod
    def read(cls, path: Path = CONTRACT) -> Contract:
        """The contract of the former release, as it was recorded."""
        stored = json.loads(path.read_text("utf-8"))
        results = {
            name: Statement(role, "\n".join(lines))
            for role, named in stored["statements"].items()
            for name, lines in named.items()
        }
        return cls(stored["level"], results, stored["functions"])

    def write(self, path: Path = CONTRACT) -> None:
        """Record it, a line of a statement as a line of the file, so that a change of it can be read."""
        named: dict[str, dict[str, list[str]]] = {"app": {}, "owner": {}}
        for name, statement in sorted(self.statements.items()):
            named[statement.role][name] = statement.text.split("\n")
        stored = {"level": self.level, "functions": dict(sorted(self.functions.items())), "statements": named}
        path.write_text(json.dumps(stored, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    contract = Contract.of_present()
    contract.write()
    print(f"  {len(contract.statements)} statements on {contract.level}: {CONTRACT.relative_to(ROOT)}")
