"""The registry's sealed secrets: the keys of language models, and users' own keys for LLM providers."""

from chalicelib.core import sealed

LLM_KEYS = sealed.Columns("llms", "id")
PROVIDER_KEYS = sealed.Columns("provider_keys", "user_id", "provider")
