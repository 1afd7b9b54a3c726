"""Build one signed update package: `python -m infra.updates.release --version 0.2.0 --key release.key`.

The same sources give the same archive, byte for byte. The signature is deterministic too: its trusted comment has the
version and no time.
"""

from __future__ import annotations

import argparse
import getpass
import hashlib
import io
import json
import os
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path

import minisign

from chalicelib.core import openapi
from chalicelib.ops import migrations
from chalicelib.ops.updates.packages import COMPONENTS, MAGIC, Manifest, PackageError, unpack, verify
from infra import package

# The earliest time of a ZIP archive: no time of the build is written.
_EPOCH = (1980, 1, 1, 0, 0, 0)


def manifest_of(version: str, follows: tuple[str, str], files: Mapping[str, bytes]) -> Manifest:
    """The manifest of these files. Raises PackageError."""
    document = {
        "version": version,
        "follows": list(follows),
        "files": {
            name: {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()} for name, data in files.items()
        },
        "migrations": sorted(path.stem for path in migrations.files()),
    }
    return Manifest.read(document)


def archive_of(manifest: Manifest, files: Mapping[str, bytes]) -> bytes:
    """The archive of a package: the manifest first, then the files by name, without times and compression."""
    buffer = io.BytesIO()
    text = json.dumps(manifest.document(), indent=1, sort_keys=True).encode()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as members:
        for name, data in [("manifest.json", text), *sorted(files.items())]:
            info = zipfile.ZipInfo(name, _EPOCH)
            info.external_attr = 0o644 << 16
            info.create_system = 3  # Unix, whatever builds it
            members.writestr(info, data)
    return buffer.getvalue()


def sign(archive: bytes, key: minisign.SecretKey, version: str) -> bytes:
    """The package: an archive with its signature before it."""
    comment = f"alcove {version}"
    signature = bytes(key.sign(archive, trusted_comment=comment, untrusted_comment="alcove update"))
    return MAGIC + len(signature).to_bytes(4, "big") + signature + archive


def build(version: str, follows: tuple[str, str], key: minisign.SecretKey, target: package.Target) -> bytes:
    """A package of this checkout for AWS or one machine."""
    built = package.build(target)
    paths = dict(zip(COMPONENTS, (built.function, built.libraries, built.template), strict=True))
    files = {name: path.read_bytes() for name, path in paths.items()}
    return sign(archive_of(manifest_of(version, follows, files), files), key, version)


def write_assets(folder: Path, signed: bytes) -> list[Path]:
    """What other tools deploy: the files of the package, the templates of an account's parts, and SHA256SUMS."""
    folder.mkdir(parents=True, exist_ok=True)
    with io.BytesIO(signed) as source:
        contents = {name: unpack(source, name).read() for name in COMPONENTS}
    contents |= {path.name: path.read_bytes() for path in sorted(package.ROOT.glob("infra/account/*.yaml"))}
    sums = "".join(f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in sorted(contents.items()))
    for name, data in [*contents.items(), ("SHA256SUMS", sums.encode())]:
        (folder / name).write_bytes(data)
    return sorted(folder.iterdir())


def new_keys(path: Path) -> str:
    """Create a signer's key in the file `path`, without a password, mode 0600; returns the public key."""
    pair = minisign.KeyPair.generate()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as handle:
        handle.write(bytes(pair.secret_key))
    return str(pair.public_key.to_base64().decode())


def read_key(path: Path) -> minisign.SecretKey:
    """The signer's secret key in a file of minisign's; asks for its password when it has one."""
    key = minisign.SecretKey.from_file(str(path))
    if key.is_encrypted():
        key.decrypt(getpass.getpass(f"Password of {path}: "))
    return key


def main() -> None:
    """Read the arguments; build, sign and verify, or create a key."""
    parser = argparse.ArgumentParser(prog="python -m infra.updates.release", description=__doc__)
    parser.add_argument("--version", help="the version to release: the one that the code says, openapi.VERSION")
    parser.add_argument("--follows", help="the first and the last version that it may follow: 0.1.0..0.1.9")
    parser.add_argument("--key", type=Path, required=True, help="the file of the signer's secret key, as minisign's")
    parser.add_argument("--new-key", action="store_true", help="create that file, and print the public key")
    parser.add_argument("--aws", action="store_true", help="for AWS Lambda instead of this machine")
    parser.add_argument("--architecture", default="x86_64", choices=("x86_64", "arm64"))
    options = parser.parse_args()
    try:
        if options.new_key:
            print(new_keys(options.key))
            return
        if not options.version or not options.follows:
            parser.error("--version and --follows are required")
        if options.version != openapi.VERSION:
            parser.error(f"the code says {openapi.VERSION}: set VERSION of chalicelib/core/openapi.py first")
        first, _, last = options.follows.partition("..")
        target = package.aws(options.architecture) if options.aws else package.Target()
        key = read_key(options.key)
        signed = build(options.version, (first, last or first), key, target)
        public = key.get_public_key().to_base64().decode()
        verify(io.BytesIO(signed), [public])
    except (PackageError, package.PackageError, minisign.Error, OSError) as error:
        sys.exit(f"error: {error}")
    path = package.STATE / "releases" / f"alcove-{options.version}.update"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(signed)
    assets = write_assets(path.with_suffix(""), signed)
    print(f"  {path}  {len(signed)} bytes\n  signed by {public}\n  {path.with_suffix('')}/  {len(assets)} files")


if __name__ == "__main__":
    main()
