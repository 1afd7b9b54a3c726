"""Fixtures of the core tests: a key service, for what is stored encrypted."""

from tests.auth.conftest import master_key

__all__ = ["master_key"]
