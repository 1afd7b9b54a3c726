"""Signed tokens: what the one verifier refuses, and rotating the key that signs ours (A4)."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
import pytest
from joserfc import jws as joserfc_jws
from joserfc.jwk import ECKey, Key, KeySet, OctKey, OKPKey, RSAKey

from bench import wycheproof
from chalicelib.auth.sessions import jws, tokens
from chalicelib.core import process
from chalicelib.core.settings import settings
from tests.service import Service, User

HMAC = frozenset({"HS256"})
SECRET = b"a secret of more than 32 bytes, as HS256 wants"


def _part(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _keys(*keys: Key) -> list[Key]:
    """The keys as a provider would publish them."""
    return jws.import_keys(KeySet(list(keys)).as_dict(private=False))


def _signed(key: Key, algorithm: str, **header: Any) -> str:
    named = {"alg": algorithm, **({"kid": key.kid} if key.kid else {}), **header}
    return joserfc_jws.serialize_compact(named, b"payload", key, algorithms=[algorithm])


def _mac(header: str, payload: str = "payload", secret: bytes = SECRET) -> str:
    """A token that HS256 signs over exactly this header, well-formed or not."""
    signed = f"{_part(header.encode())}.{_part(payload.encode())}"
    return f"{signed}.{_part(hmac.digest(secret, signed.encode(), 'sha256'))}"


def _refused(token: str, keys: list[Key], algorithms: frozenset[str] = jws.ASYMMETRIC) -> bool:
    try:
        jws.verify(token, keys, algorithms)
    except jws.InvalidTokenError as error:
        assert len(token) < 10 or token not in str(error), "the message quotes the token"
        return True
    return False


@pytest.fixture(scope="module")
def rsa() -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": "rsa"})


def test_a_good_signature_of_every_algorithm_gives_the_payload(rsa: RSAKey) -> None:
    curves = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}
    pairs: list[tuple[str, Key]] = [(name, rsa) for name in ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")]
    pairs += [(name, ECKey.generate_key(curve, {"kid": name})) for name, curve in curves.items()]
    pairs += [("Ed25519", OKPKey.generate_key("Ed25519", {"kid": "ed"}))]
    assert {name for name, _ in pairs} | {"EdDSA"} == jws.ASYMMETRIC
    for name, key in pairs:
        assert jws.verify(_signed(key, name), _keys(key), jws.ASYMMETRIC) == b"payload", name


def test_no_token_chooses_its_algorithm(rsa: RSAKey) -> None:
    public = _keys(rsa)
    for confused in (rsa.as_pem(private=False), json.dumps(public[0].as_dict()).encode(), b"x" * 32):
        token = _mac('{"alg":"HS256","kid":"rsa"}', secret=confused)
        assert _refused(token, public)
        assert _refused(token, public, jws.ASYMMETRIC | HMAC)
    for none in ("none", "None", "NONE", "nOnE", "", "HS256 "):
        token = f"{_part(json.dumps({'alg': none, 'kid': 'rsa'}).encode())}.{_part(b'payload')}."
        assert _refused(token, public, jws.ASYMMETRIC | HMAC), none
    restricted = jws.import_keys({"keys": [public[0].as_dict() | {"alg": "PS512"}]})
    assert _refused(_signed(rsa, "RS256"), restricted)
    assert _refused(_signed(rsa, "PS256"), restricted)
    assert not _refused(_signed(rsa, "PS512"), restricted)


def test_a_key_of_another_kind_curve_or_purpose_is_refused(rsa: RSAKey) -> None:
    curve = ECKey.generate_key("P-256", {"kid": "rsa"})
    assert _refused(_signed(rsa, "RS256"), _keys(curve))
    assert _refused(_signed(curve, "ES256"), _keys(rsa))
    other = ECKey.generate_key("P-384", {"kid": "rsa"})
    assert _refused(_signed(curve, "ES256"), _keys(other))
    assert _refused(_signed(curve, "ES256"), _keys(ECKey.generate_key("secp256k1", {"kid": "rsa"})))
    published = curve.as_dict(private=False)
    not_to_sign: list[dict[str, Any]] = [
        {"use": "enc"},
        {"key_ops": ["encrypt"]},
        {"key_ops": ["deriveKey"]},
        {"alg": "ECDH-ES"},
    ]
    for words in not_to_sign:
        assert _refused(_signed(curve, "ES256"), jws.import_keys({"keys": [{**published, **words}]})), words
    short = OctKey.import_key(b"only 20 bytes of key", {"kid": "k"})
    assert _refused(_mac('{"alg":"HS256","kid":"k"}', secret=b"only 20 bytes of key"), [short], HMAC)


def test_the_form_is_read_strictly(rsa: RSAKey) -> None:
    keys: list[Key] = [OctKey.import_key(SECRET, {"kid": "k"})]
    good = _mac('{"alg":"HS256","kid":"k"}')
    assert jws.verify(good, keys, HMAC) == b"payload"
    head, payload, signature = good.split(".")
    malformed = [
        "", ".", "..", "...", head, f"{head}.{payload}", f"{good}.", f".{good}", f"{head}..{signature}",
        f"{head}=.{payload}.{signature}", f"{head}.{payload}=.{signature}", f"{good}=", f" {good}", f"{good}\n",
        f"{head}.{payload}.{signature[:-1]}", f"{head}.{payload}.{signature}A", f"{head}.{payload}.{'A' * 43}",
        good.replace(".", "．"), good.upper(), "é" * 10, "x" * 100_000,
        json.dumps({"protected": head, "payload": payload, "signature": signature}),
    ]  # fmt: skip
    last = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    unused_bits = last[last.index(signature[-1]) ^ 1]
    for token in [*malformed, f"{head}.{payload}.{signature[:-1]}{unused_bits}"]:
        assert _refused(token, keys, HMAC), token


HEADERS = [
    '{"alg":"HS256","kid":"k","alg":"HS256"}',
    '{"alg":"none","kid":"k","alg":"HS256"}',
    '{"kid":"k","kid":"k","alg":"HS256"}',
    '{"alg":"HS256","kid":"k","crit":["exp"],"exp":1}',
    '{"alg":"HS256","kid":"k","crit":[]}',
    '{"alg":"HS256","kid":"k","b64":false}',
    '{"alg":"HS256","kid":7}',
    '{"alg":"HS256","kid":null}',
    '{"alg":["HS256"],"kid":"k"}',
    '{"alg":null,"kid":"k"}',
    '{"kid":"k"}',
    '{"alg":"HS256","kid":"other"}',
    '["alg"]',
    '"alg"',
    "null",
    "{",
    "",
    "[" * 5000,
]


def test_a_header_that_is_twofold_critical_or_not_an_object_is_refused() -> None:
    keys: list[Key] = [OctKey.import_key(SECRET, {"kid": "k"})]
    for header in HEADERS:
        assert _refused(_mac(header), keys, HMAC), header


def test_a_key_that_the_token_brings_along_is_not_used(rsa: RSAKey) -> None:
    thief = RSAKey.generate_key(2048, {"kid": "thief"})
    for words in ({"jwk": thief.as_dict(private=False)}, {"jku": "https://evil.example/jwks"}):
        head = _part(json.dumps({"alg": "RS256", "kid": "thief", **words}).encode())
        token = f"{head}.{_part(b'payload')}.{_signed(thief, 'RS256').split('.')[2]}"
        with pytest.raises(jws.UnknownKeyError):
            jws.verify(token, _keys(rsa), jws.ASYMMETRIC)
    without_kid = RSAKey.import_key(thief.as_dict(private=True) | {"kid": ""})
    assert _refused(_signed(without_kid, "RS256", jwk=thief.as_dict(private=False)), _keys(rsa))


def test_without_a_kid_only_a_single_key_of_the_kind_verifies(rsa: RSAKey) -> None:
    nameless = RSAKey.import_key({k: v for k, v in rsa.as_dict(private=True).items() if k != "kid"})
    token = joserfc_jws.serialize_compact({"alg": "RS256"}, b"payload", nameless, algorithms=["RS256"])
    assert jws.verify(token, _keys(rsa, ECKey.generate_key("P-256", {"kid": "e"})), jws.ASYMMETRIC) == b"payload"
    assert _refused(token, _keys(rsa, RSAKey.generate_key(2048, {"kid": "two"})))


def test_keys_that_are_weak_or_not_understood_are_passed_over(rsa: RSAKey) -> None:
    good = rsa.as_dict(private=False)
    weak = {"kty": "RSA", "kid": "weak", "e": "AQAB", "n": "A" * 170}
    entries = [weak, {"kty": "new"}, {"kty": "EC", "crv": "P-256"}, {"kty": "EC", "x": 7}, "text", None, 7, good]
    assert [key.kid for key in jws.import_keys({"keys": entries})] == ["rsa"]
    documents: list[object] = [None, [], "text", {}, {"keys": {}}, {"keys": None}]
    for document in documents:
        assert jws.import_keys(document) == []


def test_claims_are_one_object_without_repeats() -> None:
    assert jws.claims(b'{"a": 1}') == {"a": 1}
    for payload in (b"[]", b"7", b"", b"{", b'{"a": 1, "a": 2}', b"\xff", b"[" * 100_000):
        with pytest.raises(jws.InvalidTokenError):
            jws.claims(payload)


def test_the_wycheproof_runner_distinguishes_valid_from_invalid(
    tmp_path: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    key = {"kty": "oct", "kid": "k", "alg": "HS256", "k": _part(SECRET)}
    good = _mac('{"alg":"HS256","kid":"k"}')
    cases = [(good, "valid"), (good[:-4] + "AAAA", "invalid"), ("a?b.c.d", "valid"), (good, "invalid")]
    tests = [{"tcId": n, "comment": "c", "jws": token, "result": output} for n, (token, output) in enumerate(cases)]

    def judge(current_rows: list[dict[str, Any]]) -> int:
        document = {"testGroups": [{"private": key, "tests": current_rows}]}
        (tmp_path / "x_json_web_signature_test.json").write_text(json.dumps(document))
        return wycheproof.main([str(tmp_path)])

    assert judge(tests) == 0
    assert "4 vectors: 2 as labelled, 2 against the label, for a reason" in capsys.readouterr().out
    assert judge([{"tcId": 9, "comment": "c", "jws": good, "result": "invalid"}]) == 1
    assert "1 wrong" in capsys.readouterr().out


# ---------------------------------------------------------------- the key that signs ours


def _rotate() -> str:
    """Put a new current version; returns its id."""
    key = json.dumps({"k": hashlib.sha256(str(time.monotonic_ns()).encode()).hexdigest()})
    client = boto3.client("secretsmanager")
    created = client.put_secret_value(SecretId=settings().signing_secret, SecretString=key)
    return created["VersionId"]


def _kid(user: User) -> str:
    head = user.access_token.split(".")[0]
    kid: str = json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))["kid"]
    return kid


def _another_process() -> None:
    process.forget()


@contextmanager
def _as_process(ring: Any) -> Iterator[None]:
    """With what a process knows that has been up for longer."""
    with pytest.MonkeyPatch.context() as process:
        process.setattr(tokens, "_ring", lambda: ring)
        yield


def test_a4_a_rotation_ends_no_session_on_a_process_that_knows_only_the_former_key(service: Service) -> None:
    before = service.user()
    old_ring = tokens._ring()
    _rotate()
    _another_process()
    during = service.log_in(before.email, before.password)
    assert _kid(during) == _kid(before), "a version that others may not know yet does not sign"
    with _as_process(old_ring):
        assert before.get("/me").status == during.get("/me").status == 200


def test_a4_after_a_minute_the_new_key_signs_and_the_former_one_still_verifies(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = service.user()
    old_ring = tokens._ring()
    newest = _rotate()
    _another_process()
    monkeypatch.setattr(tokens, "_SIGNS_AFTER_SECONDS", -60)  # a minute later, everywhere
    after = service.log_in(before.email, before.password)
    assert _kid(after) == newest != _kid(before)
    assert before.get("/me").status == after.get("/me").status == 200
    old_ring.fetched_at -= 31
    with _as_process(old_ring):
        assert before.get("/me").status == after.get("/me").status == 200


def test_a4_a_second_rotation_retires_the_first_key_but_not_the_session(service: Service) -> None:
    user = service.user()
    for _ in range(2):
        _rotate()
    _another_process()
    assert user.get("/me").status == 401
    refreshed = service.request("POST", "/auth/refresh", {"refresh_token": user.refresh_token})
    token = {"Authorization": f"Bearer {refreshed.json['access_token']}"}
    assert service.request("GET", "/me", headers=token).status == 200


def test_a4_invalid_tokens_do_not_make_the_service_fetch_keys_each_time(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = service.user()
    ring = tokens._ring()
    fetched = ring.fetched_at
    for _ in range(3):
        token = _mac('{"alg":"HS256","kid":"00000000-0000-4000-8000-000000000000"}', "{}")
        assert service.request("GET", "/me", headers={"Authorization": f"Bearer {token}"}).status == 401
    assert ring.fetched_at == fetched
    monkeypatch.setenv("ALCOVE_SIGNING_SECRET", "gone")
    settings.cache_clear()  # and nothing else: the keys stay known
    ring.fetched_at -= 31
    assert user.get("/me").status == 200, "known keys outlive an outage of Secrets Manager"
    assert service.log_in(user.email, user.password).get("/me").status == 200
    _another_process()
    assert user.get("/me").status == 503


def test_no_signing_key_is_ever_logged(service: Service, caplog: pytest.LogCaptureFixture) -> None:
    user = service.user()
    _rotate()
    _another_process()
    user.get("/me")
    service.request("GET", "/me", headers={"Authorization": f"Bearer {user.access_token[:-3]}AAA"})
    output = "".join(str(record.__dict__) for record in caplog.records)
    client = boto3.client("secretsmanager")
    for version in client.describe_secret(SecretId=settings().signing_secret)["VersionIdsToStages"]:
        current_rows = client.get_secret_value(SecretId=settings().signing_secret, VersionId=version)
        assert json.loads(current_rows["SecretString"])["k"] not in output
    for secret in (user.access_token, user.refresh_token, user.password):
        assert secret not in output
