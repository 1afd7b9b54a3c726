"""Prompts: templates by kind and name, each with its versions.

A placeholder is a name in braces. `fill` passes over the template once: braces in a document or a question are text.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from chalicelib.config.registry import choices
from chalicelib.config.registry.models import (
    PLACEHOLDERS,
    NewPrompt,
    Prompt,
    PromptContent,
    PromptQuery,
    PromptVersion,
)
from chalicelib.core import errors, rows, sql
from chalicelib.core.models import Page, PageQuery, page_of

if TYPE_CHECKING:
    from chalicelib.core.connection import Conn

queries = sql.load(__file__)

# The settings that replace the prompt of a kind by a template of their own.
_OVERRIDES = {"system": "system_prompt", "chat": "task_prompt"}
_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")


def fill(template: str, values: Mapping[str, str]) -> str:
    """`template` with `{name}` replaced by `values[name]`; other braces stay as they are."""
    return _PLACEHOLDER.sub(lambda match: values.get(match[1], match[0]), template)


def check(kind: str, content: str, field: str = "content") -> None:
    """Check that a template has each placeholder of its kind once, and no other. Raises Unprocessable."""
    placeholders, used = PLACEHOLDERS[kind], _PLACEHOLDER.findall(content)
    for name in placeholders:
        if used.count(name) != 1:
            raise errors.invalid_field(field, f"must contain the placeholder {{{name}}} exactly once")
    for name in used:
        if name not in placeholders:
            raise errors.invalid_field(field, f"contains {{{name}}}, which is not a placeholder of this kind")


def check_task_prompt(content: str | None) -> None:
    """Check the template of the setting `task_prompt`, if there is one. Raises Unprocessable."""
    if content is not None:
        check("chat", content, "task_prompt")


@dataclass(frozen=True, slots=True)
class PromptTemplate:
    """The template that the settings select. `name` and `version` are None when a setting contains the template."""

    kind: str
    name: str | None
    version: int | None
    content: str


def get_templates(conn: "Conn", settings: Mapping[str, Any]) -> dict[str, PromptTemplate]:
    """The template of each kind. One round trip. Raises NotFound for a deleted prompt.

    `prompt_versions` of `settings`, which a replay has, are versions by kind; otherwise the newest apply.
    """
    from psycopg.types.json import Jsonb

    names = {kind: settings[f"active_{kind}_prompt"] for kind in PLACEHOLDERS}
    params = {"names": Jsonb(names), "versions": Jsonb(settings.get("prompt_versions", {}))}
    templates = {row.kind: row for row in rows.many(conn, PromptTemplate, queries.get_templates, params)}
    for kind, name in names.items():
        if kind not in templates:
            raise errors.NotFound(f"There is no {kind} prompt {name}.")
    for kind, setting in _OVERRIDES.items():
        if settings[setting] is not None:
            templates[kind] = PromptTemplate(kind, None, None, settings[setting])
    return templates


def create(conn: "Conn", new: NewPrompt) -> Prompt:
    """Create a prompt. Raises Conflict for a name in use."""
    import psycopg

    check(new.kind, new.content)
    try:
        return _prompt_or_404(rows.one(conn, Prompt, queries.create, new.model_dump()))
    except psycopg.errors.UniqueViolation as error:
        raise errors.Conflict("Another prompt of this kind has this name.") from error


def get(conn: "Conn", prompt_id: UUID) -> Prompt:
    """A prompt. Raises NotFound."""
    return _prompt_or_404(rows.one(conn, Prompt, queries.get, {"id": prompt_id}))


def list_page(conn: "Conn", query: PromptQuery) -> Page[Prompt]:
    """Prompts, newest first."""
    params = {"kind": query.kind, "after": query.after(), "limit": query.limit + 1}
    return page_of(rows.many(conn, Prompt, queries.list, params), query.limit)


def revise(conn: "Conn", prompt_id: UUID, content: PromptContent) -> Prompt:
    """Create a prompt's next version. Raises NotFound."""
    check(get(conn, prompt_id).kind, content.content)
    return _prompt_or_404(rows.one(conn, Prompt, queries.revise, {"id": prompt_id, "content": content.content}))


def versions(conn: "Conn", prompt_id: UUID, query: PageQuery) -> Page[PromptVersion]:
    """A prompt's versions, newest first. Raises NotFound."""
    get(conn, prompt_id)
    params = {"id": prompt_id, "after": query.after(), "limit": query.limit + 1}
    return page_of(rows.many(conn, PromptVersion, queries.versions, params), query.limit)


def delete(conn: "Conn", prompt_id: UUID) -> None:
    """Delete a prompt with its versions. Raises NotFound, and Conflict (in_use) while the settings name it."""
    choices.lock_deletions(conn)
    row = conn.execute(queries.delete, {"id": prompt_id}).fetchone()
    if row is None:
        raise errors.NotFound
    if row[0]:
        raise errors.Conflict(
            "The settings use this prompt. Choose another prompt in the settings first.", code="in_use"
        )


def _prompt_or_404(prompt: Prompt | None) -> Prompt:
    if prompt is None:
        raise errors.NotFound
    return prompt
