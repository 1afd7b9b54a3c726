"""Judge every JSON Web Signature vector of Project Wycheproof with the verifier that guards Alcove.

Exits 1 when a verdict differs from the vector's label and no reason for that can be computed from the vector.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.commands import Command, parser
from chalicelib.auth.sessions import jws

COMMAND = Command(
    "Project Wycheproof's signature vectors, judged by the verifier; DATA=folder", usual=None, smallest=("{vectors}",)
)

_ALGORITHMS = jws.ASYMMETRIC | {"HS256", "HS384", "HS512"}


@dataclass(frozen=True)
class Vector:
    """One case: a token, the key it is to be verified with, and what its label asks for."""

    number: int
    comment: str
    token: str
    key: dict[str, Any]
    valid: bool


def vectors(folder: Path) -> list[Vector]:
    """Every signature vector under `folder`. SystemExit when there are none."""
    files = sorted(folder.glob("*json_web_signature_test.json"))
    if not files:
        raise SystemExit(f"error: {folder} has no json_web_signature_test.json")
    return [vector for file in files for vector in _read(json.loads(file.read_text("utf-8")))]


def _read(document: dict[str, Any]) -> Iterator[Vector]:
    for group in document["testGroups"]:
        key = group.get("public") or group["private"]
        for case in group["tests"]:
            token = case["jws"] if isinstance(case["jws"], str) else json.dumps(case["jws"])
            yield Vector(case["tcId"], case["comment"], token, key, case["result"] == "valid")


def accepts(vector: Vector) -> bool:
    """Whether the verifier accepts the token, given its key as a provider would publish it."""
    try:
        jws.verify(vector.token, jws.import_keys({"keys": [vector.key]}), _ALGORITHMS)
    except jws.InvalidTokenError:
        return False
    return True


def excuse(vector: Vector, everything: list[Vector]) -> str | None:
    """Why a verdict other than the label is the right one, computed from the vector; None when there is no reason."""
    if any(other.valid and other.token == vector.token and other.key == vector.key for other in everything):
        if not vector.valid:
            return "labelled invalid, but the same token with the same key is labelled valid elsewhere"
        if re.fullmatch(r"[A-Za-z0-9_-]*(\.[A-Za-z0-9_-]*){2}", vector.token) is None:
            return "has a character that is not base64url; RFC 7515, section 5.2, refuses it"
        header = jws._header(vector.token)
        if vector.key.get("alg") not in {None, header["alg"]}:
            return f"its key is for {vector.key['alg']}, it says {header['alg']}; RFC 8725, section 3.1, refuses it"
    return None


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the counts and every verdict that differs from its label; 0 when each of those has a reason."""
    command_line = parser("bench wycheproof", __doc__)
    command_line.add_argument("folder", type=Path, help="it holds json_web_signature_test.json")
    everything = vectors(command_line.parse_args(arguments).folder)
    counts: Counter[str] = Counter()
    for vector in everything:
        verdict = accepts(vector)
        if verdict == vector.valid:
            counts["as labelled"] += 1
            continue
        reason = excuse(vector, everything)
        counts["wrong" if reason is None else "against the label, for a reason"] += 1
        outcome = "accepted" if verdict else "refused"
        print(f"{vector.number:4d} {vector.comment}: {outcome}; {reason or 'WRONG'}")
    print(f"{len(everything)} vectors: " + ", ".join(f"{count} {kind}" for kind, count in counts.items()))
    return 1 if counts["wrong"] else 0
