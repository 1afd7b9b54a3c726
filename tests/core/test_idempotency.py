"""`Idempotency-Key`: what is stored of a request (the rest stands beside the routes that take one)."""

import hashlib
import json
from typing import Any

import pytest

from chalicelib.auth.sessions import tokens
from chalicelib.core import process
from tests.service import Answer, Service, User

BODY = {"email": "new@example.org", "password": "Summer2026!"}


def _make(administrator: User, body: Any = BODY) -> Answer:
    return administrator.post("/users", body, {"Idempotency-Key": "k"})


def _stored(service: Service) -> bytes:
    ((fingerprint,),) = service.rows("select fingerprint from idempotency_keys")
    return bytes(fingerprint)


def test_what_is_stored_of_a_body_cannot_be_guessed_without_the_deployments_key(service: Service) -> None:
    administrator = service.administrator()
    assert _make(administrator).status == 201
    content = b"POST /users\0" + json.dumps(BODY).encode()
    assert len(_stored(service)) == 32
    assert _stored(service) != hashlib.sha256(content).digest()
    assert _stored(service) == tokens.fingerprints(content)[0]
    service.put_secret("SIGNING", {"k": "another deployment's signing key"})
    process.forget()
    service.put_secret("SIGNING", {"k": "and its next one"})
    assert _stored(service) not in tokens.fingerprints(content)


def test_a_request_is_known_again_after_the_signing_key_was_rotated(service: Service) -> None:
    administrator = service.administrator()
    first = _make(administrator)
    service.put_secret("SIGNING", {"k": "the next signing key of this deployment"})
    process.forget()  # another instance
    assert (_make(administrator).status, _make(administrator).json["id"]) == (201, first.json["id"])
    other = _make(administrator, BODY | {"password": "Winter2026!"})
    assert (other.status, other.json["code"]) == (409, "idempotency_mismatch")


def test_an_instance_that_does_not_know_the_newest_key_looks_for_it(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    administrator = service.administrator()
    before = tokens._ring()
    keys, labelled = before.keys, before.labelled
    service.put_secret("SIGNING", {"k": "the next signing key of this deployment"})
    monkeypatch.setattr(tokens, "_SIGNS_AFTER_SECONDS", 0)
    process.forget()
    first = _make(administrator)
    ring = tokens._ring()
    assert ring.keys.keys() > keys.keys()
    ring.keys, ring.labelled, ring.fetched_at = keys, labelled, ring.fetched_at - tokens._REFETCH_SECONDS - 1
    again = _make(administrator)
    assert (first.status, again.status, again.json["id"]) == (201, 201, first.json["id"])


def test_a_request_that_the_former_release_took_is_known_again(service: Service) -> None:
    administrator = service.administrator()
    first = _make(administrator)
    former = hashlib.sha256(b"POST /users\0" + json.dumps(BODY).encode()).digest()
    service.rows("update idempotency_keys set fingerprint = %s returning 1", former)
    assert (_make(administrator).status, _make(administrator).json["id"]) == (201, first.json["id"])


def test_no_key_is_fetched_for_a_fingerprint_while_one_is_known(service: Service) -> None:
    administrator = service.administrator()
    ring = tokens._ring()
    ring.fetched_at = long_ago = ring.fetched_at - 3600
    assert [_make(administrator).status for _ in range(2)] == [201, 201]
    assert ring.fetched_at == long_ago
