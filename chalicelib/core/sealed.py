"""Envelope encryption of stored secrets: one data key for each secret, wrapped by the master key in KMS.

    # chalicelib/<floor>/<wing>/sealed_columns.py
    LLM_KEYS = sealed.Columns("llms", "id")

A table with a sealed secret has the columns `ciphertext`, `wrapped_key` and `master_key`, and declares them in this
way: `Columns` seals and opens a row's secret, and a deploy puts every data key under the present master key. Modules
called `sealed_columns` are found by their name (core/wings.py).

The data key encrypts with AES-256-GCM (NIST SP 800-38D). The context names the row that owns the secret. It is KMS's
encryption context and the cipher's associated data: a secret that is copied to another row does not open there.
"""

import json
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from typing import TYPE_CHECKING, Any, LiteralString

from chalicelib.core import aws, errors, process, sql, wings
from chalicelib.core.log import logger, user_hash
from chalicelib.core.settings import settings

if TYPE_CHECKING:
    from botocore.exceptions import ClientError
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    from psycopg.sql import Composed

    from chalicelib.core.connection import Conn

queries = sql.load(__file__)

_FORMAT = b"\x01"
_NONCE_BYTES = 12
_CACHE_SECONDS = 300
_CACHE_ENTRIES = 256
_BATCH = 100


class BrokenSealError(Exception):
    """The stored secret does not open: it was changed, or copied from another row."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """An encrypted secret as it is stored. `master_key` is the ARN of the key that wrapped `wrapped_key`."""

    ciphertext: bytes
    wrapped_key: bytes
    master_key: str


def seal(plaintext: bytes, context: Mapping[str, str]) -> Sealed:
    """Encrypt under a new data key. `context` is not secret: KMS logs it. Raises Unavailable."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        generated_key = aws.kms().generate_data_key(
            KeyId=settings().master_key, KeySpec="AES_256", EncryptionContext=dict(context)
        )
    except (ClientError, BotoCoreError) as error:
        raise errors.Unavailable("The key service cannot be reached.") from error
    nonce = secrets.token_bytes(_NONCE_BYTES)
    ciphertext = _cipher(generated_key["Plaintext"]).encrypt(nonce, plaintext, _associated(context))
    return Sealed(_FORMAT + nonce + ciphertext, generated_key["CiphertextBlob"], generated_key["KeyId"])


def unseal(sealed: Sealed, context: Mapping[str, str]) -> bytes:
    """The plaintext. Raises BrokenSealError, and Unavailable when KMS does not answer."""
    from cryptography.exceptions import InvalidTag

    if sealed.ciphertext[:1] != _FORMAT:
        raise BrokenSealError("its format is unknown to this version")
    nonce, ciphertext = sealed.ciphertext[1 : 1 + _NONCE_BYTES], sealed.ciphertext[1 + _NONCE_BYTES :]
    try:
        return _cipher(_data_keys.get(sealed, context)).decrypt(nonce, ciphertext, _associated(context))
    except (InvalidTag, ValueError) as error:
        raise BrokenSealError("it was changed, or copied from another row") from error


def rewrap(sealed: Sealed, context: Mapping[str, str]) -> Sealed:
    """The same secret with its data key under the present master key. Raises BrokenSealError and Unavailable."""
    from botocore.exceptions import BotoCoreError, ClientError

    data_key = _unwrap(sealed, context)
    try:
        wrapped = aws.kms().encrypt(KeyId=settings().master_key, Plaintext=data_key, EncryptionContext=dict(context))
    except (ClientError, BotoCoreError) as error:
        raise errors.Unavailable("The key service cannot be reached.") from error
    return replace(sealed, wrapped_key=wrapped["CiphertextBlob"], master_key=wrapped["KeyId"])


def master_key_arn() -> str:
    """The ARN of the present master key; the settings may name it by an alias."""
    return aws.kms().describe_key(KeyId=settings().master_key)["KeyMetadata"]["Arn"]


class Columns:
    """The sealed secret of each row of one table, in its columns `ciphertext`, `wrapped_key` and `master_key`.

    `key` names the columns of the primary key. The methods take their values in the same order. A table to which rows
    of another one move names that one as `origin`: a secret that was sealed there opens here, under the same key.
    """

    def __init__(self, table: LiteralString, *key: LiteralString, origin: "Columns | None" = None) -> None:
        if table in _registered:
            raise ValueError(f"the sealed columns of {table} are declared twice")
        self.table, self.key, self._named_as = table, key, origin or self
        _registered[table] = self

    def seal(self, secret: str, *key: object) -> Sealed:
        """Encrypt a row's secret under a new data key. Raises Unavailable."""
        return seal(secret.encode(), self._context(key))

    def unseal(self, sealed: Sealed, *key: object) -> str:
        """A row's secret. Raises BrokenSealError and Unavailable."""
        return unseal(sealed, self._context(key)).decode()

    def rewrap_all(self, owner: "Conn") -> int:
        """Put every data key that another master key wrapped under the present one; returns how many.

        `owner` is a connection of the owner's role, in autocommit: an interruption loses nothing, and the next call
        continues. A row whose key does not open, or whose master key is disabled, stays as it is and is logged.
        """
        present, after, rewrapped = master_key_arn(), None, 0
        while rows := self._wrapped_by_another_key(owner, present, after):
            for *key, ciphertext, wrapped_key, master_key in rows:
                rewrapped += self._rewrap(owner, tuple(key), Sealed(ciphertext, wrapped_key, master_key))
            after = rows[-1][: len(self.key)]
        return rewrapped

    def _context(self, key: tuple[object, ...]) -> dict[str, str]:
        named_as = self._named_as
        return {"table": named_as.table, **{name: str(value) for name, value in zip(named_as.key, key, strict=True)}}

    def _wrapped_by_another_key(
        self, owner: "Conn", present: str, after: tuple[Any, ...] | None
    ) -> list[tuple[Any, ...]]:
        statement = queries.next_wrapped_by_another_key if after else queries.wrapped_by_another_key
        params = {"master_key": present, "limit": _BATCH, **dict(zip(self.key, after or (), strict=False))}
        return owner.execute(self.compose(statement), params).fetchall()

    def _rewrap(self, owner: "Conn", key: tuple[Any, ...], sealed: Sealed) -> bool:
        try:
            renewed = rewrap(sealed, self._context(key))
        except (BrokenSealError, errors.Unavailable) as error:
            row = {
                name: user_hash(of) if name == "user_id" else str(of) for name, of in zip(self.key, key, strict=True)
            }
            logger().error("a data key was not re-wrapped", table=self.table, row=row, reason=str(error))
            return False
        params = {
            "new_wrapped_key": renewed.wrapped_key,
            "new_master_key": renewed.master_key,
            "wrapped_key": sealed.wrapped_key,
            **dict(zip(self.key, key, strict=True)),
        }
        owner.execute(self.compose(queries.replace_wrapping), params)
        return True

    def compose(self, statement: LiteralString) -> "Composed":
        """A statement of sealed.sql for this table."""
        from psycopg.sql import SQL, Identifier, Placeholder

        key, values = SQL(", ").join(map(Identifier, self.key)), SQL(", ").join(map(Placeholder, self.key))
        return SQL(statement).format(table=Identifier(self.table), key=key, values=values)


_registered: dict[str, Columns] = {}


def registered() -> dict[str, Columns]:
    """The sealed columns of every table, by the table's name."""
    for name in wings.names("sealed_columns"):
        import_module(name)
    return _registered


def rewrap_all(owner: "Conn") -> int:
    """Put every data key of every table under the present master key; returns how many. See Columns.rewrap_all."""
    return sum(columns.rewrap_all(owner) for columns in registered().values())


def _associated(context: Mapping[str, str]) -> bytes:
    return _FORMAT + json.dumps(dict(context), sort_keys=True, separators=(",", ":")).encode()


def _cipher(key: bytes) -> "AESGCM":
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM(key)


def _unwrap(sealed: Sealed, context: Mapping[str, str]) -> bytes:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        # Without KeyId the ciphertext would choose the key, and a forged row could name a key of its author.
        return aws.kms().decrypt(
            CiphertextBlob=sealed.wrapped_key, KeyId=sealed.master_key, EncryptionContext=dict(context)
        )["Plaintext"]
    except ClientError as error:
        if _code(error) in {"InvalidCiphertextException", "IncorrectKeyException"}:
            raise BrokenSealError("its data key does not open") from error
        raise errors.Unavailable("The key service refuses to decrypt a key.") from error
    except BotoCoreError as error:
        raise errors.Unavailable("The key service cannot be reached.") from error


def _code(error: "ClientError") -> str:
    return error.response.get("Error", {}).get("Code", "")


class _DataKeys:
    """The data keys used last, for a few minutes: many answers with one key cost one request to KMS."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._cache: OrderedDict[tuple[bytes, bytes], tuple[float, bytes]] = OrderedDict()

    def get(self, sealed: Sealed, context: Mapping[str, str]) -> bytes:
        name = (sealed.wrapped_key, _associated(context))
        with self._lock:
            cached = self._cache.get(name)
        if cached is not None and cached[0] > time.monotonic():
            return cached[1]
        key = _unwrap(sealed, context)
        with self._lock:
            self._cache[name] = (time.monotonic() + _CACHE_SECONDS, key)
            self._cache.move_to_end(name)
            while len(self._cache) > _CACHE_ENTRIES:
                self._cache.popitem(last=False)
        return key

    def clear(self) -> None:
        with self._lock:
            self._cache.clear()


_data_keys = _DataKeys()
process.on_forget(_data_keys.clear)
