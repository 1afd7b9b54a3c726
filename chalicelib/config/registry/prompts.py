"""Prompts: templates by kind and name, each with its versions.

A placeholder is a name in braces. Filling one in is a single pass over the template, so what is put in is never read
as a template itself, whatever braces stand in a document or a question.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from chalicelib.config.registry import choices
from chalicelib.config.registry.models import NewPrompt, Prompt, PromptContent, PromptQuery, PromptVersion
from chalicelib.core import errors, rows, sql
from chalicelib.core.models import Page, PageQuery, page_of

if TYPE_CHECKING:
    from chalicelib.core.connection import Conn

queries = sql.load(__file__)

# What each kind must hold exactly once; nothing else in braces is a placeholder.
PLACEHOLDERS: Mapping[str, tuple[str, ...]] = {
    "condense": ("history", "query"),
    "chat": ("context", "query"),
    "system": (),
}
_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")


def fill(template: str, values: Mapping[str, str]) -> str:
    """`template` with `{name}` replaced by `values[name]`; other braces stay as they are."""
    return _PLACEHOLDER.sub(lambda result: values.get(result[1], result[0]), template)


def check(kind: str, content: str, field: str = "content") -> None:
    """That a template holds its kind's placeholders, each once, and no other. Raises Unprocessable."""
    params, result = PLACEHOLDERS[kind], _PLACEHOLDER.findall(content)
    for name in params:
        if result.count(name) != 1:
            raise _fault(field, f"must hold the placeholder {{{name}}} exactly once")
    for name in result:
        if name not in params:
            raise _fault(field, f"holds {{{name}}}, which is no placeholder of this kind")


@dataclass(frozen=True, slots=True)
class PromptTemplate:
    """A template that the settings lead to. `name` and `version` are None for one that stands in the settings."""

    kind: str
    name: str | None
    version: int | None
    content: str


def get_templates(conn: "Conn", settings: Mapping[str, Any]) -> dict[str, PromptTemplate]:
    """The template of each kind. One round trip. Raises NotFound for a name that is gone."""
    names = {kind: settings[f"active_{kind}_prompt"] for kind in PLACEHOLDERS}
    result = {row.kind: row for row in rows.many(conn, PromptTemplate, queries.get_templates, names)}
    for kind, name in names.items():
        if kind not in result:
            raise errors.NotFound(f"There is no {kind} prompt {name}.")
    for kind, setting in (("system", "system_prompt"), ("chat", "task_prompt")):
        if settings[setting] is not None:
            result[kind] = PromptTemplate(kind, None, None, settings[setting])
    return result


def create(conn: "Conn", new: NewPrompt) -> Prompt:
    """Make a prompt. Raises Conflict for a name in use."""
    import psycopg

    check(new.kind, new.content)
    try:
        return _prompt_or_404(rows.one(conn, Prompt, queries.create, new.model_dump()))
    except psycopg.errors.UniqueViolation as error:
        raise errors.Conflict("A prompt of this kind has this name; change that one.") from error


def get(conn: "Conn", prompt_id: UUID) -> Prompt:
    """A prompt. Raises NotFound."""
    return _prompt_or_404(rows.one(conn, Prompt, queries.get, {"id": prompt_id}))


def list_page(conn: "Conn", query: PromptQuery) -> Page[Prompt]:
    """Prompts, newest first."""
    params = {"kind": query.kind, "after": query.after(), "limit": query.limit + 1}
    return page_of(rows.many(conn, Prompt, queries.list, params), query.limit)


def revise(conn: "Conn", prompt_id: UUID, content: PromptContent) -> Prompt:
    """Give a prompt its next version. Raises NotFound."""
    check(get(conn, prompt_id).kind, content.content)
    return _prompt_or_404(rows.one(conn, Prompt, queries.revise, {"id": prompt_id, "content": content.content}))


def versions(conn: "Conn", prompt_id: UUID, query: PageQuery) -> Page[PromptVersion]:
    """A prompt's versions, newest first. Raises NotFound."""
    get(conn, prompt_id)
    params = {"id": prompt_id, "after": query.after(), "limit": query.limit + 1}
    return page_of(rows.many(conn, PromptVersion, queries.versions, params), query.limit)


def delete(conn: "Conn", prompt_id: UUID) -> None:
    """Delete a prompt with its versions. Raises NotFound, Conflict (in_use) for one that the settings name."""
    choices.close(conn)
    row = conn.execute(queries.delete, {"id": prompt_id}).fetchone()
    if row is None:
        raise errors.NotFound
    if row[0]:
        raise errors.Conflict("The settings name this prompt; choose another there first.", code="in_use")


def _fault(field: str, message: str) -> errors.Unprocessable:
    return errors.Unprocessable(errors=[{"field": field, "message": message}])


def _prompt_or_404(prompt: Prompt | None) -> Prompt:
    if prompt is None:
        raise errors.NotFound
    return prompt
