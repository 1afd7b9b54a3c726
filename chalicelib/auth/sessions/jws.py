"""The one verification of signed tokens, for our own and for an OpenID provider's.

joserfc does the cryptography. Before it, this module checks the token's form (RFC 7515, section 5.2, read strictly),
that the caller expects its algorithm, and that the key is for this algorithm (RFC 8725, sections 3.1 and 3.2), so that
no token chooses how it is verified. Headers that contain a key are ignored.
"""

import json
import re
from collections.abc import Collection, Iterable
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from joserfc.jwk import Key
    from joserfc.jws import JWSRegistry

# Signature algorithms of OpenID providers: asymmetric ones only.
ASYMMETRIC = frozenset(
    {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"}
)
_MAX_TOKEN_CHARS = 16_384
_MIN_RSA_BITS = 2048
_PART = re.compile(r"[A-Za-z0-9_-]*")
# The curve decides the algorithm of an elliptic-curve key; the algorithm of other keys is their `alg`, if present.
_CURVES = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521", "EdDSA": "Ed25519", "Ed25519": "Ed25519"}
_KEY_TYPES = {"HS": "oct", "RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}
_SECRET_BYTES = {"HS256": 32, "HS384": 48, "HS512": 64}


class InvalidTokenError(ValueError):
    """The token does not verify; the message says why and never quotes the token."""


class UnknownKeyError(InvalidTokenError):
    """None of the keys has the id in the token."""


@cache
def _registry() -> "JWSRegistry":
    """joserfc's algorithms without its own list of allowed ones: verify() has checked the algorithm."""
    from joserfc.jws import JWSRegistry

    class StrictRegistry(JWSRegistry):
        def get_alg(self, name: str) -> Any:
            return self.algorithms[name]

    return StrictRegistry(strict_check_header=False)


def verify(token: str, keys: Iterable["Key"], algorithms: Collection[str]) -> bytes:
    """The payload of a JWS in compact serialization whose signature one of `keys` verifies.

    Raises UnknownKeyError when no key has the token's key id, and InvalidTokenError for every other reason. The caller
    checks the claims.
    """
    from joserfc import jws
    from joserfc.errors import JoseError

    header = _header(token)
    algorithm = header["alg"]
    if algorithm not in algorithms:
        raise InvalidTokenError("signed with an algorithm that is not expected")
    key = _choose(header, list(keys))
    _check_fits(key, algorithm)
    try:
        return jws.deserialize_compact(token, key, registry=_registry()).payload
    except (JoseError, ValueError, TypeError) as error:
        raise InvalidTokenError("the signature does not verify") from error


def claims(payload: bytes) -> dict[str, Any]:
    """The payload as a JSON object. Raises InvalidTokenError, also when a name occurs twice."""
    return _json_object(payload)


def import_keys(document: object) -> list["Key"]:
    """The usable keys of a JWK set (RFC 7517). Keys of unknown types are skipped, as section 5 requires."""
    from joserfc import jwk
    from joserfc.errors import JoseError

    decoded = document.get("keys") if isinstance(document, dict) else None
    usable: list[Key] = []
    for entry in decoded if isinstance(decoded, list) else []:
        if not isinstance(entry, dict) or not _may_sign(entry):
            continue
        # The curve decides the algorithm, so the key's `alg` is not required, and a misspelt one does no harm.
        words = {name: value for name, value in entry.items() if name != "alg" or "crv" not in entry}
        try:
            usable.append(jwk.import_key(words))
        except (JoseError, ValueError, TypeError, KeyError):
            continue
    return usable


def _may_sign(entry: dict[str, Any]) -> bool:
    if entry.get("kty") == "RSA":
        modulus = entry.get("n")
        return isinstance(modulus, str) and len(modulus) * 6 >= _MIN_RSA_BITS
    return not str(entry.get("alg")).startswith("ECDH")


def _header(token: str) -> dict[str, Any]:
    from joserfc.util import urlsafe_b64decode

    if len(token) > _MAX_TOKEN_CHARS:
        raise InvalidTokenError("too long")
    parts = token.split(".")
    if len(parts) != 3 or not all(_PART.fullmatch(part) for part in parts):
        raise InvalidTokenError("not a JWS in compact serialization")
    try:
        header = _json_object(urlsafe_b64decode(parts[0].encode()))
        urlsafe_b64decode(parts[1].encode())
    except InvalidTokenError:
        raise
    except ValueError as error:
        raise InvalidTokenError("not base64url") from error
    if not isinstance(header.get("alg"), str) or not isinstance(header.get("kid", ""), str):
        raise InvalidTokenError("no algorithm is named")
    if "crit" in header or "b64" in header:
        raise InvalidTokenError("needs an extension that is not understood")
    return header


def _json_object(text: bytes) -> dict[str, Any]:
    try:
        decoded = json.loads(text.decode("utf-8"), object_pairs_hook=_without_repeats)
    except (ValueError, RecursionError) as error:
        raise InvalidTokenError("not a JSON object") from error
    if not isinstance(decoded, dict):
        raise InvalidTokenError("not a JSON object")
    return decoded


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a name stands twice")
    return members


def _choose(header: dict[str, Any], keys: list["Key"]) -> "Key":
    """The key with the id in the header; without an id, the only key of the algorithm's type."""
    if "kid" in header:
        matching = [key for key in keys if key.kid == header["kid"]]
    else:
        matching = [key for key in keys if key.key_type == _KEY_TYPES.get(header["alg"][:2])]
    if len(matching) != 1:
        raise UnknownKeyError("the key it was signed with is not known")
    return matching[0]


def _check_fits(key: "Key", algorithm: str) -> None:
    """Raise InvalidTokenError unless the key may be used for verification, and with this algorithm."""
    if key.get("use") not in {None, "sig"}:
        raise InvalidTokenError("the key is not one for signatures")
    operations = key.get("key_ops")
    if operations is not None and not {"verify", "sign"} & set(operations):
        raise InvalidTokenError("the key is not one for signatures")
    if key.key_type != _KEY_TYPES[algorithm[:2]]:
        raise InvalidTokenError("the key is of another type than the algorithm")
    if algorithm in _CURVES:
        fits = key.get("crv") == _CURVES[algorithm]
    else:
        fits = key.get("alg") in {None, algorithm} and _is_long_enough(key, algorithm)
    if not fits:
        raise InvalidTokenError("the key was made for another algorithm")


def _is_long_enough(key: "Key", algorithm: str) -> bool:
    """RFC 7518, section 3.2: an HMAC key has at least the hash's size."""
    from joserfc.jwk import OctKey

    return not isinstance(key, OctKey) or len(key.raw_value) >= _SECRET_BYTES[algorithm]
