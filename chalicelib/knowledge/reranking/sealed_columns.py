"""The sealed secrets of rerankers: their keys at their providers."""

from chalicelib.core import sealed

RERANKER_KEYS = sealed.Columns("rerankers", "id")
