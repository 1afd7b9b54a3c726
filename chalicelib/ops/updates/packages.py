"""Update packages: one signed file, verified whole before anything of it is read.

    bytes      what
    16         MAGIC
    4          length of the signature, big-endian, at most MAX_SIGNATURE
    …          a minisign signature of the rest (https://jedisct1.github.io/minisign/), prehashed (BLAKE2b), Ed25519
    …          a ZIP archive: `manifest.json`, and exactly the files that the manifest names, stored without compression

The signature covers every byte of the archive and, with its trusted comment, the version. Nothing is unpacked to a path
that the archive names: the files have the fixed names of COMPONENTS.
"""

import hashlib
import json
import re
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import SEEK_END
from typing import IO, Any

MAGIC = b"ALCOVE-UPDATE-1\n"
MAX_SIGNATURE = 2048
MAX_BYTES = 400 * 1024 * 1024
MAX_MANIFEST_BYTES = 64 * 1024
# Each file of a package, and the kind of component that it is.
COMPONENTS = {"function.zip": "code", "libraries.zip": "libraries", "template.json": "template"}

_VERSION = re.compile(r"(0|[1-9]\d{0,5})\.(0|[1-9]\d{0,5})\.(0|[1-9]\d{0,5})")
_CHUNK = 1024 * 1024


class PackageError(Exception):
    """The package is not one that may be applied. The message is a sentence that says why."""


@dataclass(frozen=True, order=True, slots=True)
class Version:
    """A version MAJOR.MINOR.PATCH."""

    major: int
    minor: int
    patch: int

    @staticmethod
    def parse(text: str) -> "Version":
        """Raises PackageError for what is no version."""
        match = _VERSION.fullmatch(text) if isinstance(text, str) else None
        if match is None:
            raise PackageError(f"{str(text)[:50]!r} is not a version such as 1.2.3.")
        return Version(*(int(part) for part in match.groups()))

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"


@dataclass(frozen=True, slots=True)
class PackageFile:
    """A file of a package: its size in bytes and its SHA-256 in hexadecimal digits."""

    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a package holds: its version, the versions that it may follow (inclusive), its files and migrations."""

    version: Version
    follows: tuple[Version, Version]
    files: Mapping[str, PackageFile]
    migrations: tuple[str, ...]

    @staticmethod
    def read(document: Any) -> "Manifest":
        """The manifest of a parsed `manifest.json`. Raises PackageError for any other form."""
        names = {"version", "follows", "files", "migrations"}
        if not isinstance(document, dict) or document.keys() != names:
            raise PackageError(f"The manifest must have exactly the fields {', '.join(sorted(names))}.")
        follows, files, migrations = document["follows"], document["files"], document["migrations"]
        if not isinstance(follows, list) or len(follows) != 2:
            raise PackageError("The manifest's `follows` must be the first and the last version that it may follow.")
        if not isinstance(migrations, list) or not all(isinstance(name, str) for name in migrations):
            raise PackageError("The manifest's `migrations` must be a list of names.")
        if not isinstance(files, dict) or files.keys() != COMPONENTS.keys():
            raise PackageError(f"The manifest must name exactly the files {', '.join(COMPONENTS)}.")
        version, first, last = (Version.parse(text) for text in (document["version"], *follows))
        if not first <= last < version:
            raise PackageError("The manifest's `follows` must be older versions, in order.")
        return Manifest(
            version, (first, last), {name: _file(name, entry) for name, entry in files.items()}, tuple(migrations)
        )

    def document(self) -> dict[str, Any]:
        """The manifest as JSON has it."""
        return {
            "version": str(self.version),
            "follows": [str(version) for version in self.follows],
            "files": {name: {"size": file.size, "sha256": file.sha256} for name, file in sorted(self.files.items())},
            "migrations": list(self.migrations),
        }


def _file(name: str, entry: Any) -> PackageFile:
    is_file = isinstance(entry, dict) and entry.keys() == {"size", "sha256"}
    if not is_file or type(entry["size"]) is not int or not 0 <= entry["size"] <= MAX_BYTES:
        raise PackageError(f"The manifest's entry of {name} must be a size and a SHA-256.")
    if not isinstance(entry["sha256"], str) or not re.fullmatch(r"[0-9a-f]{64}", entry["sha256"]):
        raise PackageError(f"The manifest's SHA-256 of {name} must have 64 hexadecimal digits.")
    return PackageFile(entry["size"], entry["sha256"])


class FilePart:
    """A readable part of a file, from `start` to its end, as if it were the whole file."""

    def __init__(self, source: IO[bytes], start: int) -> None:
        self._source, self._start = source, start
        source.seek(0, SEEK_END)
        self._length = source.tell() - start
        source.seek(start)

    def read(self, size: int = -1, /) -> bytes:
        """Up to `size` bytes."""
        return self._source.read(size)

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """As a file does; returns the position."""
        base = {0: self._start, 1: self._source.tell(), 2: self._start + self._length}[whence]
        return self._source.seek(max(self._start, base + offset)) - self._start

    def tell(self) -> int:
        """The position."""
        return self._source.tell() - self._start

    def seekable(self) -> bool:
        """Always."""
        return True


def verify(source: IO[bytes], keys: Sequence[str]) -> Manifest:
    """The manifest of a package that one of the signers' public keys has signed. Raises PackageError.

    The order is the point: the size, the signature over everything, then the list of files, then their digests.
    """
    archive = _signed_archive(source, keys)
    archive.seek(0)
    try:
        with zipfile.ZipFile(archive) as members:
            return _checked(members)
    except (zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, RuntimeError, EOFError, ValueError) as error:
        raise PackageError(f"The package's archive cannot be read: {error}.") from error


def unpack(source: IO[bytes], name: str) -> IO[bytes]:
    """One file of a package that `verify` has accepted, by its fixed name."""
    archive = FilePart(source, _start(source))
    return zipfile.ZipFile(archive).open(name)


def _start(source: IO[bytes]) -> int:
    """Where the archive begins. Raises PackageError."""
    source.seek(0)
    head = source.read(len(MAGIC) + 4)
    if head[: len(MAGIC)] != MAGIC or len(head) < len(MAGIC) + 4:
        raise PackageError("The file is no update package of Alcove.")
    length = int.from_bytes(head[len(MAGIC) :], "big")
    if not 0 < length <= MAX_SIGNATURE:
        raise PackageError("The package has no signature.")
    return len(head) + length


def _signed_archive(source: IO[bytes], keys: Sequence[str]) -> FilePart:
    import minisign

    source.seek(0, SEEK_END)
    if source.tell() > MAX_BYTES:
        raise PackageError(f"The package has more than {MAX_BYTES} bytes.")
    start = _start(source)
    source.seek(len(MAGIC) + 4)
    try:
        signature = minisign.Signature.from_bytes(source.read(start - len(MAGIC) - 4))
    except (minisign.Error, ValueError) as error:
        raise PackageError("The package's signature cannot be read.") from error
    if not signature.is_prehashed():
        raise PackageError("The package's signature must be prehashed.")
    for key in keys:
        try:
            minisign.PublicKey.from_base64(key).verify(FilePart(source, start), signature)
        except (minisign.Error, ValueError):
            continue
        return FilePart(source, start)
    raise PackageError("None of the signers' keys has signed this package.")


def _checked(members: zipfile.ZipFile) -> Manifest:
    """The manifest, if the archive holds what it says and nothing else."""
    infos = members.infolist()
    names = sorted(info.filename for info in infos)
    if names != sorted([*COMPONENTS, "manifest.json"]):
        raise PackageError(f"The package must hold exactly manifest.json, {', '.join(COMPONENTS)}.")
    if any(info.compress_type != zipfile.ZIP_STORED or info.flag_bits & 0x1 for info in infos):
        raise PackageError("The package's files must be stored without compression and encryption.")
    described = members.getinfo("manifest.json")
    if described.file_size > MAX_MANIFEST_BYTES:
        raise PackageError("The manifest is too large.")
    try:
        manifest = Manifest.read(json.loads(members.read(described)))
    except (ValueError, RecursionError) as error:
        raise PackageError("The manifest is not JSON.") from error
    for name, expected in manifest.files.items():
        digest, size = hashlib.sha256(), 0
        with members.open(name) as file:
            while part := file.read(_CHUNK):
                digest.update(part)
                size += len(part)
        if (size, digest.hexdigest()) != (expected.size, expected.sha256):
            raise PackageError(f"{name} is not the file that the manifest describes.")
    return manifest


def judge(manifest: Manifest, present: str, *, free_bytes: int | None = None) -> None:
    """Whether a verified package may follow the present version. Raises PackageError, which says what to do."""
    now = Version.parse(present)
    if manifest.version <= now:
        raise PackageError(f"Version {manifest.version} is not newer than {now}. `make rollback` goes back.")
    first, last = manifest.follows
    follows = f"Version {manifest.version} follows {first} to {last}"
    if now < first:
        raise PackageError(f"{follows}, and this is {now}. Update to {first} first.")
    if now > last:
        raise PackageError(f"{follows}, and not {now}.")
    required = 2 * sum(file.size for file in manifest.files.values())
    if free_bytes is not None and free_bytes < required:
        raise PackageError(f"The update requires {required} bytes of room, and {free_bytes} are free.")
