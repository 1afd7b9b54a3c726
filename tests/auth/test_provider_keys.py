"""Users' own provider keys: checked, encrypted, never returned, and still there after rotations (A8)."""

import json
import secrets
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import boto3
import pytest

from chalicelib.config.registry import provider_keys
from chalicelib.config.registry.llm_providers import OWN_KEY_PROVIDERS
from chalicelib.core import errors, identity, process, sealed
from tests.auth.peer_server import LLM_KEY
from tests.auth.peers import Peer
from tests.service import Answer, Service, User


@pytest.fixture
def keyed(service: Service, master_key: str, peer: Peer) -> Iterator[Service]:
    """The service with a master key, and with LLM providers that run on this machine."""
    urls = {name: f"{peer.url}/llm/{name}" for name in OWN_KEY_PROVIDERS}
    service.rows("update static_config set provider_base_urls = %s::jsonb returning 1", json.dumps(urls))
    yield service


def _put(user: User, provider: str = "openai", key: str = LLM_KEY) -> Answer:
    return user.put(f"/me/provider-keys/{provider}", {"key": key})


def _used(user_id: UUID, provider: str = "openai") -> str | None:
    with identity.as_user(user_id) as conn:
        return provider_keys.for_user(conn, provider)


def test_a8_a_key_is_checked_kept_and_used_but_never_returned(keyed: Service) -> None:
    user, other = keyed.user(), keyed.user()
    for provider in OWN_KEY_PROVIDERS:
        stored = _put(user, provider)
        assert stored.status == 200, stored.body
        assert (stored.json["provider"], stored.json["last_four"]) == (provider, LLM_KEY[-4:])
        assert _used(user.id, provider) == LLM_KEY
    listed = user.get("/me/provider-keys")
    assert [entry["provider"] for entry in listed.json["items"]] == sorted(OWN_KEY_PROVIDERS)
    assert all(entry["last_used_at"] for entry in listed.json["items"])
    assert LLM_KEY not in listed.body.decode() + stored.body.decode()
    assert _used(other.id) is None
    assert other.get("/me/provider-keys").json["items"] == []
    with identity.as_nobody() as conn:
        assert provider_keys.for_user(conn, "openai") is None


def test_a8_no_key_is_stored_or_logged_in_clear(keyed: Service, caplog: pytest.LogCaptureFixture) -> None:
    user = keyed.user()
    _put(user)
    _put(user, key="sk-wrong-but-secret-key")
    output = keyed.dump() + "".join(str(record.__dict__) for record in caplog.records)
    for secret in (LLM_KEY, LLM_KEY.encode().hex(), "sk-wrong-but-secret-key"):
        assert secret not in output
    audited = keyed.rows("select action, details from audit_logs where entity_type = 'provider_key'")
    assert audited == [("provider_key.stored", {"provider": "openai"})]
    assert user.delete("/me/provider-keys/openai").status == 204
    audited = keyed.rows(
        "select action, details, user_id from audit_logs where entity_type = 'provider_key' order by id"
    )
    assert audited[1:] == [("provider_key.removed", {"provider": "openai"}, user.id)]


def test_a8_a_key_that_the_provider_does_not_take_is_not_stored(keyed: Service, peer: Peer) -> None:
    user = keyed.user()
    for provider in OWN_KEY_PROVIDERS:
        answer = _put(user, provider, "sk-not-a-good-key")
        assert (answer.status, answer.json["code"]) == (422, "provider_key_rejected"), provider
        assert "sk-not" not in answer.body.decode()
    for path, code in {"/canned/503/models": 503, "/canned/429/models": 429, "/canned/302/models": 302}.items():
        peer.put(path, {"status": code, "headers": {"Location": "https://example.org"}})
        _base_url(keyed, f"{peer.url}/canned/{code}")
        answer = _put(user)
        assert (answer.status, answer.json["code"]) == (502, "provider_unreachable"), code
    for url in ("http://127.0.0.1:9", "http://example.org", None):
        _base_url(keyed, url)
        answer = _put(user)
        assert (answer.status, answer.json["code"]) == (502, "provider_unreachable"), url
    assert keyed.rows("select count(*) from provider_keys") == [(0,)]


def _base_url(service: Service, url: str | None) -> None:
    service.rows(
        "update static_config set provider_base_urls = jsonb_build_object('openai', %s::text) returning 1", url
    )


def test_a8_a_key_is_replaced_and_forgotten(keyed: Service) -> None:
    user = keyed.user()
    assert user.delete("/me/provider-keys/openai").status == 404
    _put(user)
    assert _put(user).status == 200
    assert len(user.get("/me/provider-keys").json["items"]) == 1
    assert user.delete("/me/provider-keys/openai").status == 204
    assert _used(user.id) is None
    assert user.delete("/me/provider-keys/openai").status == 404


def test_a8_a_malformed_key_or_an_unknown_provider_is_refused(keyed: Service) -> None:
    user = keyed.user()
    for key in (
        "",
        "short",
        "x" * 513,
        "white space",
        "line\nbreak-header: x",
        "schlüssel-schlüssel",
        "nul\x00nul-nul",
    ):
        answer = _put(user, key=key)
        assert (answer.status, answer.json["code"]) == (422, "validation_failed"), key
    assert _put(user, "somebody").status == 404
    assert _put(user, "OpenAI").status == 404


def test_a8_an_anonymous_user_keeps_no_keys(keyed: Service) -> None:
    opened = keyed.request("POST", "/auth/anonymous", {"client_id": secrets.token_urlsafe(24)}).json
    token = {"Authorization": f"Bearer {opened['access_token']}"}
    answer = keyed.request("PUT", "/me/provider-keys/openai", {"key": LLM_KEY}, token)
    assert (answer.status, answer.json["code"]) == (403, "account_required")


def test_a8_a_row_opens_only_for_its_own_user_and_provider(keyed: Service) -> None:
    user, thief = keyed.user(), keyed.user()
    _put(user)
    _put(user, "anthropic")
    keyed.rows("update provider_keys set provider = 'openrouter' where provider = 'anthropic' returning 1")
    keyed.rows(
        "insert into provider_keys (user_id, provider, ciphertext, wrapped_key, master_key, last_four) "
        "select %s, provider, ciphertext, wrapped_key, master_key, last_four from provider_keys "
        " where provider = 'openai' returning 1",
        thief.id,
    )
    process.forget()
    for user_id, provider in ((thief.id, "openai"), (user.id, "openrouter")):
        with pytest.raises(sealed.BrokenSealError):
            _used(user_id, provider)
    assert _used(user.id) == LLM_KEY


def test_a8_a_changed_ciphertext_does_not_open(master_key: str) -> None:
    context = {"purpose": "test", "user_id": "a"}
    secret = sealed.seal(b"a secret", context)
    assert sealed.unseal(secret, context) == b"a secret"
    assert sealed.seal(b"a secret", context).ciphertext != secret.ciphertext
    for place in range(len(secret.ciphertext)):
        changed = bytearray(secret.ciphertext)
        changed[place] ^= 1
        with pytest.raises(sealed.BrokenSealError):
            sealed.unseal(sealed.Sealed(bytes(changed), secret.wrapped_key, secret.master_key), context)
    for cut in (b"", secret.ciphertext[:1], secret.ciphertext[:13], secret.ciphertext[:-1]):
        with pytest.raises(sealed.BrokenSealError):
            sealed.unseal(sealed.Sealed(cut, secret.wrapped_key, secret.master_key), context)
    with pytest.raises(sealed.BrokenSealError):
        sealed.unseal(secret, context | {"user_id": "b"})
    process.forget()
    with pytest.raises(sealed.BrokenSealError):
        sealed.unseal(secret, context | {"user_id": "b"})


def test_a8_rotating_the_master_key_loses_nothing(
    keyed: Service, master_key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sealed, "_BATCH", 1)
    users = [keyed.user() for _ in range(3)]
    for user in users:
        _put(user)
    kms = boto3.client("kms")
    former = sealed.master_key_arn()
    kms.update_alias(AliasName=master_key, TargetKeyId=kms.create_key()["KeyMetadata"]["KeyId"])
    present = sealed.master_key_arn()
    assert former != present
    process.forget()
    assert [_used(user.id) for user in users] == [LLM_KEY] * 3, "the former key still opens what it wrapped"
    keyed.rows("update provider_keys set wrapped_key = '\\x00' where user_id = %s returning 1", users[0].id)
    with keyed.database.connect("owner") as owner:
        assert sealed.rewrap_all(owner) == 2
        assert sealed.rewrap_all(owner) == 0
    kms.disable_key(KeyId=former)
    process.forget()
    assert [_used(user.id) for user in users[1:]] == [LLM_KEY] * 2
    assert keyed.rows("select distinct master_key from provider_keys where user_id <> %s", users[0].id) == [(present,)]
    with pytest.raises(errors.Unavailable):
        _used(users[0].id)


def test_a8_data_keys_are_remembered_for_a_while_and_not_for_ever(
    master_key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = {"purpose": "test"}
    secret = sealed.seal(b"a secret", context)
    sealed.unseal(secret, context)
    boto3.client("kms").disable_key(KeyId=secret.master_key)
    assert sealed.unseal(secret, context) == b"a secret"
    monkeypatch.setattr(sealed, "_CACHE_SECONDS", -1)
    process.forget()
    with pytest.raises(errors.Unavailable):
        sealed.unseal(secret, context)


def test_without_a_master_key_nothing_is_stored(keyed: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    user = keyed.user()
    monkeypatch.delenv("ALCOVE_MASTER_KEY")
    process.forget()
    answer: Any = _put(user)
    assert (answer.status, answer.json["code"]) == (503, "unavailable")
