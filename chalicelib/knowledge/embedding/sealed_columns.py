"""The sealed secrets of embedding models: their keys at their providers."""

from chalicelib.core import sealed

EMBEDDING_MODEL_KEYS = sealed.Columns("embedding_models", "id")
