"""Envelope encryption of other people's secrets: a data key for each, wrapped by a master key that KMS keeps.

The data key encrypts with AES-256-GCM (NIST SP 800-38D). The context says what the secret is and whose; it is KMS's
encryption context and the cipher's associated data, so that a stored secret opens in its own place only.
"""

import json
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from chalicelib.core import aws, errors, process
from chalicelib.core.settings import settings

if TYPE_CHECKING:
    from botocore.exceptions import ClientError
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_FORMAT = b"\x01"
_NONCE_BYTES = 12
_CACHE_SECONDS = 300
_CACHE_ENTRIES = 256


class BrokenSealError(Exception):
    """What is stored does not open here: it was changed, moved, or belongs to another context."""


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
    """The plaintext. Raises BrokenSealError, and Unavailable when KMS cannot be asked."""
    from cryptography.exceptions import InvalidTag

    if sealed.ciphertext[:1] != _FORMAT:
        raise BrokenSealError("written in a format that this version does not know")
    nonce, ciphertext = sealed.ciphertext[1 : 1 + _NONCE_BYTES], sealed.ciphertext[1 + _NONCE_BYTES :]
    try:
        return _cipher(_data_keys.get(sealed, context)).decrypt(nonce, ciphertext, _associated(context))
    except (InvalidTag, ValueError) as error:
        raise BrokenSealError("changed, or in another's place") from error


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
    """The ARN of the present master key, whatever name the settings give it."""
    return aws.kms().describe_key(KeyId=settings().master_key)["KeyMetadata"]["Arn"]


def _associated(context: Mapping[str, str]) -> bytes:
    return _FORMAT + json.dumps(dict(context), sort_keys=True, separators=(",", ":")).encode()


def _cipher(key: bytes) -> "AESGCM":
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM(key)


def _unwrap(sealed: Sealed, context: Mapping[str, str]) -> bytes:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        # Naming the key keeps a row that someone else wrote from choosing its own.
        return aws.kms().decrypt(
            CiphertextBlob=sealed.wrapped_key, KeyId=sealed.master_key, EncryptionContext=dict(context)
        )["Plaintext"]
    except ClientError as error:
        if _code(error) in {"InvalidCiphertextException", "IncorrectKeyException"}:
            raise BrokenSealError("its data key does not open") from error
        raise errors.Unavailable("The key service refuses to open a key.") from error
    except BotoCoreError as error:
        raise errors.Unavailable("The key service cannot be reached.") from error


def _code(error: "ClientError") -> str:
    return error.response.get("Error", {}).get("Code", "")


class _DataKeys:
    """The last data keys used, for a few minutes: answering many questions asks KMS once."""

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
