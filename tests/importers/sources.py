"""Databases of the five systems as tests need them: few columns, awkward rows. Their own schemas have more."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, LiteralString

import psycopg

from importers.move import Move
from infra.local import postgres
from tests.service import Service


@dataclass(frozen=True)
class Source:
    """A database of another system, on the tests' server."""

    server: postgres.Server
    name: str

    def connect(self) -> "psycopg.Connection[Any]":
        """As whoever owns it."""
        return psycopg.connect(self.server.url("postgres", self.name), autocommit=True)

    def run(self, statements: LiteralString) -> None:
        """Several statements at once."""
        with self.connect() as conn:
            conn.execute(statements)


@contextmanager
def source(server: postgres.Server, name: str, schema: LiteralString) -> Iterator[Source]:
    """A database with this schema, dropped at the end."""
    with postgres.connect_superuser(server) as superuser:
        superuser.execute(psycopg.sql.SQL("create database {}").format(psycopg.sql.Identifier(name)))
        created = Source(server, name)
        try:
            created.run(schema)
            yield created
        finally:
            superuser.execute(psycopg.sql.SQL("drop database {} with (force)").format(psycopg.sql.Identifier(name)))


@contextmanager
def move_of(service: Service, origin: Source, name: str, **options: Any) -> Iterator[Move]:
    """A move from `origin` to `service`."""
    from importers import destination

    with (
        service.database.connect("owner") as owner,
        psycopg.connect(
            origin.server.url("postgres", origin.name), options="-c default_transaction_read_only=on"
        ) as reader,
    ):
        yield Move(name, reader, owner, put=destination.put, seal=destination.seal, **options)
