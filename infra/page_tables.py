"""Tables inside hand-written pages of `docs/`: each is written from what the code declares.

A page names its table by a comment, `<!-- written by `python -m infra.pages`: NAME -->`, where NAME is a function below
with the decorator `@table`. The table ends at `<!-- end -->`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from chalicelib.config.registry.llm_providers import LLM_PROVIDERS, OWN_KEY_PROVIDERS
from chalicelib.config.settings.declarations import AdministratorSettings, DeclaredSettings
from chalicelib.config.settings.models import StaticConfig
from chalicelib.core import openapi
from chalicelib.core import repairs as repair_registry
from chalicelib.ops import migrations
from infra.page_types import type_name

_TABLE = re.compile(r"(<!-- written by `python -m infra.pages`: (\w+) -->\n).*?(<!-- end -->\n)", re.DOTALL)
_tables: dict[str, Callable[[], Iterator[str]]] = {}


def table(lines: Callable[[], Iterator[str]]) -> Callable[[], Iterator[str]]:
    """Register the lines of a table under the function's name."""
    _tables[lines.__name__] = lines
    return lines


def filled(page: str) -> str:
    """The page with its tables as the code declares them. KeyError for a table that no function writes."""
    return _TABLE.sub(lambda match: match[1] + "".join(f"{line}\n" for line in _tables[match[2]]()) + match[3], page)


def has_tables(page: str) -> bool:
    """Whether a page has such a table."""
    return _TABLE.search(page) is not None


@table
def llm_providers() -> Iterator[str]:
    """The table of docs/llms.md."""
    yield (
        "| provider | client API | public address | `endpoint` | key at the public address | users' own keys "
        "| further options |"
    )
    yield "|---|---|---|---|---|---|---|"
    for name, provider in LLM_PROVIDERS.items():
        cells = (
            f"`{name}`",
            f"`{provider.api}`",
            f"`{provider.base_url}`" if provider.base_url else "",
            provider.endpoint,
            "required" if provider.requires_key else "",
            "yes" if name in OWN_KEY_PROVIDERS else "no",
            ", ".join(f"`{option}`" for option in provider.extra_options),
        )
        yield _row(cells)


@table
def settings() -> Iterator[str]:
    """The table of every setting in docs/settings.md."""
    yield "| setting | default | value | set by | what it does |"
    yield "|---|---|---|---|---|"
    properties = openapi.document()["components"]["schemas"]["StaticConfig"]["properties"]
    defaults, preferred = _defaults(), _preferred()
    for name in StaticConfig.model_fields:
        schema = properties[name]
        levels = ["S"]
        if name in AdministratorSettings.model_fields:
            levels.append("D")
        if name in preferred:
            levels.append("U")
        if name in DeclaredSettings.model_fields:
            levels.append("C")
        value = type_name(schema).removesuffix(" or null")
        default = json.dumps(_value(defaults[name], schema), ensure_ascii=False)
        yield _row((f"`{name}`", f"`{default}`", value, " ".join(levels), schema["description"]))


@table
def repairs() -> Iterator[str]:
    """The table of every repair in docs/operations.md, by name: its docstring."""
    yield "| repair | does |"
    yield "|---|---|"
    for name, repair in sorted(repair_registry.registered().items()):
        yield _row((f"`{name}`", " ".join((repair.__doc__ or "").split())))


def _row(cells: tuple[str, ...]) -> str:
    return "".join(f"| {cell} " if cell else "| " for cell in cells) + "|"


def _defaults() -> Mapping[str, str | None]:
    """The default of every column of `static_config`, as the migrations write it in SQL; None for no default."""
    text = "".join(path.read_text("utf-8") for path in migrations.files())
    created = re.findall(r"^create table static_config \((.*?)^\);", text, re.MULTILINE | re.DOTALL)
    added = re.findall(r"^alter table static_config\b(.*?);$", text, re.MULTILINE | re.DOTALL)
    columns = re.findall(
        r"^ +(?:add column )?(\w+) \w+(.*?)(?=,$|\Z)", "\n".join(created + added), re.MULTILINE | re.DOTALL
    )
    return {
        name: match[1] if (match := re.search(r"\bdefault ('(?:[^']|'')*'|[\w.]+)", rest)) else None
        for name, rest in columns
    }


def _preferred() -> set[str]:
    """The settings that a preference sets, by the SQL function `preferred_settings`."""
    text = migrations.function_files()["functions/settings"].read_text("utf-8")
    return set(re.findall(r"'(\w+)', preferences -> 'preferred_", text))


def _value(default: str | None, schema: Mapping[str, Any]) -> Any:
    """A default in SQL as the JSON value of a field with this schema."""
    if default is None:
        return None
    kinds = {kind.get("type") for kind in schema.get("anyOf", [schema])}
    text = default.strip("'").replace("''", "'")
    if "array" in kinds:
        return [item for item in text.strip("{}").split(",") if item]
    return text if kinds <= {"string", "null"} else json.loads(text)
