"""Users' own keys for LLM providers: checked with the provider, stored encrypted, never returned."""

from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from chalicelib.auth.audit import audit
from chalicelib.config.registry.llm_providers import LLM_PROVIDERS
from chalicelib.config.registry.models import LlmProviderKey, OwnKeyProviderName
from chalicelib.core import crypto, errors, identity, outbound, rows, sql
from chalicelib.core.log import logger

if TYPE_CHECKING:
    from chalicelib.core.connection import Conn

queries = sql.load(__file__)

_ANTHROPIC_VERSION = "2023-06-01"
_BATCH = 100


@dataclass(frozen=True, slots=True)
class _SealedKeyRow:
    """A row: whose key it is, and how it is sealed."""

    user_id: UUID
    provider: str
    ciphertext: bytes
    wrapped_key: bytes
    master_key: str

    @property
    def sealed(self) -> crypto.Sealed:
        return crypto.Sealed(self.ciphertext, self.wrapped_key, self.master_key)

    @property
    def context(self) -> dict[str, str]:
        return _context(self.user_id, self.provider)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the provider is asked, and whether the caller may keep keys at all."""

    base_url: str | None
    is_anonymous: bool


def store(provider: OwnKeyProviderName, key: str) -> LlmProviderKey:
    """Check a key with its provider, then keep it for the caller in place of the one before.

    No transaction is open while the provider and KMS are asked. Raises Forbidden (account_required),
    Unprocessable (provider_key_rejected), BadGateway (provider_unreachable), Unavailable.
    """
    with identity.as_caller() as conn:
        place = rows.one(conn, _Place, queries.base_url, {"provider": provider})
    if place is None or place.base_url is None:
        raise errors.BadGateway(f"No address of {provider} is configured.", code="provider_unreachable")
    if place.is_anonymous:
        raise errors.Forbidden(code="account_required")
    check(provider, place.base_url, key)
    sealed = crypto.seal(key.encode(), _context(identity.caller_id(), provider))
    row = {
        "provider": provider,
        "ciphertext": sealed.ciphertext,
        "wrapped_key": sealed.wrapped_key,
        "master_key": sealed.master_key,
        "last_four": key[-4:],
    }
    with identity.as_caller() as conn:
        stored = rows.one(conn, LlmProviderKey, queries.store, row)
        audit.record(conn, "provider_key.stored", "provider_key", identity.caller_id(), provider=provider)
    if stored is None:
        raise RuntimeError("an upsert returned no row")
    return stored


def check(provider: OwnKeyProviderName, base_url: str, key: str) -> None:
    """Ask the provider whether it accepts the key. Raises provider_key_rejected or provider_unreachable."""
    entry = LLM_PROVIDERS[provider]
    if entry.api == "anthropic_messages":
        headers = {"x-api-key": key, "anthropic-version": _ANTHROPIC_VERSION}
    else:
        headers = {"Authorization": f"Bearer {key}"}
    try:
        answer = outbound.fetch("GET", f"{base_url.rstrip('/')}{entry.key_check_path}", headers=headers)
    except outbound.OutboundError as error:
        raise errors.BadGateway(str(error), code="provider_unreachable") from error
    if answer.status in {401, 403}:
        raise errors.Unprocessable(code="provider_key_rejected")
    if answer.status != 200:
        raise errors.BadGateway(
            f"{provider} answered with status {answer.status}; the key was not stored.", code="provider_unreachable"
        )


def list_own(conn: "Conn") -> list[LlmProviderKey]:
    """The caller's keys, without the keys."""
    return rows.many(conn, LlmProviderKey, queries.list)


def remove(conn: "Conn", provider: OwnKeyProviderName) -> None:
    """Forget the caller's key. Raises NotFound."""
    if conn.execute(queries.remove, {"provider": provider}).fetchone() is None:
        raise errors.NotFound
    audit.record(conn, "provider_key.removed", "provider_key", identity.caller_id(), provider=provider)


def for_user(conn: "Conn", provider: str) -> str | None:
    """The key of the user whom this transaction speaks for, or None: the answering code calls with it.

    Notes the use, to the minute. One round trip, and one to KMS unless the data key is remembered. Raises
    BrokenSealError when the stored row was tampered with, and Unavailable.
    """
    stored = rows.one(conn, _SealedKeyRow, queries.use, {"provider": provider})
    if stored is None:
        return None
    return crypto.unseal(stored.sealed, stored.context).decode()


def rewrap_all(owner: "Conn") -> int:
    """Put every data key that a former master key wrapped under the present one; returns how many.

    `owner` is a connection of the owner's role, in autocommit: each row is on its own, so an interruption loses
    nothing and the next call goes on. A row that does not open, or whose former master key is disabled, stays as it
    is and is logged.
    """
    present, done = crypto.master_key_arn(), 0
    after_user, after_provider = UUID(int=0), ""
    while batch := rows.many(
        owner,
        _SealedKeyRow,
        queries.wrapped_otherwise,
        {"master_key": present, "after_user": after_user, "after_provider": after_provider, "limit": _BATCH},
    ):
        done += sum(_rewrap(owner, row) for row in batch)
        after_user, after_provider = batch[-1].user_id, batch[-1].provider
    return done


def _rewrap(owner: "Conn", row: _SealedKeyRow) -> bool:
    try:
        renewed = crypto.rewrap(row.sealed, row.context)
    except (crypto.BrokenSealError, errors.Unavailable) as error:
        logger().error("a provider key was not rewrapped", provider=row.provider, reason=str(error))
        return False
    owner.execute(
        queries.replace_wrapping,
        {
            "new_wrapped_key": renewed.wrapped_key,
            "new_master_key": renewed.master_key,
            "user_id": row.user_id,
            "provider": row.provider,
            "wrapped_key": row.wrapped_key,
        },
    )
    return True


def _context(user_id: UUID, provider: str) -> dict[str, str]:
    return {"purpose": "provider-key", "user_id": str(user_id), "provider": provider}
