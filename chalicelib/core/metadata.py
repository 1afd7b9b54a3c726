"""Metadata: what clients say about a thing in their own words, as names with values."""

import json
from typing import Annotated

from pydantic import AfterValidator, Field

from chalicelib.core.models import Text

MOST_CHARS = 8_000
MOST_VALUES = 100

MetadataKey = Annotated[Text, Field(min_length=1, max_length=100)]
MetadataValue = (
    Annotated[Text, Field(max_length=1000)] | bool | Annotated[int, Field(ge=-(2**53), le=2**53)] | float | None
)
Metadata = Annotated[dict[MetadataKey, MetadataValue], Field(max_length=50)]
# Metadata as responses show it.
ShownMetadata = dict[str, str | bool | int | float | None]


def _short(metadata: Metadata) -> Metadata:
    size = len(json.dumps(metadata, ensure_ascii=False))
    if size > MOST_CHARS:
        raise ValueError(f"must have at most {MOST_CHARS:,} characters as JSON (has {size:,})")
    return metadata


# Every search hit shows its document's metadata, so it is short.
DocumentMetadata = Annotated[Metadata, AfterValidator(_short)]

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
