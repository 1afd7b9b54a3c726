"""Update packages (O3): only what a signer signed whole, and what it says of itself, is accepted."""

import hashlib
import io
import json
import random
import zipfile
from collections.abc import Callable
from typing import Any

import minisign
import pytest

from chalicelib.ops.updates import packages
from chalicelib.ops.updates.packages import MAGIC, Manifest, PackageError, Version
from infra.updates import release

FILES = {"function.zip": b"code" * 50, "libraries.zip": b"libraries" * 50, "template.json": b'{"Resources": {}}'}
SIGNER, NEXT_SIGNER, OTHER_SIGNER = (minisign.KeyPair.generate() for _ in range(3))
KEYS = [pair.public_key.to_base64().decode() for pair in (SIGNER, NEXT_SIGNER)]
MANIFEST = release.manifest_of("0.2.0", ("0.1.0", "0.1.9"), FILES)


def _package(archive: bytes | None = None, pair: minisign.KeyPair = SIGNER) -> bytes:
    return release.sign(archive or release.archive_of(MANIFEST, FILES), pair.secret_key, "0.2.0")


def _archive(manifest: Any = None, files: dict[str, bytes] | None = None, **more: Any) -> bytes:
    """An archive with any manifest and files; `more` are options of its files."""
    buffer = io.BytesIO()
    document = MANIFEST.document() if manifest is None else manifest
    text = document if isinstance(document, bytes) else json.dumps(document).encode()
    with zipfile.ZipFile(buffer, "w", more.get("compression", zipfile.ZIP_STORED)) as members:
        members.writestr("manifest.json", text)
        for name, data in (FILES if files is None else files).items():
            members.writestr(name, data)
    return buffer.getvalue()


def _changed(**fields: Any) -> dict[str, Any]:
    return MANIFEST.document() | fields


def _described(name: str, **values: Any) -> dict[str, Any]:
    files = MANIFEST.document()["files"]
    return _changed(files=files | {name: files[name] | values})


def _verify(package: bytes, keys: list[str] | None = None) -> Manifest:
    return packages.verify(io.BytesIO(package), KEYS if keys is None else keys)


@pytest.mark.parametrize("pair", [SIGNER, NEXT_SIGNER])
def test_a_package_that_one_of_two_signers_signed_is_accepted(pair: minisign.KeyPair) -> None:
    package = _package(pair=pair)
    assert _verify(package) == MANIFEST
    for name, data in FILES.items():
        assert packages.unpack(io.BytesIO(package), name).read() == data


def test_the_same_files_give_the_same_package() -> None:
    assert _package() == _package(release.archive_of(MANIFEST, dict(reversed(FILES.items()))))


def test_minisigns_own_program_would_verify_the_signature() -> None:
    """The part between the length and the archive is a signature file of minisign's."""
    package = _package()
    length = int.from_bytes(package[len(MAGIC) : len(MAGIC) + 4], "big")
    text = package[len(MAGIC) + 4 :][:length].decode()
    assert text.startswith("untrusted comment: alcove update\n")
    assert "\ntrusted comment: alcove 0.2.0\n" in text


WRONG: dict[str, Callable[[], bytes]] = {
    "empty": lambda: b"",
    "only the beginning": lambda: MAGIC,
    "another file": lambda: release.archive_of(MANIFEST, FILES),
    "another format": lambda: b"ALCOVE-UPDATE-2\n" + _package()[16:],
    "no signature": lambda: MAGIC + bytes(4) + release.archive_of(MANIFEST, FILES),
    "a signature of four gigabytes": lambda: MAGIC + b"\xff\xff\xff\xff" + _package()[20:],
    "a signature that is none": lambda: MAGIC + (10).to_bytes(4, "big") + b"x" * 10 + _archive(),
    "a stranger's signature": lambda: _package(pair=OTHER_SIGNER),
    "the signature of another package": lambda: _package(_archive(_changed(version="0.3.0")))[:300] + _package()[300:],
    "cut at the end": lambda: _package()[:-1],
    "more at the end": lambda: _package() + b"x",
    "a manifest alone": lambda: _package(_archive(files={})),
    "a file too many": lambda: _package(_archive(files={**FILES, "more": b""})),
    "a file missing": lambda: _package(_archive(files={"function.zip": FILES["function.zip"]})),
    "a path upwards": lambda: _package(_archive(files={**FILES, "../../etc/passwd": b""})),
    "an absolute path": lambda: _package(_archive(files={**FILES, "/tmp/x": b""})),
    "a folder of the same name": lambda: _package(_archive(files={**FILES, "function.zip/": b""})),
    "other letters": lambda: _package(_archive(files={**FILES, "Function.zip": b""})),
    "compressed": lambda: _package(_archive(compression=zipfile.ZIP_DEFLATED)),
    "no archive": lambda: _package(b"no archive"),
    "no JSON": lambda: _package(_archive(b"{")),
    "JSON too deep": lambda: _package(_archive(b"[" * 60000)),
    "a huge manifest": lambda: _package(_archive(_changed(migrations=["m" * 70000]))),
    "a manifest that is a list": lambda: _package(_archive([])),
    "an unknown field": lambda: _package(_archive(_changed(run="rm -rf /"))),
    "a field missing": lambda: _package(_archive({"version": "0.2.0"})),
    "no version": lambda: _package(_archive(_changed(version="0.2"))),
    "a version with a sign": lambda: _package(_archive(_changed(version="0.2.-1"))),
    "a number as version": lambda: _package(_archive(_changed(version=2))),
    "follows itself": lambda: _package(_archive(_changed(follows=["0.1.0", "0.2.0"]))),
    "follows backwards": lambda: _package(_archive(_changed(follows=["0.1.9", "0.1.0"]))),
    "follows one": lambda: _package(_archive(_changed(follows=["0.1.0"]))),
    "another digest": lambda: _package(_archive(_described("function.zip", sha256="0" * 64))),
    "another size": lambda: _package(_archive(_described("libraries.zip", size=1))),
    "a negative size": lambda: _package(_archive(_described("libraries.zip", size=-1))),
    "a size that is true": lambda: _package(_archive(_described("libraries.zip", size=True))),
    "an unknown file described": lambda: _package(_archive(_changed(files={}))),
    "other contents": lambda: _package(_archive(files={**FILES, "template.json": b'{"Resources": {"X": 1}}'})),
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG.keys())
def test_a_wrong_package_is_refused_with_a_sentence(wrong: Callable[[], bytes]) -> None:
    with pytest.raises(PackageError, match=r"\.$"):
        _verify(wrong())


def test_a_bit_that_is_flipped_anywhere_but_in_the_untrusted_comment_is_noticed() -> None:
    package = _package()
    comment = range(len(MAGIC) + 4, package.index(b"\n", len(MAGIC)) + 1)
    positions = random.Random(0).sample(range(len(package)), 400)
    for position in sorted({*positions, *range(len(MAGIC) + 4), *range(comment.stop, comment.stop + 300)}):
        if position in comment:
            continue  # minisign signs all but this line, which nothing reads
        flipped = bytearray(package)
        flipped[position] ^= 1 << (position % 8)
        with pytest.raises(PackageError):
            _verify(bytes(flipped))


def test_two_files_of_one_name_are_refused() -> None:
    buffer = io.BytesIO(_archive())
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(buffer, "a") as members:
        members.writestr("function.zip", b"another")
    with pytest.raises(PackageError, match="exactly"):
        _verify(_package(buffer.getvalue()))


@pytest.mark.parametrize("keys", [[], ["no key"], [""], [OTHER_SIGNER.public_key.to_base64().decode()]])
def test_without_the_signers_key_nothing_is_accepted(keys: list[str]) -> None:
    with pytest.raises(PackageError, match="None of the signers' keys"):
        _verify(_package(), keys)


def test_a_huge_package_is_refused_before_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "MAX_BYTES", 100)
    with pytest.raises(PackageError, match="more than 100 bytes"):
        _verify(_package())


def test_an_old_minisign_signature_of_unhashed_bytes_is_refused() -> None:
    """minisign's legacy form must hold the whole file in memory."""
    archive = release.archive_of(MANIFEST, FILES)
    signature = bytes(SIGNER.secret_key.sign(archive, prehash=False))
    with pytest.raises(PackageError, match="prehashed"):
        _verify(MAGIC + len(signature).to_bytes(4, "big") + signature + archive)


@pytest.mark.parametrize(
    ("present", "free", "refusal"),
    [
        ("0.1.0", None, None),
        ("0.1.9", 10**9, None),
        ("0.2.0", None, "is not newer than 0.2.0"),
        ("0.3.0", None, "is not newer than 0.3.0"),
        ("0.0.9", None, "Update to 0.1.0"),
        ("0.1.10", None, "and not 0.1.10"),
        ("0.1.5", 10, "room"),
    ],
)
def test_a_package_follows_only_the_versions_that_it_names(present: str, free: int | None, refusal: str | None) -> None:
    if refusal is None:
        packages.judge(MANIFEST, present, free_bytes=free)
    else:
        with pytest.raises(PackageError, match=refusal):
            packages.judge(MANIFEST, present, free_bytes=free)


def test_versions_are_ordered_by_numbers() -> None:
    assert Version.parse("0.10.0") > Version.parse("0.9.9")
    assert hashlib.sha256(FILES["function.zip"]).hexdigest() == MANIFEST.files["function.zip"].sha256
