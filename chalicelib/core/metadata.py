"""Metadata: what clients say about a thing in their own words, as names with values."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, Field

from chalicelib.core.models import Text, matching

if TYPE_CHECKING:
    from psycopg.types.json import Jsonb

MOST_CHARS = 8_000
MOST_VALUES = 100

MetadataKey = Annotated[Text, Field(min_length=1, max_length=100)]
MetadataValue = (
    Annotated[Text, Field(max_length=1000)]
    | bool
    | Annotated[int, Field(ge=-(2**53), le=2**53)]
    # A whole number of more than 308 digits would be an infinite one, which JSON has not.
    | Annotated[float, Field(allow_inf_nan=False)]
    | None
)
Metadata = Annotated[dict[MetadataKey, MetadataValue], Field(max_length=50)]
# Metadata as responses show it. What was moved in from another system can have values within values.
ShownMetadata = dict[str, Any]
# A name and a value, by which a list is filtered.
MetadataText = Annotated[
    Text,
    matching(r"^[^:]+:", "must be a name and a value, joined by a colon", min_length=2, max_length=1101),
]


def _short(metadata: Metadata) -> Metadata:
    size = len(json.dumps(metadata, ensure_ascii=False))
    if size > MOST_CHARS:
        raise ValueError(f"must have at most {MOST_CHARS:,} characters as JSON (has {size:,})")
    return metadata


# Every search hit shows its document's metadata, so it is short.
DocumentMetadata = Annotated[Metadata, AfterValidator(_short)]

# Metadata of a conversation, a message or a memory, as short as a document's.
ShortMetadata = DocumentMetadata

Conditions = dict[MetadataKey, MetadataValue | Annotated[list[MetadataValue], Field(min_length=1, max_length=100)]]


def _few(conditions: Conditions) -> Conditions:
    values = sum(len(value) if isinstance(value, list) else 1 for value in conditions.values())
    if values > MOST_VALUES:
        raise ValueError(f"must name at most {MOST_VALUES} values (names {values})")
    size = len(json.dumps(conditions, ensure_ascii=False))
    if size > MOST_CHARS:
        raise ValueError(f"must have at most {MOST_CHARS:,} characters as JSON (has {size:,})")
    return conditions


# Conditions on metadata: each name has the value, or one of the values. Conversations and assistants store them.
MetadataConditions = Annotated[Conditions, Field(min_length=1, max_length=20), AfterValidator(_few)]


def pairs(conditions: Mapping[str, Any] | None) -> "Jsonb | None":
    """Conditions for a statement: a list of pairs, each a name and a list of values. None without conditions."""
    from psycopg.types.json import Jsonb

    if not conditions:
        return None
    return Jsonb([(name, value if isinstance(value, list) else [value]) for name, value in conditions.items()])
