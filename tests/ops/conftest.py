"""Fixtures that the tests of operations share with those of accounts."""

from tests.auth.conftest import mail_server, mails, master_key

__all__ = ["mail_server", "mails", "master_key"]
