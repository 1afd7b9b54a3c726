"""Users' own keys for LLM providers: checked with the provider, stored encrypted, never returned."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from chalicelib.auth.audit import audit
from chalicelib.config.registry import llm_providers
from chalicelib.config.registry.models import LlmProviderKey, OwnKeyProviderName
from chalicelib.config.registry.sealed_columns import PROVIDER_KEYS
from chalicelib.core import errors, identity, outbound, rows, sql
from chalicelib.core.sealed import Sealed

if TYPE_CHECKING:
    from chalicelib.core.connection import Conn

queries = sql.load(__file__)


@dataclass(frozen=True, slots=True)
class _KeyTarget:
    """The deployment's addresses of providers, and whether the caller is anonymous and so cannot store a key."""

    provider_base_urls: dict[str, str | None]
    is_anonymous: bool


def store(provider: OwnKeyProviderName, key: str) -> LlmProviderKey:
    """Check a key with its provider, then store it in place of the caller's previous key.

    No transaction is open during the requests to the provider and to KMS. Raises Forbidden (account_required),
    Unprocessable (provider_key_rejected), BadGateway (provider_unreachable), Unavailable.
    """
    with identity.as_caller() as conn:
        target = rows.one(conn, _KeyTarget, queries.key_target)
    address = llm_providers.base_url(provider, target.provider_base_urls) if target else None
    if target is None or address is None:
        raise errors.BadGateway(f"This deployment has no address of {provider}.", code="provider_unreachable")
    if target.is_anonymous:
        raise errors.Forbidden(code="account_required")
    check(provider, address, key)
    sealed = PROVIDER_KEYS.seal(key, identity.caller_id(), provider)
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
    entry = llm_providers.LLM_PROVIDERS[provider]
    headers = {name: value.format(key=key) for name, value in entry.key_check_headers}
    try:
        answer = outbound.fetch("GET", f"{base_url.rstrip('/')}{entry.key_check_path}", headers=headers)
    except outbound.OutboundError as error:
        raise errors.BadGateway(str(error), code="provider_unreachable") from error
    if answer.status in {401, 403}:
        raise errors.Unprocessable(code="provider_key_rejected")
    if answer.status != 200:
        raise errors.BadGateway(
            f"{provider} answered with status {answer.status}. The key was not stored.", code="provider_unreachable"
        )


def list_own(conn: "Conn") -> list[LlmProviderKey]:
    """The caller's keys, each without the key itself."""
    return rows.many(conn, LlmProviderKey, queries.list)


def remove(conn: "Conn", provider: OwnKeyProviderName) -> None:
    """Delete the caller's key. Raises NotFound."""
    if conn.execute(queries.remove, {"provider": provider}).fetchone() is None:
        raise errors.NotFound
    audit.record(conn, "provider_key.removed", "provider_key", identity.caller_id(), provider=provider)


def for_user(conn: "Conn", provider: str) -> str | None:
    """The key of this transaction's user, or None. `last_used_at` records the use, to the minute.

    One round trip, and one to KMS unless the data key is cached. Raises BrokenSealError when the stored row was
    tampered with, and Unavailable.
    """
    row = conn.execute(queries.use, {"provider": provider}).fetchone()
    if row is None:
        return None
    user_id, *sealed = row
    return PROVIDER_KEYS.unseal(Sealed(*sealed), user_id, provider)
