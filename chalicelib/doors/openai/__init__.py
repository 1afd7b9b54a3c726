"""The OpenAI-compatible API under /openai/v1: docs/openai.md."""
