"""Fixtures that the tests of operations share with those of accounts."""

from tests.auth.conftest import master_key

__all__ = ["master_key"]
