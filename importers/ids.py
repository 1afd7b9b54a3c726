"""Ids of rows that are moved in: UUIDv7 of the row's own time, the same each time it is read.

Lists page by id, and partitions are ranges of ids, so a UUID of version 4 cannot stay: its row would stand anywhere. A
UUIDv7 of the source stays as it is, if its time is the row's.
"""

import hashlib
from datetime import UTC, datetime
from uuid import UUID

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_MILLISECOND = (1 << 48) - 1
_MOST_NUMBER = 1 << 28
# How far a UUIDv7's time may be from the row's. One that is further off has its version by chance, or of a wrong clock.
_NEAR_MILLISECONDS = 24 * 60 * 60 * 1000


def key_hash(key: str) -> bytes:
    """SHA-256 of a row's old key, as moved_rows keeps it."""
    return hashlib.sha256(key.encode()).digest()


def new_id(source: str, kind: str, key: str, moment: datetime | None, *, rank: int = 0) -> UUID:
    """The id of the row `key` of the table `kind`, created at `moment` (None: unknown, so the oldest).

    Rows of one microsecond are ordered by `rank` (0 to 3), and then as their old keys are, numbers or UUIDs.
    """
    old = _uuid(key)
    microseconds = max(0, round(((moment or EPOCH) - EPOCH).total_seconds() * 1_000_000))
    milliseconds = min(microseconds // 1000, _LAST_MILLISECOND)
    if old is not None and old.version == 7:
        is_near = abs((old.int >> 80) - milliseconds) <= _NEAR_MILLISECONDS
        if is_near or (moment or EPOCH) == EPOCH:
            return old
    digest = int.from_bytes(hashlib.sha256(f"{source}|{kind}|{key}".encode()).digest()[:8], "big")
    if key.isascii() and key.isdigit() and int(key) < _MOST_NUMBER:
        tail = int(key) << 32 | digest & 0xFFFFFFFF
    elif old is not None:
        tail = old.int >> 100 << 32 | digest & 0xFFFFFFFF
    else:
        tail = digest & ((1 << 60) - 1)
    value = milliseconds << 80 | 7 << 76 | (microseconds % 1000 * 4096 // 1000) << 64
    return UUID(int=value | 0b10 << 62 | (rank & 3) << 60 | tail)


def _uuid(key: str) -> UUID | None:
    try:
        return UUID(key)
    except ValueError:
        return None
