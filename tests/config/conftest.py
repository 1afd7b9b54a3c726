"""Fixtures of the configuration tests: those of the provider keys."""

from tests.auth.conftest import master_key, peer

__all__ = ["master_key", "peer"]
