"""Where documents and questions go: every server that the deployment sends them to, as every user may know."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from chalicelib.config.registry.llm_providers import called_at
from chalicelib.core import rows, sql
from chalicelib.core.models import Page
from chalicelib.knowledge.embedding.models import DataProcessor

if TYPE_CHECKING:
    from chalicelib.core.connection import Conn

queries = sql.load(__file__)

_MOST = 500


@dataclass(frozen=True, slots=True)
class _ProcessorRow:
    kind: Literal["embedding_model", "language_model", "reranker"]
    name: str
    provider: str
    address: str | None
    base_urls: dict[str, str | None] | None
    status: Literal["in_use", "preparing", "on_offer"]
    receives: list[Literal["documents", "chunks", "questions", "history"]]


def list_all(conn: "Conn") -> Page[DataProcessor]:
    """The processors on one page, embedding models first, without keys and without the paths of their addresses."""
    return Page(
        items=[
            DataProcessor(
                kind=row.kind,
                name=row.name,
                provider=row.provider,
                host=host(called_at(row.provider, row.address, row.base_urls or {})),
                status=row.status,
                receives=row.receives,
            )
            for row in rows.many(conn, _ProcessorRow, queries.list, {"limit": _MOST})
        ]
    )


def host(address: str | None) -> str | None:
    """The host of an address; None for what runs in the deployment or in its AWS account."""
    return None if address is None else urlsplit(address).hostname
