"""Vectors as parameters in pgvector's binary form: a fifth of the bytes of the text form, and no parsing.

Many vectors at once are an array, which has to name the type by its number: that costs a connection one round trip. A
query's single vector is sent without a type (rows.Binary), because a search is planned only once when its parameters
have no types.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from pgvector import HalfVector

    from chalicelib.core.connection import Conn


def binary(numbers: Sequence[float]) -> bytes:
    """One vector in pgvector's binary form: its dimension, an unused number, and the numbers in half precision."""
    return struct.pack(f">HH{len(numbers)}e", len(numbers), 0, *numbers)


def from_rows(vectors: NDArray[np.float32]) -> list[HalfVector]:
    """Each row of `vectors`, float32 (n, dimension), in half precision."""
    from pgvector import HalfVector

    return [HalfVector(row) for row in vectors]


def from_texts(texts: Iterable[str]) -> list[HalfVector]:
    """Vectors from Postgres's text form."""
    from pgvector import HalfVector

    return [HalfVector.from_text(text) for text in texts]


def adapt(conn: Conn) -> None:
    """Let `conn` accept a HalfVector as a parameter. The first call reads the type's number from Postgres."""
    from pgvector.psycopg.halfvec import register_halfvec_info
    from psycopg.types import TypeInfo

    if conn.adapters.types.get("halfvec") is None:
        type_row = conn.execute("select oid, typarray from pg_type where oid = 'halfvec'::regtype").fetchone()
        if type_row is None:
            raise RuntimeError("The database has no type halfvec: pgvector is older than 0.7.")
        register_halfvec_info(conn, TypeInfo("halfvec", *type_row))
